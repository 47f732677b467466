"""Where the words that 1C is to be told wait: on the disk before they are sent, in order within a call.

One thread has the file. What others want done waits in a queue; all that has come goes into one transaction,
in which the next words are chosen, too, and they are sent after its end. What must not be said twice is
marked as leaving by a transaction of its own, just before its last octets leave; so a process that is killed
at any moment knows when it is started again what 1C may have, and that is little.

While the file is away (full, read-only, locked by another service) the same tables are kept in memory,
bounded, and go behind what is in the file when it is back. Words whose call has others in the file wait till
then; those of other calls leave. A disk that hangs holds up the thread: then the queue is that memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fs_1c.history import kept
from fs_1c.history.kept import Word
from fs_1c.history.pace import Became, Fate
from fs_1c.history.stories import as_json
from fs_1c.sqlite_file import Newer, SqliteFile, is_corrupt
from fs_1c.talk import Story

log = logging.getLogger(__name__)

MAX_QUEUE = 50_000
"""Things that wait for a disk that hangs; beyond that what happens is lost to the history."""
MAX_IN_MEMORY = 20_000
"""Words that wait in memory while the disk is away, or for good where no folder is set."""
BATCH = 1000
"""Things that are done in one transaction."""
GATHER = 0.02
"""Seconds in which more may come for the same transaction, if nobody is in a hurry."""
AGAIN = 10.0
"""Seconds between attempts to have the disk back."""
AFTER_A_DEATH = 2.0
"""Seconds that 1C has for what a service that has died had sent it."""
HUNG = 10.0
"""Seconds for which the thread may be at one thing."""

Key = tuple[str, str]
"""A base and a call."""
Job = Callable[["Changes"], None]


@dataclass(slots=True)
class Changes:
    """What one transaction is to change; it may be tried again, elsewhere.

    Attributes:
        words: To be told.
        begun: Calls of which nothing was known before.
        stories: As they are now, with the manager's extension; None: it is over.
        ended: Words that were sent: what becomes of them, why, and whether it was the memory that had them.
        silent: Bases that take nothing.
        leaving: Words that are about to leave, and who waits for that to be written down: whether it was.
        first: A call's next word must leave now: who waits for it.
        asked: Something is to be read, or changed.
        after: To be done when it is written.
    """

    words: list[Word] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    stories: dict[str, tuple[Story, str] | None] = field(default_factory=dict)
    ended: list[tuple[Word, Became, str, bool]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    leaving: list[tuple[Word, Future[bool]]] = field(default_factory=list)
    first: list[tuple[Key, Future[Word | None]]] = field(default_factory=list)
    asked: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)


class Sender(Protocol):
    """Who sends what is here. All of it is called on the outbox' thread."""

    def found(self, stories: list[tuple[str, str]], unknown: list[Word]) -> None:
        """What the process before has left: stories and managers, and words that 1C may have."""

    def choose(self, connection: sqlite3.Connection, flying: set[Key]) -> tuple[list[Word], float]:
        """Which words leave now, and when to ask again at the latest, on the monotonic clock."""

    def send(self, word: Word) -> None:
        """Sends it. Returns at once."""


class Outbox:
    """The file and its thread.

    Args:
        path: None: everything is kept in memory.

    Attributes:
        flying: The calls of which a word is under way, each with whether the memory has it; the thread's own.
        lost: Words that nobody will be told, for want of room.
    """

    def __init__(self, path: Path | None, sender: Sender) -> None:
        self.flying: dict[Key, bool] = {}
        self.lost = 0
        self._path = path
        self._sender = sender
        self._file = (
            SqliteFile(path, lambda _: kept.SCHEMA, kept.VERSION, "history", durable=True) if path else None
        )
        self._lock: int | None = None
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._at = 0.0  # when it began with what it does now; 0: it waits
        self._ill = False  # it has been told that something is wrong
        # What follows is the thread's own.
        self._begun = False
        self._memory: sqlite3.Connection | None = None if path else _in_memory()
        self._again_at = 0.0
        self._returning = False
        self._wake_at = 0.0
        self._fresh: set[str] = set()  # calls that have begun since the disk is away
        self._over: set[str] = set()  # and that have ended
        self._owed: list[tuple[Word, Became, str, bool]] = []
        self._silent: set[str] = set()

    @property
    def is_open(self) -> bool:
        return self._thread is not None and not self._closing

    def open(self) -> None:
        """Begins. Returns at once; raises RuntimeError if there is no thread to be had."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="fs-1c-history", daemon=True)
            thread.start()
            self._thread = thread

    def put(self, job: Job, *, may_be_lost: bool = False, hurry: bool = False) -> bool:
        """Has something done, in the order in which it is asked for. Returns at once."""
        if self._at and self.hangs:
            self._trouble_once("the disk hangs")
        if may_be_lost and self._jobs.qsize() >= MAX_QUEUE:
            self.lost += 1
            self._trouble_once("the disk does not keep up")
            return False
        self._jobs.put(job)
        if hurry:
            self._hurry.set()
        return True

    @property
    def away(self) -> bool:
        """The disk is away: what stands there cannot be got at."""
        return self._memory is not None and self._file is not None

    @property
    def hangs(self) -> bool:
        """The disk has not answered for long."""
        since = self._at  # of another thread, that may end just now
        return bool(since) and time.monotonic() - since > HUNG

    def erase(self, is_his: Callable[[str], bool], done: Future[tuple[int, str]]) -> None:
        """Erases a client: how many words that were, and what is left and why. On the thread, or where there
        is none.
        """
        erased, left = 0, ""
        try:
            if self._memory is not None:
                erased = kept.erase(self._memory, is_his)
            if self._file is not None and (self._memory is None or self._thread is None):
                found, left = self._file.erase(lambda connection: kept.erase(connection, is_his))
                erased += found or 0
            elif self._file is not None:
                left = "the disk is away: erase again"
        except (sqlite3.Error, OSError, Newer) as error:
            left = str(error)
        done.set_result((erased, left))

    def close(self, timeout: float) -> None:
        """Does what has been asked for, for at most `timeout` seconds. Nothing leaves any more."""
        self._closing = True
        self._jobs.put(None)
        self._hurry.set()
        if self._thread is not None:
            self._thread.join(timeout)
            if (left := self._jobs.qsize()) or self._thread.is_alive():
                log.warning("history: closed, and what has happened last is not written down: %d", left)

    # The thread.

    def _work(self) -> None:
        ended = False
        while not (ended and self._jobs.empty()):
            jobs = self._gather()
            ended = ended or None in jobs
            self._at = time.monotonic()
            try:
                self._turn([job for job in jobs if job is not None])
            except Exception:
                log.exception("history")
            self._at = 0.0
        if self._file:
            self._file.close()
        if self._lock is not None:
            os.close(self._lock)

    def _gather(self) -> list[Job | None]:
        """What is to be done; nothing, if the time has come for something else."""
        jobs: list[Job | None] = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=max(0.0, min(self._wake_at - time.monotonic(), 3600.0))))
            if not self.flying and not self._closing:
                self._hurry.wait(GATHER)
            self._hurry.clear()
            while len(jobs) < BATCH:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _turn(self, jobs: list[Job]) -> None:
        """Does all of that in one transaction; then has sent what is chosen."""
        changes = Changes()
        for job in jobs:
            try:
                job(changes)
            except Exception:
                log.exception("history")
        written = self._written(changes)
        if written is None:
            return
        if self._ill and self._file and self._memory is None and self._jobs.qsize() < BATCH:
            self._ill = False
            log.warning("history %s is written again; words lost meanwhile: %d", self._path, self.lost)
        chosen, firsts, in_memory = written
        for word in chosen:
            self.flying[word.base, word.call] = in_memory
        for done in changes.after:
            done()
        for word in chosen:
            if (word.base, word.call) not in firsts:
                self._sender.send(word)
        for (base, call), waits in changes.first:
            found = next((word for word in chosen if (word.base, word.call) == (base, call)), None)
            taken = waits.set_running_or_notify_cancel()
            if taken:
                waits.set_result(found)
            if found is not None and not taken:  # nobody waits for it any more, so it is sent like others
                self._sender.send(found)

    def _written(self, changes: Changes) -> tuple[list[Word], set[Key], bool] | None:
        """What leaves, which of it is waited for, and whether the memory has it; None: it could not be
        written anywhere.
        """
        for _ in range(3):
            try:
                connection = self._connection(changes)
                in_memory = connection is self._memory
                connection.execute("BEGIN IMMEDIATE")
                self._apply(connection, changes, away=in_memory and self._file is not None)
                asked = [(waits, what(connection)) for what, waits in changes.asked]
                chosen, firsts = self._chosen(connection, changes)
                connection.execute("COMMIT")
            except (sqlite3.Error, OSError, Newer) as error:
                if not self._trouble(error):
                    break
            except Exception:  # something in it is what nobody can write
                log.exception("history: %d words lost", len(changes.words))
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                self.lost += len(changes.words)
                changes.words, changes.stories = [], {}
            else:
                for word, marked in changes.leaving:
                    marked.set_result(self.flying.get((word.base, word.call)) == in_memory)
                for waits, answer in asked:
                    if waits.set_running_or_notify_cancel():
                        waits.set_result(answer)
                return chosen, firsts, in_memory
        for _, marked in changes.leaving:
            marked.set_result(False)
        self.lost += len(changes.words)
        return None

    def _chosen(self, connection: sqlite3.Connection, changes: Changes) -> tuple[list[Word], set[Key]]:
        flying = set(self.flying)
        firsts: dict[Key, Word] = {}
        for key, _ in changes.first:
            if key not in flying and (word := kept.first_word(connection, *key)) is not None:
                firsts[key] = word
        chosen = list(firsts.values())
        if self._closing or self._returning:
            chosen, firsts, self._wake_at = [], {}, time.monotonic() + AGAIN
        else:
            others, self._wake_at = self._sender.choose(connection, flying | set(firsts))
            chosen += others
        if self._memory is not None and self._file is not None:
            self._wake_at = min(self._wake_at, self._again_at)
        return chosen, set(firsts)

    def _apply(self, connection: sqlite3.Connection, changes: Changes, *, away: bool) -> None:
        words = changes.words
        if connection is self._memory:
            self._fresh |= changes.begun if away else set()
            (there,) = connection.execute("SELECT count(*) FROM words").fetchone()
            if there + len(words) > MAX_IN_MEMORY:
                fit = max(0, MAX_IN_MEMORY - there)
                self.lost += len(words) - fit
                words = words[:fit]
                self._trouble_once("too much waits in memory")
        held = kept.HELD if away else 0.0
        kept.put(connection, words, lambda word: 0.0 if word.call in self._fresh else held)
        for call, told in changes.stories.items():
            if told is None:
                kept.drop_story(connection, call)
                self._over.add(call) if away else None
                self._fresh.discard(call)
            else:
                story, manager = told
                kept.keep_story(connection, call, story.number, manager, as_json(story), time.time())
        for one in changes.ended:
            if one[3] == (connection is self._memory):
                _settle(connection, *one[:3])
            else:
                self._owed.append(one)
        for word, _ in changes.leaving:
            if self.flying.get((word.base, word.call)) == (connection is self._memory):
                kept.leaves(connection, word)
        self._silent.update(changes.silent)
        for base in changes.silent:
            kept.silence(connection, base)

    def _connection(self, changes: Changes) -> sqlite3.Connection:
        """Where these are kept now. Raises sqlite3.Error, OSError, `Newer`."""
        file, memory = self._file, self._memory
        if memory is None or file is None:
            return self._opened(file) if file else (memory or _in_memory())
        if time.monotonic() >= self._again_at or self._returning:
            try:
                busy = any(self.flying.values()) or any(in_memory for *_, in_memory in changes.ended)
                self._come_back(file, memory, busy=busy)
            except (sqlite3.Error, OSError, Newer) as error:
                file.failed(error)
                self._again_at, self._returning = time.monotonic() + AGAIN, False
        return self._memory or self._opened(file)

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
        self._sender.found(stories, unknown)
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
        for call in self._over:
            kept.drop_story(connection, call)
        for word, became, why, _ in self._owed:
            _settle(connection, word, became, why)
        for base in self._silent:
            kept.silence(connection, base)
        connection.execute("COMMIT")
        memory.close()
        self._memory = None
        self._owed.clear()
        self._fresh.clear()
        self._over.clear()
        self._returning = False

    def _trouble(self, error: Exception) -> bool:
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
        self._trouble_once(str(error))
        self._memory = _in_memory()
        self._again_at = time.monotonic() + (float("inf") if isinstance(error, Newer) else AGAIN)
        return True

    def _trouble_once(self, why: str) -> None:
        told, self._ill = self._ill, True
        if not told:
            where = self._path or "in memory"
            log.warning(
                "history %s cannot be written (%s); what 1C is to be told stays in memory", where, why
            )


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
