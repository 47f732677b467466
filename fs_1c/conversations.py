"""Who talks to whom: channel events in, conversations out. A pure state machine over any number of calls; no
I/O.

The one event that tells it in every case is CHANNEL_BRIDGE, by Bridge-A-Unique-ID and Bridge-B-Unique-ID.
What each leg is, is learnt at its CHANNEL_CREATE, because later events lie about it: after an attended
transfer the caller's leg still names the first subscriber, and in a ring group whoever was dialled last. A
leg whose creation was missed is read from the bridge event itself, where `Other-Leg-Destination-Number` is
right.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from fs_1c.call import Conversation
from fs_1c.numbers import NumberPlan, is_extension

EVENTS = ("CHANNEL_CREATE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE")
"""What a listener must subscribe to."""

MAX_LEGS = 50_000
"""Legs remembered; the oldest is forgotten first, for some never hang up as far as we hear."""


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
        told: Extensions of the subscribers of whose conversations with this leg we have told.
    """

    party: str
    destination: str = ""
    base: str = ""
    key: str = ""
    told: set[str] = field(default_factory=set)


class Conversations:
    """Feeds on events, in any interleaving of calls, and tells each pair of client and subscriber once per
    call.

    Args:
        plan: Tells a subscriber's extension from a client's number.
    """

    def __init__(self, plan: NumberPlan, max_legs: int = MAX_LEGS) -> None:
        self._plan = plan
        self._max_legs = max_legs
        self._legs: OrderedDict[str, _Leg] = OrderedDict()

    def __len__(self) -> int:
        return len(self._legs)

    def feed(self, event: Event) -> Conversation | None:
        """Takes one event. Returns the conversation that it starts, if it starts one."""
        name = event.get("Event-Name")
        uuid = event.get("Unique-ID")
        if not uuid:
            return None
        if name == "CHANNEL_BRIDGE":
            return self._bridged(event, uuid)
        if name == "CHANNEL_HANGUP_COMPLETE":
            self._legs.pop(uuid, None)
        elif name in ("CHANNEL_CREATE", "CHANNEL_DATA"):
            self._learn(uuid, _own_leg(event))
        return None

    def _learn(self, uuid: str, leg: _Leg) -> _Leg:
        known = self._legs.setdefault(uuid, leg)
        if len(self._legs) > self._max_legs:
            self._legs.popitem(last=False)
        return known

    def _bridged(self, event: Event, uuid: str) -> Conversation | None:
        a, b = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        if not a or not b or uuid not in (a, b):
            return None
        other_uuid = b if uuid == a else a
        own = self._legs.get(uuid) or self._learn(uuid, _own_leg(event))
        other = self._legs.get(other_uuid) or self._learn(other_uuid, _other_leg(event))
        # Variables of the dialplan come after the leg's creation; this leg's are on its event.
        own.base = event.get("variable_fs_1c_base") or own.base
        own.key = event.get("variable_fs_1c_key") or own.key
        match is_extension(own.party, self._plan), is_extension(other.party, self._plan):
            case False, True:
                return _told(uuid, own, other_uuid, other)
            case True, False:
                return _told(other_uuid, other, uuid, own)
            case _:  # two subscribers, or two people outside
                return None


def _told(client_uuid: str, client: _Leg, leg_uuid: str, subscriber: _Leg) -> Conversation | None:
    if subscriber.party in client.told:  # hold and resume, or back from a transfer
        return None
    client.told.add(subscriber.party)
    return Conversation(
        call_uuid=client_uuid,
        leg_uuid=leg_uuid,
        number=client.party,
        extension=subscriber.party,
        key=subscriber.key,
        base=client.base,
        destination=client.destination,
    )


def _own_leg(event: Event) -> _Leg:
    if event.get("Call-Direction") == "outbound":
        party = event.get("variable_dialed_user") or event.get("Caller-Destination-Number") or ""
    elif event.get("Caller-Privacy-Hide-Number") == "true":
        party = ""
    else:
        party = event.get("Caller-Caller-ID-Number") or ""
    return _Leg(
        party,
        destination=event.get("Caller-Destination-Number") or "",
        base=event.get("variable_fs_1c_base") or "",
        key=event.get("variable_fs_1c_key") or "",
    )


def _other_leg(event: Event) -> _Leg:
    destination = event.get("Other-Leg-Destination-Number") or ""
    if event.get("Other-Type") == "originatee":
        return _Leg(destination, destination)
    if event.get("Other-Leg-Privacy-Hide-Number") == "true":
        return _Leg("", destination)
    return _Leg(event.get("Other-Leg-Caller-ID-Number") or "", destination)
