"""The story of a call: who rang, who talks, who has parted, and that it is over. Pure.

Everybody who wants to know what becomes of calls listens to this, and to nothing else (`Observer`): the
cards, the journal, the metrics, the status page. None of them reads what a switch sends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from fs_1c.call import CallEvent, Conversation, Decision, HungUp, ScreenPop

MAX_STORIES = 50_000
"""Calls whose story is kept; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Story:
    """One call so far.

    Attributes:
        call_uuid: The client's leg.
        number: The client's, any form.
        destination: The number that was dialled, or empty.
        outgoing: A subscriber has called the client.
        rang: Extensions that rang, in order, each once.
        talked: Extensions that talked to the client, in order, each once.
        legs: The subscribers' legs of it that are up: uuid → extension, in the order in which they came.
        ended: The client has hung up.
    """

    call_uuid: str
    number: str
    destination: str = ""
    outgoing: bool = False
    rang: tuple[str, ...] = ()
    talked: tuple[str, ...] = ()
    legs: tuple[tuple[str, str], ...] = ()
    ended: bool = False

    def after(self, event: CallEvent) -> Story:
        """The story with that event in it; the same if it is of another call."""
        match event:
            case Conversation(call_uuid=self.call_uuid):
                who, leg = event.extension, event.leg_uuid
                legs = (*(one for one in self.legs if one[0] != leg), (leg, who))
                if event.ringing:
                    return replace(self, rang=_with(self.rang, who), legs=legs)
                return replace(self, talked=_with(self.talked, who), legs=legs)
            case HungUp(leg_uuid=self.call_uuid):
                return replace(self, legs=(), ended=True)
            case HungUp(leg):
                return replace(self, legs=tuple(one for one in self.legs if one[0] != leg))
        return self


def _with(extensions: tuple[str, ...], extension: str) -> tuple[str, ...]:
    return extensions if extension in extensions else (*extensions, extension)


class Stories:
    """The stories of all calls that are up; not thread-safe."""

    def __init__(self, size: int = MAX_STORIES) -> None:
        self._size = size
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._call_of: dict[str, str] = {}  # a subscriber's leg → the client's

    def __len__(self) -> int:
        return len(self._stories)

    def heard(self, event: CallEvent) -> Story | None:
        """Takes an event; the story that goes on by it, or None: it is about nobody's."""
        if isinstance(event, Conversation):
            call = event.call_uuid
            before = self._stories.get(call) or Story(call, event.number, event.destination, event.outgoing)
            self._call_of[event.leg_uuid] = call
        else:
            call = self._call_of.pop(event.leg_uuid, event.leg_uuid)
            if (known := self._stories.get(call)) is None:
                return None
            before = known
        story = before.after(event)
        if story.ended:
            self._forget(call)
        else:
            self._stories[call] = story
            if len(self._stories) > self._size:
                self._forget(next(iter(self._stories)))
        return story

    def _forget(self, call: str) -> None:
        story = self._stories.pop(call, None)
        for leg, _ in story.legs if story else ():
            self._call_of.pop(leg, None)


class Observer:
    """Hears what becomes of calls, and of the requests to 1C that they cost. Whoever wants to know less than
    all of it overrides less. Must return at once and never raise.
    """

    def decided(self, decision: Decision) -> None:
        """A call was decided."""

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """Something has happened to a call; None: it is about a leg that is in no story."""

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        """A card opened, or did not."""

    def erased(self, is_his: Callable[[str], bool]) -> None:
        """What is remembered of one client must go; `is_his` knows his number in any form."""

    def asked(self, base: str, operation: str, took: float, error: str) -> None:
        """A request to 1C has ended after `took` seconds; `error` is its kind, empty if it went well."""
