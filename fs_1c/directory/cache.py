"""1C's answers, remembered for as long as they are good: cachetools under a lock."""

from __future__ import annotations

import threading
import time

from cachetools import TLRUCache

from fs_1c.onec.answer import Answer
from fs_1c.settings import LookupSettings


class Cache:
    """E.164 number → what 1C said about it.

    A known client stays for `fresh_for` seconds, an unknown one for `unknown_for`: he may be entered into 1C
    in the next minute. Errors are never put here. The least recently asked go first when there are more than
    `size`.
    """

    def __init__(self, settings: LookupSettings) -> None:
        def until(_: str, answer: Answer, now: float) -> float:
            return now + (settings.fresh_for if answer.known else settings.unknown_for)

        # A lambda, so that the clock is looked up on each call: tests freeze it.
        self._answers: TLRUCache[str, Answer] = TLRUCache(
            settings.size, until, timer=lambda: time.monotonic()
        )
        self._lock = threading.Lock()  # cachetools' caches are not for sharing between threads

    def get(self, number: str) -> Answer | None:
        with self._lock:
            return self._answers.get(number)

    def put(self, number: str, answer: Answer) -> None:
        with self._lock:
            self._answers[number] = answer

    def __len__(self) -> int:
        with self._lock:
            return len(self._answers)
