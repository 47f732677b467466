"""What people and monitoring ask: what waits for 1C and why; have it tried at once, or dropped."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from fs_1c.call import Told
from fs_1c.history import kept
from fs_1c.history.kept import Waits, Word
from fs_1c.history.outbox import Outbox
from fs_1c.history.pace import Pace
from fs_1c.history.waiting import calls as waits
from fs_1c.history.waiting.calls import CallWaits
from fs_1c.sqlite_file import BUSY, version_of

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_EVERY = 5.0
"""Seconds for which what was counted is good: to count costs the outbox' thread some time when much waits."""
LOOK_WITHIN = 1.0
"""Seconds that somebody who wants to know how much waits may be held up."""
ANSWERS_WITHIN = 10.0
"""Seconds that anything else may take, a portion each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What waits, as far as it was seen last.

    Attributes:
        bases: By base, of those for which something waits.
        at: When it was looked, on the monotonic clock; 0: never yet.
        late: The disk has not answered in time just now.
        away: The disk is away: what stands there is not among it.
        why: Why it is; or empty.
        lost: Words that nobody will be told, since the start.
    """

    bases: Mapping[str, Waits] = field(default_factory=dict)
    at: float = 0.0
    late: bool = False
    away: bool = False
    lost: int = 0
    why: str = ""


class Desk:
    """Thread-safe. All of it blocks; raises TimeoutError where the disk does not answer.

    Args:
        outbox: Where it stands.
        paces: How fast each base is told; the outbox' thread's own.
        settled: Hears, on that thread, of each word that has come to its end.
    """

    def __init__(
        self, outbox: Outbox, paces: dict[str, Pace], settled: Callable[[Word, Told, None], None]
    ) -> None:
        self._outbox = outbox
        self._paces = paces
        self._settled = settled
        self._lock = threading.Lock()
        self._seen = Seen()
        self._looking: Future[dict[str, Waits]] | None = None

    def seen(self) -> Seen:
        """How much waits; no older than `LOOK_EVERY`, unless the disk does not answer. Never raises."""
        outbox = self._outbox
        with self._lock:
            if self._looking is None:
                good = self._seen.at and time.monotonic() - self._seen.at < LOOK_EVERY
                if good or not outbox.is_open:
                    return self._told(late=False)
                self._looking = self._outbox.ask(self._waiting)
            looking = self._looking
        try:
            found = looking.result(LOOK_WITHIN)
        except TimeoutError:
            with self._lock:
                return self._told(late=True)
        with self._lock:
            if self._looking is looking:
                self._looking = None
                self._seen = Seen(found, time.monotonic())
            return self._told(late=False)

    def _waiting(self, connection: sqlite3.Connection) -> dict[str, Waits]:
        """On the outbox' thread."""
        return {
            name: replace(one, error=one.error or self._why(name))
            for name, one in kept.waiting(connection).items()
        }

    def _why(self, base: str) -> str:
        """It is down; or empty. On the outbox' thread."""
        pace = self._paces.get(base)
        return pace.why if pace is not None else ""

    def _told(self, *, late: bool) -> Seen:
        box = self._outbox
        return Seen(self._seen.bases, self._seen.at, late, box.away, box.lost, box.away_for)

    def calls(self, base: str, call: str, limit: int) -> list[CallWaits]:
        """The calls that wait, the oldest first; of all bases, or of one; all, or one. Of a base that is down
        none has its turn before that is asked again.
        """

        def found(connection: sqlite3.Connection) -> list[CallWaits]:
            now = time.monotonic()
            down = {name: pace.until - now for name, pace in self._paces.items() if pace.is_down}
            calls = waits.calls(connection, base, call, limit, now)
            return [
                replace(
                    one,
                    error=one.error or self._why(one.base),
                    next_in=None if one.next_in is None else max(one.next_in, down.get(one.base, 0.0)),
                )
                for one in calls
            ]

        return self._within(self._outbox.ask(found))

    def retry(self, base: str, call: str) -> int:
        """Has them tried at once, and asks bases that are down, or that took nothing. Returns how many calls
        have something to be told.
        """

        def at_once(connection: sqlite3.Connection) -> int:
            for name in [base] if base else list(self._paces):
                self._paces.pop(name, None)
            return waits.retry(connection, base, call)

        count = self._within(self._outbox.ask(at_once))
        log.info("history: tried at once: %d calls", count)
        return count

    def drop(self, base: str, call: str) -> tuple[int, int]:
        """1C will not be told what waits. Returns how many words and calls that were; what is under way goes
        on. Each is told to observers as dropped.
        """
        words, calls, first = 0, set(), ""
        while dropped := self._within(self._outbox.ask(self._portion(base, call), self._dropped)):
            words += len(dropped)
            calls |= {(word.base, word.call) for word in dropped}
            first = first or f"call={dropped[0].call} base={dropped[0].base}"
        if words:
            log.warning(
                "history: %d words of %d calls dropped, the first %s: 1C is not told",
                words,
                len(calls),
                first,
            )
        self._seen = Seen()
        return words, len(calls)

    def _portion(self, base: str, call: str) -> Callable[[sqlite3.Connection], list[Word]]:
        return lambda connection: waits.drop(connection, base, call, set(self._outbox.flying))

    def _dropped(self, words: list[Word]) -> None:
        for word in words:
            self._settled(word, Told.DROPPED, None)

    def _within(self, answer: Future[T]) -> T:
        if not self._outbox.is_open:
            raise TimeoutError("the history is not told here")
        return answer.result(ANSWERS_WITHIN)


def bases_as_json(bases: Mapping[str, Waits], now: float) -> dict[str, dict[str, Any]]:
    """What waits for each, as the service's door and the command tell it. `oldest_s`: seconds, at `now` since
    the epoch.
    """
    return {
        name: {
            "words": waits.words,
            "calls": waits.calls,
            "oldest_s": round(max(0.0, now - waits.oldest), 1),
            "error": waits.error or None,
        }
        for name, waits in bases.items()
    }


def in_file(path: Path, base: str, call: str, limit: int) -> tuple[Mapping[str, Waits], list[CallWaits]]:
    """What waits according to the file, while no service has it: how much, by base, and the calls. Raises
    OSError, sqlite3.Error, and `Newer` if a newer version wrote it.
    """
    if not path.exists():
        return {}, []
    # Nobody has it open: what SQLite would lay beside it might be in the way of the service's user.
    alone = "" if Path(f"{path}-wal").exists() else "&immutable=1"
    uri = f"{path.absolute().as_uri()}?mode=ro{alone}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY)) as connection:
        if not version_of(connection, kept.VERSION):
            return {}, []
        return kept.waiting(connection), waits.calls(connection, base, call, limit, None)
