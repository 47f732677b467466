"""Who is calling: a fresh answer at once, else one request per number, shared by all who wait for it.

Nobody waits beyond his deadline. A request that comes too late for its caller goes on and fills the cache for
the next.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from concurrent.futures import Future
from functools import partial

from fs_1c.call import Caller, Failure, Result, Source
from fs_1c.directory.cache import Cache
from fs_1c.numbers import NotANumber, Number, NumberFormat, NumberPlan, read
from fs_1c.onec.answer import Answer
from fs_1c.onec.desk import Desk, Urgency
from fs_1c.onec.errors import OneCError
from fs_1c.settings import LookupSettings

log = logging.getLogger(__name__)


class Directory:
    """The clients of one base.

    Args:
        desk: Where 1C is asked.
        number_format: The form in which this base is asked.
        plan: How numbers are dialled here.
        settings: Deadline and how long answers are good for.
    """

    def __init__(
        self, desk: Desk, number_format: NumberFormat, plan: NumberPlan, settings: LookupSettings
    ) -> None:
        self._desk = desk
        self._format = number_format
        self._plan = plan
        self._settings = settings
        self._cache = Cache(settings)
        self._asking: dict[str, Future[Answer]] = {}
        self._lock = threading.Lock()

    def lookup(self, received: str, deadline: float | None = None, *, private: bool = False) -> Caller:
        """Who calls from `received`; blocks the thread, for `deadline` seconds at the most. Never raises."""
        started = time.monotonic()
        known = self.known(received, private=private)
        if isinstance(known, Caller):
            return known
        future = self._ask(known)
        waits = self._settings.deadline if deadline is None else deadline
        try:
            answer: Answer | BaseException | None = future.result(waits)
        except (TimeoutError, concurrent.futures.CancelledError):
            answer = None
        except Exception as error:
            answer = error
        return self._caller(known, answer, started, waits)

    async def lookup_async(
        self, received: str, deadline: float | None = None, *, private: bool = False
    ) -> Caller:
        """The same for an event loop: waits without blocking it."""
        started = time.monotonic()
        known = self.known(received, private=private)
        if isinstance(known, Caller):
            return known
        future = asyncio.wrap_future(self._ask(known))
        waits = self._settings.deadline if deadline is None else deadline
        # wait, not wait_for: a deadline ends one caller's waiting, not the request that others share.
        done, _ = await asyncio.wait({future}, timeout=waits)
        if not done:
            future.add_done_callback(_retrieve)
            return self._caller(known, None, started, waits)
        return self._caller(known, future.exception() or future.result(), started, waits)

    def known(self, received: str, *, private: bool = False) -> Caller | Number:
        """What can be said without asking 1C: a `Caller`; else the `Number` that it must be asked about."""
        started = time.monotonic()
        number = NotANumber("withheld") if private else read(received, self._plan)
        if isinstance(number, NotANumber):
            return Caller(None, Result.SKIPPED, error=Failure("skipped", number.reason))
        answer = self._cache.get(number.e164)
        if answer is None:
            return number
        return self._told(number, answer, Source.CACHE, time.monotonic() - started)

    def ask(self, received: str) -> Caller:
        """Who calls from `received`, asked of 1C now, past the cache; blocks until 1C's own time-out. Never
        raises.
        """
        started = time.monotonic()
        number = read(received, self._plan)
        if isinstance(number, NotANumber):
            return Caller(None, Result.SKIPPED, error=Failure("skipped", number.reason))
        try:
            answer: Answer | BaseException = self._ask(number).result()
        except Exception as error:
            answer = error
        return self._caller(number, answer, started, 0.0)

    def _ask(self, number: Number) -> Future[Answer]:
        """The one request about `number` that is under way, or a new one."""
        with self._lock:
            future = self._asking.get(number.e164)
            if future is None:
                asked_as = number.written(self._format)
                future = self._desk.submit(Urgency.CALLER, lambda client: client.say_name(asked_as))
                self._asking[number.e164] = future
                fresh = True
            else:
                fresh = False
        if fresh:  # outside the lock: a future that has ended already calls back at once
            future.add_done_callback(partial(self._answered, number.e164))
        return future

    def _answered(self, e164: str, future: Future[Answer]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._cache.put(e164, future.result())
        with self._lock:
            self._asking.pop(e164, None)

    def _caller(
        self, number: Number, answer: Answer | BaseException | None, started: float, waited: float
    ) -> Caller:
        took = time.monotonic() - started
        if isinstance(answer, Answer):
            return self._told(number, answer, Source.ONEC, took)
        asked_as = number.written(self._format)
        if answer is None:
            late = Failure("late", f"no answer within {waited * 1000:.0f} ms")
            return Caller(number, Result.LATE, asked_as, took=took, error=late)
        if isinstance(answer, OneCError):
            failure = answer.failure()
        else:
            log.error("lookup of %s: %r", number.e164, answer, exc_info=answer)
            failure = Failure("internal", type(answer).__name__)
        return Caller(number, Result.FAILED, asked_as, took=took, error=failure)

    def _told(self, number: Number, answer: Answer, source: Source, took: float) -> Caller:
        result = Result.FOUND if answer.known else Result.UNKNOWN
        asked_as = number.written(self._format)
        return Caller(number, result, asked_as, answer.title, answer.category, answer.manager, source, took)


def _retrieve(future: asyncio.Future[Answer]) -> None:
    """Takes the result of a request that nobody waits for any more, so that asyncio does not complain about
    it.
    """
    if not future.cancelled():
        future.exception()
