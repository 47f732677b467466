"""Work that must end in time, whatever hangs: a name server, a disk, a peer that drips."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class OutOfTime(Exception):
    """It has not ended in time, and is left behind: a thread cannot be stopped from outside."""


class Budget:
    """Seconds for a whole walk.

    Args:
        seconds: From now on.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def end(self) -> None:
        """Nothing is left any more."""
        self._ends = time.monotonic()


def begin(work: Callable[[], T]) -> Future[T]:
    """Has `work` done by a thread of its own, which does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="fs-1c-check", daemon=True).start()
    return future


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; raises `OutOfTime` if it has not ended after `seconds`."""
    future = begin(work)
    done, _ = wait([future], seconds)
    if not done:
        raise OutOfTime
    return future.result()


def at_once(works: Sequence[Callable[[], T]], seconds: float) -> list[Future[T]]:
    """All of `works` at the same time. Returns when all have ended, or after `seconds`."""
    start = threading.Barrier(max(1, len(works)))

    def after_the_others(work: Callable[[], T]) -> T:
        start.wait()
        return work()

    futures = [begin(lambda work=work: after_the_others(work)) for work in works]  # type: ignore[misc]
    wait(futures, seconds)
    return futures
