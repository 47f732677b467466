"""The journal's file on the disk: opened when there is something to write, set aside when it is corrupt."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fs_1c.journal.entries import ADDED, BUSY, SCHEMA, TABLES, VERSION, ErasedRows, version_of
from fs_1c.numbers import NumberPlan, in_e164
from fs_1c.settings import close_to_others

log = logging.getLogger(__name__)

CACHE_PAGES, LOG_PAGES = 4000, 8000
"""Pages of 4 kB: as many in memory, and as many in the write-ahead log before they go to their places."""


class JournalFile:
    """The file, for one thread. Its methods raise sqlite3.Error and OSError; after that it is opened anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)

    def run(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        """Does them all or none. Returns the number of rows they changed. Raises `Newer` besides."""
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(connection.execute(sql, values).rowcount for sql, values in statements)
            connection.execute("COMMIT")
        except BaseException as error:
            self.close()  # which takes back what has not been committed
            if _is_corrupt(error):
                self._set_aside()
            raise
        return changed

    def erase(self, number: str, plan: NumberPlan) -> ErasedRows:
        """Deletes one client's rows and all others of his calls; nothing of them is in the file afterwards.
        Raises `Newer` besides.

        Args:
            number: E.164, or as received if it is none.
        """
        if not self._path.exists():
            return ErasedRows(left=self._set_aside_before())
        try:
            connection = self._open()
            (before,) = connection.execute("PRAGMA secure_delete").fetchone()
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            deleted = _delete(connection, number, plan)
            connection.execute("COMMIT")
            left = _wiped(connection)
            connection.execute(f"PRAGMA secure_delete = {before}")
        except BaseException as error:
            self.close()
            if _is_corrupt(error):
                self._set_aside()
            raise
        left = left or self._set_aside_before()
        return ErasedRows(deleted["calls"], deleted["pops"], deleted["talks"], left)

    def _set_aside_before(self) -> str:
        """What `_set_aside` has left, which nobody can look into."""
        if not any(self._path.parent.glob(f"{self._path.name}.broken-*")):
            return ""
        return f"what was corrupt may have something of him: delete {self._path}.broken-*"

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def forget_broken(self, before: float) -> None:
        """Deletes what was set aside, if it is from before that time: it is personal data as well."""
        for old in self._path.parent.iterdir():
            if old.name.startswith(f"{self._path.name}.broken-"):
                with contextlib.suppress(FileNotFoundError):  # another process is at it, too
                    if old.stat().st_mtime < before:
                        old.unlink()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._inode == _inode(self._path):
                    return self._connection
            self.close()  # it is still there, but under no name, or under another
        self._path.parent.mkdir(mode=0o750, exist_ok=True)
        # A file that exists must not be opened here: to close it again would take away the locks that SQLite
        # holds in this process.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        close_to_others(self._path.parent, 0o770)
        for end in ("", "-wal", "-shm"):  # SQLite makes these like the file, but takes them as they are
            close_to_others(Path(f"{self._path}{end}"), 0o640)
        self._inode = _inode(self._path)
        self._connection = connection = sqlite3.connect(
            self._path, timeout=BUSY, isolation_level=None, cached_statements=8
        )
        version = version_of(connection)
        _let_readers_be(connection)
        if version < VERSION:
            connection.execute("BEGIN IMMEDIATE")
            for statement in (*_older(connection), *SCHEMA):
                connection.execute(statement)
            connection.execute("COMMIT")
        # Survives the end of this process as it is; a power failure may take the last rows.
        connection.execute("PRAGMA synchronous = NORMAL")
        # A row changes a page of its own, of the index of calls: the pages of a large transaction must have
        # room, and be taken from the log to their places for several transactions at once.
        connection.execute(f"PRAGMA cache_size = {CACHE_PAGES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        return connection

    def _set_aside(self) -> None:
        """Renames the corrupt file, so that the next attempt begins a new one."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of all who have met the corrupt file only one must do this
            if _inode(self._path) == self._inode:
                self._rename()
        finally:
            os.close(folder)

    def _rename(self) -> None:
        broken = f"{self._path}.broken-{time.strftime('%Y-%m-%d')}"
        first = not os.path.exists(broken)  # of this day; on a disk that breaks all, the others are of no use
        for end in ("-wal", "-shm", ""):  # what SQLite keeps beside a file finds it by its name
            with contextlib.suppress(FileNotFoundError):
                if first:
                    os.rename(f"{self._path}{end}", f"{broken}{end}")
                else:
                    os.unlink(f"{self._path}{end}")
        kept = "set aside as" if first else "deleted, for there is already a"
        log.warning(
            "journal %s was corrupt and is begun anew; the old one is %s %s", self._path, kept, broken
        )


def _older(connection: sqlite3.Connection) -> list[str]:
    """What gives the tables of an older version their new columns."""
    return [
        f"ALTER TABLE {table} ADD COLUMN {name} TEXT NOT NULL DEFAULT ''"
        for table, names in ADDED.items()
        for there in [{row[1] for row in connection.execute(f"PRAGMA table_info({table})")}]
        for name in names
        if there and name not in there
    ]


def _delete(connection: sqlite3.Connection, number: str, plan: NumberPlan) -> dict[str, int]:
    """Rows deleted, by table."""
    numbers, calls = {number}, set()
    for table in TABLES.values():
        # What could be read when it was written stands there in E.164.
        unread = connection.execute(f"SELECT DISTINCT number FROM {table} WHERE number NOT GLOB '+[0-9]*'")  # noqa: S608
        numbers |= {text for (text,) in unread if text and in_e164(text, plan) == number}
    for table in TABLES.values():
        for text in numbers:
            found = connection.execute(f"SELECT DISTINCT call FROM {table} WHERE number = ?", (text,))  # noqa: S608
            calls |= {uuid for (uuid,) in found if uuid}
    deleted = {}
    for table in TABLES.values():
        rows = 0
        for column, values in (("number", numbers), ("call", calls)):
            given = [(value,) for value in values]
            rows += connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", given).rowcount  # noqa: S608
        deleted[table] = rows
    return deleted


def _wiped(connection: sqlite3.Connection) -> str:
    """Has nothing of deleted rows left in the file and beside it; else says why that may not be so.

    Deleted octets are overwritten, but pages that were split or freed before still have copies of rows that
    had been there: only a file that is written anew has none.
    """
    left = ""
    try:
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        left = f"the file could not be written anew ({error}); copies may be in its free pages: erase again"
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy and not left:
        left = "somebody reads the file, and its write-ahead log could not be emptied: erase again"
    return left


def _let_readers_be(connection: sqlite3.Connection) -> None:
    """Write-ahead logging, in which readers and the writer do not wait for each other."""
    ends = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # For this alone SQLite does not wait itself: several processes may begin the file at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        time.sleep(0.01)


def _inode(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _is_corrupt(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def may_pass(error: Exception) -> bool:
    """May the same rows be written later? Otherwise they are what is wrong."""
    return isinstance(error, OSError | sqlite3.OperationalError) or _is_corrupt(error)
