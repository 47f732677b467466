"""The telephones of subscribers, as registrations tell of them; and whom the switch is to be asked about."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fs_1c.talk.contacts import REGISTER
from fs_1c.talk.identity import MAX_VALUE, Event, contact_of, value
from fs_1c.talk.legs import seconds

USER_STATE = "sofia::sip_user_state"
"""What a switch tells of a telephone that it pings (all-reg-options-ping)."""

MAX_SUBSCRIBERS = 50_000
"""Subscribers remembered; of more nothing is known."""
MAX_REGISTRATIONS = 20
"""Telephones of one subscriber."""
LATE = 180.0
"""Seconds after its end for which a registration that was not refreshed is believed."""
DEFAULT_EXPIRES, LONGEST = 3600.0, 7 * 86400.0
NOBODY, _NO_SUCH_COMMAND = "error/user_not_registered", "ommand not found"
ASK_AFTER = (0.1, 0.4, 1.5)
"""Seconds after a change when the switch is asked what is left: it writes registrations behind its back."""
AT_ONCE = 20
"""Subscribers that are asked about at once."""
MAX_QUESTIONS = 10_000
"""Subscribers who wait to be asked about."""

_SIP = re.compile("sips?:")


class Question(NamedTuple):
    """A subscriber about whom the switch is to be asked.

    Attributes:
        changes: How much had been heard of him when it was asked.
    """

    user: str
    domain: str
    changes: int


@dataclass(slots=True)
class Telephone:
    """One telephone of a subscriber, as its registration tells of it.

    Attributes:
        contact: Its `user@host:port`, or empty.
        told: When the switch told of it, by the switch's clock, in seconds; 0: it did not say.
        until: Until when it is believed, by ours.
        unreachable: It does not answer the switch's pings.
        row: Its end as `show registrations` had it; another one is a refresh of which nothing was heard.
    """

    contact: str
    told: float
    until: float
    unreachable: bool = False
    row: str = ""


@dataclass(slots=True)
class Subscriber:
    """A user of the registrar, in one domain.

    Attributes:
        telephones: By Call-ID.
        changes: How often something was heard of his telephones.
        gone: Since when he is away; 0: he is not, or the switch has not confirmed it.
        elsewhere: He talks without being registered.
        asked: How often the switch was asked since the last change.
    """

    telephones: dict[str, Telephone] = field(default_factory=dict)
    changes: int = 0
    gone: float = 0.0
    elsewhere: bool = False
    asked: int = 0

    def reachable(self, now: float) -> bool:
        return any(one.until > now and not one.unreachable for one in self.telephones.values())


class Registrar:
    """Told by one thread; `users` may be looked at by any.

    Args:
        heard_of: Is told of whom something was heard, and whether by a telephone that was not known.

    Attributes:
        users: Subscribers, by user, then by domain.
        heard_at: When the registrations were last told as a whole; seconds since the epoch, 0: never.
    """

    def __init__(self, heard_of: Callable[[str, bool], None]) -> None:
        self._heard_of = heard_of
        self.users: dict[str, dict[str, Subscriber]] = {}
        self.heard_at = 0.0
        self._size = 0
        self._to_ask: list[tuple[float, str, str, int]] = []  # a heap: when, whom, after which change

    def heard(self, event: Event) -> None:
        """Takes an event of mod_sofia's registrar, or of its pings."""
        kind = event.get("Event-Subclass")
        user, domain = (value(event, f"from-{name}") or value(event, name) for name in ("user", "host"))
        call_id, contact = value(event, "call-id"), contact_of(value(event, "contact"))
        if kind == USER_STATE:
            user, contact = value(event, "sip_user") or user, contact_of(value(event, "sip_contact"))
        told = seconds(event.get("Event-Date-Timestamp"))
        if kind == REGISTER:
            self._registered(user, domain, call_id, contact, told, _expires(value(event, "expires")))
            return
        one = self.users.get(user, {}).get(domain.lower())
        if one is None:
            return
        one.changes += 1
        self._heard_of(user, False)
        for key, telephone in list(one.telephones.items()):
            if (
                key != call_id and (not contact or telephone.contact != contact)
            ) or telephone.told > told > 0:
                continue
            if kind == USER_STATE:
                telephone.unreachable = event.get("Ping-Status") == "UNREACHABLE"
            else:
                del one.telephones[key]
        one.gone, one.asked = 0.0, 0
        if kind != USER_STATE or not one.reachable(time.time()):
            self._ask(time.time() + ASK_AFTER[0], user, domain.lower(), one)

    def seed(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Takes the whole answer to `show registrations as json`. Whoever is not in it is asked about."""
        self.heard_at = now = time.time()
        there: set[tuple[str, str]] = set()
        for row in rows:
            user, domain, call_id, url, until = (
                str(row.get(name) or "")[:MAX_VALUE]
                for name in ("reg_user", "realm", "token", "url", "expires")
            )
            left = float(until) - now if until.isdecimal() and len(until) < 12 else DEFAULT_EXPIRES
            one = self.users.get(user, {}).get(domain.lower())
            if one is None or one.telephones:
                there.add((user, domain.lower()))
            self._registered(user, domain, call_id, contact_of(url), 0.0, left, until)
        for user, domains in self.users.items():
            for domain, one in domains.items():
                if (user, domain) not in there or not one.reachable(now):
                    one.asked = len(ASK_AFTER) - 1
                    self._ask(now, user, domain, one)

    def _registered(
        self, user: str, domain: str, call_id: str, contact: str, told: float, expires: float, row: str = ""
    ) -> None:
        domain = domain.lower()
        one = self.users.get(user, {}).get(domain)
        if one is None:
            if not user or not domain or self._size >= MAX_SUBSCRIBERS:
                return
            self._size += 1
            one = self.users.setdefault(user, {}).setdefault(domain, Subscriber())
        before = one.telephones.get(call_id)
        refreshed = told or (before is not None and before.row and before.row != row)
        unreachable = before is not None and before.unreachable and not refreshed
        if told:  # one that has registered anew comes with another Call-ID
            same = [key for key, old in one.telephones.items() if contact and old.contact == contact]
            for key in same:
                del one.telephones[key]
        if before is None or told:
            one.changes += 1
            self._heard_of(user, before is None)
        if len(one.telephones) >= MAX_REGISTRATIONS and call_id not in one.telephones:
            del one.telephones[next(iter(one.telephones))]
        until = time.time() + min(max(0.0, expires), LONGEST) + LATE
        told = max(told, before.told if before else 0.0)
        one.telephones[call_id] = Telephone(contact, told, until, unreachable, row)
        one.elsewhere = False
        if not unreachable:
            one.gone = 0.0

    # What the switch is asked.

    def _ask(self, when: float, user: str, domain: str, one: Subscriber) -> None:
        if len(self._to_ask) < MAX_QUESTIONS:
            heapq.heappush(self._to_ask, (when, user, domain, one.changes))

    def questions(self) -> list[Question]:
        """Whom to ask the switch about now, by `sofia_contact` and `verto_contact`; `found` is the answer."""
        now = time.time()
        due: list[Question] = []
        while self._to_ask and self._to_ask[0][0] <= now and len(due) < AT_ONCE:
            due.append(Question(*heapq.heappop(self._to_ask)[1:]))
        return due

    def found(self, question: Question, sofia: str, verto: str) -> None:
        """What the switch has answered: where it would ring that subscriber."""
        user, domain, changes = question
        one = self.users.get(user, {}).get(domain)
        if one is None or one.changes != changes:
            return
        now = time.time()
        self._heard_of(user, False)
        contacts = len(_SIP.findall(sofia))
        nowhere = sofia.startswith(NOBODY)
        unreachable = sum(telephone.unreachable for telephone in one.telephones.values())
        if not verto.startswith(NOBODY) and _NO_SUCH_COMMAND not in verto:
            one.elsewhere = bool(verto)
            one.gone = 0.0
        elif nowhere or 0 < contacts <= unreachable:
            if nowhere:
                one.telephones.clear()
            one.gone = one.gone or now
        elif contacts and not one.reachable(now):
            one.gone = 0.0
            one.asked += 1
            if one.asked < len(ASK_AFTER):
                self._ask(now + ASK_AFTER[one.asked], user, domain, one)
            else:  # a telephone of which nothing was heard
                one.telephones[""] = Telephone("", 0.0, now + LATE)

    def talks(self, user: str) -> None:
        """He talks: so he can be reached, by his telephones or in another way."""
        for one in self.users.get(user, _NOBODY).values():
            one.gone = 0.0
            one.elsewhere = not one.telephones
            for telephone in one.telephones.values():
                telephone.unreachable = False

    def lost(self) -> None:
        """The switch is not heard any more."""
        self._to_ask.clear()


_NOBODY: dict[str, Subscriber] = {}


def _expires(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 12 else DEFAULT_EXPIRES
