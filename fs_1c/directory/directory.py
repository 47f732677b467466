"""Who is calling: a remembered answer at once, else one that is asked for, and waited for until the deadline.

Nobody waits for a base that counts as down. A stale answer is given at once and renewed behind. One that is
doubted, since something was forgotten while Redis was not heard, is given only if nobody tells a better one
in time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import math
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass

from fs_1c.call import Caller, Failure, Result, Source
from fs_1c.directory.asking import JUST_ASKED, NOTHING_LATER, Asking, Request
from fs_1c.directory.breaker import BreakerState
from fs_1c.directory.cache import Cache
from fs_1c.directory.flood import Flood
from fs_1c.directory.shared import SharedAnswers
from fs_1c.directory.watch import Watch
from fs_1c.numbers import NotANumber, Number, NumberFormat, NumberPlan, read
from fs_1c.onec import Answer, OneCError, WorkerPool
from fs_1c.settings import BreakerSettings, LookupSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten.

    Attributes:
        count: Answers that were remembered here.
        told: Redis, if there is one, and by it the other switches know.
    """

    count: int
    told: bool


class Directory:
    """The clients of one base.

    Args:
        pool: Where 1C is asked.
        number_format: The form in which this base is asked.
        plan: How numbers are dialled here.
        settings: Deadline and how long answers are good for.
        breaker: When the base counts as down.
        shared: The same answers on other switches.
        untold: What a directory before this one has forgotten and could not tell them.
    """

    def __init__(
        self,
        pool: WorkerPool,
        number_format: NumberFormat,
        plan: NumberPlan,
        settings: LookupSettings,
        breaker: BreakerSettings | None = None,
        shared: SharedAnswers | None = None,
        untold: Iterable[str | None] = (),
        blocked: Container[Number] = (),
    ) -> None:
        self._blocked = blocked
        self._pool = pool
        self._format = number_format
        self._plan = plan
        self._settings = settings
        self._cache = Cache(settings)
        self._watch = Watch(pool, breaker or BreakerSettings(), settings.deadline)
        flood = Flood(pool.name, settings.new_per_second)
        self._shared = shared
        self._asking = Asking(pool, number_format, self._cache, self._watch, flood, shared)
        if shared is not None:
            shared.listen(self._forgotten_elsewhere, self._asking.doubt, untold)

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
        request = self._asking.ask(known, started + waits, trunk=trunk)
        if request is None:
            return self._too_many(known)
        try:
            done, _ = concurrent.futures.wait([request.future], waits)
        finally:
            self._asking.left(request)
        caller = self._caller(known, request, started, waits, in_time=bool(done))
        return self._or_remembered(known, caller)

    async def lookup_async(
        self,
        received: str,
        deadline: float | None = None,
        *,
        private: bool = False,
        trunk: str | None = None,
        since: float | None = None,
        hurried: bool = True,
    ) -> Caller:
        """The same for an event loop: waits without blocking it. Cancelled, for the caller has hung up, it
        leaves the request to the others who wait.

        Args:
            since: When the caller began to wait, on the monotonic clock; his deadline counts from there.
            hurried: Nobody else's turn comes before his. False: callers', and a session stays free for them.
        """
        started = time.monotonic() if since is None else since
        known = self.known(received, private=private, since=started)
        if isinstance(known, Caller):
            return known
        waits = self._settings.deadline if deadline is None else deadline
        request = self._asking.ask(known, started + waits if hurried else None, trunk=trunk)
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
            if hurried:
                self._asking.left(request)
        # Not whether the loop has noticed: if it stood still, an answer that is there is not late.
        caller = self._caller(known, request, started, waits, in_time=request.future.done())
        return self._or_remembered(known, caller)

    def known(self, received: str, *, private: bool = False, since: float | None = None) -> Caller | Number:
        """What can be said without waiting: a `Caller`; else the `Number` that 1C must be asked about."""
        started = time.monotonic() if since is None else since
        number = NotANumber("withheld") if private else read(received, self._plan)
        if isinstance(number, NotANumber):
            return self._skipped(number)
        if number in self._blocked:
            return self._failed(
                number, Result.BLOCKED, 0.0, Failure("blocked", "it is in numbers.blocked_file")
            )
        remembered = self._cache.get(number.e164)
        if remembered is not None and not (self._cache.is_doubted(remembered) and self._watch.allows()):
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
        request = self._asking.ask(number, math.inf, NOTHING_LATER)
        if request is None:
            return self._too_many(number)
        concurrent.futures.wait([request.future])
        return self._caller(number, request, started, 0.0, in_time=True)

    def renew(self, received: str) -> None:
        """A known client's call was answered: his manager may have changed. Returns at once."""
        number = read(received, self._plan)
        if not isinstance(number, Number) or number in self._blocked:
            return
        remembered = self._cache.get(number.e164)
        if remembered is not None and time.monotonic() - remembered.asked_at > JUST_ASKED:
            self._refresh(number, remembered.asked_at)

    def forget(self, received: str | None) -> Forgotten:
        """1C's answer has changed: forgets one number, or all. Blocks for as long as Redis may take.

        Raises ValueError if `received` is no number.
        """
        e164 = None
        if received is not None:
            number = read(received, self._plan)
            if isinstance(number, NotANumber):
                raise ValueError(f"not a number that 1C could be asked about: {number.reason}")
            e164 = number.e164
        return self.erase(e164)

    def erase(self, e164: str | None) -> Forgotten:
        """The same for a number in E.164, or all."""
        # First: else the others' answer could come back from there.
        told = self._shared is None or self._shared.forget(e164)
        return Forgotten(self._asking.forget(e164), told)

    @property
    def breaker(self) -> BreakerState:
        return self._watch.state

    @property
    def down_since(self) -> float | None:
        """When the base began to count as down, seconds since the epoch; None: it does not."""
        return self._watch.since

    @property
    def why_down(self) -> str:
        """What was last wrong with the base; empty: it does not count as down."""
        return self._watch.why if self._watch.since else ""

    @property
    def redis_up(self) -> bool | None:
        """Whether Redis answers and takes what is written, as far as lookups have noticed; None: there is
        none.
        """
        return None if self._shared is None else self._shared.up

    @property
    def untold(self) -> frozenset[str | None]:
        """Numbers that were forgotten here and that Redis could not be told about yet; None in it: all."""
        return frozenset() if self._shared is None else self._shared.untold

    def __len__(self) -> int:
        return len(self._cache)

    def close(self) -> None:
        self._watch.close()
        if self._shared is not None:
            self._shared.close()

    def _forgotten_elsewhere(self, base: str, e164: str | None) -> None:
        if base == self._pool.name:
            self._asking.forget(e164)

    def _refresh(self, number: Number, seen: float) -> None:
        if self._watch.allows():
            self._asking.ask(number, None, seen)

    def _caller(
        self, number: Number, request: Request, started: float, waited: float, *, in_time: bool
    ) -> Caller:
        took = time.monotonic() - started
        if not in_time:
            self._asking.gave_up(request, min(waited, self._settings.deadline))
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

    def _or_remembered(self, number: Number, caller: Caller) -> Caller:
        """What is doubted is better than nothing."""
        if caller.result in (Result.FOUND, Result.UNKNOWN):
            return caller
        remembered = self._cache.get(number.e164)
        if remembered is None:
            return caller
        return self._told(number, remembered.answer, Source.STALE, caller.took)

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
