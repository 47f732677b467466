"""The questions who talked to a client last, and who else is told of it."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path

from fs_1c.call import CallEvent, LastTalk
from fs_1c.journal.last.rows import last_talk
from fs_1c.journal.last.shared import SharedTalks
from fs_1c.journal.reading import JournalError
from fs_1c.numbers import Number, NumberPlan, is_extension, read
from fs_1c.settings import RedisSettings
from fs_1c.talk import Observer, Story

log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Questions, and talks to be shared, that wait for their turn."""

Told = Future[LastTalk | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is on its way.

    Attributes:
        told: What the journal answers, and Redis.
        gave_up: To be called when somebody has waited in vain for any of it.
    """

    told: tuple[Told, ...]
    gave_up: Callable[[], None]

    def wait(self, seconds: float) -> LastTalk | None:
        """The latest talk that is known by then; blocks for so many seconds at the most."""
        wait(self.told, max(0.0, seconds))
        return self._latest()

    async def wait_async(self, seconds: float) -> LastTalk | None:
        """The same for an event loop."""
        if awaited := [asyncio.wrap_future(one) for one in self.told if not one.done()]:
            await asyncio.wait(awaited, timeout=max(0.0, seconds))
        return self._latest()

    def _latest(self) -> LastTalk | None:
        if not all(one.done() for one in self.told):
            self.gave_up()
        found = (one.result() for one in self.told if one.done())
        return max((talk for talk in found if talk), key=lambda talk: talk.at, default=None)


class LastTalkers(Observer):
    """Thread-safe. Nothing here raises, and nothing but `erase` blocks.

    Args:
        file: The journal; it may not be there yet.
        keep_for: Seconds in which a talk must have begun.
        at_least: Seconds that it must have lasted.
        plan: How numbers are dialled here.
        redis: Where services tell each other; None: they do not.

    Raises SettingsError if Redis' settings are no good.
    """

    def __init__(
        self,
        file: Path,
        keep_for: float,
        at_least: float,
        plan: NumberPlan,
        redis: RedisSettings | None = None,
    ) -> None:
        self._file = file
        self._keep_for = keep_for
        self._at_least = at_least
        self._plan = plan
        self._shared = SharedTalks(redis, keep_for) if redis else None
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._late: Told | None = None  # an answer that somebody has waited for in vain
        self._ill = False
        self._closed = False

    def ask(self, e164: str) -> Asked:
        """Who talked to that client last; returns at once."""
        now = time.time()
        told = [self._shared.ask(e164)] if self._shared else []
        journals: Told = Future()
        hangs = self._late is not None and not self._late.done()
        asks = not hangs and self._do(lambda: journals.set_result(self._look(e164, now)))

        def gave_up() -> None:
            if asks:
                self._late = journals

        return Asked((*told, journals) if asks else tuple(told), gave_up)

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """Who talked last in a call that is over is told to the other services."""
        shared = self._shared
        if shared is None or story is None or story.ended is None or story.internal:
            return
        if (talk := last_of(story, self._at_least, self._plan)) is not None:
            number = story.number
            self._do(lambda: self._share(shared, number, talk))

    def erase(self, e164: str) -> bool:
        """Whether the other services are not told of that client any more. Blocks for as long as Redis may
        take; of the journal's rows that is the journal's affair.
        """
        return self._shared is None or self._shared.erase(e164)

    def close(self) -> None:
        self._closed = True
        self._queue.put(None)
        if self._shared:
            self._shared.close()

    def _do(self, job: Callable[[], None]) -> bool:
        """Has it done on the thread; False: there is too much to do, or no thread."""
        if self._closed or self._queue.qsize() >= MAX_WAITING:
            return False
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="fs-1c-last-talker", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:
                        return False
                    self._thread = thread
        self._queue.put(job)
        return True

    # The thread.

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("who talked last")

    def _look(self, e164: str, now: float) -> LastTalk | None:
        try:
            talk = last_talk(self._file, e164, now - self._keep_for, now, self._at_least)
        except JournalError:
            return None  # nothing has been written yet
        except Exception as error:
            if not self._ill:
                log.warning("journal %s does not tell who talked last (%s); calls go on", self._file, error)
            self._ill = True
            return None
        if self._ill:
            log.warning("journal %s tells again who talked last", self._file)
        self._ill = False
        return talk

    def _share(self, shared: SharedTalks, number: str, talk: LastTalk) -> None:
        client = read(number, self._plan)
        if isinstance(client, Number):
            shared.tell(client.e164, talk)


def last_of(story: Story, at_least: float, plan: NumberPlan) -> LastTalk | None:
    """Who talked last to the client of a call that is over; None: no subscriber, for so long."""
    for talk in reversed(story.talks):
        until = talk.until if talk.until is not None else story.ended
        lasted = until - talk.at if until is not None and talk.at else 0.0
        if lasted >= at_least and is_extension(talk.extension, plan):
            return LastTalk(talk.extension, talk.at)
    return None
