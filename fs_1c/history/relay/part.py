"""What a service is to one switch: its own service or a reserve, what it has to tell others, and what it may
say. Who does what with it, and why: `relay`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fs_1c.history.kept import Word

LEASE = 10.0
"""Seconds without Redis after which the own service goes on without it."""
RING = 30
"""Words of the own service's presence, one a second, for which a reserve keeps what it could say."""
LATE = 2
"""Such words that our own disk may be late with what was heard before one."""
MAX_RING = 20_000
NOTHING = -RING
"""As a number of words of its presence: none of what is kept."""


class AtSwitch(Protocol):
    """What a switch tells of the services that listen to it; from any thread."""

    @property
    def reserved(self) -> bool:
        """To an own service: a reserve has been heard."""

    @property
    def life(self) -> str:
        """What we are called there, on each connection otherwise."""

    @property
    def owner(self) -> str:
        """What the own service that was heard last is called, on each connection otherwise; or empty."""

    @property
    def owner_words(self) -> int:
        """How many words of the own service have been heard."""

    @property
    def owner_came(self) -> int:
        """How many had been when it came, or came back; -1: we have come later."""

    def alone_for(self) -> float | None:
        """Seconds for which nobody but us has acted; None: that cannot be said now."""

    def owner_away(self) -> float | None:
        """Seconds since the own service was heard; None: it was not."""


class Host(Protocol):
    """Whose words these are: the outbox."""

    def ask(self, what: Callable[[sqlite3.Connection], Any]) -> Any:
        """Reads or changes something in its file; blocks. Raises TimeoutError."""

    def is_flying(self, base: str, call: str) -> bool:
        """Whether a word of that call is being told. While the file is asked."""

    def adopted(self, managers: dict[str, str]) -> None:
        """There are words that were others'; of these calls the client's manager is known."""

    def said(self, words: list[Word]) -> None:
        """Another has told 1C these."""

    def unknowable(self, switch: str, before: float) -> int:
        """Harmful words of that switch that were made before count as told; blocks. Returns how many."""

    def heard_out(self, switch: str) -> None:
        """What ended there while we were away can be told: nobody knows more of it."""


@dataclass(eq=False)
class Part:
    """What this service is to one switch.

    Attributes:
        shares: There is another that may say its words.
        asked: Redis has been asked whether there is.
        life: Of the Redis that knows our words; empty: none does.
        acts: A reserve: it has taken over.
        owes: A reserve: the own service was gone, and what is kept has not been offered since.
        owed: How many of its words had been heard when it came back: it may have missed what was before.
        owner: The own service's name, as it was last.
        heard_out: An own service: what it was called when it knew what a reserve had heard.
        took: An own service: what it was called when it took what a reserve had left to it.
        hears, hears_since: What it is called while it waits for that in Redis, and since when.
        tells_told: Redis has not heard yet what the process before had said.
        at: When we were in Redis last, or began, on the monotonic clock.
        born, born_at: When we began, on that clock and in seconds since the epoch.
        behind: Redis had no room for all; tried again then.
        quiet_until: Till then we do not say that we are here: Redis does not know what we have said.
        ring: What a reserve could say: how many of the own service's words it had heard then, the word, the
            client's manager, and whether the call was over.
    """

    switch: str
    reserve: bool
    post: AtSwitch
    shares: bool = False
    asked: bool = False
    life: str = ""
    acts: bool = False
    owes: bool = False
    owed: int = NOTHING
    owner: str = ""
    heard_out: str = ""
    took: str = ""
    hears: str = ""
    hears_since: float = 0.0
    tells_told: bool = True
    at: float = field(default_factory=time.monotonic)
    born: float = field(default_factory=time.monotonic)
    born_at: float = field(default_factory=time.time)
    behind: float = 0.0
    quiet_until: float = 0.0
    ring: deque[tuple[int, Word, str, bool]] = field(default_factory=lambda: deque(maxlen=MAX_RING))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def since(self) -> float | None:
        """Since when nobody but us has acted, seconds since the epoch."""
        alone = self.post.alone_for()
        return None if alone is None else time.time() - alone

    def safe(self, word: Word) -> bool:
        """Nobody else can have said it."""
        since = self.since
        return since is not None and word.made >= since

    def forget(self, offered: set[int]) -> None:
        """These of what is kept, by their `id`, are others' to know from now on."""
        with self.lock:
            left = [one for one in self.ring if id(one) not in offered]
            self.ring.clear()
            self.ring.extend(left)

    def looks(self) -> None:
        """Whether the own service is there, or was not for a while."""
        if self.post.alone_for() is None:
            self.stands_by()
        elif not self.acts:
            self.owes, self.owed = True, self.post.owner_words
        if (owner := self.post.owner) != self.owner:
            self.owes, self.owner = True, owner
            if (came := self.post.owner_came) >= 0:
                self.owed = max(self.owed, came)

    def stands_by(self) -> None:
        """The own service says what happens. What is old it has said, if it was there then."""
        with self.lock:
            self.acts = False
            said, owed = self.post.owner_words - RING, self.owed if self.owes else -1
            if any(owed < one[0] <= said for one in self.ring):
                left = [one for one in self.ring if not owed < one[0] <= said]
                self.ring.clear()
                self.ring.extend(left)


def may_be_alone(*, safe: bool, silent: float) -> bool:
    """Whether the own service may say a harmful word without a claim, when it has not been in Redis for
    `silent` seconds.
    """
    return safe and silent > LEASE


def doubtful(silent: float | None, away: float | None) -> bool:
    """Whether the own service may have said harmful words without a claim: it has not been in Redis for
    `silent` seconds and not at the switch for `away`; None: it never was, as far as we know.
    """
    return silent is None or away is None or silent - away > LEASE / 2
