"""What two legs make that are bridged, or of which one rings for the other: a client and a subscriber, two
subscribers, a client and somebody outside. Each is told once a call. Pure.

- The client's number is the one that he has when he is told of, since the dialplan may have mended it.
- It is an outgoing call for the subscriber who has called the client, and for nobody else who talks to him.
"""

from __future__ import annotations

from collections.abc import Callable

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    How,
    RangAgain,
    Recorded,
    Resumed,
    TalksInside,
    TalksOutside,
    Unidentified,
)
from fs_1c.talk.identity import People, same_number
from fs_1c.talk.leg_table import LegTable
from fs_1c.talk.legs import Leg, seconds

MAX_TOLD = 1000
"""Subscribers who have talked to one client in one call, or whose telephones have rung; no more are told."""


DIGITS = 7
"""By so many at its end a number is known whatever a trunk wants before them."""


class Pairs:
    """Tells of pairs, and of each but once; what was told of a call stands in its client's leg.

    Args:
        internal: Whether calls of one subscriber to another are wanted, too.
    """

    def __init__(self, legs: LegTable, people: People, internal: Callable[[], bool]) -> None:
        self._legs = legs
        self._people = people
        self._internal = internal

    def bridged(self, uuid: str, other_uuid: str, age: float = 0.0) -> tuple[CallEvent, ...]:
        """What these two, who are bridged, make: two people who hear each other, perhaps."""
        legs = self._legs
        one, two = legs.up.get(legs.end(uuid)), legs.up.get(legs.end(other_uuid))
        if one is None or two is None or not one.answered or not two.answered:
            return ()
        if age:  # with early media they were bridged before that
            age = max(0.0, min(age, legs.now() - max(one.answered_at, two.answered_at)))
        return self._pair(one, two, age=age)

    def rings(self, leg: Leg, age: float = 0.0) -> tuple[CallEvent, ...]:
        """That telephone rings, for the leg that has it called."""
        caller = self._legs.caller_of(leg)
        return () if caller is None else self._pair(caller, leg, ringing=True, age=age)

    def reached_nobody(self, leg: Leg) -> tuple[CallEvent, ...]:
        """The call of a client who has hung up, or did not answer, before anybody was told of it; and whose
        telephone rang last.
        """
        if leg.rang_last and not leg.talked:
            return (leg.rang_last,)
        if leg.began or leg.loopback or leg.party.subscriber:
            return ()
        if leg.outbound:
            is_client = self._has_him_called(leg) is not None
        else:
            is_client = not leg.party.why or self._people.is_number(leg.number)
        return self._begins(leg) if is_client else ()

    def files(self, call_uuid: str, leg: Leg) -> tuple[CallEvent, ...]:
        """The recordings of a leg that have not been told of."""
        if not leg.recorded:
            return ()
        files, leg.recorded = leg.recorded, ()
        return tuple(Recorded(call_uuid, file) for file in files if file)

    def _pair(self, one: Leg, two: Leg, *, ringing: bool = False, age: float = 0.0) -> tuple[CallEvent, ...]:
        match one.party.subscriber, two.party.subscriber:
            case False, True:
                return self._talk(one, two, ringing, age)
            case True, False:  # ringing: a client's telephone
                return self._begins(two) if ringing else self._talk(two, one, ringing, age)
            case False, False:
                return () if ringing else self._outside(one, two, age)
            case _:  # two subscribers
                return self._inside(one, two, ringing, age) if self._internal() else ()

    def _talk(self, client: Leg, subscriber: Leg, ringing: bool, age: float) -> tuple[CallEvent, ...]:
        """A client and a subscriber."""
        number = self._number(client)
        if client.party.why and not self._people.is_number(number):
            return ()
        what = (subscriber.party.name, ringing)
        if what in client.told:  # hold and resume, or back from a transfer
            return self._rings_again(client, subscriber) if ringing else self._again(client, subscriber, age)
        if len(client.told) >= MAX_TOLD:
            return ()
        client.base = client.base or subscriber.base  # exported: his leg says it first
        began = self._begins(client)
        client.told.add(what)
        client.rang_last = None
        outgoing = self._has_called(subscriber, client)
        how, by = (How.ANSWERED, "") if ringing or outgoing else _how(client, subscriber)
        if not ringing:
            client.talked.append(subscriber.party.name)
            subscriber.talked = [number]
            client.talking += (subscriber.uuid,)
        conversation = Conversation(
            call_uuid=client.told_as,
            leg_uuid=subscriber.uuid,
            number=number,
            extension=subscriber.party.name,
            key=subscriber.key,
            base=client.base,
            destination="" if client.outbound else client.destination,
            domain=subscriber.domain,
            ringing=ringing,
            outgoing=outgoing,
            age=age,
            how=how,
            by=by,
            at=self._ago(age),
        )
        files = self.files(client.told_as, client) + self.files(client.told_as, subscriber)
        return (*began, conversation, *files)

    def _rings_again(self, client: Leg, subscriber: Leg) -> tuple[CallEvent, ...]:
        """A queue rings the same people for long: that is told once, and only if it matters."""
        name, now = subscriber.party.name, self._legs.now()
        client.rang_last = RangAgain(client.told_as, subscriber.uuid, name, now)
        return ()

    def _again(self, client: Leg, subscriber: Leg, age: float) -> tuple[CallEvent, ...]:
        if subscriber.uuid in client.talking or len(client.talking) >= MAX_TOLD:
            return ()
        client.talking += (subscriber.uuid,)
        return (Resumed(client.told_as, subscriber.uuid, subscriber.party.name, self._ago(age)),)

    def _inside(self, one: Leg, two: Leg, ringing: bool, age: float) -> tuple[CallEvent, ...]:
        """Two subscribers, of whom one has called the other."""
        if one.outbound:
            one, two = two, one
        what = (two.party.name, ringing)
        if one.outbound or self._legs.caller_of(two) is not one or what in one.told:
            return ()
        if len(one.told) >= MAX_TOLD:
            return ()
        began = self._begins(one, internal=True)
        one.told.add(what)
        return (*began, TalksInside(one.told_as, two.uuid, two.party.name, ringing, self._ago(age)))

    def _outside(self, one: Leg, two: Leg, age: float) -> tuple[CallEvent, ...]:
        """A client talks to somebody outside, whom the switch has called for him; or in a way that does not
        tell who he is.
        """
        if two.from_outside:
            one, two = two, one
        what = (two.uuid, False)
        if not one.from_outside or one.party.why or two.from_outside or what in one.told:
            return ()
        if len(one.told) >= MAX_TOLD:
            return ()
        began = self._begins(one)
        one.told.add(what)
        one.talking += (two.uuid,)
        name, why, at = two.party.name, two.party.why, self._ago(age)
        if why:
            return (*began, Unidentified(one.told_as, two.uuid, self._number(one), name, why, at))
        return (*began, TalksOutside(one.told_as, two.uuid, name, at))

    def _begins(self, client: Leg, *, internal: bool = False) -> tuple[CallEvent, ...]:
        """The call of a client, or of a subscriber to another, if it has not been told of."""
        client.told_as = client.told_as or client.uuid
        if client.began:
            return ()
        client.began = True
        caller = self._has_him_called(client)
        return (
            Began(
                call_uuid=client.told_as,
                leg_uuid=client.uuid,
                number=self._number(client),
                destination=client.destination,
                base=client.base,
                extension=caller.party.name if caller else "",
                asked_by=caller.uuid if caller else "",
                outgoing=client.outbound,
                at=seconds(client.created),
                internal=internal,
            ),
        )

    def _has_him_called(self, client: Leg) -> Leg | None:
        """The subscriber who has the switch call that client."""
        caller = self._legs.caller_of(client) if client.outbound else None
        return caller if caller is not None and caller.party.subscriber else None

    def _number(self, client: Leg) -> str:
        """A client's number: as he calls now; of one who was called, as the subscriber has dialled it, for a
        trunk may want digits before it. But not whom he has talked to, if he was sent on to this one then.
        """
        name, people = client.party.name, self._people
        if not client.outbound:
            return client.number or name
        caller = self._has_him_called(client)
        dialled = caller.destination if caller else ""
        if caller is None or not people.is_number(dialled) or same_number(dialled, name, people):
            return name
        sent_on = caller.talked and same_number(client.dialled, name, people)
        return name if sent_on and not name.endswith(dialled[-DIGITS:]) else dialled

    def _has_called(self, subscriber: Leg, client: Leg) -> bool:
        """Whether this subscriber, and nobody else, has called that client."""
        caller = self._legs.caller_of(client) if client.outbound else None
        if caller is None:
            return client.outbound and client.originator == subscriber.uuid
        return caller is subscriber or caller.party == subscriber.party

    def _ago(self, age: float) -> float:
        return max(0.0, self._legs.now() - age)


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
