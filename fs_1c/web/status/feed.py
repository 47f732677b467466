"""What has just become of calls, for whoever watches: an observer of the core, a ring of what it heard.

A reader has no queue of his own but a place in the ring. So he costs nothing when he is slow or one of a
thousand: the ring goes on without him, and tells him how much he has missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fs_1c.call import CallEvent, Conversation, Decision, ScreenPop
from fs_1c.journal import DecisionEntry, EndEntry, PopEntry, of_decision, of_end, of_pop
from fs_1c.talk import Observer, Story

log = logging.getLogger(__name__)

SIZE = 500
"""Events that are kept."""

FeedRow = DecisionEntry | PopEntry | EndEntry


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        id: 1, 2, 3 … since the feed began.
        row: As the journal would have it.
    """

    id: int
    row: FeedRow


class Feed(Observer):
    """Hears of calls in any thread; is read in one event loop. Memory is bounded by `size` events.

    Attributes:
        epoch: Tells this feed's ids from those of another process, before or beside it.
    """

    def __init__(self, size: int = SIZE) -> None:
        self.epoch = secrets.token_hex(6)
        self._events: deque[Event] = deque(maxlen=size)
        self._last = 0
        self._closed = False
        self._lock = threading.Lock()  # for all of these; held for as long as it takes to copy them
        self._waiting: set[asyncio.Future[None]] = set()
        self._asleep: asyncio.AbstractEventLoop | None = None  # nobody has called there since they wait

    def decided(self, decision: Decision) -> None:
        """A call was decided upon. Returns at once, never raises."""
        self._tell(lambda: of_decision(decision, True, time.time()))

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        """A screen pop has ended. Returns at once, never raises."""
        self._tell(lambda: of_pop(conversation, pop, time.time()))

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """A call is over. Returns at once, never raises."""
        if story is not None and story.ended is not None and not story.internal:
            over = story
            self._tell(lambda: of_end(over, time.time()))

    def erased(self, is_his: Callable[[str], bool]) -> None:
        """A client's rows stay as those of nobody: readers have their place by the events' ids."""
        with self._lock:
            events = list(self._events)
        # Not with the lock: to read numbers takes a while, and calls come by there.
        calls = {event.row.call for event in events if is_his(event.row.number)}
        his = {event.id for event in events if event.row.call in calls - {""} or is_his(event.row.number)}
        with self._lock:
            for i, event in enumerate(self._events):
                if event.id in his:
                    self._events[i] = Event(event.id, _of_nobody(event.row))

    def since(self, after: int | None, limit: int = SIZE) -> tuple[list[Event], int]:
        """The `limit` oldest events with an id above `after`, and how many before those are lost.

        Args:
            after: None: from the beginning, of which nothing counts as lost.
        """
        with self._lock:
            if after is not None and after >= self._last:
                return [], 0
            events = list(self._events)
        first = events[0].id if events else 1
        start = 0 if after is None else max(0, after + 1 - first)
        missed = 0 if after is None else max(0, first - after - 1)
        return events[start : start + limit], missed

    async def news(self, after: int | None) -> None:
        """Waits until there is an event above `after`, or `wake`; not at all once the feed is closed."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._closed or self._last > (after or 0):
                return
            self._waiting.add(waiter)
            self._asleep = loop
        try:
            await waiter
        finally:
            with self._lock:
                self._waiting.discard(waiter)

    def close(self) -> None:
        """Nobody waits any more. What is told afterwards can still be read."""
        with self._lock:
            self._closed = True
            loop, self._asleep = self._asleep, None
        self._call(loop)

    @property
    def closed(self) -> bool:
        return self._closed

    def _tell(self, made: Callable[[], FeedRow]) -> None:
        try:
            row = made()
            with self._lock:
                self._last += 1
                self._events.append(Event(self._last, row))
                loop, self._asleep = self._asleep, None
            self._call(loop)
        except Exception:  # whoever tells us has a call to look after
            log.exception("status page: an event is lost")

    def _call(self, loop: asyncio.AbstractEventLoop | None) -> None:
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self.wake)

    def wake(self) -> None:
        """Whoever waits looks what there is. In their loop."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


def _of_nobody(row: FeedRow) -> FeedRow:
    if isinstance(row, PopEntry):
        return row._replace(number="", call="", leg="")
    if isinstance(row, EndEntry):  # a name may be a number: of who was called for him
        return row._replace(number="", call="", talked="")
    return row._replace(number="", asked_as="", title=None, call="", category="", manager="", target=None)
