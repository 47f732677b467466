"""Things that must happen after a while, for any number of threads: one thread, one heap."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Timers:
    """Calls functions later. They must be quick: they run one after another, on one thread."""

    def __init__(self, name: str = "fs-1c-timers") -> None:
        self._name = name
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._wanted: set[int] = set()
        self._order = itertools.count()
        self._changed = threading.Condition(threading.RLock())  # an action may set another timer
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf  # it looks at them then, on the monotonic clock

    def after(self, seconds: float, action: Callable[[], None]) -> int:
        """Has `action` called once, `seconds` from now. Returns a ticket for `cancel`."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            ticket = next(self._order)
            self._wanted.add(ticket)
            at = time.monotonic() + seconds
            heapq.heappush(self._waiting, (at, ticket, action))
            if at < self._wakes_at:  # else that thread would take a moment from all others, for nothing
                self._wakes_at = at
                self._changed.notify()
            return ticket

    def cancel(self, ticket: int) -> None:
        """When this returns the action is not running and will not be called any more."""
        with self._changed:
            self._wanted.discard(ticket)
            self._forget()

    @contextmanager
    def within(self, seconds: float, end_it: Callable[[], None]) -> Iterator[None]:
        """Calls `end_it` from outside if the block is still running after `seconds`."""
        ticket = self.after(seconds, end_it)
        try:
            yield
        finally:
            self.cancel(ticket)

    def _forget(self) -> None:
        """Drops what is cancelled from the front; the rest goes when its turn comes. Called with the lock."""
        while self._waiting and self._waiting[0][1] not in self._wanted:
            heapq.heappop(self._waiting)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._forget()
                if not self._waiting:
                    self._wakes_at = math.inf
                    self._changed.wait()
                    continue
                at, ticket, action = self._waiting[0]
                if (left := at - time.monotonic()) > 0:
                    self._wakes_at = at
                    self._changed.wait(left)
                    continue
                heapq.heappop(self._waiting)
                self._wanted.discard(ticket)
                try:
                    action()  # with the lock: what is cancelled meanwhile has not happened, or is over
                except Exception:
                    log.exception("a timer's action failed")


TIMERS = Timers()
"""The one that the library uses."""

BEAT = 0.25
"""Seconds between two signs that this process runs."""
LEAST = 1.0
"""Seconds without one that count as standing still; less is a busy machine."""


class Stalls:
    """When this process did not run: it was stopped, frozen, or the machine paused. What took longer for that
    is nobody else's fault. Thread-safe.

    Args:
        timers: On whose thread the signs are given.
        told: Hears how many seconds it has stood still, as soon as it runs again.
    """

    def __init__(self, timers: Timers, told: Callable[[float], None] = lambda seconds: None) -> None:
        self._timers = timers
        self._told = told
        self._stalls: deque[tuple[float, float]] = deque(maxlen=100)
        self._last: float | None = None
        self._ticket = 0

    def watch(self) -> None:
        """From now on, until `end`; may be said again."""
        if self._last is None:
            self._last = time.monotonic()
            self._ticket = self._timers.after(BEAT, self._beat)

    def end(self) -> None:
        self._timers.cancel(self._ticket)
        self._last = None
        self._stalls.clear()

    def since(self, began: float) -> float:
        """Seconds that it has stood still since then, on the monotonic clock. It may be that nobody else has
        noticed yet: all threads wake at once.
        """
        last, now = self._last, time.monotonic()
        stalls = list(self._stalls)
        if last is not None and now - last >= LEAST:
            stalls.append((last, now))
        return sum(max(0.0, ended - max(began, stood)) for stood, ended in stalls)

    def _beat(self) -> None:
        last, now = self._last, time.monotonic()
        self._ticket = self._timers.after(BEAT, self._beat)
        if last is not None and now - last >= LEAST:
            self._stalls.append((last, now))
            self._told(now - last)
        self._last = now


def _say(seconds: float) -> None:
    log.warning(
        "the service stood still for %.1f s (it was stopped or frozen, or the machine paused): what callers "
        "and 1C waited for meanwhile counts against nobody",
        seconds,
    )


STALLS = Stalls(TIMERS, _say)
"""Those of this process."""
