"""Opening, and what can be wrong with a file. What stands in it is its owner's affair."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fs_1c.settings import close_to_others

log = logging.getLogger(__name__)

T = TypeVar("T")
Schema = Callable[[sqlite3.Connection], Iterable[str]]

BUSY = 2.0
"""Seconds to wait for another process' transaction."""
CACHE_PAGES, LOG_PAGES = 4000, 8000
"""Pages of 4 kB: as many in memory, and as many in the write-ahead log before they go to their places."""


class Newer(Exception):
    """The file belongs to a newer version of this library."""


class SqliteFile:
    """A file, for one thread.

    Args:
        path: Made when missing, mode 0640, as its folder is.
        schema: Tells what makes the tables of what is there; the last statement sets `user_version`.
        version: Of the tables.
        what: The file's owner, for the log.
        durable: What was committed survives a power failure, too, and not only this process.
        cache: Pages of 4 kB that stay in memory.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        version: int,
        what: str,
        *,
        durable: bool = False,
        cache: int = CACHE_PAGES,
    ) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._what = what
        self._durable = durable
        self._cache = cache
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)

    def open(self) -> sqlite3.Connection:
        """The connection to the file that bears the name now. Raises sqlite3.Error, OSError and `Newer`."""
        if self._connection is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._inode == _inode(self.path):
                    return self._connection
            self.close()  # it is still there, but under no name, or under another
        self.path.parent.mkdir(mode=0o750, exist_ok=True)
        # A file that exists must not be opened here: to close it again would take away the locks that SQLite
        # holds in this process.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        close_to_others(self.path.parent, 0o770)
        for end in ("", "-wal", "-shm"):  # SQLite makes these like the file, but takes them as they are
            close_to_others(Path(f"{self.path}{end}"), 0o640)
        self._inode = _inode(self.path)
        self._connection = connection = sqlite3.connect(
            self.path, timeout=BUSY, isolation_level=None, cached_statements=64
        )
        version = version_of(connection, self._version)
        _let_readers_be(connection)
        if version < self._version:
            connection.execute("BEGIN IMMEDIATE")
            for statement in self._schema(connection):
                connection.execute(statement)
            connection.execute("COMMIT")
        # NORMAL: a power failure may take the last rows.
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        # Rows that are far from each other change a page each: the pages of a large transaction must have
        # room, and be taken from the log to their places for several transactions at once.
        connection.execute(f"PRAGMA cache_size = {self._cache}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        return connection

    def close(self) -> None:
        """Which takes back what has not been committed."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def failed(self, error: BaseException) -> None:
        """Something was wrong: the file is opened anew the next time, a new one if it was corrupt. Raises
        OSError.
        """
        self.close()
        if is_corrupt(error):
            self.set_aside()

    def set_aside(self) -> None:
        """Renames the corrupt file, so that the next attempt begins a new one. Raises OSError."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of all who have met the corrupt file only one must do this
            if _inode(self.path) == self._inode:
                self._rename()
        finally:
            os.close(folder)

    def erase(self, delete: Callable[[sqlite3.Connection], T]) -> tuple[T | None, str]:
        """Has something deleted so that nothing of it is in the file afterwards.

        Returns what `delete` does, None if there is no file; and what may hold something of it still, and
        why, or nothing. Raises sqlite3.Error, OSError and `Newer`.
        """
        if not self.path.exists():
            return None, self._left_aside()
        try:
            connection = self.open()
            (before,) = connection.execute("PRAGMA secure_delete").fetchone()
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            deleted = delete(connection)
            connection.execute("COMMIT")
            left = _wiped(connection)
            connection.execute(f"PRAGMA secure_delete = {before}")
        except BaseException as error:
            self.failed(error)
            raise
        return deleted, left or self._left_aside()

    def _left_aside(self) -> str:
        """What `set_aside` has left, which nobody can look into."""
        return (
            f"what was corrupt may have something of him: delete {self.path}.broken-*" if self.broken else ""
        )

    @property
    def broken(self) -> list[Path]:
        """What was set aside. Raises OSError."""
        return list(self.path.parent.glob(f"{self.path.name}.broken-*"))

    def forget_broken(self, before: float) -> None:
        """Deletes what was set aside, if it is from before that time: it is personal data as well. Raises
        OSError.
        """
        for old in self.broken:
            with contextlib.suppress(FileNotFoundError):  # another process is at it, too
                if old.stat().st_mtime < before:
                    old.unlink()

    def _rename(self) -> None:
        broken = f"{self.path}.broken-{time.strftime('%Y-%m-%d')}"
        first = not os.path.exists(broken)  # of this day; on a disk that breaks all, the others are of no use
        for end in ("-wal", "-shm", ""):  # what SQLite keeps beside a file finds it by its name
            with contextlib.suppress(FileNotFoundError):
                if first:
                    os.rename(f"{self.path}{end}", f"{broken}{end}")
                else:
                    os.unlink(f"{self.path}{end}")
        kept = "set aside as" if first else "deleted, for there is already a"
        log.warning(
            "%s %s was corrupt and is begun anew; the old one is %s %s", self._what, self.path, kept, broken
        )


def version_of(connection: sqlite3.Connection, known: int) -> int:
    """The version of the tables; 0: there are none. Raises `Newer` if it is above the one that is `known`."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > known:
        raise Newer(f"is of a newer version ({version}; this one knows {known})")
    return version


def may_pass(error: Exception) -> bool:
    """May the same rows be written later? Otherwise they are what is wrong."""
    return isinstance(error, OSError | sqlite3.OperationalError) or is_corrupt(error)


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


def is_corrupt(error: BaseException) -> bool:
    """What is there is no database, or no good one."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
