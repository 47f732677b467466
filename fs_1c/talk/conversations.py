"""Who talks to whom: channel events in, conversations out. A pure state machine over any number of calls; no
I/O.

The strategy:

- The one event that tells who talks to whom in every case is CHANNEL_BRIDGE, by Bridge-A-Unique-ID and
  Bridge-B-Unique-ID. With early media it comes before anybody has answered; so both legs must have been
  answered, too. In a conference there is none, but conference::maintenance.
- Who is at the far end of a leg, `identity` tells, by the leg's own events alone; a leg whose creation was
  missed is read from whatever comes first.
- The client's number is the one that he has when he is told of, since the dialplan may have mended it.
- A loopback channel is nobody, nor are the two legs of a switch that calls itself: whoever is bridged to one
  end talks to whoever is bridged to the other.
- It is an outgoing call for the subscriber who has called the client, and for nobody else who talks to him.
- After a lost connection the legs that are up are learnt again, and their bridges, from what `uuid_dump` says
  (CHANNEL_DATA).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    How,
    HungUp,
    Parted,
    Recorded,
    Resumed,
    TalksInside,
    TalksOutside,
    Unidentified,
)
from fs_1c.numbers import NumberPlan
from fs_1c.talk.conferences import CONFERENCE, Conferences
from fs_1c.talk.contacts import REGISTER, UNREGISTER, Contacts
from fs_1c.talk.identity import Event, Party, People, number_now, ours, same_number, value
from fs_1c.talk.legs import Leg, is_uuid, other_leg, own_leg, seconds, seconds_since
from fs_1c.talk.presence import USER_STATE, PresenceTable

EVENTS = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HANGUP_COMPLETE",
    "RECORD_START",
)
"""What a listener must subscribe to."""
CUSTOM_EVENTS = (CONFERENCE, REGISTER, *UNREGISTER, USER_STATE)
"""And which of the events whose name is CUSTOM."""

MAX_LEGS = 50_000
"""Legs remembered; the oldest is forgotten first, for some never hang up as far as we hear."""
MAX_OVER = 1000
"""Legs of which it is remembered that they have gone."""
MAX_TOLD = 1000
"""Subscribers who have talked to one client in one call, or whose telephones have rung; no more are told."""
MAX_FILES = 100
"""Recordings of a leg that wait to be told of."""
MAX_LOOPS = 8
"""Loopback channels in a row that are followed."""
MAX_PATH = 1024
"""Characters of a recording's path."""


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
        self._internal = internal
        self._believes_keys = believes_keys
        self.contacts = Contacts(max_legs)
        self._people = People(plan, has_key, self.contacts.whose)
        self._max_legs = max_legs
        self._legs: OrderedDict[str, Leg] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()
        self.presence = PresenceTable(self._legs)
        self._by_call_id: dict[str, str] = {}
        self._conferences = Conferences()
        self._event: Event = {}  # the latest

    def __len__(self) -> int:
        return len(self._legs)

    def known(self) -> set[str]:
        """The legs that are up, as far as we have heard."""
        return set(self._legs)

    def feed(self, event: Event) -> tuple[CallEvent, ...]:
        """Takes one event. Returns what it tells: mostly nothing; of who joins a conference, perhaps much."""
        self._event = event
        name = event.get("Event-Name")
        if name == "CUSTOM":
            return self._custom(event)
        uuid = event.get("Unique-ID")
        if not is_uuid(uuid):
            return ()
        if uuid in self._over and name != "CHANNEL_CREATE":
            return ()  # an answer overtakes events: what was asked about has gone before they come
        match name:
            case "CHANNEL_CREATE":
                self._over.pop(uuid, None)
                self._own(uuid, event)
            case "CHANNEL_DATA":
                return self._dumped(uuid, event)
            case "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA":
                return self._rings(uuid, self._own(uuid, event))
            # CALL_UPDATE: all that an async socket hears of a callee's answer, the caller being answered.
            case "CHANNEL_ANSWER" | "CALL_UPDATE":
                leg = self._own(uuid, event)
                # A caller who hears early media is answered when his callee is.
                return self._answered(uuid, leg, both=name == "CALL_UPDATE" or not leg.outbound)
            case "CHANNEL_BRIDGE":
                return self._bridged(uuid, event)
            case "CHANNEL_UNBRIDGE":
                return self._unbridged(event)
            case "RECORD_START":
                return self._recorded(uuid, self._own(uuid, event), event)
            case "CHANNEL_HANGUP_COMPLETE":
                cause = value(event, "Hangup-Cause")
                if cause == "REDIRECTION_TO_NEW_DESTINATION":
                    self._forwards(uuid)
                return self.gone(uuid, cause)
        return ()

    def gone(self, uuid: str, cause: str = "") -> tuple[CallEvent, ...]:
        """What it tells that a leg is not up any more, whether we have heard of its end or not."""
        leg = self._legs.get(uuid)
        began: tuple[CallEvent, ...] = ()
        if leg is not None:
            began = self._reached_nobody(uuid, leg)
            del self._legs[uuid]
            self._forget(uuid, leg, cause)
        self._over[uuid] = None
        if len(self._over) > MAX_OVER:
            self._over.popitem(last=False)
        return (*began, HungUp(uuid, self._now(), cause))

    def _now(self) -> float:
        """The switch's clock, as of the latest event."""
        return seconds(self._event.get("Event-Date-Timestamp"))

    def _forwards(self, uuid: str) -> None:
        leg = self._legs.get(uuid)
        found = self._caller_of(leg) if leg else None
        if leg and found:
            found[1].forwarded = leg.party.name

    def _forget(self, uuid: str, leg: Leg, cause: str = "") -> None:
        if leg.counted:
            self.presence.over(uuid, leg, cause, self._event)
        if (other := self._legs.get(leg.talks_to)) and other.talks_to == uuid:
            other.talks_to = ""
        if self._by_call_id.get(leg.call_id) == uuid:
            del self._by_call_id[leg.call_id]
        self._conferences.left(uuid)

    def _custom(self, event: Event) -> tuple[CallEvent, ...]:
        kind = event.get("Event-Subclass")
        if kind == CONFERENCE:
            return self._meets(self._conferences.heard(event))
        if kind != USER_STATE:
            self.contacts.heard(event)
        self.presence.heard(event)
        return ()

    def _meets(self, uuid: str) -> tuple[CallEvent, ...]:
        """Whoever is in a conference hears all who are there."""
        return tuple(
            chain.from_iterable(self._talk(uuid, other) for other in self._conferences.with_whom(uuid))
        )

    def _dumped(self, uuid: str, dump: Event) -> tuple[CallEvent, ...]:
        """What a switch says about a channel when it is asked (`uuid_dump`), or on `connect`."""
        leg = self._own(uuid, dump)
        if dump.get("Answer-State") == "answered":
            self._picks_up(uuid, leg, seconds_since(dump, "Caller-Channel-Answered-Time"))
        if self._conferences.dumped(uuid, dump):
            return self._meets(uuid)
        # The bond and the other leg's headers stay when it is parked; this variable goes.
        leg.talks_to = value(dump, "variable_bridge_to")
        return self._talk(uuid, leg.talks_to, seconds_since(dump, "Caller-Channel-Bridged-Time"))

    def _own(self, uuid: str, event: Event) -> Leg:
        """The leg that an event is about."""
        leg, set_ = self._legs.get(uuid), ours(event)
        if leg is None:
            leg = self._learn(uuid, own_leg(event, self._people, set_))
        self._mended(leg, event, set_)
        if not leg.call_id and not leg.loopback and (call_id := value(event, "variable_sip_call_id")):
            self._called_itself(uuid, leg, call_id)
        return leg

    def _mended(self, leg: Leg, event: Event, set_: dict[str, str]) -> None:
        """What the dialplan has set by now: variables come after the leg's creation, on its own events."""
        if set_:
            leg.base = set_.get("base") or leg.base
            leg.key = (self._believes_keys and set_.get("key")) or leg.key
            if leg.outbound and leg.party.subscriber and (client := set_.get("client")):
                leg.destination = client  # whom he is to talk to: he has been called for that
            if not leg.outbound and (given := set_.get("caller")):
                leg.party = Party(given, self._people.is_subscriber(given))
        if leg.from_outside and leg.party.name:
            look = (value(event, "Caller-Caller-ID-Number"), set_.get("number"), set_.get("caller"))
            if look != leg.looked_at:
                leg.looked_at = look
                leg.number = number_now(event, self._people, set_)

    def _called_itself(self, uuid: str, leg: Leg, call_id: str) -> None:
        """A switch that calls itself by SIP has both legs of that call, with one Call-ID: a loopback."""
        leg.call_id = call_id
        other_uuid = self._by_call_id.setdefault(call_id, uuid)
        other = self._legs.get(other_uuid)
        if other is None or other is leg or other.outbound == leg.outbound or leg.loopback or other.loopback:
            return
        leg.loopback = other.loopback = True
        leg.loops_to, other.loops_to = other_uuid, uuid
        # What was told of the leg that came in is told of the one who has really called.
        came_in, went_out = (other, leg) if leg.outbound else (leg, other)
        client = self._legs.get(went_out.originator)
        if client is not None and came_in.told:
            client.told |= came_in.told
            client.told_as = client.told_as or came_in.told_as
            client.began = client.began or came_in.began

    def _learn(self, uuid: str, leg: Leg) -> Leg:
        self._legs[uuid] = leg
        presence = self.presence
        if leg.party.subscriber:
            presence.learnt(uuid, leg)
        if not presence.core:
            presence.core = value(self._event, "Core-UUID")
        if len(self._legs) > self._max_legs:
            self._forget(*self._legs.popitem(last=False))
        client = self._legs.get(leg.originator)
        if client is not None and leg.party.subscriber:
            if client.from_outside and client.party.name:
                self._shown(client, leg.shows)
            elif client.party.subscriber:
                leg.asked_by = client.party.name
        return leg

    def _shown(self, client: Leg, number: str) -> None:
        """A subscriber's telephone shows the client as that: so the dialplan has mended him by now."""
        people = self._people
        if people.is_number(number) and not same_number(number, client.destination, people):
            client.number = number

    def _caller_of(self, leg: Leg) -> tuple[str, Leg] | None:
        """For whom he was called; through loopback channels, whose dialplan has him called for its own."""
        uuid = leg.originator
        for _ in range(MAX_LOOPS):
            client = self._legs.get(uuid)
            if client is None:
                return None
            if not client.loopback:
                return uuid, client
            end = self._legs.get(client.loops_to)
            uuid = end.originator if end else ""
        return None

    def _rings(self, uuid: str, leg: Leg) -> tuple[CallEvent, ...]:
        """A telephone rings, for the leg that has it called."""
        if leg.loopback or leg.talks_to or not leg.outbound:
            return ()
        leg.rang = True
        self.presence.rings(leg)
        found = self._caller_of(leg)
        return () if found is None else self._pair(*found, uuid, leg, ringing=True)

    def _answered(self, uuid: str, leg: Leg, *, both: bool) -> tuple[CallEvent, ...]:
        self._picks_up(uuid, leg)
        if both and (other := self._legs.get(leg.talks_to)) is not None:
            self._picks_up(leg.talks_to, other)
        return self._talk(uuid, leg.talks_to) or self._meets(uuid)

    def _picks_up(self, uuid: str, leg: Leg, age: float = 0.0) -> None:
        if not leg.answered and leg.party.subscriber and not leg.loopback:
            self.presence.talks(uuid, leg, age)
        leg.answered = True

    def _bridged(self, uuid: str, event: Event) -> tuple[CallEvent, ...]:
        a, b = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        if not is_uuid(a) or not is_uuid(b) or a == b or uuid not in (a, b):
            return ()
        other_uuid = b if uuid == a else a
        if other_uuid in self._over:
            return ()
        own = self._own(uuid, event)
        other = self._legs.get(other_uuid) or self._learn(other_uuid, other_leg(event, self._people))
        own.talks_to, other.talks_to = other_uuid, uuid
        if not own.answered and event.get("Answer-State") not in ("early", "ringing"):
            self._picks_up(uuid, own)
        if not other.answered and event.get("Other-Leg-Channel-Answered-Time") != "0":
            self._picks_up(other_uuid, other)
        return self._talk(uuid, other_uuid)

    def _unbridged(self, event: Event) -> tuple[CallEvent, ...]:
        ends = [self._end(event.get(name) or "") for name in ("Bridge-A-Unique-ID", "Bridge-B-Unique-ID")]
        for uuid, other in (ends, ends[::-1]):
            client = self._legs.get(uuid)
            if client is not None and other in client.talking:
                client.talking = tuple(leg for leg in client.talking if leg != other)
                return (Parted(client.told_as or uuid, other, self._now()),)
        return ()

    def _recorded(self, uuid: str, leg: Leg, event: Event) -> tuple[CallEvent, ...]:
        """A leg is recorded: which call that is may not be known yet."""
        if len(leg.recorded) < MAX_FILES:
            leg.recorded += ((event.get("Record-File-Path") or "")[:MAX_PATH],)
        client_uuid, client = uuid, leg
        if leg.party.subscriber:
            client_uuid = self._end(leg.talks_to)
            found = self._legs.get(client_uuid)
            if found is None:
                return ()
            client = found
        return self._files(client.told_as or client_uuid, leg) if client.began else ()

    def _files(self, call_uuid: str, leg: Leg) -> tuple[CallEvent, ...]:
        """The recordings of a leg that have not been told of."""
        files, leg.recorded = leg.recorded, ()
        return tuple(Recorded(call_uuid, file) for file in files if file)

    def _talk(self, uuid: str, other_uuid: str, age: float = 0.0) -> tuple[CallEvent, ...]:
        """What these two, who are bridged, make: two people who hear each other, perhaps."""
        one_uuid, two_uuid = self._end(uuid), self._end(other_uuid)
        one, two = self._legs.get(one_uuid), self._legs.get(two_uuid)
        if one is None or two is None or not one.answered or not two.answered:
            return ()
        return self._pair(one_uuid, one, two_uuid, two, age=age)

    def _end(self, uuid: str) -> str:
        """The person at that end of a bridge; through loopback channels, if he is there by now."""
        for _ in range(MAX_LOOPS):
            leg = self._legs.get(uuid)
            if leg is None or not leg.loopback:
                return uuid
            end = self._legs.get(leg.loops_to)
            uuid = end.talks_to if end else ""
        return ""

    def _pair(
        self, one_uuid: str, one: Leg, two_uuid: str, two: Leg, *, ringing: bool = False, age: float = 0.0
    ) -> tuple[CallEvent, ...]:
        match one.party.subscriber, two.party.subscriber:
            case False, True:
                client_uuid, client, leg_uuid, subscriber = one_uuid, one, two_uuid, two
            case True, False if ringing:
                return self._begins(two_uuid, two)  # a client's telephone rings
            case True, False:
                client_uuid, client, leg_uuid, subscriber = two_uuid, two, one_uuid, one
            case False, False:
                return () if ringing else self._outside(one_uuid, one, two_uuid, two, age)
            case _:  # two subscribers
                return self._inside(one_uuid, one, two_uuid, two, ringing, age) if self._internal() else ()
        number = self._number(client)
        if client.party.why and not self._people.is_number(number):
            return ()
        what = (subscriber.party.name, ringing)
        if what in client.told:  # hold and resume, or back from a transfer
            return () if ringing else self._again(client, leg_uuid, subscriber)
        if len(client.told) >= MAX_TOLD:
            return ()
        began = self._begins(client_uuid, client)
        client.told.add(what)
        outgoing = self._has_called(leg_uuid, subscriber, client)
        how, by = (How.ANSWERED, "") if ringing or outgoing else _how(client, subscriber)
        if not ringing:
            client.talked.append(subscriber.party.name)
            client.talking += (leg_uuid,)
        conversation = Conversation(
            call_uuid=client.told_as,
            leg_uuid=leg_uuid,
            number=number,
            extension=subscriber.party.name,
            key=subscriber.key,
            base=client.base,
            destination=client.destination,
            domain=subscriber.domain,
            ringing=ringing,
            outgoing=outgoing,
            age=age,
            how=how,
            by=by,
            at=max(0.0, self._now() - age),
        )
        return (
            *began,
            conversation,
            *self._files(client.told_as, client),
            *self._files(client.told_as, subscriber),
        )

    def _begins(self, uuid: str, client: Leg) -> tuple[CallEvent, ...]:
        """The call of a client, if it has not been told of."""
        client.told_as = client.told_as or uuid
        if client.began:
            return ()
        client.began = True
        found = self._caller_of(client) if client.outbound else None
        asked_by, caller = found if found and found[1].party.subscriber else ("", None)
        return (
            Began(
                call_uuid=client.told_as,
                leg_uuid=uuid,
                number=self._number(client),
                destination=client.destination,
                base=client.base,
                extension=caller.party.name if caller else "",
                asked_by=asked_by,
                outgoing=client.outbound,
                at=seconds(client.created),
            ),
        )

    def _reached_nobody(self, uuid: str, leg: Leg) -> tuple[CallEvent, ...]:
        """The call of a client who has hung up, or did not answer, before anybody was told of it."""
        if leg.began or leg.loopback or leg.party.subscriber:
            return ()
        if leg.outbound:
            found = self._caller_of(leg)
            is_client = found is not None and found[1].party.subscriber
        else:
            is_client = not leg.party.why or self._people.is_number(leg.number)
        return self._begins(uuid, leg) if is_client else ()

    def _again(self, client: Leg, leg_uuid: str, subscriber: Leg) -> tuple[CallEvent, ...]:
        if leg_uuid in client.talking or len(client.talking) >= MAX_TOLD:
            return ()
        client.talking += (leg_uuid,)
        return (Resumed(client.told_as, leg_uuid, subscriber.party.name, self._now()),)

    def _inside(
        self, one_uuid: str, one: Leg, two_uuid: str, two: Leg, ringing: bool, age: float
    ) -> tuple[CallEvent, ...]:
        """Two subscribers, of whom one has called the other."""
        if one.outbound:
            one_uuid, one, two_uuid, two = two_uuid, two, one_uuid, one
        what = (two.party.name, ringing)
        found = self._caller_of(two)
        if one.outbound or found is None or found[0] != one_uuid or what in one.told:
            return ()
        if len(one.told) >= MAX_TOLD:
            return ()
        began = tuple(
            replace(event, internal=True) if isinstance(event, Began) else event
            for event in self._begins(one_uuid, one)
        )
        one.told.add(what)
        at = max(0.0, self._now() - age)
        return (*began, TalksInside(one.told_as, two_uuid, two.party.name, ringing, at))

    def _outside(self, one_uuid: str, one: Leg, two_uuid: str, two: Leg, age: float) -> tuple[CallEvent, ...]:
        """A client talks to somebody outside, whom the switch has called for him; or in a way that does not
        tell who he is.
        """
        if two.from_outside:
            one_uuid, one, two_uuid, two = two_uuid, two, one_uuid, one
        what = (two_uuid, False)
        if not one.from_outside or one.party.why or two.from_outside or what in one.told:
            return ()
        if len(one.told) >= MAX_TOLD:
            return ()
        began = self._begins(one_uuid, one)
        one.told.add(what)
        one.talking += (two_uuid,)
        number, name, why, at = self._number(one), two.party.name, two.party.why, max(0.0, self._now() - age)
        if why:
            return (*began, Unidentified(one.told_as, two_uuid, number, name, why, at))
        return (*began, TalksOutside(one.told_as, two_uuid, name, at))

    def _number(self, client: Leg) -> str:
        """A client's number: as he calls now; of one who was called, as the subscriber has dialled it, for a
        trunk may want digits before it.
        """
        if not client.outbound:
            return client.number or client.party.name
        found = self._caller_of(client)
        dialled = found[1].destination if found and found[1].party.subscriber else ""
        if not self._people.is_number(dialled) or same_number(dialled, client.party.name, self._people):
            return client.party.name
        return dialled

    def _has_called(self, leg_uuid: str, subscriber: Leg, client: Leg) -> bool:
        """Whether this subscriber, and nobody else, has called that client."""
        found = self._caller_of(client) if client.outbound else None
        if found is None:
            return client.outbound and client.originator == leg_uuid
        return found[0] == leg_uuid or found[1].party == subscriber.party


def _how(client: Leg, subscriber: Leg) -> tuple[How, str]:
    """How he has come to talk to the client, and who had to do with it."""
    before = client.talked[-1] if client.talked else ""
    if not subscriber.outbound:  # he has dialled a code
        rang = next((name for name, ringing in client.told if ringing), "")
        return (How.FETCHED, before) if before else (How.PICKED_UP, rang)
    if before:
        asked_by = subscriber.asked_by
        return (How.HANDED, asked_by) if asked_by else (How.TRANSFERRED, before)
    return (How.FORWARDED, client.forwarded) if client.forwarded else (How.ANSWERED, "")
