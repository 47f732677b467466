"""How many calls may be asked for: of one subscriber in a minute, and of all in a day. Pure, but for what was
counted; the caller tells the time.
"""

from __future__ import annotations

from collections import deque

MINUTE, DAY = 60.0, 86400.0
MAX_SUBSCRIBERS = 10_000
"""Whose calls are counted; beyond that all are counted as one."""


class Limits:
    """Counts calls. Times are seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._of_all: deque[float] = deque()
        self._of_one: dict[str, deque[float]] = {}

    def full(self, who: str, now: float, per_minute: int, per_day: int) -> str:
        """Which setting forbids one more; empty: none does."""
        _forget(self._of_all, now - DAY)
        own = self._own(who)
        _forget(own, now - MINUTE)
        if len(self._of_all) >= per_day:
            return f"calls.per_day: {per_day}"
        return f"calls.per_minute: {per_minute}" if len(own) >= per_minute else ""

    def count(self, who: str, now: float) -> None:
        """One more."""
        if who not in self._of_one and len(self._of_one) >= MAX_SUBSCRIBERS:
            self._of_one = {one: times for one, times in self._of_one.items() if times[-1] > now - MINUTE}
            who = who if len(self._of_one) < MAX_SUBSCRIBERS else ""
        self._of_one.setdefault(who, deque()).append(now)
        self._of_all.append(now)

    def _own(self, who: str) -> deque[float]:
        if who in self._of_one or len(self._of_one) < MAX_SUBSCRIBERS:
            return self._of_one.get(who) or deque()
        return self._of_one.get("") or deque()


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] <= before:
        times.popleft()
