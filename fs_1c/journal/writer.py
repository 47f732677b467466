"""Why did this call go there, why did its card (not) open: a row per decision and per screen pop, in SQLite.

The journal is a convenience, never a condition. Whoever has something to tell puts it into a queue and goes
on; one thread has the file. Whatever is wrong with that (the disk is full, hangs, is locked or broken) costs
rows, never calls. What stands there is personal data: its file is for the owner and his group, rows are
deleted with age, and a subscriber's key never gets there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from fs_1c.call import CallEvent, Conversation, Decision, HistoryWord, ScreenPop
from fs_1c.journal.ends import EndEntry, of_end, of_word
from fs_1c.journal.entries import (
    ErasedRows,
    PopEntry,
    Row,
    TalkEntry,
    in_e164,
    of_decision,
    of_pop,
    of_talk,
)
from fs_1c.journal.file import JournalFile
from fs_1c.journal.reading import JournalError
from fs_1c.journal.tables import TABLES
from fs_1c.numbers import NumberPlan
from fs_1c.settings import JournalSettings, Settings
from fs_1c.sqlite_file import Newer, may_pass
from fs_1c.talk import Observer, Story

log = logging.getLogger(__name__)

MAX_QUEUE = 10_000
"""Rows that wait for the disk."""
BATCH = 5000
"""Rows written in one transaction: others wait for its end."""
GATHER, GATHERINGS = 0.2, 5
"""Seconds in which more rows may come for the same transaction, and how often these are granted again."""
MANY = 100
"""Rows in `GATHER` for which it is. A row of a larger transaction costs half as much: each touches a page of
the index of calls, whose uuids are random, and a page is written once per transaction.
"""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between attempts to write while that fails."""
PRUNE_EVERY, PRUNE_PAUSE, PORTION = 3600.0, 0.02, 500
"""Seconds between deletions of old rows, and between the portions of one; rows of a portion."""

AT_ONCE = 50
"""Rows written by one statement: each statement costs a change of threads, which calls must wait for."""

# Only names of our own are put together to SQL here.
_DELETE = [
    f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE at < ? ORDER BY at LIMIT {PORTION})"  # noqa: S608
    for table in TABLES.values()
]


@dataclass(slots=True)
class _Erasure:
    """A client's rows must go, among them all that were told before."""

    number: str
    done: Future[ErasedRows] = field(default_factory=Future)


def _insert(kind: type[Row], rows: int) -> str:
    names = kind._fields
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {TABLES[kind]} ({', '.join(names)}) VALUES {', '.join([row] * rows)}"  # noqa: S608


def _in_e164(row: Row, plan: NumberPlan) -> Row:
    if isinstance(row, PopEntry):
        return in_e164(row, plan)
    if isinstance(row, EndEntry):
        return in_e164(row, plan)
    return in_e164(row, plan) if isinstance(row, TalkEntry) else row


def journal_file(settings: Settings) -> Path | None:
    """Where the journal stands; None if none is kept."""
    folder = settings.state.folder
    return folder / "journal.db" if folder and settings.journal.enabled else None


class Journal(Observer):
    """Writes the journal. Nothing here raises, and nothing but `close` takes longer than microseconds.

    A process that has told nothing has touched nothing on the disk. Several processes may write one file;
    they must belong to the same user.

    Args:
        file: Made when missing, as its folder is; in a folder that exists.
        plan: How numbers are dialled here.
    """

    def __init__(self, file: Path, settings: JournalSettings, plan: NumberPlan) -> None:
        self._file = JournalFile(file)
        self._path = file
        self._settings = settings
        self._plan = plan
        # Its put never waits, not even for a reader that is in the middle of something.
        self._queue: queue.SimpleQueue[Row | _Erasure | None] = queue.SimpleQueue()
        self._waiting: list[Row | _Erasure] = []  # taken from the queue, not written yet; the writer's own
        self._prune_at = 0.0
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()  # for what follows; never held over any I/O
        self._ill = False
        self._lost = 0  # in the present trouble
        self._lost_before = 0

    @property
    def rows_lost(self) -> int:
        """Rows lost since the start."""
        return self._lost_before + self._lost

    def open(self) -> None:
        """Opens the file now rather than with the first row: what is wrong with it is in the log at once."""
        self._tell(lambda: None)

    def decided(self, decision: Decision) -> None:
        """A call was decided upon."""
        self._tell(lambda: of_decision(decision, self._settings.titles, time.time()))

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """Somebody talks to a client, or a call is over."""
        if isinstance(event, Conversation) and not event.ringing:
            self._tell(lambda: of_talk(event, time.time()))
        elif story is not None and story.ended is not None and not story.internal:
            self._tell(lambda: of_end(story, time.time()))

    def told(self, word: HistoryWord) -> None:
        """1C was told something of a call, or will not be."""
        self._tell(lambda: of_word(word, time.time()))

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        """A screen pop has ended."""
        self._tell(lambda: of_pop(conversation, pop, time.time()))

    def erase(self, number: str, timeout: float) -> ErasedRows:
        """Erases one client's rows; blocks, for at most `timeout` seconds.

        Args:
            number: E.164, or as received if it is none.

        Raises JournalError if that is not done; if it is only late, it is done when the disk allows.
        """
        if self._thread is None and not self._path.exists():
            return ErasedRows()
        erasure = _Erasure(number)
        try:
            if self._thread is None and not self._closed.is_set():
                self._start()
            with self._lock:  # else it could be put where nobody looks any more
                if self._closed.is_set():
                    raise JournalError("no journal is kept; the log says why")
                self._queue.put(erasure)
            return erasure.done.result(timeout)
        except TimeoutError:
            late = f"the disk has not done it within {timeout:g} s; it is done when the disk allows"
            raise JournalError(late) from None
        except RuntimeError as error:  # no more threads
            raise JournalError(str(error)) from None

    def close(self, timeout: float = 2.0) -> None:
        """Writes what waits, for at most `timeout` seconds. What is told afterwards is not written."""
        with self._lock:
            if self._thread is None or self._closed.is_set():
                return
            self._closed.set()
        self._queue.put(None)
        self._thread.join(timeout)
        left = self._lost + len(self._waiting) + self._queue.qsize()
        if left or self._thread.is_alive():
            log.warning("journal %s: closed with rows missing, about %d", self._path, left)

    def _tell(self, make: Callable[[], Row | None]) -> None:
        """Makes a row and has it written, in the writer's thread.

        It is made here, for to keep all that it is made of until the disk has its turn costs a call more.
        """
        if self._closed.is_set():
            return
        try:
            row = make()
            if self._thread is None:
                self._start()
            if self._queue.qsize() < MAX_QUEUE:
                self._queue.put(row)
            else:
                self._fails("the disk does not keep up", lost=1)
        except Exception as error:  # no more threads, for one: whoever tells us has a call to look after
            self._fails(error, lost=1)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="fs-1c-journal", daemon=True)
                thread.start()
                self._thread = thread

    def _fails(self, why: object, lost: int = 0) -> None:
        with self._lock:
            begins, self._ill = not self._ill, True
            self._lost += lost
        if begins:
            log.warning("journal %s cannot be written (%s); calls go on without it", self._path, why)

    def _works(self) -> None:
        # Not before the queue is empty: a disk that is just too slow would begin and end with each batch.
        if not self._ill or not self._queue.empty():
            return
        with self._lock:
            lost, self._lost, self._ill = self._lost, 0, False
            self._lost_before += lost
        log.warning("journal %s is written again; rows lost meanwhile: %d", self._path, lost)

    # The writer's thread.

    def _work(self) -> None:
        pause = FIRST_PAUSE
        self._prune_at = time.monotonic()
        try:
            while not self._closed.is_set() or self._waiting or not self._queue.empty():
                closing = self._closed.is_set()
                self._waiting = self._waiting or self._gather(self._prune_at - time.monotonic())
                try:
                    self._write()
                    if not closing and time.monotonic() >= self._prune_at:
                        self._prune()
                except Newer as error:
                    log.warning("journal %s %s; no journal is kept", self._path, error)
                    self._refuse()
                except Exception as error:
                    lasts = may_pass(error)
                    self._fails(error, 0 if lasts else len(self._waiting))
                    if not lasts:
                        self._drop(error)
                    if closing:
                        return
                    self._closed.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    pause = FIRST_PAUSE
                    self._works()
        finally:
            self._file.close()

    def _gather(self, seconds: float) -> list[Row | _Erasure]:
        """What is in the queue, after waiting for a first row for at most `seconds`; while many come, with
        those that come meanwhile.
        """
        try:
            rows = [self._queue.get(timeout=max(0.0, seconds))]
        except queue.Empty:
            return []
        for _ in range(GATHERINGS):
            if self._queue.qsize() < BATCH:
                self._closed.wait(GATHER)
            before = len(rows)
            with contextlib.suppress(queue.Empty):
                while len(rows) < BATCH:
                    rows.append(self._queue.get_nowait())
            if len(rows) == BATCH or len(rows) - before < MANY:
                break
        return [row for row in rows if row is not None]

    def _write(self) -> None:
        if self._waiting:
            told = [_in_e164(row, self._plan) for row in self._waiting if not isinstance(row, _Erasure)]
            statements = []
            for kind in TABLES:
                rows = [row for row in told if type(row) is kind]
                for some in (rows[i : i + AT_ONCE] for i in range(0, len(rows), AT_ONCE)):
                    statements.append((_insert(kind, len(some)), list(chain.from_iterable(some))))
            if statements:
                self._file.run(statements)
            erasures = [one for one in self._waiting if isinstance(one, _Erasure)]
            self._waiting = [*erasures]
            for one in erasures:
                one.done.set_result(self._file.erase(one.number, self._plan))
                self._waiting.remove(one)

    def _prune(self) -> None:
        """Deletes a portion of what is too old; the rest soon."""
        before = time.time() - self._settings.keep_for
        deleted = self._file.run([(sql, (before,)) for sql in _DELETE])
        if not deleted:
            self._file.forget_broken(before)
        self._prune_at = time.monotonic() + (PRUNE_PAUSE if deleted else PRUNE_EVERY)

    def _refuse(self) -> None:
        with self._lock:
            self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                if row := self._queue.get_nowait():
                    self._waiting.append(row)
        self._drop(JournalError("no journal is kept; the log says why"))

    def _drop(self, error: Exception) -> None:
        """What waits is given up."""
        for one in self._waiting:
            if isinstance(one, _Erasure):
                one.done.set_exception(JournalError(str(error)))
        self._waiting = []
