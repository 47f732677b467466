"""N workers at the counter of one base: each owns one connection, takes the most urgent job, does it, tells.

So a connection (later: a session, a licence) and a worker are one thing, bounded by one setting, and nothing
needs a lock around a connection. Workers are daemon threads: a hung 1C must not keep the process from ending.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import OneCSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING = 10_000
"""Jobs that may wait; beyond it a job fails at once, since its caller would have gone long before its turn.
"""


class Urgency(IntEnum):
    """Who goes first."""

    CALLER = 0  # somebody waits with the telephone at his ear
    POP = 1  # somebody looks at a screen
    STOP = 9


class Desk:
    """The jobs of one base.

    Args:
        name: The base's name, for threads and logs.
        settings: The base; `sessions` is the number of workers.
    """

    def __init__(self, name: str, settings: OneCSettings) -> None:
        self.name = name
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[Client], None] | None]] = (
            queue.PriorityQueue()
        )
        self._order = itertools.count()
        self._settings = settings
        self._closed = False
        self._lock = threading.Lock()
        self._workers: list[threading.Thread] = []

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

        with self._lock:
            if self._closed or self._jobs.qsize() >= MAX_WAITING:
                why = "is closed" if self._closed else "has too long a queue"
                future.set_exception(OneCError("busy", f"the desk {why}", Reached.NO, base_down=False))
                return future
            self._jobs.put((urgency, next(self._order), done_by))
            if len(self._workers) < self._settings.sessions and self._jobs.qsize() > 0:
                self._hire()
        return future

    def close(self, timeout: float = 5.0) -> None:
        """Lets the workers finish what they do, for at most `timeout` seconds in all; waiting jobs are done
        first.
        """
        with self._lock:
            self._closed = True
            workers = list(self._workers)
            for _ in workers:
                self._jobs.put((Urgency.STOP, next(self._order), None))
        share = timeout / len(workers) if workers else 0.0
        for worker in workers:
            worker.join(share)

    def _hire(self) -> None:
        name = f"1c-{self.name}-{len(self._workers) + 1}"
        worker = threading.Thread(target=self._work, name=name, daemon=True)
        self._workers.append(worker)
        worker.start()

    def _work(self) -> None:
        client: Any = None
        try:
            client = Client(self._settings)
            while (job := self._jobs.get()[2]) is not None:
                job(client)
        except Exception:
            log.exception("1C desk %s: a worker died", self.name)
        finally:
            if client is not None:
                client.close()
