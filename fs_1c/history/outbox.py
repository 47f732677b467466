"""Where the words that 1C is to be told wait: on the disk before they are sent, in order within a call.

One thread has the file. What others want done waits in a queue; all that has come goes into one transaction,
in which the next words are chosen, too, and they are sent after its end. What must not be said twice is
marked as leaving by a transaction of its own, just before its last octets leave; so a process that is killed
at any moment knows when it is started again what 1C may have, and that is little.

A disk that is away has the words wait in memory (`place`). One that hangs holds up the thread: then the queue
is that memory.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from fs_1c.history import kept
from fs_1c.history.changes import Changes, Job, Key
from fs_1c.history.kept import Word
from fs_1c.history.place import Place
from fs_1c.sqlite_file import Newer

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_QUEUE = 50_000
"""Things that wait for a disk that hangs; beyond that what happens is lost to the history."""
BATCH = 1000
"""Things that are done in one transaction."""
GATHER = 0.02
"""Seconds in which more may come for the same transaction, if nobody is in a hurry."""
NOT_BEFORE = 10.0
"""Seconds till it is looked again whether something may leave, while nothing may."""
HUNG = 10.0
"""Seconds for which the thread may be at one thing."""


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
        begun: Done when the sender has what the process before has left, if the disk has it.
    """

    def __init__(self, path: Path | None, sender: Sender) -> None:
        self.flying: dict[Key, bool] = {}
        self.begun: Future[None] = Future()
        self._sender = sender
        self._place = Place(path, self.flying, sender.found)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._at = 0.0  # when it began with what it does now; 0: it waits
        self._wake_at = 0.0  # the thread's own

    @property
    def lost(self) -> int:
        return self._place.lost

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
            self._place.trouble("the disk hangs")
        if may_be_lost and self._jobs.qsize() >= MAX_QUEUE:
            self._place.lost += 1
            self._place.trouble("the disk does not keep up")
            return False
        self._jobs.put(job)
        if hurry:
            self._hurry.set()
        return True

    def ask(
        self, what: Callable[[sqlite3.Connection], T], after: Callable[[T], None] | None = None
    ) -> Future[T]:
        """Has it done in the next transaction, and when that is written, the rest. Returns at once."""
        answer: Future[T] = Future()

        def job(changes: Changes) -> None:
            changes.asked.append((what, answer))
            if after is not None:
                changes.after.append(lambda: after(answer.result(0)))

        self.put(job, hurry=True)
        return answer

    @property
    def away(self) -> bool:
        """The disk is away: what stands there cannot be got at."""
        return self._place.away

    @property
    def away_for(self) -> str:
        """Why it is."""
        return self._place.why

    @property
    def hangs(self) -> bool:
        """The disk has not answered for long."""
        since = self._at  # of another thread, that may end just now
        return bool(since) and time.monotonic() - since > HUNG

    def erase(self, is_his: Callable[[str], bool], done: Future[tuple[int, str]]) -> None:
        """Erases a client: how many words that were, and what is left and why. On the thread, or where there
        is none.
        """
        done.set_result(self._place.erase(is_his, begun=self._thread is not None))

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
        self._done([])  # what the process before has left comes before all that happens now
        self.begun.set_result(None)
        while not (ended and self._jobs.empty()):
            jobs = self._gather()
            ended = ended or None in jobs
            self._done([job for job in jobs if job is not None])
        self._place.close()

    def _done(self, jobs: list[Job]) -> None:
        self._at = time.monotonic()
        try:
            self._turn(jobs)
        except Exception:
            log.exception("history")
        self._at = 0.0

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
        if self._jobs.qsize() < BATCH:
            self._place.well()
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
                connection = self._place.connection(changes)
                in_memory = self._place.is_memory(connection)
                connection.execute("BEGIN IMMEDIATE")
                self._place.apply(connection, changes)
                asked = [(waits, what(connection)) for what, waits in changes.asked]
                chosen, firsts = self._chosen(connection, changes)
                connection.execute("COMMIT")
            except (sqlite3.Error, OSError, Newer) as error:
                if not self._place.failed(error):
                    break
            except Exception:  # something in it is what nobody can write
                log.exception("history: %d words lost", len(changes.words))
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                self._place.lost += len(changes.words)
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
        self._place.lost += len(changes.words)
        return None

    def _chosen(self, connection: sqlite3.Connection, changes: Changes) -> tuple[list[Word], set[Key]]:
        flying = set(self.flying)
        firsts: dict[Key, Word] = {}
        for key, _ in changes.first:
            if key not in flying and (word := kept.first_word(connection, *key)) is not None:
                firsts[key] = word
        chosen = list(firsts.values())
        if self._closing or self._place.is_returning:
            chosen, firsts, self._wake_at = [], {}, time.monotonic() + NOT_BEFORE
        else:
            others, self._wake_at = self._sender.choose(connection, flying | set(firsts))
            chosen += others
        if (away_till := self._place.away_till) is not None:
            self._wake_at = min(self._wake_at, away_till)
        return chosen, set(firsts)
