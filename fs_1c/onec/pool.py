"""A pool of worker threads for one base: each owns one connection and one session, and takes the job whose
turn it is (`queue`).

So a connection, a session of 1C (which is a licence) and a worker are one thing, bounded by one setting, and
nothing needs a lock around a session. Workers are started as they are needed, since each costs a licence.
They are daemon threads: a hung 1C must not keep the process from ending.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from fs_1c.onec import dialects
from fs_1c.onec.client import Client, OnRequest
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.queue import MAX_ABANDONED, JobQueue, Urgency
from fs_1c.onec.session import SessionPolicy
from fs_1c.onec.trust import prepare
from fs_1c.settings import OneCSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING = 10_000
"""Jobs that may wait; one more fails at once, since its caller would have gone long before its turn."""


LATELY = 16
"""Jobs by which it is known how long 1C takes; before there are `ENOUGH` nobody's deadline counts as lost."""
ENOUGH = 4
_LOOKUPS = (Urgency.CALLER, Urgency.REFRESH, Urgency.ABANDONED)


class WorkerPool:
    """The jobs of one base.

    Args:
        name: The base's name, for threads and logs.
        settings: The base; `sessions` is the number of workers.
        told: Hears of each request: operation, seconds, the error's kind.

    Attributes:
        needs_key: Its 1C knows a person by his key, not by his extension.
        tells: By which words it is told what becomes of a call (see `Dialect.tells`).
        card_needs_call: Its cards open only at calls that it has been told of.
        last_taken: When a worker last took a job, on the monotonic clock; 0.0: never.
    """

    def __init__(
        self,
        name: str,
        settings: OneCSettings,
        told: OnRequest = lambda operation, took, error: None,
    ) -> None:
        self.name = name
        self._told = told
        prepare(settings)
        dialect = dialects.of(settings)
        self.needs_key, self.tells = dialect.needs_key, dialect.tells
        self.card_needs_call = dialect.card_needs_call
        self._settings = settings
        self._policy = SessionPolicy(settings.session_mode)
        self._jobs: JobQueue[Future[Any]] = JobQueue(settings.sessions)
        self._to_do: dict[Future[Any], Callable[[Client], None]] = {}  # of those that wait
        self._lately: deque[float] = deque(maxlen=LATELY)
        self._each = 0.0  # seconds that 1C mostly takes
        self._turn = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._idle = 0
        self._unhurried = 0  # workers whose job is not a caller's
        self._closing = threading.Event()
        self._last_done = 0.0
        self.last_taken = 0.0

    def submit(self, urgency: Urgency, job: Callable[[Client], T], deadline: float = math.inf) -> Future[T]:
        """Has `job` done by a worker with its client. The future ends with the job's result or a `OneCError`.

        A job whose future is cancelled before its turn is not done.

        Args:
            deadline: Until when a caller waits, on the monotonic clock.
        """
        future: Future[T] = Future()

        def done_by(client: Client) -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = job(client)
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)

        with self._turn:
            if self._closing.is_set() or len(self._jobs) >= MAX_WAITING:
                why = "is closed" if self._closing.is_set() else "has too long a queue"
                future.set_exception(_busy(f"the pool {why}"))
                return future
            self._to_do[future] = done_by
            self._jobs.add(future, urgency, deadline)
            if self._idle < len(self._jobs) and len(self._workers) < self._settings.sessions:
                self._start_worker()
            self._turn.notify()
        return future

    def hurry(self, job: Future[Any], deadline: float) -> None:
        """A caller waits for `job`, until `deadline` on the monotonic clock. Returns at once, and does
        nothing if the job is not waiting for its turn any more.
        """
        with self._turn:
            self._jobs.hurry(job, deadline, time.monotonic())
            self._turn.notify()

    def leave(self, job: Future[Any], urgency: Urgency) -> None:
        """No caller waits for `job` any more: that is how urgent it is now. If it is given up it ends as
        `busy`.
        """
        with self._turn:
            gone = self._given_up(self._jobs.leave(job, urgency))
        _tell(gone)

    @property
    def sessions(self) -> tuple[int, int]:
        """Workers that are busy now, and how many there may be."""
        return len(self._workers) - self._idle, self._settings.sessions

    def keep_warm(self) -> None:
        """Wakes the base, and again whenever it was left alone for `keep_warm` seconds, until the pool
        closes.

        The first request after a pause is answered after ten seconds and more; no caller shall meet that.
        """
        threading.Thread(target=self._keep_warm, name=f"1c-{self.name}-warm", daemon=True).start()

    def close(self, timeout: float = 5.0) -> None:
        """Has the waiting jobs done and the sessions finished, for at most `timeout` seconds in all."""
        with self._turn:
            self._closing.set()
            self._turn.notify_all()
            workers = list(self._workers)
        ends = time.monotonic() + timeout
        for worker in workers:
            worker.join(max(0.0, ends - time.monotonic()))

    def _start_worker(self) -> None:
        name = f"1c-{self.name}-{len(self._workers) + 1}"
        worker = threading.Thread(target=self._work, name=name, daemon=True)
        self._workers.append(worker)
        worker.start()

    def _work(self) -> None:
        client = Client(self._settings, self._policy, self._told)
        try:
            while (taken := self._take()) is not None:
                urgency, job = taken
                began = time.monotonic()
                try:
                    job(client)
                finally:
                    self._done(urgency, time.monotonic() - began)
        except Exception:
            log.exception("1C base %s: a worker died", self.name)
        finally:
            client.close()

    def _take(self) -> tuple[Urgency, Callable[[Client], None]] | None:
        """The next job, when there is one; None when the pool has closed and nothing waits."""
        taken, gone = None, []
        while not taken:
            with self._turn:
                self._idle += 1
                try:
                    while not ((taken := self._next()) or (gone := self._too_many())):
                        if self._closing.is_set() and not self._jobs:
                            return None
                        self._turn.wait()
                finally:
                    self._idle -= 1
                gone += self._too_many()
            _tell(gone)  # without the lock: whoever hears of it may want it
            gone = []
        return taken

    def _next(self) -> tuple[Urgency, Callable[[Client], None]] | None:
        # One session of several stays free for callers: a pop must never make a call wait.
        unhurried = self._unhurried < max(1, self._settings.sessions - 1)
        now = time.monotonic()
        taken = self._jobs.take(now, self._each, unhurried=unhurried)
        if taken is None:
            return None
        urgency, future = taken
        if urgency > Urgency.CALLER:
            self._unhurried += 1
        self.last_taken = now
        return urgency, self._to_do.pop(future)

    def _too_many(self) -> list[Future[Any]]:
        return self._given_up(self._jobs.give_up(0 if self._closing.is_set() else MAX_ABANDONED))

    def _given_up(self, jobs: list[Future[Any]]) -> list[Future[Any]]:
        for job in jobs:
            del self._to_do[job]
        return jobs

    def _done(self, urgency: Urgency, took: float) -> None:
        with self._turn:
            self._last_done = time.monotonic()
            if urgency in _LOOKUPS:
                self._lately.append(took)
                if len(self._lately) >= ENOUGH:
                    # Three of four took no longer: one that slept is not what the next one will take.
                    self._each = sorted(self._lately)[len(self._lately) * 3 // 4]
            if urgency > Urgency.CALLER:
                self._unhurried -= 1
                self._turn.notify_all()  # somebody may have waited for just that

    def _keep_warm(self) -> None:
        before: str | None = None  # the same news once, not every quarter of an hour
        while self._left_alone():
            before = self._tell_warm(before, self._warm_up())
            if not self._settings.keep_warm:
                return

    def _left_alone(self) -> bool:
        """Waits until the base has been left alone for long enough; False when the pool has closed."""
        while not self._closing.is_set():
            left = self._last_done + self._settings.keep_warm - time.monotonic()
            if not self._last_done or left <= 0:
                return True
            self._closing.wait(left)  # not on `_turn`: that would take a wake-up meant for a worker
        return False

    def _warm_up(self) -> tuple[OneCError | None, float]:
        started = time.monotonic()
        error = self.submit(Urgency.WARM, Client.warm_up).exception()
        if error is not None and not isinstance(error, OneCError):
            log.error("1C base %s: %r", self.name, error, exc_info=error)
            error = OneCError("internal", type(error).__name__, Reached.NO, base_down=False)
        return error, time.monotonic() - started

    def _tell_warm(self, before: str | None, now: tuple[OneCError | None, float]) -> str:
        error, took = now
        news = "" if error is None else error.kind
        if news != before:
            if error is None:
                log.info("1C base %s at %s: answers in %.0fms", self.name, self._settings.url, took * 1000)
            elif not error.base_down:
                log.warning("1C base %s at %s: about nobody: %s", self.name, self._settings.url, error)
            else:
                log.warning(
                    "1C base %s at %s: %s; calls go on without it", self.name, self._settings.url, error
                )
        return news


def _busy(why: str) -> OneCError:
    return OneCError("busy", why, Reached.NO, base_down=False)


def _tell(given_up: list[Future[Any]]) -> None:
    for job in given_up:
        if job.set_running_or_notify_cancel():
            job.set_exception(_busy("too many newer ones wait"))
