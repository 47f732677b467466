"""The claims of one machine, in a file that its processes share (SQLite)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from fs_1c.settings import close_to_others

log = logging.getLogger(__name__)

CLAIM_SECONDS = 24 * 3600.0
"""A claim outlives any call: the same two may be reported by two doors, hours apart in a long conference."""
FILE_WAIT = 0.5
"""Seconds that the file may take over one claim. A card half a second late is better than two."""
BUSY_WAIT, BUSY_ASIDE = 0.1, 0.02
"""Seconds that a file locked by another process is waited for: while all is well, and in trouble."""
MAX_WAITING = 1000
"""Claims that wait for a hung disk; what is claimed beyond that is not written down."""
SWEEP = 10
"""Old claims that each new one takes out of the file."""

# A claim that is too old gives way; so does one from a future in which the clock had been wrong.
_CLAIM = """
INSERT INTO claims (call, extension, at) VALUES (?, ?, ?)
ON CONFLICT (call, extension) DO UPDATE SET at = excluded.at
WHERE at NOT BETWEEN excluded.at - ? AND excluded.at + ?
"""
_SWEEP = "DELETE FROM claims WHERE rowid IN (SELECT rowid FROM claims WHERE at < ? LIMIT ?)"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS claims (call TEXT NOT NULL, extension TEXT NOT NULL, at REAL NOT NULL,"
    " PRIMARY KEY (call, extension))",
    "CREATE INDEX IF NOT EXISTS claims_by_age ON claims (at)",
)

Pair = tuple[str, str]
"""Call and extension, as short plain words."""


class News:
    """Tells once that something is in trouble and once that it is over, however many claims meet it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._lock = threading.Lock()
        self.bad = False

    def failed(self, why: str) -> None:
        with self._lock:
            told, self.bad = self.bad, True
        if not told:
            log.warning("claims: %s: %s; going on without it", self._where, why)

    def works(self) -> None:
        with self._lock:
            told, self.bad = self.bad, False
        if told:
            log.warning("claims: %s is back", self._where)


class ClaimsFile:
    """The claims of one machine. One thread does all the work, since a disk may hang for ever; nobody waits
    for it longer than `FILE_WAIT`, and while it hangs not at all. What is given to it then it writes down
    when it can.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._news = News(self.where)
        self._jobs: queue.SimpleQueue[tuple[Pair, float, Future[bool]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._hung = False  # somebody has waited in vain, and nothing was done since
        self._connection: sqlite3.Connection | None = None  # the thread's own, as is the next
        self._inode = (0, 0)

    def start(self) -> None:
        """Has the file opened, if that has not begun yet."""
        with self._lock:
            if self._thread or self._closed:
                return
            thread = threading.Thread(target=self._work, name="fs-1c-claims", daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread to be had; the next claim tries again
                thread.start()
                self._thread = thread

    def take(self, pair: Pair) -> bool | None:
        """True: ours; False: another's; None: the file could not tell."""
        self.start()
        job: Future[bool] = Future()
        with self._lock:
            if self._closed:
                return None
            hung = self._hung or not self._thread
            if self._jobs.qsize() < MAX_WAITING:
                self._jobs.put((pair, time.time(), job))
        if hung:
            return None
        try:
            mine = job.result(FILE_WAIT)
        except Exception as error:
            with self._lock:
                self._hung = late = not job.done()
            self._news.failed(f"no answer within {FILE_WAIT * 1000:g} ms" if late else _why(error))
            return None
        self._news.works()
        return mine

    def close(self, timeout: float) -> None:
        with self._lock:
            self._closed = True
            thread = self._thread
        self._jobs.put(None)
        if thread:
            thread.join(timeout)

    def _work(self) -> None:
        with contextlib.suppress(Exception):  # which the first claim meets again, and tells
            self._opened()
        while (given := self._jobs.get()) is not None:
            pair, now, job = given
            try:
                mine = self._write(pair, now)
            except Exception as error:
                job.set_exception(error)
            else:
                job.set_result(mine)
            with self._lock:
                self._hung = False
        self._drop()

    def _write(self, pair: Pair, now: float) -> bool:
        """Claims the pair. A file that is no good is set aside for a new one."""
        try:
            return self._insert(pair, now)
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._set_aside(error)
                return self._insert(pair, now)
            if code != sqlite3.SQLITE_BUSY:
                self._drop()  # a file that was read-only remains so for as long as it is open
            raise

    def _insert(self, pair: Pair, now: float) -> bool:
        connection = self._opened()
        connection.execute(f"PRAGMA busy_timeout = {self._busy_wait() * 1000:.0f}")
        with connection:
            mine = connection.execute(_CLAIM, (*pair, now, CLAIM_SECONDS, CLAIM_SECONDS)).rowcount == 1
            connection.execute(_SWEEP, (now - CLAIM_SECONDS, SWEEP))
        return mine

    def _busy_wait(self) -> float:
        return BUSY_ASIDE if self._news.bad else BUSY_WAIT

    def _opened(self) -> sqlite3.Connection:
        """The connection to the file that bears the name now: another process may have begun a new one."""
        if self._connection:
            with contextlib.suppress(FileNotFoundError):
                if _inode(self._path) == self._inode:
                    return self._connection
            self._drop()
        with _alone(self._path.parent):
            if not self._path.exists():
                self._create()
            close_to_others(self._path.parent, 0o770)
            for end in ("", "-wal", "-shm"):
                close_to_others(Path(f"{self._path}{end}"), 0o660)  # a group that somebody has let in stays
            self._inode = _inode(self._path)
            if not os.access(self._path, os.W_OK, effective_ids=True):
                # Not left to SQLite, which would put files beside it that nobody could ever write.
                raise PermissionError(errno.EACCES, "read-only")
            connection = sqlite3.connect(self._path, self._busy_wait(), isolation_level="IMMEDIATE")
            try:
                # Safe from the death of a process, not from that of the machine, which ends all calls too.
                for command in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF", *_TABLE):
                    connection.execute(command)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        return connection

    def _create(self) -> None:
        for end in ("-wal", "-shm"):  # of a file that is gone; they would be taken for the new one's
            Path(f"{self._path}{end}").unlink(missing_ok=True)
        # Not by SQLite, which would give it another mode. To open it here once it is in use would be harmful:
        # closing any descriptor of a file ends all locks that the process has on it.
        os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Makes room for a new file, unless another process has done so."""
        self._drop()
        aside = f"{self._path}.corrupt"
        with _alone(self._path.parent):
            if _inode(self._path) != self._inode:
                return
            self._path.replace(aside)
        if not self._news.bad:
            log.error("claims: %s: %s; set aside as %s and begun anew", self.where, _why(error), aside)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time opens a file of this folder or sets it aside, where the disk knows of locks."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _inode(path: Path) -> tuple[int, int]:
    """Which file it is. Raises OSError."""
    told = path.stat()
    return told.st_dev, told.st_ino


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
