"""How many new numbers a trunk may bring: a bucket of tokens for each; one line a second for what spills."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass

from cachetools import LRUCache

from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

MAX_TRUNKS = 1000
"""Trunks that are told apart; the one that has been silent for longest begins anew."""
HOLDS = 4.0
"""Seconds' worth of numbers that a bucket holds: a service that has just begun remembers nobody."""
TOLD_EVERY = 1.0
"""Seconds of refusals that one line tells of."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a trunk may still bring, as of `at` (seconds)."""

    tokens: float
    at: float


def spent(bucket: Bucket | None, now: float, per_second: int) -> tuple[Bucket, bool]:
    """The bucket after one more number, and whether that was in it. It is full in the beginning."""
    left = per_second * HOLDS
    if bucket is not None:
        left = min(left, bucket.tokens + max(0.0, now - bucket.at) * per_second)
    return (Bucket(left - 1.0, now), True) if left >= 1.0 else (Bucket(left, now), False)


class Flood:
    """The trunks of one base. Thread-safe.

    Args:
        base: Its name, for the log.
        per_second: New numbers of a trunk; 0: as many as there are.
    """

    def __init__(self, base: str, per_second: int) -> None:
        self._base = base
        self._per_second = per_second
        self._buckets: LRUCache[str, Bucket] = LRUCache(MAX_TRUNKS)
        self._refused: Counter[str] = Counter()
        self._lock = threading.Lock()

    def allows(self, trunk: str, now: float) -> bool:
        """May one more new number of `trunk` be asked about?"""
        if not self._per_second:
            return True
        with self._lock:
            self._buckets[trunk], allowed = spent(self._buckets.get(trunk), now, self._per_second)
            if not allowed:
                if not self._refused:
                    TIMERS.after(TOLD_EVERY, self._tell)
                if trunk in self._refused or len(self._refused) < MAX_TRUNKS:
                    self._refused[trunk] += 1
        return allowed

    def _tell(self) -> None:
        refused, self._refused = self._refused, Counter()
        trunk, count = refused.most_common(1)[0]
        others = (
            f", and {len(refused) - 1} trunks more: {refused.total() - count}" if len(refused) > 1 else ""
        )
        log.warning(
            "1C base %s: trunk %s brings more than %d new numbers a second: %d calls go on without a name%s",
            self._base,
            trunk or "-",
            self._per_second,
            count,
            others,
        )
