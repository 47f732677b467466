"""The stories of all calls that are up: which of them an event is about, and which begins with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    HungUp,
    Recorded,
    Resumed,
    TalksInside,
    TalksOutside,
    Unidentified,
)
from fs_1c.talk.story.story import Story

MAX_STORIES = 50_000
"""Calls whose story is kept; the oldest is forgotten first."""


class Stories:
    """The stories of all calls that are up; not thread-safe."""

    def __init__(self, size: int = MAX_STORIES) -> None:
        self._size = size
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._call_of: dict[str, str] = {}  # a leg of a call → what the call is called
        self._restored: set[str] = set()
        self._bases: OrderedDict[str, str] = OrderedDict()

    def restore(self, stories: Iterable[Story]) -> None:
        """Goes on with stories that another process has told, but for those that are known by now. They must
        not have ended.
        """
        for story in stories:
            if story.call_uuid in self._stories or len(self._stories) >= self._size:
                continue
            self._stories[story.call_uuid] = story
            self._restored.add(story.call_uuid)
            for leg in (story.call_uuid, *_all_legs(story)):
                self._call_of.setdefault(leg, story.call_uuid)

    def chosen(self, call_uuid: str, base: str) -> None:
        """The dialplan has chosen a base for a call. Whoever is asked about the call knows that first: the
        channel's own events do not say it before somebody's telephone rings, and the call begins with that.
        """
        story = self._stories.get(self._call_of.get(call_uuid, call_uuid))
        if story is None:
            self._bases[call_uuid] = base
            if len(self._bases) > self._size:
                self._bases.popitem(last=False)
        elif not story.base:
            self._stories[story.call_uuid] = story._replace(base=base)

    def legs(self, switch: str) -> set[str]:
        """Legs of that switch that another process has said to be up, of calls that are not over."""
        found = (self._stories[call] for call in self._restored)
        return {leg for story in found if story.switch == switch for leg in story.legs}

    def __len__(self) -> int:
        return len(self._stories)

    def heard(self, event: CallEvent, switch: str = "") -> Story | None:
        """Takes an event; the story that goes on by it, or None: it is about nobody's.

        Args:
            switch: Whose event it is, by its address; empty: that is not known.
        """
        if isinstance(event, HungUp):
            call = self._call_of.pop(event.leg_uuid, event.leg_uuid)
        else:
            call = self._call_of.get(event.call_uuid, event.call_uuid)
        before = self._stories.get(call)
        if isinstance(event, Began):
            before, call = self._begun(event, before, call, switch)
        if before is None:
            if not isinstance(event, Conversation | Unidentified):
                return None
            before = _unbegun(event)
        if isinstance(event, Recorded) and event.file in before.recordings:
            return None  # that it is over
        if isinstance(event, Conversation | Resumed | Unidentified | TalksOutside | TalksInside):
            self._talks(event.leg_uuid, call)
        story = before.after(event)
        if switch and not story.switch:
            story = story._replace(switch=switch)
        if story.ended is not None:
            self._forget(call)
        else:
            self._stories[call] = story
            if len(self._stories) > self._size:
                self._forget(next(iter(self._stories)))
        return story

    def _talks(self, leg: str, call: str) -> None:
        """Whoever has a call of his own, as a client whom a subscriber has called and hands on to another,
        ends that one when he hangs up; who talked to him has parted from him then.
        """
        own = self._stories.get(self._call_of.get(leg, ""))
        if own is None or leg not in own.clients:
            self._call_of[leg] = call

    def _begun(self, event: Began, before: Story | None, call: str, switch: str) -> tuple[Story, str]:
        """The story that begins, or that goes on by another trunk."""
        asked_by = event.asked_by
        known = self._stories.get(self._call_of.get(asked_by, "")) if asked_by else None
        if known is not None and known.internal:  # his leg is that call's
            known, asked_by = None, ""
        if before is None and known and known.outgoing and not known.talks:
            before, call = known, known.call_uuid
        self._call_of[event.leg_uuid] = self._call_of[event.call_uuid] = call
        if asked_by:
            self._call_of[asked_by] = call
        chosen = self._bases.pop(event.call_uuid, "")
        if before is not None:
            return before, call
        return (
            Story(
                event.call_uuid,
                event.number,
                event.destination,
                event.base or chosen,
                event.outgoing,
                event.extension,
                event.at,
                clients=(event.leg_uuid,),
                asked_by=asked_by,
                internal=event.internal,
                switch=switch,
            ),
            call,
        )

    def _forget(self, call: str) -> None:
        self._restored.discard(call)
        story = self._stories.pop(call, None)
        if story is not None:
            for leg in (call, *_all_legs(story)):
                self._call_of.pop(leg, None)


def _all_legs(story: Story) -> tuple[str, ...]:
    """Those that were up, too."""
    rang, talked = (ring.leg_uuid for ring in story.rings), (talk.leg_uuid for talk in story.talks)
    return (story.asked_by, *story.clients, *rang, *talked)


def _unbegun(event: Conversation | Unidentified) -> Story:
    """A call whose beginning no door could tell of: it has only heard of those who talk."""
    if isinstance(event, Unidentified):
        return Story(event.call_uuid, event.number, clients=(event.call_uuid,))
    return Story(
        event.call_uuid,
        event.number,
        event.destination,
        event.base,
        event.outgoing,
        began=event.at,
        clients=(event.call_uuid,),
    )
