"""One leg of a call, as its own events tell of it; and how it is read from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeGuard

from fs_1c.call import RangAgain
from fs_1c.talk.identity import (
    MAX_VALUE,
    Event,
    Party,
    People,
    far_end,
    is_loopback,
    other_end,
    other_was_called,
    value,
)

# Who rings for whom where there is no originator: mod_callcenter, mod_fifo, enterprise dialling (`:_:`).
_RINGS_FOR = (
    "variable_cc_member_session_uuid",
    "variable_fifo_bridge_uuid",
    "variable_ent_originate_aleg_uuid",
)


def is_uuid(value: object) -> TypeGuard[str]:
    """Whether a channel may be called that: it may be a SIP Call-ID, but is one word. Another could not be
    asked about."""
    return isinstance(value, str) and 0 < len(value) <= MAX_VALUE and value.isprintable() and " " not in value


@dataclass(slots=True)
class Leg:
    """One leg.

    Attributes:
        uuid: Its Unique-ID.
        party: Who is at its far end.
        outbound: FreeSWITCH has called him, and not he FreeSWITCH.
        destination: The number that was dialled when it was created.
        originator: The leg for which he was called, or empty.
        dialled: What that one had dialled by then, or empty; it may have gone on from whom it dialled first.
        loopback: It is one end of a loopback channel, or of a call of the switch to itself.
        loops_to: The other end of that, or empty: not known yet.
        answered_at: When it was, by the switch's clock; 0: it is not, or the switch does not say.
        talks_to: The leg that it is bridged to, or empty.
        number: The number as it now is, of a caller from outside.
        looked_at: What of his that was made of.
        shows: The number that his telephone shows, if somebody has him called.
        asked_by: The subscriber who has had him called, or empty.
        told: (extension, ringing) of what we have told about this client.
        told_as: The uuid by which that was told.
        talked: Extensions that have talked to this client, in order; of a subscriber his latest client.
        forwarded: The extension whose telephone has sent this client's call on.
        created: When it was, as the switch writes that; empty: it does not say.
        began: It has been told that this client's call began.
        talking: The subscribers' legs that hear this client now.
        recorded: The files that it is recorded to and that have not been told of.
        rang: His telephone has said that it rings.
        rang_last: Of a client, whose telephone has rung last, if it had rung before.
        counted: The subscriber whose leg it is counted as, or empty; see `presence`.
        busy_since: Since when that keeps him from taking another call; 0: it does not.
    """

    uuid: str
    party: Party
    outbound: bool
    destination: str = ""
    domain: str = ""
    base: str = ""
    key: str = ""
    originator: str = ""
    dialled: str = ""
    loopback: bool = False
    loops_to: str = ""
    call_id: str = ""
    answered: bool = False
    answered_at: float = 0.0
    talks_to: str = ""
    number: str = ""
    looked_at: tuple[str | None, ...] = ()
    shows: str = ""
    asked_by: str = ""
    told: set[tuple[str, bool]] = field(default_factory=set)
    told_as: str = ""
    talked: list[str] = field(default_factory=list)
    forwarded: str = ""
    created: str = ""
    began: bool = False
    talking: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    rang: bool = False
    rang_last: RangAgain | None = None
    counted: str = ""
    busy_since: float = 0.0

    @property
    def from_outside(self) -> bool:
        return not self.outbound and not self.loopback and not self.party.subscriber


def own_leg(uuid: str, event: Event, people: People, set_: dict[str, str]) -> Leg:
    """The leg that an event is about; `set_` is what `ours` has found in it."""
    outbound = event.get("Call-Direction") == "outbound"
    loopback = is_loopback(event)
    return Leg(
        uuid,
        far_end(event, people, set_),
        outbound,
        destination=value(event, "Caller-Destination-Number"),
        domain=_domain(event),
        originator=_originator(event) if outbound else "",
        dialled=value(event, "Other-Leg-Destination-Number") if outbound else "",
        shows=value(event, "Caller-Caller-ID-Number") if outbound else "",
        loopback=loopback,
        loops_to=value(event, "variable_other_loopback_leg_uuid") if loopback else "",
        created=value(event, "Caller-Channel-Created-Time"),
    )


def _originator(event: Event) -> str:
    if event.get("Other-Type") == "originator":
        return value(event, "Other-Leg-Unique-ID")
    names = ("variable_originating_leg_uuid", *_RINGS_FOR)
    return next((found for name in names if (found := value(event, name))), "")


def other_leg(uuid: str, event: Event, people: People) -> Leg:
    """The other leg of a CHANNEL_BRIDGE."""
    return Leg(
        uuid,
        other_end(event, people),
        other_was_called(event),
        destination=value(event, "Other-Leg-Destination-Number"),
        domain=_domain(event),
        loopback=is_loopback(event, "Other-Leg-Channel-Name"),
    )


def seconds(microseconds: str | None) -> float:
    """A time of the switch's, in seconds since the epoch; 0 if it is none."""
    if not microseconds or not microseconds.isdecimal() or len(microseconds) > 20:
        return 0.0
    return int(microseconds) / 1e6


def seconds_since(dump: Event, header: str) -> float:
    """Age by the switch's own clock; 0 if it does not say."""
    now, then = seconds(dump.get("Event-Date-Timestamp")), seconds(dump.get(header))
    return max(0.0, now - then) if now and then else 0.0


def _domain(event: Event) -> str:
    return value(event, "variable_dialed_domain") or value(event, "variable_domain_name")
