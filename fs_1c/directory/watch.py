"""How a base is: its breaker, fed by requests, and the request on nobody's time that tries a base which is
down.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import Future

from fs_1c.directory.breaker import Breaker, BreakerState
from fs_1c.onec import Client, OneCError, Urgency, WorkerPool
from fs_1c.settings import BreakerSettings
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

MAX_WHY = 200
"""Characters."""


class Watch:
    """Watches one base. Thread-safe, never blocks.

    Args:
        pool: Of the base.
        settings: When it counts as down.
        slow: Seconds after which a request was too slow to be of use to a caller.

    Attributes:
        since: When it began to count as down, seconds since the epoch; None: it does not.
        why: What was last wrong with it, in 1C's words where it had any; empty: nothing.
    """

    def __init__(self, pool: WorkerPool, settings: BreakerSettings, slow: float) -> None:
        self._pool = pool
        self._pause = settings.pause
        self._slow = slow
        self._breaker = Breaker(settings, self._changed)
        self._closed = False
        self.since: float | None = None
        self.why = ""

    @property
    def state(self) -> BreakerState:
        return self._breaker.state

    def allows(self) -> bool:
        """May the base be asked for a caller?"""
        return self._breaker.allows()

    def record(self, error: BaseException | None, took: float) -> None:
        """A request has ended after `took` seconds, or its first caller had to go on."""
        if not isinstance(error, OneCError) or error.kind != "busy":
            self._breaker.record(self._well(error, took))

    def close(self) -> None:
        """Tries no more."""
        self._closed = True

    def _well(self, error: BaseException | None, took: float) -> bool:
        if isinstance(error, OneCError) and error.base_down:
            self.why = f"{error.kind}: {error.message}"[:MAX_WHY]
        elif took > self._slow:
            self.why = f"slower than {self._slow * 1000:.0f} ms"
        else:
            return True
        return False

    def _changed(self, before: BreakerState, now: BreakerState) -> None:
        name = self._pool.name
        if now is BreakerState.OPEN:
            if before is BreakerState.CLOSED:
                self.since = time.time()
                log.warning(
                    "1C base %s counts as down (%s): nobody waits for it, it is tried every %g s",
                    name,
                    self.why,
                    self._pause,
                )
            TIMERS.after(self._pause, self._try)
        elif now is BreakerState.CLOSED:
            self.since, self.why = None, ""
            log.warning("1C base %s is back", name)

    def _try(self) -> None:
        if self._closed:
            return
        if not self._breaker.try_now():
            if self._breaker.state is BreakerState.OPEN:
                TIMERS.after(self._pause / 10, self._try)
            return
        began = math.inf  # until a worker has taken it: what it waits for is not this one's time

        def probe(client: Client) -> None:
            nonlocal began
            began = time.monotonic()
            client.warm_up()

        def tried(future: Future[None]) -> None:
            self._breaker.tried(self._well(future.exception(), time.monotonic() - began))

        self._pool.submit(Urgency.PROBE, probe).add_done_callback(tried)
