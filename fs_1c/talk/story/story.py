"""One call so far, and how an event goes into its story."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    Ended,
    How,
    HungUp,
    Parted,
    RangAgain,
    Recorded,
    Resumed,
    TalksInside,
    TalksOutside,
    Unidentified,
)

T = TypeVar("T")

MAX_PARTS = 100
"""Telephones that rang, talks, recordings of one call that are kept: the latest, of a queue that rings on."""


class Ring(NamedTuple):
    """A subscriber's telephone rings for the client.

    Attributes:
        at, until: Seconds since the epoch by the switch's clock; `until` is None while it rings or he talks.
        cause: Why it rings no more, FreeSWITCH's Hangup-Cause; empty: it rings, or he has answered.
    """

    extension: str
    leg_uuid: str
    at: float
    until: float | None = None
    cause: str = ""


class Talk(NamedTuple):
    """The client talks to somebody.

    Attributes:
        extension: The subscriber; empty: somebody outside, or nobody knows who.
        name: What he is called, where he is no subscriber.
        at, until: Seconds since the epoch by the switch's clock; `until` is None while they talk.
        how: How he has come to talk to the client.
        by: Who had to do with that: an extension, or empty.
    """

    extension: str
    leg_uuid: str
    at: float
    until: float | None = None
    how: How = How.ANSWERED
    by: str = ""
    name: str = ""


class Story(NamedTuple):
    """One call so far. Times are seconds since the epoch by the switch's clock.

    Attributes:
        call_uuid: What the call is called, mostly the client's leg.
        number: The client's, any form; empty: withheld.
        destination: The number that was dialled, or empty.
        base: The 1C base that the dialplan chose, or empty.
        outgoing: A subscriber has called the client.
        extension: Who, of an outgoing call.
        began: When; 0: the switch does not say.
        rings: Telephones of subscribers that rang, in order, each leg once.
        talks: In order. After a pause (parked, and fetched again) there is another one.
        recordings: Files, as the switch has them.
        ended: When it was over, or None.
        cause: The Hangup-Cause of the client's leg.
        clients: The client's legs that are up; more than one while another trunk is tried.
        asked_by: The leg of the subscriber who calls, of an outgoing call, while it is up.
        switch: Whose call it is, by its address; empty: a door tells of it that listens to none.
        internal: A subscriber has called another, and `number` is his extension.
        unheard: It was found to be over, by `ended` at the latest; what was before that nobody has heard.
    """

    call_uuid: str
    number: str
    destination: str = ""
    base: str = ""
    outgoing: bool = False
    extension: str = ""
    began: float = 0.0
    rings: tuple[Ring, ...] = ()
    talks: tuple[Talk, ...] = ()
    recordings: tuple[str, ...] = ()
    ended: float | None = None
    cause: str = ""
    clients: tuple[str, ...] = ()
    asked_by: str = ""
    switch: str = ""
    internal: bool = False
    unheard: bool = False

    @property
    def legs(self) -> tuple[str, ...]:
        """The legs that are up, each once."""
        rings = (ring.leg_uuid for ring in self.rings if ring.until is None)
        talks = (talk.leg_uuid for talk in self.talking)
        return tuple(dict.fromkeys(filter(None, (*self.clients, self.asked_by, *rings, *talks))))

    @property
    def rang(self) -> tuple[str, ...]:
        """Extensions that rang, in order, each once."""
        return tuple(dict.fromkeys(ring.extension for ring in self.rings))

    @property
    def talked(self) -> tuple[str, ...]:
        """Extensions that talked to the client, in order, each once."""
        return tuple(dict.fromkeys(talk.extension for talk in self.talks if talk.extension))

    @property
    def talking(self) -> tuple[Talk, ...]:
        """Who talks to the client now."""
        return tuple(talk for talk in self.talks if talk.until is None)

    @property
    def answered(self) -> bool:
        """Somebody has talked to the client; a greeting or a mailbox is nobody."""
        return bool(self.talks)

    @property
    def outcome(self) -> Ended:
        """How it has ended, once it has."""
        return Ended.of(answered=self.answered, outgoing=self.outgoing, unheard=self.unheard)

    @property
    def unanswered(self) -> bool:
        """The client has called, it is over, and nobody is known to have talked to him: he is to be called
        back, even if somebody may have, of whom nobody has heard.
        """
        return self.ended is not None and not self.outgoing and not self.talks

    @property
    def seconds(self) -> float:
        """How long the client had somebody to talk to, from the first word to the last, being put on hold or
        handed over included; up to now only as far as the story goes.
        """
        if not self.talks:
            return 0.0
        last = max((talk.until for talk in self.talks if talk.until is not None), default=0.0)
        if any(talk.until is None for talk in self.talks):
            last = max(last, self.ended or 0.0)
        return max(0.0, last - self.talks[0].at)

    def after(self, event: CallEvent) -> Story:
        """The story with that event, which is about it, in it."""
        match event:
            case Began():
                if self.clients[-1:] == (event.leg_uuid,):
                    return self
                others = tuple(leg for leg in self.clients if leg != event.leg_uuid)
                return self._replace(clients=(*others, event.leg_uuid))
            case Conversation(ringing=True) | RangAgain():
                if any(ring.leg_uuid == event.leg_uuid for ring in self.rings):
                    return self
                return self._replace(rings=_and(self.rings, Ring(event.extension, event.leg_uuid, event.at)))
            case Conversation():
                talk = Talk(event.extension, event.leg_uuid, event.at, how=event.how, by=event.by)
                return self._with(talk, event.number)
            case Resumed():
                return self._with(Talk(event.extension, event.leg_uuid, event.at, how=How.FETCHED))
            case Unidentified():
                return self._with(Talk("", event.leg_uuid, event.at, name=event.name))
            case TalksOutside():
                return self._with(Talk("", event.leg_uuid, event.at, name=event.number))
            case TalksInside(ringing=True):
                return self.after(_as_conversation(event))
            case TalksInside():
                return self._with(Talk(event.extension, event.leg_uuid, event.at))
            case Parted(leg_uuid=leg):
                return self._replace(talks=_until(self.talks, leg, event.at))
            case Recorded(file=file) if file not in self.recordings:
                return self._replace(recordings=_and(self.recordings, file))
            case HungUp():
                return self._without(event)
        return self

    def _with(self, talk: Talk, number: str = "") -> Story:
        if any(one.leg_uuid == talk.leg_uuid and one.until is None for one in self.talks):
            return self  # another door has told of it
        rings = tuple(
            ring._replace(until=talk.at) if ring.leg_uuid == talk.leg_uuid and ring.until is None else ring
            for ring in self.rings
        )
        return self._replace(rings=rings, talks=_and(self.talks, talk), number=number or self.number)

    def _without(self, event: HungUp) -> Story:
        """A leg has hung up: a client's, or a subscriber's."""
        at, leg = event.at, event.leg_uuid
        clients = tuple(one for one in self.clients if one != leg)
        asked_by = "" if leg == self.asked_by else self.asked_by
        # Of several trunks the next may be tried, as long as nobody has talked and he who calls is there.
        over = not clients and (bool(self.talks) or not asked_by)
        # Who has called a colleague may go on to somebody else; with him he has done.
        if self.internal and any(one.leg_uuid == leg for one in self.talking) and len(self.talking) == 1:
            over, clients = True, ()
        rings = tuple(
            ring._replace(until=at, cause=event.cause)
            if ring.until is None and (over or ring.leg_uuid == leg)
            else ring
            for ring in self.rings
        )
        talks = tuple(
            talk._replace(until=at) if talk.until is None and (not clients or talk.leg_uuid == leg) else talk
            for talk in self.talks
        )
        return self._replace(
            rings=rings,
            talks=talks,
            clients=clients,
            asked_by=asked_by,
            ended=at if over else None,
            unheard=over and event.unheard,
            cause=event.cause if leg in self.clients else self.cause,
        )


def _and(parts: tuple[T, ...], part: T) -> tuple[T, ...]:
    return (*parts[-MAX_PARTS + 1 :], part)


def _until(talks: tuple[Talk, ...], leg: str, at: float) -> tuple[Talk, ...]:
    return tuple(
        talk._replace(until=at) if talk.leg_uuid == leg and talk.until is None else talk for talk in talks
    )


def _as_conversation(event: TalksInside) -> Conversation:
    return Conversation(event.call_uuid, event.leg_uuid, "", event.extension, ringing=True, at=event.at)
