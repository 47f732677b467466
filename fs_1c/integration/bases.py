"""The bases of 1C, each with its workers and its directory; and how each is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fs_1c import channel
from fs_1c.directory import Blocked, BreakerState, Directory, SharedAnswers
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import WorkerPool
from fs_1c.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BaseState:
    """How one base is at this moment.

    Attributes:
        remembered: Answers remembered here.
        sessions: Requests under way, each on a session (a licence) of its own.
        sessions_allowed: How many there may be.
        redis_up: Whether Redis answers and takes what is written, as far as lookups have noticed; None: there
            is none.
        untold: Numbers that were forgotten here and that Redis could not be told about yet; None: all.
    """

    breaker: BreakerState
    remembered: int
    sessions: int
    sessions_allowed: int
    redis_up: bool | None = None
    untold: int | None = 0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten.

    Attributes:
        count: Answers that were remembered here.
        untold: Bases of which Redis, and by it other services, could not be told; they will be when it is
            there, if this service still runs then.
    """

    count: int
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """One base: who asks it, what it has answered, and the form in which it is asked."""

    pool: WorkerPool
    directory: Directory
    number_format: NumberFormat


class Bases:
    """Thread-safe.

    Args:
        asked: Is told of each request: the base, the operation, seconds, the error's kind or nothing.
        before: Those that these relieve: what they could not tell Redis is told.

    Attributes:
        by_name: All of them.
    """

    def __init__(
        self,
        settings: Settings,
        plan: NumberPlan,
        asked: Callable[[str, str, float, str], None],
        before: Bases | None = None,
    ) -> None:
        self._settings = settings
        listed = settings.numbers.blocked_file
        self._blocked = Blocked(listed, plan) if listed else None
        self.by_name: dict[str, Base] = {}
        for name, base in settings.onec.items():
            pool = WorkerPool(name, base, partial(asked, name))
            directory = Directory(
                pool,
                base.number_format,
                plan,
                settings.lookup,
                settings.breaker,
                SharedAnswers(settings.redis, name, settings.lookup, base.timeout)
                if settings.redis
                else None,
                before.by_name[name].directory.untold if before and name in before.by_name else (),
                self._blocked or (),
            )
            self.by_name[name] = Base(pool, directory, base.number_format)
        self._only = next(iter(self.by_name.values())) if len(self.by_name) == 1 else None

    def of(self, chosen: str, destination: str = "") -> Base:
        """The base that was chosen by name, or else belongs to the number that was dialled."""
        return self._only or self.by_name[self._settings.base_for(chosen, destination)]

    def states(self) -> dict[str, BaseState]:
        """How they are at this moment, by name."""
        return {
            name: BaseState(
                base.directory.breaker,
                len(base.directory),
                *base.pool.sessions,
                base.directory.redis_up,
                None if None in (untold := base.directory.untold) else len(untold),
            )
            for name, base in self.by_name.items()
        }

    def health(self) -> dict[str, dict[str, object]]:
        """`Integration.health`."""
        return {
            name: {
                "breaker": base.directory.breaker.value,
                "since": None if (since := base.directory.down_since) is None else _iso(since),
                "why": base.directory.why_down,
                "remembered": len(base.directory),
            }
            for name, base in self.by_name.items()
        }

    def forget(self, number: str | None, base: str) -> Forgotten:
        """`Integration.forget`."""
        if base and base not in self.by_name:
            raise ValueError(f"there is no base {base}; allowed: {', '.join(self.by_name)}")
        names = [base] if base else list(self.by_name)
        channel.forget()
        done = {name: self.by_name[name].directory.forget(number) for name in names}
        count = sum(one.count for one in done.values())
        return Forgotten(count, tuple(name for name, one in done.items() if not one.told))

    def keep_warm(self) -> None:
        """Wakes them and keeps them awake, until `close`."""
        for base in self.by_name.values():
            base.pool.keep_warm()

    def close(self, ends: float, relieved: bool) -> None:
        """Finishes what is under way, until `ends` on the monotonic clock at the most.

        Args:
            relieved: Others go on, and tell Redis what these could not.
        """
        if self._blocked:
            self._blocked.close()
        for name, base in self.by_name.items():
            if base.directory.untold and not relieved:
                log.warning("1C base %s: what was forgotten is not told to other services any more", name)
            base.directory.close()
            base.pool.close(max(0.0, ends - time.monotonic()))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat("T", "seconds")
