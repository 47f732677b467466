"""Whether a base is worth waiting for: closed, open, half-open.

Closed: everybody asks. When too large a share of the latest requests failed or was slow it opens, and nobody
waits any more. After a pause one request tries the base, on nobody's time; that decides. (A breaker that
holds a lock while it calls, as pybreaker does, would put all requests in one queue; this one only counts.)
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from fs_1c.settings import BreakerSettings


class BreakerState(StrEnum):
    """Where the breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"  # one request is trying


class Breaker:
    """Counts. Thread-safe, never blocks.

    Args:
        settings: When it opens and for how long.
        on_change: Told of each change, outside the lock: the state before, the state now.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        on_change: Callable[[BreakerState, BreakerState], None] = lambda before, now: None,
    ) -> None:
        self._settings = settings
        self._on_change = on_change
        self._latest: deque[bool] = deque(maxlen=settings.window)
        self._state = BreakerState.CLOSED
        self._opened_at = 0.0
        self._lock = threading.Lock()

    @property
    def state(self) -> BreakerState:
        return self._state

    def allows(self) -> bool:
        """May a caller's request be made?"""
        return self._state is BreakerState.CLOSED

    def record(self, well: bool) -> None:
        """A request that was allowed has ended: well, or failed or slow."""
        with self._lock:
            if self._state is not BreakerState.CLOSED:
                return  # a straggler from before
            self._latest.append(well)
            failed = self._latest.count(False)
            enough = len(self._latest) >= self._settings.at_least
            if well or not enough or failed < self._settings.share * len(self._latest):
                return
            self._open()
        self._on_change(BreakerState.CLOSED, BreakerState.OPEN)

    def try_now(self) -> bool:
        """True for the one who may try the base now, after the pause; he must tell by `tried`."""
        with self._lock:
            paused = time.monotonic() - self._opened_at >= self._settings.pause
            if self._state is not BreakerState.OPEN or not paused:
                return False
            self._state = BreakerState.HALF_OPEN
        self._on_change(BreakerState.OPEN, BreakerState.HALF_OPEN)
        return True

    def tried(self, well: bool) -> None:
        """The request that tried the base has ended."""
        with self._lock:
            if self._state is not BreakerState.HALF_OPEN:
                return
            if well:
                self._state = BreakerState.CLOSED
                self._latest.clear()
            else:
                self._open()
            now = self._state
        self._on_change(BreakerState.HALF_OPEN, now)

    def _open(self) -> None:
        self._state = BreakerState.OPEN
        self._opened_at = time.monotonic()
        self._latest.clear()
