"""Who talks to whom: channel events in, conversations out. A pure state machine over any number of calls; no
I/O.

The strategy:

- The one event that tells who talks to whom in every case is CHANNEL_BRIDGE, by Bridge-A-Unique-ID and
  Bridge-B-Unique-ID. With early media it comes before anybody has answered; so both legs must have been
  answered, too.
- What each leg is, is learnt at its CHANNEL_CREATE, because later events lie about it: after an attended
  transfer the caller's leg still names the first subscriber, in a ring group whoever was dialled last, and
  after a pick-up its caller ID is the subscriber's. A leg whose creation was missed is read from the bridge
  event itself, where `Other-Leg-Destination-Number` is right.
- A loopback channel is nobody: whoever is bridged to one end talks to whoever is bridged to the other.
- The direction of the client's leg tells who has called whom.
- After a lost connection the legs that are up are learnt again, and their bridges, from what `uuid_dump` says
  (CHANNEL_DATA).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

from fs_1c.call import CallEvent, Conversation, HungUp
from fs_1c.numbers import NumberPlan, is_extension

EVENTS = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_HANGUP_COMPLETE",
)
"""What a listener must subscribe to."""

MAX_LEGS = 50_000
"""Legs remembered; the oldest is forgotten first, for some never hang up as far as we hear."""
MAX_VALUE = 256
"""Characters that are remembered of anything a leg says about itself."""
MAX_LOOPS = 8
"""Loopback channels in a row that are followed."""


def is_uuid(value: object) -> TypeGuard[str]:
    """Whether a channel may be called that: it may be a SIP Call-ID, but is one word. Another could not be
    asked about."""
    return isinstance(value, str) and 0 < len(value) <= MAX_VALUE and value.isprintable() and " " not in value


class Event(Protocol):
    """Anything with FreeSWITCH's event headers."""

    def get(self, name: str, /) -> str | None:
        """The decoded value of a header, or None."""


@dataclass(slots=True)
class _Leg:
    """One leg: who is at its far end.

    Attributes:
        party: The number of the person: the caller of an inbound leg, the callee of an outbound one; empty:
            withheld.
        outbound: FreeSWITCH has called him, and not he FreeSWITCH.
        originator: The leg for which he was called, or empty.
        loops_to: The other end, if this is an end of a loopback channel, else empty.
        talks_to: The leg that it is bridged to, or empty.
        told: (extension, ringing) of what we have told about this client.
    """

    party: str
    outbound: bool
    destination: str = ""
    domain: str = ""
    base: str = ""
    key: str = ""
    originator: str = ""
    loops_to: str = ""
    answered: bool = False
    talks_to: str = ""
    told: set[tuple[str, bool]] = field(default_factory=set)

    def note(self, event: Event) -> None:
        """Variables of the dialplan come after the leg's creation; they are on its own events."""
        self.base = _value(event, "variable_fs_1c_base") or self.base
        self.key = _value(event, "variable_fs_1c_key") or self.key


class Conversations:
    """Feeds on events, in any interleaving of calls, and tells each pair of client and subscriber once per
    call, and once more if it was first told that his telephone rings.

    Args:
        plan: Tells a subscriber's extension from a client's number.
    """

    def __init__(self, plan: NumberPlan, max_legs: int = MAX_LEGS) -> None:
        self._plan = plan
        self._max_legs = max_legs
        self._legs: OrderedDict[str, _Leg] = OrderedDict()

    def __len__(self) -> int:
        return len(self._legs)

    def known(self) -> set[str]:
        """The legs that are up, as far as we have heard."""
        return set(self._legs)

    def feed(self, event: Event) -> CallEvent | None:
        """Takes one event. Returns what it tells, if it tells anything."""
        uuid = event.get("Unique-ID")
        if not is_uuid(uuid):
            return None
        match event.get("Event-Name"):
            case "CHANNEL_CREATE":
                self._own(uuid, event)
            case "CHANNEL_DATA":
                return self._dumped(uuid, event)
            case "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA":
                return self._rings(uuid, self._own(uuid, event))
            case "CHANNEL_ANSWER":
                leg = self._own(uuid, event)
                # A caller who hears early media is answered when his callee is.
                return self._answered(uuid, leg, self._legs.get(leg.talks_to), both=not leg.outbound)
            case (
                "CALL_UPDATE"
            ):  # all that an async socket hears of a callee's answer, the caller being answered
                leg = self._own(uuid, event)
                return self._answered(uuid, leg, self._legs.get(leg.talks_to), both=True)
            case "CHANNEL_BRIDGE":
                return self._bridged(uuid, event)
            case "CHANNEL_HANGUP_COMPLETE":
                return self.gone(uuid)
        return None

    def gone(self, uuid: str) -> HungUp:
        """That leg is not up any more, whether we have heard of its end or not."""
        leg = self._legs.pop(uuid, None)
        if leg and (other := self._legs.get(leg.talks_to)) and other.talks_to == uuid:
            other.talks_to = ""
        return HungUp(uuid)

    def _dumped(self, uuid: str, dump: Event) -> Conversation | None:
        """What a switch says about a channel when it is asked (`uuid_dump`), or on `connect`."""
        leg = self._own(uuid, dump)
        leg.answered = leg.answered or dump.get("Answer-State") == "answered"
        # The bond and the other leg's headers stay when it is parked; this variable goes.
        leg.talks_to = _value(dump, "variable_bridge_to")
        return self._talk(uuid, leg.talks_to, _seconds_since(dump, "Caller-Channel-Bridged-Time"))

    def _own(self, uuid: str, event: Event) -> _Leg:
        """The leg that an event is about."""
        leg = self._legs.get(uuid) or self._learn(uuid, _own_leg(event, self._plan))
        leg.note(event)
        return leg

    def _learn(self, uuid: str, leg: _Leg) -> _Leg:
        self._legs[uuid] = leg
        if len(self._legs) > self._max_legs:
            self._legs.popitem(last=False)
        return leg

    def _rings(self, uuid: str, leg: _Leg) -> Conversation | None:
        """A telephone rings, for the leg that has it called."""
        for_whom = leg.originator
        for _ in range(MAX_LOOPS):  # a dialplan behind a loopback channel has it called for its own caller
            client = self._legs.get(for_whom)
            if client is None or leg.loops_to or leg.talks_to or not leg.outbound:
                return None
            if not client.loops_to:
                return self._told(for_whom, client, uuid, leg, ringing=True)
            end = self._legs.get(client.loops_to)
            for_whom = end.originator if end else ""
        return None

    def _answered(self, uuid: str, leg: _Leg, other: _Leg | None, *, both: bool) -> Conversation | None:
        leg.answered = True
        if other is not None and both:
            other.answered = True
        return self._talk(uuid, leg.talks_to)

    def _bridged(self, uuid: str, event: Event) -> Conversation | None:
        a, b = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        if not is_uuid(a) or not is_uuid(b) or a == b or uuid not in (a, b):
            return None
        other_uuid = b if uuid == a else a
        own = self._own(uuid, event)
        other = self._legs.get(other_uuid) or self._learn(other_uuid, _other_leg(event))
        own.talks_to, other.talks_to = other_uuid, uuid
        own.answered = own.answered or event.get("Answer-State") not in ("early", "ringing")
        other.answered = other.answered or event.get("Other-Leg-Channel-Answered-Time") != "0"
        return self._talk(uuid, other_uuid)

    def _talk(self, uuid: str, other_uuid: str, age: float = 0.0) -> Conversation | None:
        """What these two, who are bridged, make: two people who hear each other, perhaps."""
        one_uuid, two_uuid = self._end(uuid), self._end(other_uuid)
        one, two = self._legs.get(one_uuid), self._legs.get(two_uuid)
        if one is None or two is None or not one.answered or not two.answered:
            return None
        return self._told(one_uuid, one, two_uuid, two, age=age)

    def _end(self, uuid: str) -> str:
        """The person at that end of a bridge; through loopback channels, if he is there by now."""
        for _ in range(MAX_LOOPS):
            leg = self._legs.get(uuid)
            if leg is None or not leg.loops_to:
                return uuid
            end = self._legs.get(leg.loops_to)
            uuid = end.talks_to if end else ""
        return ""

    def _told(
        self, one_uuid: str, one: _Leg, two_uuid: str, two: _Leg, *, ringing: bool = False, age: float = 0.0
    ) -> Conversation | None:
        match is_extension(one.party, self._plan), is_extension(two.party, self._plan):
            case False, True:
                client_uuid, client, leg_uuid, subscriber = one_uuid, one, two_uuid, two
            case True, False if not ringing:  # what rings at the client is his own business
                client_uuid, client, leg_uuid, subscriber = two_uuid, two, one_uuid, one
            case _:  # two subscribers, or two people outside
                return None
        what = (subscriber.party, ringing)
        if what in client.told:  # hold and resume, or back from a transfer
            return None
        client.told.add(what)
        return Conversation(
            call_uuid=client_uuid,
            leg_uuid=leg_uuid,
            number=client.party,
            extension=subscriber.party,
            key=subscriber.key,
            base=client.base,
            destination=client.destination,
            domain=subscriber.domain,
            ringing=ringing,
            outgoing=client.outbound,
            age=age,
        )


def _own_leg(event: Event, plan: NumberPlan) -> _Leg:
    outbound = event.get("Call-Direction") == "outbound"
    destination = _value(event, "Caller-Destination-Number")
    if outbound:
        party = _value(event, "variable_dialed_user") or destination
    elif event.get("Caller-Privacy-Hide-Number") == "true":
        party = ""
    else:
        party = _value(event, "Caller-Caller-ID-Number")
        original = _value(event, "Caller-Orig-Caller-ID-Number")
        if is_extension(party, plan) and not is_extension(original, plan):
            party = original or party  # he was picked up, and is shown as whoever did that
    originates = outbound and event.get("Other-Type") == "originator"
    return _Leg(
        party,
        outbound,
        destination=destination,
        domain=_domain(event),
        originator=_value(event, "Other-Leg-Unique-ID") if originates else "",
        loops_to=_value(event, "variable_other_loopback_leg_uuid"),
    )


def _other_leg(event: Event) -> _Leg:
    destination = _value(event, "Other-Leg-Destination-Number")
    domain = _domain(event)
    if event.get("Other-Type") == "originatee" and event.get("Other-Leg-Direction") != "inbound":
        return _Leg(destination, outbound=True, destination=destination, domain=domain)
    hidden = event.get("Other-Leg-Privacy-Hide-Number") == "true"
    party = "" if hidden else _value(event, "Other-Leg-Caller-ID-Number")
    return _Leg(party, outbound=False, destination=destination, domain=domain)


def _domain(event: Event) -> str:
    return _value(event, "variable_dialed_domain") or _value(event, "variable_domain_name")


def _value(event: Event, name: str) -> str:
    return (event.get(name) or "")[:MAX_VALUE]


def _seconds_since(dump: Event, header: str) -> float:
    """Age by the switch's own clock, whose times are in microseconds; 0 if it does not say."""
    now, then = dump.get("Event-Date-Timestamp") or "", dump.get(header) or ""
    if not (now.isdecimal() and then.isdecimal()) or len(now) > 20 or len(then) > 20 or int(then) == 0:
        return 0.0
    return max(0.0, (int(now) - int(then)) / 1e6)
