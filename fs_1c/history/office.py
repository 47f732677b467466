"""Who is told, and by what rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fs_1c.call import HistoryWord
from fs_1c.history.tables import Policy, Table, itoolabs, mobilon, register
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import WorkerPool
from fs_1c.recordings import Links, address
from fs_1c.settings import Settings
from fs_1c.talk import Story

_TABLES: dict[str, Table] = {"mobilon": mobilon, "register": register, "itoolabs": itoolabs}


def history_file(settings: Settings) -> Path | None:
    """Where the outbox stands; None if there is none."""
    folder = settings.state.folder
    return folder / "history.db" if folder and settings.tells_history else None


@dataclass(frozen=True, slots=True)
class Base:
    """A base that may be told."""

    pool: WorkerPool
    number_format: NumberFormat

    @property
    def table(self) -> Table | None:
        return _TABLES.get(self.pool.tells)


@dataclass(frozen=True, slots=True)
class Office:
    """Who is told, and by what rules; exchanged when the settings are read again.

    Attributes:
        bases: By name.
        base_of: Which of them a call belongs to.
        key: A subscriber's key by his extension, or empty.
        restore: Gets the stories that the process before has left, with calls that are up.
        told: Hears what became of each word.
        keep_for: Seconds after which 1C need not be told any more.
        others: Switches of whose calls another service tells, by name.
        links: Give recordings their addresses.
    """

    bases: Mapping[str, Base]
    base_of: Callable[[Story], str]
    key: Callable[[str], str]
    restore: Callable[[list[Story]], None]
    told: Callable[[HistoryWord], None]
    plan: NumberPlan
    policy: Policy
    keep_for: float
    others: frozenset[str] = frozenset()
    links: Links | None = None

    def link(self, story: Story) -> str:
        """Where the latest recording is to be listened to; empty: nowhere, as far as we know."""
        for file in reversed(story.recordings):
            if found := address(self.links, file, story.switch):
                return found
        return ""


def policy_of(settings: Settings) -> Policy:
    """Who owns a missed call, and when cards open."""
    return Policy(settings.screenpop.when, settings.history.missed_owner)
