"""Where the words are kept: in the file, and in memory while the disk is away. The outbox' thread's own.

While the file is away (full, read-only, locked by another service) the same tables are kept in memory,
bounded, and go behind what is in the file when it is back. Words whose call has others in the file wait till
then; those of other calls leave.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fs_1c.history import kept
from fs_1c.history.changes import Changes, Key
from fs_1c.history.kept import Word
from fs_1c.history.pace import Became, Fate
from fs_1c.history.stories import as_json
from fs_1c.sqlite_file import Newer, SqliteFile, is_corrupt

log = logging.getLogger(__name__)

MAX_IN_MEMORY = 20_000
"""Words that wait in memory while the disk is away, or for good where no folder is set."""
MAX_PAGES = 250
"""Pages of 4 kB of the file that stay in memory, however much waits in it."""
AGAIN = 10.0
"""Seconds between attempts to have the disk back."""
AFTER_A_DEATH = 2.0
"""Seconds that 1C has for what a service that has died had sent it."""


class Place:
    """The file, or the memory.

    Args:
        path: None: everything is kept in memory.
        flying: The calls of which a word is under way, each with whether the memory has it.
        found: Is told what the process before has left: stories and managers, and words that 1C may have.

    Attributes:
        lost: Words that nobody will be told, for want of room.
        why: The disk is away; or empty.
    """

    def __init__(
        self,
        path: Path | None,
        flying: Mapping[Key, bool],
        found: Callable[[list[tuple[str, str]], list[Word]], None],
    ) -> None:
        self.lost = 0
        self.why = ""
        self._path = path
        self._flying = flying
        self._found = found
        self._file = _file(path) if path else None
        self._lock: int | None = None
        self._begun = False
        self._ill = False  # it has been told that something is wrong
        self._memory: sqlite3.Connection | None = None if path else _in_memory()
        self._again_at = 0.0
        self._returning = False
        self._fresh: set[str] = set()  # calls that have begun since the disk is away
        self._over: set[str] = set()  # and that have ended
        self._owed: list[tuple[Word, Became, str, bool]] = []
        self._silent: set[str] = set()

    @property
    def away_till(self) -> float | None:
        """When the disk is tried again, on the monotonic clock; None: it is not away, or is back already."""
        away = self._memory is not None and self._file is not None and not self._returning
        return self._again_at if away else None

    @property
    def is_returning(self) -> bool:
        """The disk is back, and what is in memory waits for its words under way: no other leaves."""
        return self._returning

    @property
    def away(self) -> bool:
        """The disk is away: what stands there cannot be got at."""
        return self._memory is not None and self._file is not None

    def is_memory(self, connection: sqlite3.Connection) -> bool:
        return connection is self._memory

    def connection(self, changes: Changes) -> sqlite3.Connection:
        """Where these are kept now. Raises sqlite3.Error, OSError, `Newer`."""
        file, memory = self._file, self._memory
        if memory is None or file is None:
            return self._opened(file) if file else (memory or _in_memory())
        if time.monotonic() >= self._again_at or self._returning:
            try:
                busy = any(self._flying.values()) or any(in_memory for *_, in_memory in changes.ended)
                self._come_back(file, memory, busy=busy)
            except (sqlite3.Error, OSError, Newer) as error:
                file.failed(error)
                self._again_at, self._returning = time.monotonic() + AGAIN, False
        return self._memory or self._opened(file)

    def apply(self, connection: sqlite3.Connection, changes: Changes) -> None:
        """Makes the changes, within a transaction. Raises sqlite3.Error."""
        words = changes.words
        away = connection is self._memory and self._file is not None
        if connection is self._memory:
            self._fresh |= changes.begun if away else set()
            (there,) = connection.execute("SELECT count(*) FROM words").fetchone()
            if there + len(words) > MAX_IN_MEMORY:
                fit = max(0, MAX_IN_MEMORY - there)
                self.lost += len(words) - fit
                words = words[:fit]
                self.trouble("too much waits in memory")
        held = kept.HELD if away else 0.0
        changes.written = kept.put(connection, words, lambda word: 0.0 if word.call in self._fresh else held)
        over = [call for call, told in changes.stories.items() if told is None]
        kept.drop_stories(connection, over)
        self._over.update(over if away else ())
        self._fresh.difference_update(over)
        now = time.time()
        kept.keep_stories(
            connection,
            [
                (call, told[0].number, told[1], as_json(told[0]), now)
                for call, told in changes.stories.items()
                if told is not None
            ],
        )
        for one in changes.ended:
            if one[3] == (connection is self._memory):
                _settle(connection, *one[:3])
            else:
                self._owed.append(one)
        for word, _ in changes.leaving:
            if self._flying.get((word.base, word.call)) == (connection is self._memory):
                kept.leaves(connection, word)
        self._silent.update(changes.silent)
        for base in changes.silent:
            kept.silence(connection, base)

    def _opened(self, file: SqliteFile) -> sqlite3.Connection:
        if self._begun:
            return file.open()
        if self._lock is None:
            self._lock = _locked(file.path)
        connection = file.open()
        connection.execute("BEGIN IMMEDIATE")
        unknown = kept.begin(connection, time.monotonic() + AFTER_A_DEATH)
        stories = kept.stories(connection)
        connection.execute("COMMIT")
        self._begun = True
        self._found(stories, unknown)
        return connection

    def _come_back(self, file: SqliteFile, memory: sqlite3.Connection, *, busy: bool) -> None:
        """The file has what the memory has, if it can be written and nothing of the memory is under way
        (`busy`).
        """
        connection = self._opened(file)
        if busy:
            connection.execute("INSERT OR REPLACE INTO said VALUES ('', '', '', ?)", (time.time(),))
            self._returning = True  # so that there is an end of it
            return
        connection.execute("BEGIN IMMEDIATE")
        kept.move(memory, connection)
        kept.drop_stories(connection, self._over)
        for word, became, why, _ in self._owed:
            _settle(connection, word, became, why)
        for base in self._silent:
            kept.silence(connection, base)
        connection.execute("COMMIT")
        memory.close()
        self._memory, self.why = None, ""
        self._owed.clear()
        self._fresh.clear()
        self._over.clear()
        self._returning = False

    def failed(self, error: Exception) -> bool:
        """Something is wrong with where things are kept; whether there is another place now."""
        log.debug("history %s: %r", self._path, error)
        if self._memory is not None or self._file is None:
            with contextlib.suppress(sqlite3.Error):
                (self._memory or _in_memory()).execute("ROLLBACK")
            log.error("history: %s", error)
            return False
        with contextlib.suppress(OSError):
            self._file.failed(error)
            if is_corrupt(error):
                return True  # there is a new one
        self.trouble(str(error))
        self.why = str(error)
        self._memory = _in_memory()
        self._again_at = time.monotonic() + (float("inf") if isinstance(error, Newer) else AGAIN)
        return True

    def trouble(self, why: str) -> None:
        """Says, once, that something is wrong. From any thread."""
        told, self._ill = self._ill, True
        if not told:
            where = self._path or "in memory"
            log.warning(
                "history %s cannot be written (%s); what 1C is to be told stays in memory", where, why
            )

    def well(self) -> None:
        """What was to be written was, and not much waits: says so, if it had not been so."""
        if self._ill and self._file and self._memory is None:
            self._ill = False
            log.warning("history %s is written again; words lost meanwhile: %d", self._path, self.lost)

    def erase(self, is_his: Callable[[str], bool], *, begun: bool) -> tuple[int, str]:
        """Erases a client: how many words that were, and what is left and why.

        Args:
            begun: There is a thread, whose these are.
        """
        erased, left = 0, ""
        try:
            if self._memory is not None:
                erased = kept.erase(self._memory, is_his)
            if self._file is not None and (self._memory is None or not begun):
                found, left = self._file.erase(lambda connection: kept.erase(connection, is_his))
                erased += found or 0
            elif self._file is not None:
                left = "the disk is away: erase again"
        except (sqlite3.Error, OSError, Newer) as error:
            left = str(error)
        return erased, left

    def close(self) -> None:
        """The file is free for another process; what only the memory has is lost, and that is said."""
        if self._memory is not None:
            with contextlib.suppress(sqlite3.Error):
                (left,) = self._memory.execute("SELECT count(*) FROM words").fetchone()
                if left:
                    log.warning(
                        "history: %d words that were in memory alone are lost with this process", left
                    )
        if self._file:
            self._file.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _file(path: Path) -> SqliteFile:
    return SqliteFile(path, kept.schema, kept.VERSION, "history", durable=True, cache=MAX_PAGES)


def _settle(connection: sqlite3.Connection, word: Word, became: Became, why: str) -> None:
    if became.fate is Fate.AGAIN:
        turn = time.monotonic() + became.pause if became.pause else 0.0
        kept.again(connection, word, why, turn, became.tries)
    else:
        kept.over(connection, word)


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statement in kept.SCHEMA:
        connection.execute(statement)
    return connection


def _locked(path: Path) -> int:
    """The descriptor by which the file is this process' alone. Raises OSError: another service has it."""
    path.parent.mkdir(mode=0o750, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise OSError(0, "another service has it") from None
    except OSError:
        pass  # a disk that knows of no locks
    return lock
