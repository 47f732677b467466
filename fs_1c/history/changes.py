"""What a transaction of the outbox is to change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from fs_1c.history.kept import Word
from fs_1c.history.pace import Became
from fs_1c.talk import Story

Key = tuple[str, str]
"""A base and a call."""
Job = Callable[["Changes"], None]


@dataclass(slots=True)
class Changes:
    """What one transaction is to change; it may be tried again, elsewhere.

    Attributes:
        words: To be told.
        written: Those of them that have been written down, each with its place.
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
    written: list[tuple[int, Word]] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    stories: dict[str, tuple[Story, str] | None] = field(default_factory=dict)
    ended: list[tuple[Word, Became, str, bool]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    leaving: list[tuple[Word, Future[bool]]] = field(default_factory=list)
    first: list[tuple[Key, Future[Word | None]]] = field(default_factory=list)
    asked: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
