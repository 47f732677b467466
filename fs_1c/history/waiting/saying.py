"""What the log says of the words of calls, and of bases that take none: once, and not once a word."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from fs_1c.call import HistoryWord, Told
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

LINES, PAUSE = 20, 60.0
"""Lines about words of one base in so many seconds; how many more there were is one line. Each word is in the
journal.
"""
AWAY_AFTER = 2
"""Failures in a row by which a base is down; one alone may be a connection that was cut."""


class Saying:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: Counter[str] = Counter()  # lines of each base in this `PAUSE`
        self._down: dict[str, float] = {}  # bases of which it was said, and since when that is so

    def ended(self, word: HistoryWord) -> None:
        """A word has come to its end."""
        amiss = word.told in (Told.UNKNOWN, Told.REFUSED)
        if amiss and not self._may_say(word.base):
            return
        log.log(
            logging.WARNING if amiss else logging.DEBUG,
            "call=%s history %s extension=%s base=%s %s after %.1fs%s",
            word.call_uuid,
            word.state,
            word.extension or "-",
            word.base,
            word.told,
            word.took,
            f" error={word.error.kind}: {word.error.message}" if word.error else "",
        )

    def base(self, name: str, failures: int, why: object) -> None:
        """How often in a row that base was found to be down, and why it is."""
        with self._lock:
            since = self._down.get(name)
            if since is None and failures >= AWAY_AFTER:
                self._down[name] = time.monotonic()
            elif since is not None and not failures:
                del self._down[name]
            else:
                return
        if since is None:
            log.warning("1C base %s is told of no calls: %s; what happens waits for it", name, why)
        else:
            log.warning("1C base %s is told of calls again, after %.0f s", name, time.monotonic() - since)

    def _may_say(self, base: str) -> bool:
        with self._lock:
            self._said[base] += 1
            said = self._said[base]
        if said == 1:
            TIMERS.after(PAUSE, lambda: self._count_anew(base))
        return said <= LINES

    def _count_anew(self, base: str) -> None:
        with self._lock:
            more = self._said.pop(base) - LINES
        if more > 0:
            log.warning("history: base %s: %d more such lines in %.0f s are left out", base, more, PAUSE)
