"""One request about a number, however many want its answer; all who wait for it; whom it counts against.

What another switch knows or is asking is looked up first, in Redis and without a worker: no session of 1C
waits for anybody. A request that comes too late for its caller, or whose caller has hung up, is in nobody's
way: it is made last, and fills the cache for the next call.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from fs_1c.call import Source
from fs_1c.directory.cache import Cache
from fs_1c.directory.flood import Flood
from fs_1c.directory.shared import WAIT_FOR, SharedAnswers
from fs_1c.directory.turn import Shared, Turn
from fs_1c.directory.watch import Watch
from fs_1c.numbers import Number, NumberFormat
from fs_1c.onec import Answer, Client, OneCError, Urgency, WorkerPool
from fs_1c.timers import STALLS

log = logging.getLogger(__name__)

JUST_ASKED = 60.0
"""Seconds in which an answer is not worth renewing after a call."""
NOTHING_LATER = math.inf
"""No remembered answer is later: 1C must be asked."""
PATIENCE = 0.9
"""Of his deadline: 1C has had a caller's time if it had so much of it, for some goes by elsewhere."""
FOR_ANOTHER = 0.5
"""Of his deadline: what a caller may wait for another switch's answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, where it came from, and how many seconds ago 1C gave it."""

    answer: Answer
    source: Source
    age: float = 0.0


@dataclass(slots=True, eq=False)
class Request:
    """One request about one number, and all who wait for it.

    Attributes:
        urgency: What it is worth when no caller waits for it.
        max_age: Seconds that another switch's answer may be old; None: fresh by the settings.
        callers: How many wait.
        until: The latest deadline of any of them, on the monotonic clock.
        job: What waits for its turn at the pool; None while that is not so.
        made: When it was wanted first.
        submitted: When it came to the pool; 0.0: it has not, for another switch may know.
        begun: When a worker took it; 0.0: none has.
        onec_took: Seconds, if 1C was asked and has answered.
        counted: The watch knows of it.
    """

    urgency: Urgency
    max_age: float | None = None
    callers: int = 0
    until: float = 0.0
    job: Future[Found] | None = None
    future: Future[Found] = field(default_factory=Future)
    made: float = field(default_factory=time.monotonic)
    submitted: float = 0.0
    begun: float = 0.0
    onec_took: float | None = None
    counted: bool = False


class Asking:
    """The requests of one base that are under way. Thread-safe, never blocks.

    Args:
        cache: Where answers go.
        watch: Hears how the base is.
    """

    def __init__(
        self,
        pool: WorkerPool,
        number_format: NumberFormat,
        cache: Cache,
        watch: Watch,
        flood: Flood,
        shared: SharedAnswers | None,
    ) -> None:
        self._pool = pool
        self._format = number_format
        self._cache = cache
        self._watch = watch
        self._flood = flood
        self._shared = shared
        self._requests: dict[str, Request] = {}
        # Taken on the timers' thread, too: nobody who holds it may set a timer.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._requests)

    def ask(
        self, number: Number, until: float | None, seen: float | None = None, trunk: str | None = None
    ) -> Request | None:
        """The one request about `number` that is under way, or a new one; None if these are too many.

        Args:
            until: A caller's deadline, who must say `left` when he waits no more; None: no caller waits.
            seen: Of when the answer is that the asker has seen, None if he saw none: a later one will do.
            trunk: Where the call came from: what it brings of new numbers is bounded. None: nothing is.
        """
        if (
            trunk is not None
            and self._is_new(number.e164)
            and not self._flood.allows(trunk, time.monotonic())
        ):
            return None
        with self._lock:
            request = self._requests.get(number.e164)
            joined = request is not None
            if request is None:
                if until is None:
                    request = Request(Urgency.REFRESH, None if seen is None else JUST_ASKED)
                else:
                    request = Request(Urgency.ABANDONED, 0.0 if seen == NOTHING_LATER else None)
                if come := self._later(number.e164, seen):
                    request.future.set_result(come)
                    return request
                self._requests[number.e164] = request
            if until is not None:
                request.callers += 1
                request.until = max(request.until, until)
        if not joined:
            self._begin(number, request)
        elif until is not None and request.job is not None:
            self._pool.hurry(request.job, until)
        return request

    def left(self, request: Request) -> None:
        """A caller does not wait any more: he has his answer, or has hung up, or it was too late for him."""
        if request.future.done():
            return
        with self._lock:
            request.callers -= 1
            others = request.callers
        if request.job is None:
            return
        if not others:
            self._pool.leave(request.job, request.urgency)
        else:
            self._pool.hurry(request.job, request.until)

    def gave_up(self, request: Request, owed: float) -> None:
        """It was too late for a caller, to whom 1C owed its answer in `owed` seconds: counts against the base
        if it is its fault.
        """
        if not request.submitted:
            return  # Redis, or another switch, has had all of his time
        # 1C's fault, or only that of those before him? It has had his time if his request was with it,
        # or if no worker came free meanwhile: numbers without end, each answered in time, are no fault.
        since = request.begun or max(request.submitted, self._pool.last_taken)
        if time.monotonic() - since >= PATIENCE * owed:
            self._count(request, None, math.inf)

    def forget(self, e164: str | None) -> int:
        """Forgets one number, or all; returns how many answers were remembered."""
        # A request under way may have been answered before the change: nobody waits for it now.
        with self._lock:
            if e164 is None:
                self._requests.clear()
            else:
                self._requests.pop(e164, None)
            return self._cache.forget(e164)

    def doubt(self) -> None:
        """Anything may have changed: what is remembered, and what is being answered."""
        with self._lock:
            self._requests.clear()
            self._cache.doubt()

    def _is_new(self, e164: str) -> bool:
        with self._lock:
            return e164 not in self._requests and self._cache.get(e164) is None

    def _later(self, e164: str, seen: float | None) -> Found | None:
        """An answer that came between the asker's look and his turn. Called with the lock."""
        remembered = self._cache.get(e164)
        if remembered is None or self._cache.is_doubted(remembered):
            return None
        if seen is not None and remembered.asked_at <= seen:
            return None
        return Found(remembered.answer, Source.CACHE, time.monotonic() - remembered.asked_at)

    def _begin(self, number: Number, request: Request) -> None:
        """Asks the other switches, or 1C if there are none."""
        if self._shared is None:
            self._submit(number, request, None)
            return
        wait_for = WAIT_FOR
        if request.callers:
            wait_for = min(WAIT_FOR, FOR_ANOTHER * (request.until - request.made))
        turn = self._shared.turn(
            number.e164,
            max_age=request.max_age,
            wait_for=wait_for,
            # Who has hung up keeps no other switch from asking.
            wanted=lambda: request.callers > 0 or request.begun > 0,
        )
        turn.add_done_callback(lambda ended: self._turn_came(number, request, ended.result()))

    def _turn_came(self, number: Number, request: Request, came: Shared | Turn) -> None:
        if isinstance(came, Shared):
            self._ended(number.e164, request, Found(came.answer, Source.SHARED, came.age))
            return
        try:
            self._submit(number, request, came)
        except Exception as error:  # no thread to be had: nobody else would hear of that
            came.settle()
            self._ended(number.e164, request, error)

    def _submit(self, number: Number, request: Request, turn: Turn | None) -> None:
        """Has 1C asked, as urgently as those who wait for it by now want it."""
        asked_as = number.written(self._format)

        def job(client: Client) -> Found:
            request.begun = time.monotonic()
            answer = client.lookup(asked_as)
            request.onec_took = time.monotonic() - request.begun
            return Found(answer, Source.ONEC)

        request.submitted = time.monotonic()
        waited_for = request.callers > 0
        if waited_for:
            future = self._pool.submit(Urgency.CALLER, job, request.until)
        else:
            future = self._pool.submit(request.urgency, job)
        request.job = future
        if not waited_for and request.callers:  # somebody has joined meanwhile
            self._pool.hurry(future, request.until)
        elif waited_for and not request.callers:
            self._pool.leave(future, request.urgency)
        future.add_done_callback(partial(self._answered, number.e164, request, turn))

    def _answered(self, e164: str, request: Request, turn: Turn | None, future: Future[Found]) -> None:
        error = future.exception()
        took = time.monotonic() - request.begun
        if turn is not None:
            turn.settle(None if error else future.result().answer, took)
        self._count(request, error, took)
        asked = isinstance(error, OneCError) and error.kind != "busy"
        if error is None:
            self._ended(e164, request, future.result())
        elif self._shared is not None and asked and request.urgency is not Urgency.REFRESH:
            # What another switch remembers is perhaps stale, and better than nothing.
            found = self._shared.get(e164)
            found.add_done_callback(lambda ended: self._looked(e164, request, error, ended.result()))
        else:
            self._ended(e164, request, error)

    def _looked(self, e164: str, request: Request, error: BaseException, shared: Shared | None) -> None:
        stale = Found(shared.answer, Source.STALE, shared.age) if shared else None
        self._ended(e164, request, stale or error)

    def _ended(self, e164: str, request: Request, end: Found | BaseException) -> None:
        with self._lock:
            if self._requests.get(e164) is request:  # else it was forgotten meanwhile: what 1C said then
                del self._requests[e164]
                if isinstance(end, Found):
                    self._cache.put(e164, end.answer, max(0.0, end.age))
        # Last, so that whoever is woken finds the cache filled.
        if isinstance(end, Found):
            request.future.set_result(end)
        else:
            request.future.set_exception(end)

    def _count(self, request: Request, error: BaseException | None, took: float) -> None:
        """Tells the watch of a request once: at its end, or when a caller has to go on to whom 1C owes it.

        Of one that was under way while we did not run ourselves nothing can be told.
        """
        with self._lock:
            if request.counted:
                return
            request.counted = True
        if not STALLS.since(request.made):
            self._watch.record(error, took)
