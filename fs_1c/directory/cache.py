"""1C's answers, remembered for as long as they are good: cachetools under a lock."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from cachetools import TLRUCache

from fs_1c.onec import Answer
from fs_1c.settings import LookupSettings


def _now() -> float:
    return time.monotonic()  # looked up on each call: tests freeze it


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer and when 1C gave it.

    Attributes:
        asked_at: On the monotonic clock.
        doubts: How often all was doubted before it was put.
    """

    answer: Answer
    asked_at: float
    doubts: int = 0


class Cache:
    """E.164 number → what 1C said about it.

    A known client is fresh for `fresh_for` seconds and stale for `stale_for` more; an unknown one stays for
    `unknown_for` only, since he may be entered into 1C in the next minute. Errors are never put here, so a
    failure never replaces an answer. The least recently asked go first when there are more than `size`.
    """

    def __init__(self, settings: LookupSettings) -> None:
        def until(_: str, remembered: Remembered, now: float) -> float:
            known = remembered.answer.known
            good_for = settings.fresh_for + settings.stale_for if known else settings.unknown_for
            return remembered.asked_at + good_for

        def empty() -> TLRUCache[str, Remembered]:
            return TLRUCache(settings.size, until, timer=_now)

        self._fresh_for = settings.fresh_for
        self._empty = empty
        self._answers = empty()
        self._doubts = 0
        self._lock = threading.Lock()  # cachetools' caches are not for sharing between threads

    def get(self, number: str) -> Remembered | None:
        """What 1C said, and when; None when nothing is remembered."""
        with self._lock:
            try:
                return self._answers[number]  # `get` would look twice
            except KeyError:
                return None

    def is_fresh(self, remembered: Remembered) -> bool:
        """Otherwise it is stale: told all the same, and asked again."""
        if self.is_doubted(remembered):
            return False
        return not remembered.answer.known or _now() - remembered.asked_at < self._fresh_for

    def is_doubted(self, remembered: Remembered) -> bool:
        """It may have changed, and is told only if nobody can be asked."""
        return remembered.doubts != self._doubts

    def doubt(self) -> None:
        """From now on all that is remembered is doubted."""
        with self._lock:
            self._doubts += 1

    def put(self, number: str, answer: Answer, age: float = 0.0) -> None:
        """Remembers an answer that 1C gave `age` seconds ago."""
        with self._lock:
            self._answers[number] = Remembered(answer, _now() - age, self._doubts)

    def forget(self, number: str | None) -> int:
        """Forgets one number, or all; returns how many were remembered."""
        if number is None:
            empty = self._empty()
            with self._lock:  # to take them out one by one would have calls wait for all of them
                answers, self._answers = self._answers, empty
            return len(answers)
        with self._lock:
            return 0 if self._answers.pop(number, None) is None else 1

    def __len__(self) -> int:
        with self._lock:
            return len(self._answers)
