"""Who talks to whom: channel events in, conversations out. A pure state machine over any number of calls; no
I/O.

The strategy:

- The one event that tells who talks to whom in every case is CHANNEL_BRIDGE, by Bridge-A-Unique-ID and
  Bridge-B-Unique-ID. With early media it comes before anybody has answered; so both legs must have been
  answered, too. In a conference there is none, but conference::maintenance.
- Who is at the far end of a leg, `identity` tells, by the leg's own events alone; a leg whose creation was
  missed is read from whatever comes first.
- A loopback channel is nobody, nor are the two legs of a switch that calls itself: whoever is bridged to one
  end talks to whoever is bridged to the other. `leg_table` follows them.
- What two people make of a call, and whether that has been told, `pairs` knows.
- After a lost connection the legs that are up are learnt again, and their bridges, from what `uuid_dump` says
  (CHANNEL_DATA).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from fs_1c.call import CallEvent, HungUp, Parted
from fs_1c.numbers import NumberPlan
from fs_1c.talk.conferences import CONFERENCE
from fs_1c.talk.contacts import REGISTER, UNREGISTER, Contacts
from fs_1c.talk.identity import Event, People, value
from fs_1c.talk.leg_table import LegTable
from fs_1c.talk.legs import Leg, is_uuid, seconds, seconds_since
from fs_1c.talk.pairs import Pairs
from fs_1c.talk.presence import USER_STATE

EVENTS = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HANGUP_COMPLETE",
    "RECORD_START",
    "RECORD_STOP",
)
"""What a listener must subscribe to."""
CUSTOM_EVENTS = (CONFERENCE, REGISTER, *UNREGISTER, USER_STATE)
"""And which of the events whose name is CUSTOM."""

MAX_LEGS = 50_000
"""Legs remembered; the oldest is forgotten first, for some never hang up as far as we hear."""
MAX_FILES = 100
"""Recordings of a leg that wait to be told of."""
MAX_PATH = 1024
"""Characters of a recording's path."""


def hung_up(uuid: str, event: Event) -> HungUp:
    """The end of a leg, as an event tells of it."""
    return HungUp(uuid, seconds(event.get("Event-Date-Timestamp")), value(event, "Hangup-Cause"))


class Conversations:
    """Feeds on events, in any interleaving of calls, and tells each pair of client and subscriber once per
    call, and once more if it was first told that his telephone rings.

    Args:
        plan: Tells a subscriber's extension from a client's number.
        has_key: Whether somebody of that name has a key in 1C: he is a subscriber, whatever he is called.
        believes_keys: A key that a leg carries is the subscriber's. False where anybody can tell events.
        internal: Whether calls of one subscriber to another are wanted, too.

    Attributes:
        contacts: Whose a contact is.
        presence: Who can take a call.
    """

    def __init__(
        self,
        plan: NumberPlan,
        has_key: Callable[[str], bool] = lambda name: False,
        max_legs: int = MAX_LEGS,
        *,
        believes_keys: bool = True,
        internal: Callable[[], bool] = lambda: False,
    ) -> None:
        self.contacts = Contacts(max_legs)
        people = People(plan, has_key, self.contacts.whose)
        self._table = LegTable(people, max_legs, believes_keys)
        self._legs = self._table.up
        self._pairs = Pairs(self._table, people, internal)
        self.presence = self._table.presence

    def __len__(self) -> int:
        return len(self._legs)

    def known(self) -> set[str]:
        """The legs that are up, as far as we have heard."""
        return set(self._legs)

    def feed(self, event: Event) -> tuple[CallEvent, ...]:
        """Takes one event. Returns what it tells: mostly nothing; of who joins a conference, perhaps much."""
        table = self._table
        table.event = event
        name = event.get("Event-Name")
        if name == "CUSTOM":
            return self._custom(event)
        uuid = event.get("Unique-ID")
        if not is_uuid(uuid):
            return ()
        if uuid in table.over and name != "CHANNEL_CREATE":
            return ()  # an answer overtakes events: what was asked about has gone before they come
        match name:
            case "CHANNEL_CREATE":
                table.over.pop(uuid, None)
                table.own(uuid, event)
            case "CHANNEL_DATA":
                return self._dumped(table.own(uuid, event), event)
            case "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA":
                return self._rings(table.own(uuid, event))
            # CALL_UPDATE: all that an async socket hears of a callee's answer, the caller being answered.
            case "CHANNEL_ANSWER" | "CALL_UPDATE":
                leg = table.own(uuid, event)
                # A caller who hears early media is answered when his callee is.
                return self._answered(leg, both=name == "CALL_UPDATE" or not leg.outbound)
            case "CHANNEL_BRIDGE":
                return self._bridged(uuid, event)
            case "CHANNEL_UNBRIDGE":
                return self._unbridged(event)
            case "RECORD_START" | "RECORD_STOP":  # nobody may have heard the first
                return self._recorded(table.own(uuid, event), event)
            case "CHANNEL_HANGUP_COMPLETE":
                ended = hung_up(uuid, event)
                if ended.cause == "REDIRECTION_TO_NEW_DESTINATION":
                    table.forwards(uuid)
                return self._gone(ended)
        return ()

    def gone(self, uuid: str) -> tuple[CallEvent, ...]:
        """What it tells that a leg is not up any more of whose end we have not heard."""
        return self._gone(HungUp(uuid, self._table.now(), unheard=True))

    def _gone(self, ended: HungUp) -> tuple[CallEvent, ...]:
        leg = self._legs.get(ended.leg_uuid)
        began = self._pairs.reached_nobody(leg) if leg is not None else ()
        self._table.gone(ended.leg_uuid, ended.cause)
        return (*began, ended)

    def _custom(self, event: Event) -> tuple[CallEvent, ...]:
        kind = event.get("Event-Subclass")
        if kind == CONFERENCE:
            return self._meets(self._table.conferences.heard(event))
        if kind != USER_STATE:
            self.contacts.heard(event)
        self.presence.registrar.heard(event)
        return ()

    def _meets(self, uuid: str) -> tuple[CallEvent, ...]:
        """Whoever is in a conference hears all who are there."""
        others = self._table.conferences.with_whom(uuid)
        return tuple(chain.from_iterable(self._pairs.bridged(uuid, other) for other in others))

    def _dumped(self, leg: Leg, dump: Event) -> tuple[CallEvent, ...]:
        """What a switch says about a channel when it is asked (`uuid_dump`), or on `connect`."""
        if dump.get("Answer-State") == "answered":
            self._table.picks_up(leg, seconds_since(dump, "Caller-Channel-Answered-Time"))
        if self._table.conferences.dumped(leg.uuid, dump):
            return self._meets(leg.uuid)
        # The bond and the other leg's headers stay when it is parked; this variable goes.
        leg.talks_to = value(dump, "variable_bridge_to")
        if not leg.answered and (age := _rings_for(dump)):
            return self._rings(leg, age)
        return self._pairs.bridged(leg.uuid, leg.talks_to, seconds_since(dump, "Caller-Channel-Bridged-Time"))

    def _rings(self, leg: Leg, age: float = 0.0) -> tuple[CallEvent, ...]:
        """A telephone rings, and has for so many seconds."""
        if leg.loopback or leg.answered or not leg.outbound:
            return ()
        leg.rang = True
        self.presence.rings(leg)
        return self._pairs.rings(leg, age)

    def _answered(self, leg: Leg, *, both: bool) -> tuple[CallEvent, ...]:
        self._table.picks_up(leg)
        if both and (other := self._legs.get(leg.talks_to)) is not None:
            self._table.picks_up(other)
        return self._pairs.bridged(leg.uuid, leg.talks_to) or self._meets(leg.uuid)

    def _bridged(self, uuid: str, event: Event) -> tuple[CallEvent, ...]:
        a, b = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        if not is_uuid(a) or not is_uuid(b) or a == b or uuid not in (a, b):
            return ()
        other_uuid = b if uuid == a else a
        if other_uuid in self._table.over:
            return ()
        own, other = self._table.own(uuid, event), self._table.other(other_uuid, event)
        own.talks_to, other.talks_to = other_uuid, uuid
        if not own.answered and event.get("Answer-State") not in ("early", "ringing"):
            self._table.picks_up(own)
        if not other.answered and event.get("Other-Leg-Channel-Answered-Time") != "0":
            self._table.picks_up(other)
        return self._pairs.bridged(uuid, other_uuid)

    def _unbridged(self, event: Event) -> tuple[CallEvent, ...]:
        names = ("Bridge-A-Unique-ID", "Bridge-B-Unique-ID")
        ends = [self._table.end(event.get(name) or "") for name in names]
        for uuid, other in (ends, ends[::-1]):
            client = self._legs.get(uuid)
            if client is not None and other in client.talking:
                client.talking = tuple(leg for leg in client.talking if leg != other)
                return (Parted(client.told_as or uuid, other, self._table.now()),)
        return ()

    def _recorded(self, leg: Leg, event: Event) -> tuple[CallEvent, ...]:
        """A leg is recorded: which call that is may not be known yet."""
        file = (event.get("Record-File-Path") or "")[:MAX_PATH]
        if len(leg.recorded) < MAX_FILES and file not in leg.recorded:
            leg.recorded += (file,)
        client = self._legs.get(self._table.end(leg.talks_to)) if leg.party.subscriber else leg
        if client is None or not client.began:
            return ()
        return self._pairs.files(client.told_as or client.uuid, leg)


def _rings_for(dump: Event) -> float:
    """For how many seconds that telephone has rung, perhaps with early media; 0: it has not said so."""
    headers = ("Caller-Channel-Progress-Time", "Caller-Channel-Progress-Media-Time")
    return max(seconds_since(dump, header) for header in headers)
