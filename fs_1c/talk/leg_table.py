"""The legs of one switch that are up: learnt, mended, forgotten; for whom one is called, and who is at the
far end of a bridge. Pure.
"""

from __future__ import annotations

from collections import OrderedDict

from fs_1c.talk.conferences import Conferences
from fs_1c.talk.identity import Event, Party, People, number_now, ours, same_number, value
from fs_1c.talk.legs import Leg, other_leg, own_leg, seconds
from fs_1c.talk.presence import PresenceTable

MAX_OVER = 1000
"""Legs of which it is remembered that they have gone."""
MAX_LOOPS = 8
"""Loopback channels in a row that are followed."""


class LegTable:
    """What is known of the legs of one switch.

    Args:
        max_legs: How many are remembered; the oldest is forgotten first.
        believes_keys: A key that a leg carries is the subscriber's.

    Attributes:
        up: The legs that are up, by uuid.
        over: Those that have gone lately.
        conferences: Who is in which.
        presence: Which subscribers they keep busy.
        event: The latest event.
    """

    def __init__(self, people: People, max_legs: int, believes_keys: bool) -> None:
        self._people = people
        self._max_legs = max_legs
        self._believes_keys = believes_keys
        self.up: OrderedDict[str, Leg] = OrderedDict()
        self.over: OrderedDict[str, None] = OrderedDict()
        self.conferences = Conferences()
        self.presence = PresenceTable(self.up)
        self.event: Event = {}
        self._by_call_id: dict[str, str] = {}

    def now(self) -> float:
        """The switch's clock, as of the latest event."""
        return seconds(self.event.get("Event-Date-Timestamp"))

    def own(self, uuid: str, event: Event) -> Leg:
        """The leg that an event is about."""
        leg, set_ = self.up.get(uuid), ours(event)
        if leg is None:
            leg = self._learn(own_leg(uuid, event, self._people, set_))
        self._mended(leg, event, set_)
        if not leg.call_id and not leg.loopback and (call_id := value(event, "variable_sip_call_id")):
            self._called_itself(leg, call_id)
        return leg

    def other(self, uuid: str, event: Event) -> Leg:
        """The other leg of a CHANNEL_BRIDGE."""
        return self.up.get(uuid) or self._learn(other_leg(uuid, event, self._people))

    def picks_up(self, leg: Leg, age: float = 0.0) -> None:
        """It is answered, and was so many seconds ago."""
        if not leg.answered and leg.party.subscriber and not leg.loopback:
            self.presence.talks(leg, age)
        if not leg.answered:
            leg.answered, leg.answered_at = True, max(0.0, self.now() - age)

    def forwards(self, uuid: str) -> None:
        """That telephone has sent the call on."""
        leg = self.up.get(uuid)
        client = self.caller_of(leg) if leg else None
        if leg and client:
            client.forwarded = leg.party.name

    def gone(self, uuid: str, cause: str) -> None:
        """That leg, known or not, is not up any more."""
        leg = self.up.pop(uuid, None)
        if leg is not None:
            self._forget(leg, cause)
        self.over[uuid] = None
        if len(self.over) > MAX_OVER:
            self.over.popitem(last=False)

    def caller_of(self, leg: Leg) -> Leg | None:
        """For whom he was called; through loopback channels, whose dialplan has him called for its own."""
        uuid = leg.originator
        for _ in range(MAX_LOOPS):
            caller = self.up.get(uuid)
            if caller is None or not caller.loopback:
                return caller
            end = self.up.get(caller.loops_to)
            uuid = end.originator if end else ""
        return None

    def end(self, uuid: str) -> str:
        """The person at that end of a bridge; through loopback channels, if he is there by now."""
        for _ in range(MAX_LOOPS):
            leg = self.up.get(uuid)
            if leg is None or not leg.loopback:
                return uuid
            end = self.up.get(leg.loops_to)
            uuid = end.talks_to if end else ""
        return ""

    def _learn(self, leg: Leg) -> Leg:
        self.up[leg.uuid] = leg
        presence = self.presence
        if leg.party.subscriber:
            presence.learnt(leg)
        if not presence.core:
            presence.core = value(self.event, "Core-UUID")
        if len(self.up) > self._max_legs:
            self._forget(self.up.popitem(last=False)[1])
        caller = self.up.get(leg.originator)
        if caller is not None and leg.party.subscriber:
            if caller.from_outside and caller.party.name:
                self._shown(caller, leg.shows)
            elif caller.party.subscriber:
                leg.asked_by = caller.party.name
        return leg

    def _forget(self, leg: Leg, cause: str = "") -> None:
        if leg.counted:
            self.presence.over(leg, cause, self.event)
        if (other := self.up.get(leg.talks_to)) and other.talks_to == leg.uuid:
            other.talks_to = ""
        if self._by_call_id.get(leg.call_id) == leg.uuid:
            del self._by_call_id[leg.call_id]
        self.conferences.left(leg.uuid)

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

    def _shown(self, client: Leg, number: str) -> None:
        """A subscriber's telephone shows the client as that: so the dialplan has mended him by now."""
        people = self._people
        if people.is_number(number) and not same_number(number, client.destination, people):
            client.number = number

    def _called_itself(self, leg: Leg, call_id: str) -> None:
        """A switch that calls itself by SIP has both legs of that call, with one Call-ID: a loopback."""
        leg.call_id = call_id
        other = self.up.get(self._by_call_id.setdefault(call_id, leg.uuid))
        if other is None or other is leg or other.outbound == leg.outbound or leg.loopback or other.loopback:
            return
        leg.loopback = other.loopback = True
        leg.loops_to, other.loops_to = other.uuid, leg.uuid
        # What was told of the leg that came in is told of the one who has really called.
        came_in, went_out = (other, leg) if leg.outbound else (leg, other)
        client = self.up.get(went_out.originator)
        if client is not None and came_in.told:
            client.told |= came_in.told
            client.told_as = client.told_as or came_in.told_as
            client.began = client.began or came_in.began
