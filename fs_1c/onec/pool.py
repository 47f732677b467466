"""A pool of worker threads for one base: each owns one connection and one session, and takes the most urgent
job.

So a connection, a session of 1C (which is a licence) and a worker are one thing, bounded by one setting, and
nothing needs a lock around a session. Workers are started as they are needed, since each costs a licence.
They are daemon threads: a hung 1C must not keep the process from ending.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import TypeVar

from fs_1c.onec import connection, dialects
from fs_1c.onec.client import Client, OnRequest
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.session import SessionPolicy
from fs_1c.settings import OneCSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING = 10_000
"""Jobs that may wait; one more fails at once, since its caller would have gone long before its turn."""


class Urgency(IntEnum):
    """Who goes first."""

    CALLER = 0  # somebody waits with the telephone at his ear
    CARD = 1  # somebody looks at a screen
    REFRESH = 2  # a remembered answer is to be renewed
    WARM = 3  # the base is to be kept awake


class WorkerPool:
    """The jobs of one base.

    Args:
        name: The base's name, for threads and logs.
        settings: The base; `sessions` is the number of workers.
        told: Hears of each request: operation, seconds, the error's kind.

    Attributes:
        needs_key: Its 1C knows a person by his key, not by his extension.
        tells: By which words it is told what becomes of a call (see `Dialect.tells`).
    """

    def __init__(
        self,
        name: str,
        settings: OneCSettings,
        told: OnRequest = lambda operation, took, error: None,
    ) -> None:
        self.name = name
        self._told = told
        connection.prepare(settings)
        dialect = dialects.of(settings)
        self.needs_key, self.tells = dialect.needs_key, dialect.tells
        self._settings = settings
        self._policy = SessionPolicy(settings.session_mode)
        self._jobs: list[tuple[Urgency, int, Callable[[Client], None]]] = []
        self._order = itertools.count()
        self._turn = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._idle = 0
        self._unhurried = 0  # workers whose job is not a caller's
        self._closing = threading.Event()
        self._last_done = 0.0

    def submit(self, urgency: Urgency, job: Callable[[Client], T]) -> Future[T]:
        """Has `job` done by a worker with its client. The future ends with the job's result or a `OneCError`.

        A job whose future is cancelled before its turn is not done.
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
                future.set_exception(OneCError("busy", f"the pool {why}", Reached.NO, base_down=False))
                return future
            heapq.heappush(self._jobs, (urgency, next(self._order), done_by))
            if self._idle < len(self._jobs) and len(self._workers) < self._settings.sessions:
                self._start_worker()
            self._turn.notify()
        return future

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
                try:
                    job(client)
                finally:
                    self._done(urgency)
        except Exception:
            log.exception("1C base %s: a worker died", self.name)
        finally:
            client.close()

    def _take(self) -> tuple[Urgency, Callable[[Client], None]] | None:
        """The next job, when there is one; None when the pool has closed and nothing waits."""
        with self._turn:
            self._idle += 1
            try:
                while not (self._jobs and self._may_start(self._jobs[0][0])):
                    if self._closing.is_set() and not self._jobs:
                        return None
                    self._turn.wait()
            finally:
                self._idle -= 1
            urgency, _, job = heapq.heappop(self._jobs)
            if urgency is not Urgency.CALLER:
                self._unhurried += 1
            return urgency, job

    def _may_start(self, urgency: Urgency) -> bool:
        """One session of several stays free for callers: a pop must never make a call wait."""
        return urgency is Urgency.CALLER or self._unhurried < max(1, self._settings.sessions - 1)

    def _done(self, urgency: Urgency) -> None:
        with self._turn:
            self._last_done = time.monotonic()
            if urgency is not Urgency.CALLER:
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
