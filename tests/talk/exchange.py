"""A switch with telephones, as far as it tells who can take a call; for the tests of presence."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from fs_1c.call import PresenceState
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations

FREE, BUSY, AWAY, UNKNOWN = PresenceState
DOMAIN = "pbx.example"
NOBODY = "error/user_not_registered"
NO_VERTO = "-ERR verto_contact Command not found!"


class Clock(Protocol):
    """What `time.time` tells here."""

    def tick(self, delta: float, /) -> object:
        """Goes on by so many seconds."""


@dataclass
class Exchange:
    """A switch, as it is; and what `Conversations` make of what it tells.

    Attributes:
        registered: Its registrations: user, Call-ID → contact.
    """

    clock: Clock
    conversations: Conversations = field(default_factory=lambda: Conversations(NumberPlan()))
    registered: dict[tuple[str, str], str] = field(default_factory=dict)
    ends: dict[tuple[str, str], int] = field(default_factory=dict)
    microseconds: int = 0
    verto: str = NO_VERTO

    def __post_init__(self) -> None:
        self.table = self.conversations.presence
        self.seed()
        self.table.live = True

    def now(self) -> str:
        """Its clock; no two events are of one moment."""
        self.microseconds += 1
        return str(int(time.time() * 1e6) + self.microseconds)

    def of(self, user: str) -> list[str]:
        return [contact for (name, _), contact in self.registered.items() if name == user]

    def seed(self) -> None:
        """`show registrations` has one of each, as by default; then it is asked about the others."""
        latest = {user: (call_id, contact) for (user, call_id), contact in self.registered.items()}
        self.table.registrar.seed(
            {
                "reg_user": user,
                "realm": DOMAIN,
                "token": call_id,
                "url": f"sofia/internal/sip:{contact}",
                "expires": str(self.ends[user, call_id]),
            }
            for user, (call_id, contact) in latest.items()
        )

    def answers(self) -> None:
        """It answers what it is asked in the next seconds."""
        for _ in range(8):
            for question in self.table.registrar.questions():
                found = self.of(question.user)
                contacts = ",".join(f"sofia/internal/sip:{contact}" for contact in found)
                self.table.registrar.found(question, contacts or NOBODY, self.verto)
            self.clock.tick(0.5)

    def register(self, user: str = "244", call_id: str = "a", contact: str = "") -> dict[str, str]:
        contact = contact or f"{user}@10.0.0.1:{5060 + ord(call_id[0])}"
        for key in [key for key, other in self.registered.items() if other == contact]:
            del self.registered[key]
        self.registered[user, call_id] = contact
        self.ends[user, call_id] = int(time.time()) + 3660
        return self._registrar("register", user, call_id, contact, expires="3600")

    def unregister(self, user: str = "244", call_id: str = "a", how: str = "unregister") -> dict[str, str]:
        contact = self.registered.pop((user, call_id), "")
        return self._registrar(how, user, call_id, contact, expires="0")

    def pings(self, status: str, user: str = "244", call_id: str = "a") -> dict[str, str]:
        contact = self.registered[user, call_id]
        return self._registrar(
            "sip_user_state", user, call_id, "", sip_contact=contact, **{"Ping-Status": status}
        )

    def _registrar(self, kind: str, user: str, call_id: str, contact: str, **more: str) -> dict[str, str]:
        names = ("user", "host") if kind == "expire" else ("from-user", "from-host")
        return {
            "Event-Name": "CUSTOM",
            "Event-Subclass": f"sofia::{kind}",
            "Event-Date-Timestamp": self.now(),
            "call-id": call_id,
            "contact": f'"x" <sip:{contact};transport=udp>',
            **dict(zip(names, (user, DOMAIN), strict=True)),
            **more,
        }

    def leg(self, name: str, uuid: str, user: str = "244", **more: str) -> dict[str, str]:
        """An event of a leg to that subscriber."""
        return {
            "Event-Name": name,
            "Unique-ID": uuid,
            "Call-Direction": "outbound",
            "Caller-Caller-ID-Number": "89235292926",
            "Caller-Destination-Number": user,
            "variable_dialed_user": user,
            "variable_dialed_domain": DOMAIN,
            "Event-Date-Timestamp": self.now(),
            **more,
        }

    def declines(self, uuid: str, status: str = "486", cause: str = "USER_BUSY") -> None:
        self.hears(self.leg("CHANNEL_CREATE", uuid))
        end = {"Hangup-Cause": cause, "variable_sip_term_status": status}
        self.hears(self.leg("CHANNEL_HANGUP_COMPLETE", uuid, **end))

    def hears(self, *events: dict[str, str]) -> None:
        for event in events:
            self.conversations.feed(event)

    def state(self, user: str = "244", domain: str = DOMAIN) -> PresenceState:
        return self.table.state(user, domain).state
