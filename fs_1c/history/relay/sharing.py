"""What a history has to do with other services: the calls of switches where it is the reserve, and the
outbox as the relay needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from sqlite3 import Connection
from typing import Any

from fs_1c.call import CallEvent, Failure, Told
from fs_1c.history import kept
from fs_1c.history.changes import Changes
from fs_1c.history.kept import Word
from fs_1c.history.outbox import Outbox
from fs_1c.history.pace import Fate
from fs_1c.history.relay import rows
from fs_1c.history.relay.relay import ASKED_WITHIN, Relay
from fs_1c.onec import OneCError
from fs_1c.settings import RedisSettings
from fs_1c.talk import Stories, Story

_LOST = Failure("redis", "Redis has lost whether another service has told it")


class Sharing:
    """Thread-safe; what does not say that it blocks returns at once.

    Args:
        ended: Hears of each word that has come to its end here, on the outbox' thread or the relay's.

    Attributes:
        managers: The client's of each call, which others may know; the outbox' thread's own.
        concludes: Hears, on the outbox' thread, that what ended at a switch while we were away can be told.

    Raises SettingsError if the URL of Redis is no good or the `redis` package is missing.
    """

    def __init__(
        self,
        redis: RedisSettings,
        keep_for: float,
        outbox: Outbox,
        ended: Callable[[Word, Told, Failure | None], None],
    ) -> None:
        self.managers: dict[str, str] = {}
        self._outbox = outbox
        self._ended = ended
        self._relay = Relay(redis, keep_for, self)
        self._stories = Stories()
        self._lock = threading.Lock()
        self.attend, self.open, self.close = self._relay.attend, self._relay.open, self._relay.close
        self.may_leave, self.settled = self._relay.may_leave, self._relay.settled
        self._dropped = self._relay.dropped
        self.erase = self._relay.erase
        self.life, self.hears_out = self._relay.life, self._relay.hears_out
        self.concludes: Callable[[str, Changes], None] = lambda switch, changes: None

    # Calls of switches where we are the reserve.

    def overheard(self, event: CallEvent, switch: str) -> Story | None:
        """The story that goes on by it."""
        with self._lock:
            return self._stories.heard(event, switch)

    def restore(self, stories: Iterable[Story]) -> None:
        """The process before has told them."""
        with self._lock:
            self._stories.restore(stories)

    def legs(self, switch: str) -> set[str]:
        """Legs that it has said to be up."""
        with self._lock:
            return self._stories.legs(switch)

    # Words, on the outbox' thread.

    def happened(self, story: Story, words: list[Word], manager: str, changes: Changes) -> bool:
        """Whether these are ours to say. Then others learn of them, as soon as they are written down."""
        over = story.ended is not None
        if self._relay.is_reserve(story.switch) and self._relay.keeps(
            story.switch, words, manager, over=over
        ):
            return False
        if words:
            of_call = words[0].base, words[0].call
            changes.after.append(lambda: self._put(of_call, changes, manager, over=over))
        return True

    def _put(self, of_call: tuple[str, str], changes: Changes, manager: str, *, over: bool) -> None:
        written = [
            replace(word, id=place) for place, word in changes.written if (word.base, word.call) == of_call
        ]
        if written:
            self._relay.put(written, manager, over=over)

    def not_told(self, word: Word, fate: Fate, error: OneCError, changes: Changes) -> None:
        """It is to be said again, or is another's."""
        if fate is Fate.ELSEWHERE:
            changes.asked.append((partial(kept.unsay, word=word), Future()))
            self._dropped(word)
        elif word.once and error.kind != "busy":
            changes.after.append(partial(self._relay.back, word))

    # `relay.Host`.

    def ask(self, what: Callable[[Connection], Any]) -> Any:
        return self._outbox.ask(what).result(ASKED_WITHIN)

    def is_flying(self, base: str, call: str) -> bool:
        return (base, call) in self._outbox.flying

    def adopted(self, managers: dict[str, str]) -> None:
        def learn(_: Changes) -> None:
            for call, manager in managers.items():
                self.managers.setdefault(call, manager)

        self._outbox.put(learn, hurry=True)

    def heard_out(self, switch: str) -> None:
        self._outbox.put(partial(self._conclude, switch), hurry=True)

    def _conclude(self, switch: str, changes: Changes) -> None:
        if not self._relay.hears_out(switch):  # on another connection by now
            self.concludes(switch, changes)

    def said(self, words: list[Word]) -> None:
        def drop(connection: Connection) -> None:
            for word in words:
                key = word.base, word.call
                first = kept.first_word(connection, *key) if key in self._outbox.flying else None
                if first is None or first.id != word.id:  # else it is being told
                    kept.is_anothers(connection, word)
                    self._dropped(word)

        self._outbox.put(lambda changes: changes.asked.append((drop, Future())))

    def unknowable(self, switch: str, before: float) -> int:
        def drop(connection: Connection) -> list[Word]:
            flying = self._outbox.flying
            found = rows.unsure(connection, switch, before)
            lost = [word for word in found if (word.base, word.call) not in flying]
            for word in lost:
                kept.over(connection, word)
            return lost

        lost = self.ask(drop)
        for word in lost:
            self._ended(word, Told.UNKNOWN, _LOST)
        return len(lost)
