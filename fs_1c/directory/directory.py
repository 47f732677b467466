"""Who is calling: a remembered answer at once, else one request per number, shared by all who wait for it.

Nobody waits beyond his deadline, nor for a base that counts as down. A request that comes too late for its
caller, or whose caller has hung up, is in nobody's way: it is made last, and fills the cache for the next
call. A stale answer is given at once and renewed behind.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from fs_1c.call import Caller, Failure, Result, Source
from fs_1c.directory.breaker import BreakerState
from fs_1c.directory.cache import Cache
from fs_1c.directory.flood import Flood
from fs_1c.directory.shared import SharedAnswers
from fs_1c.directory.watch import Watch
from fs_1c.numbers import NotANumber, Number, NumberFormat, NumberPlan, read
from fs_1c.onec import Answer, Client, OneCError, Urgency, WorkerPool
from fs_1c.settings import BreakerSettings, LookupSettings
from fs_1c.timers import STALLS

log = logging.getLogger(__name__)

JUST_ASKED = 60.0
"""Seconds in which an answer is not worth renewing after a call."""
NOTHING_LATER = math.inf
"""No remembered answer is later: 1C must be asked."""
PATIENCE = 0.9
"""Of his deadline: 1C has had a caller's time if it had so much of it, for some goes by elsewhere."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer, where it came from, and how many seconds ago 1C gave it."""

    answer: Answer
    source: Source
    age: float = 0.0


@dataclass(slots=True, eq=False)
class _Request:
    """One request about one number, and all who wait for it.

    Attributes:
        urgency: What it is worth when no caller waits for it.
        callers: How many wait.
        until: The latest deadline of any of them, on the monotonic clock.
        job: What waits for its turn at the pool; None while that is not so.
        made: When it was wanted first.
        begun: When a worker took it; 0.0: none has.
        onec_took: Seconds, if 1C was asked and has answered.
        counted: The watch knows of it.
    """

    urgency: Urgency
    callers: int = 0
    until: float = 0.0
    job: Future[_Found] | None = None
    future: Future[_Found] = field(default_factory=Future)
    made: float = field(default_factory=time.monotonic)
    begun: float = 0.0
    onec_took: float | None = None
    counted: bool = False


class Directory:
    """The clients of one base.

    Args:
        pool: Where 1C is asked.
        number_format: The form in which this base is asked.
        plan: How numbers are dialled here.
        settings: Deadline and how long answers are good for.
        breaker: When the base counts as down.
        shared: The same answers on other switches.
    """

    def __init__(
        self,
        pool: WorkerPool,
        number_format: NumberFormat,
        plan: NumberPlan,
        settings: LookupSettings,
        breaker: BreakerSettings | None = None,
        shared: SharedAnswers | None = None,
    ) -> None:
        self._pool = pool
        self._format = number_format
        self._plan = plan
        self._settings = settings
        self._cache = Cache(settings)
        self._watch = Watch(pool, breaker or BreakerSettings(), settings.deadline)
        self._flood = Flood(pool.name, settings.new_per_second)
        self._shared = shared
        if shared is not None:
            shared.listen(self._forgotten_elsewhere)
        self._asking: dict[str, _Request] = {}
        self._lock = threading.Lock()

    # A caller waits.

    def lookup(
        self, received: str, deadline: float | None = None, *, private: bool = False, trunk: str | None = None
    ) -> Caller:
        """Who calls from `received`; blocks the thread, for `deadline` seconds at the most. Never raises.

        Args:
            trunk: Where the call came from: what it brings of new numbers is bounded. None: nothing is.
        """
        started = time.monotonic()
        known = self.known(received, private=private)
        if isinstance(known, Caller):
            return known
        waits = self._settings.deadline if deadline is None else deadline
        request = self._ask(known, started + waits, trunk=trunk)
        if request is None:
            return self._too_many(known)
        try:
            done, _ = concurrent.futures.wait([request.future], waits)
        finally:
            self._left(request)
        return self._caller(known, request, started, waits, in_time=bool(done))

    async def lookup_async(
        self,
        received: str,
        deadline: float | None = None,
        *,
        private: bool = False,
        trunk: str | None = None,
        since: float | None = None,
    ) -> Caller:
        """The same for an event loop: waits without blocking it. Cancelled, for the caller has hung up, it
        leaves the request to the others who wait.

        Args:
            since: When the caller began to wait, on the monotonic clock; his deadline counts from there.
        """
        started = time.monotonic() if since is None else since
        known = self.known(received, private=private, since=started)
        if isinstance(known, Caller):
            return known
        waits = self._settings.deadline if deadline is None else deadline
        request = self._ask(known, started + waits, trunk=trunk)
        if request is None:
            return self._too_many(known)
        try:
            waiter = asyncio.wrap_future(request.future)
            # Takes the result if nobody waits for it any more, so that asyncio does not complain of it.
            waiter.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            # wait, not wait_for: a deadline ends one caller's waiting, not the request that others share.
            left = started + waits - time.monotonic()
            await asyncio.wait({waiter}, timeout=max(0.0, left))
        finally:
            self._left(request)
        # Not whether the loop has noticed: if it stood still, an answer that is there is not late.
        return self._caller(known, request, started, waits, in_time=request.future.done())

    def known(self, received: str, *, private: bool = False, since: float | None = None) -> Caller | Number:
        """What can be said without waiting: a `Caller`; else the `Number` that 1C must be asked about."""
        started = time.monotonic() if since is None else since
        number = NotANumber("withheld") if private else read(received, self._plan)
        if isinstance(number, NotANumber):
            return self._skipped(number)
        remembered = self._cache.get(number.e164)
        if remembered is not None:
            source = Source.CACHE
            if not self._cache.is_fresh(remembered):
                source = Source.STALE
                self._refresh(number, remembered.asked_at)
            return self._told(number, remembered.answer, source, time.monotonic() - started)
        if not self._watch.allows():
            down = Failure("down", "1C counts as down; nobody waits for it")
            return self._failed(number, Result.FAILED, 0.0, down)
        return number

    # Nobody waits.

    def ask(self, received: str) -> Caller:
        """Who calls from `received`, asked of 1C now, past the cache and the breaker; blocks until 1C's own
        time-out.

        Never raises.
        """
        started = time.monotonic()
        number = read(received, self._plan)
        if isinstance(number, NotANumber):
            return self._skipped(number)
        request = self._ask(number, math.inf, NOTHING_LATER)
        if request is None:
            return self._too_many(number)
        concurrent.futures.wait([request.future])
        return self._caller(number, request, started, 0.0, in_time=True)

    def renew(self, received: str) -> None:
        """A known client's call was answered: his manager may have changed. Returns at once."""
        number = read(received, self._plan)
        if not isinstance(number, Number):
            return
        remembered = self._cache.get(number.e164)
        if remembered is not None and time.monotonic() - remembered.asked_at > JUST_ASKED:
            self._refresh(number, remembered.asked_at)

    def forget(self, received: str | None) -> int:
        """1C's answer has changed: forgets one number, or all. Returns how many answers were remembered.

        Raises ValueError if `received` is no number.
        """
        e164 = None
        if received is not None:
            number = read(received, self._plan)
            if isinstance(number, NotANumber):
                raise ValueError(f"not a number that 1C could be asked about: {number.reason}")
            e164 = number.e164
        return self.erase(e164)[0]

    def erase(self, e164: str | None) -> tuple[int, bool]:
        """Forgets one number, or all, and says besides whether Redis, if there is one, could do so too."""
        # First: else the others' answer could come back from there.
        done = self._shared is None or self._shared.forget(e164)
        return self._forget(e164), done

    @property
    def breaker(self) -> BreakerState:
        return self._watch.state

    @property
    def down_since(self) -> float | None:
        """When the base began to count as down, seconds since the epoch; None: it does not."""
        return self._watch.since

    def __len__(self) -> int:
        return len(self._cache)

    def close(self) -> None:
        self._watch.close()
        if self._shared is not None:
            self._shared.close()

    def _forgotten_elsewhere(self, base: str, e164: str | None) -> None:
        if base == self._pool.name:
            self._forget(e164)

    def _forget(self, e164: str | None) -> int:
        # A request under way may have been answered before the change: nobody waits for it now.
        with self._lock:
            if e164 is None:
                self._asking.clear()
            else:
                self._asking.pop(e164, None)
            return self._cache.forget(e164)

    def _refresh(self, number: Number, seen: float) -> None:
        if self._watch.allows():
            self._ask(number, None, seen)

    def _ask(
        self, number: Number, until: float | None, seen: float | None = None, trunk: str | None = None
    ) -> _Request | None:
        """The one request about `number` that is under way, or a new one; None if these are too many.

        Args:
            until: A caller's deadline, who must say `_left` when he waits no more; None: nobody waits.
            seen: Of when the answer is that the asker has seen, None if he saw none: a later one will do.
        """
        with self._lock:
            request = self._asking.get(number.e164)
            joined = request is not None
            if request is None:
                request = _Request(Urgency.REFRESH if until is None else Urgency.ABANDONED)
                if come := self._later(number.e164, seen):
                    request.future.set_result(come)
                    return request
                if trunk is not None and not self._flood.allows(trunk, request.made):
                    return None
                self._asking[number.e164] = request
            if until is not None:
                request.callers += 1
                request.until = max(request.until, until)
        if not joined:
            self._submit(number, request)
        elif until is not None and request.job is not None:
            self._pool.hurry(request.job, until)
        return request

    def _submit(self, number: Number, request: _Request) -> None:
        """Has 1C asked, as urgently as those who wait for it by now want it."""
        asked_as = number.written(self._format)

        def job(client: Client) -> _Found:
            request.begun = time.monotonic()

            def ask_1c() -> Answer:
                started = time.monotonic()
                answer = client.lookup(asked_as)
                request.onec_took = time.monotonic() - started
                return answer

            return self._answer(number.e164, ask_1c, request.urgency)

        waited_for = request.callers > 0
        if waited_for:
            future = self._pool.submit(Urgency.CALLER, job, request.until)
        else:
            future = self._pool.submit(request.urgency, job)
        request.job = future
        if not waited_for and request.callers:  # somebody has joined meanwhile
            self._pool.hurry(future, request.until)
        future.add_done_callback(partial(self._answered, number.e164, request))

    def _left(self, request: _Request) -> None:
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

    def _later(self, e164: str, seen: float | None) -> _Found | None:
        """An answer that came between the asker's look and his turn. Called with the lock."""
        remembered = self._cache.get(e164)
        if remembered is None or (seen is not None and remembered.asked_at <= seen):
            return None
        return _Found(remembered.answer, Source.CACHE, time.monotonic() - remembered.asked_at)

    def _answer(self, e164: str, ask_1c: Callable[[], Answer], urgency: Urgency) -> _Found:
        """What 1C says, or has said to another switch; on a worker's thread."""
        if self._shared is None:
            return _Found(ask_1c(), Source.ONEC)
        try:
            max_age = JUST_ASKED if urgency is Urgency.REFRESH else None
            answer, elsewhere = self._shared.ask(e164, ask_1c, max_age=max_age)
        except OneCError:
            remembered = self._shared.get(e164)  # perhaps stale, and better than nothing
            if remembered is None or urgency is Urgency.REFRESH:
                raise
            return _Found(remembered.answer, Source.STALE, time.time() - remembered.asked_at)
        if not elsewhere:
            return _Found(answer, Source.ONEC)
        remembered = self._shared.get(e164)
        return _Found(answer, Source.SHARED, time.time() - remembered.asked_at if remembered else 0.0)

    def _answered(self, e164: str, request: _Request, future: Future[_Found]) -> None:
        error = future.exception()
        with self._lock:
            if self._asking.get(e164) is request:  # else it was forgotten meanwhile: what 1C said then
                del self._asking[e164]
                if error is None:
                    self._cache.put(e164, future.result().answer, max(0.0, future.result().age))
        self._count(request, error, time.monotonic() - request.begun)
        # Last, so that whoever is woken finds the cache filled.
        if error is None:
            request.future.set_result(future.result())
        else:
            request.future.set_exception(error)

    def _caller(
        self, number: Number, request: _Request, started: float, waited: float, *, in_time: bool
    ) -> Caller:
        took = time.monotonic() - started
        if not in_time:
            # 1C's fault, or only that of those before him? It has had his time if his request was with it,
            # or if no worker came free meanwhile: numbers without end, each answered in time, are no fault.
            since = request.begun or max(request.made, self._pool.last_taken)
            if time.monotonic() - since >= PATIENCE * min(waited, self._settings.deadline):
                self._count(request, None, math.inf)
            late = Failure("late", f"no answer within {waited * 1000:.0f} ms")
            return self._failed(number, Result.LATE, took, late)
        error = request.future.exception()
        if error is None:
            found = request.future.result()
            return self._told(number, found.answer, found.source, took, request.onec_took)
        if isinstance(error, OneCError):
            failure = error.failure()
        else:
            log.error("lookup of %s: %r", number.e164, error, exc_info=error)
            failure = Failure("internal", type(error).__name__)
        return self._failed(number, Result.FAILED, took, failure)

    def _told(
        self, number: Number, answer: Answer, source: Source, took: float, onec_took: float | None = None
    ) -> Caller:
        return Caller(
            number,
            Result.FOUND if answer.known else Result.UNKNOWN,
            number.written(self._format),
            answer.title,
            answer.category,
            answer.manager,
            source,
            took,
            onec_took,
            base=self._pool.name,
        )

    def _failed(self, number: Number, result: Result, took: float, why: Failure) -> Caller:
        asked_as = number.written(self._format)
        return Caller(number, result, asked_as, took=took, error=why, base=self._pool.name)

    def _skipped(self, number: NotANumber) -> Caller:
        why = Failure("skipped", number.reason)
        return Caller(None, Result.SKIPPED, error=why, base=self._pool.name)

    def _too_many(self, number: Number) -> Caller:
        """The call goes on at once, and nobody was asked."""
        why = Failure(
            "flood", f"its trunk brings more than {self._settings.new_per_second} new numbers a second"
        )
        return self._failed(number, Result.SKIPPED, 0.0, why)

    def _count(self, request: _Request, error: BaseException | None, took: float) -> None:
        """Tells the watch of a request once: at its end, or when a caller has to go on to whom 1C owes it.

        Of one that was under way while we did not run ourselves nothing can be told.
        """
        with self._lock:
            if request.counted:
                return
            request.counted = True
        if not STALLS.since(request.made):
            self._watch.record(error, took)
