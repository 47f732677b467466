"""The walk: all steps in their order, each within its time, the whole within a minute whatever hangs.

Bases, switches and the service are gone through at the same time, since each of them may be the one that
hangs. A step that does not end is left behind, and what would follow it is skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Protocol

from fs_1c.bounds import Budget, OutOfTime, within
from fs_1c.check.finding import Finding, problem, skipped
from fs_1c.check.masking import Mask

AT_LEAST = 0.5
"""Seconds without which a step is not begun: it would be blamed for what others have used up."""

log = logging.getLogger(__name__)


class Watch(Protocol):
    """Whoever looks on; called from several threads."""

    def begun(self, where: str, step: str) -> None:
        """A step begins."""

    def finished(self, where: str, findings: Sequence[Finding]) -> None:
        """All is known about one link of the chain; told in the order in which it is to be shown."""


class Unseen:
    """Nobody looks on."""

    def begun(self, where: str, step: str) -> None:
        pass

    def finished(self, where: str, findings: Sequence[Finding]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        run: Returns findings; whatever it raises is a finding, too.
        limit: Seconds after which it is left behind.
        hung: What to do when it was.
    """

    name: str
    run: Callable[[], list[Finding]]
    limit: float
    hung: str


@dataclass(frozen=True, slots=True)
class Trip:
    """What all branches of one walk share."""

    budget: Budget
    mask: Mask
    watch: Watch


@dataclass(slots=True)
class Branch:
    """The steps of one link of the chain, in their order.

    Attributes:
        blocked: Tells why the steps that follow make no sense; empty: they do.
        chained: A step that hangs or fails ends the branch.
        found: What has been found so far.
    """

    where: str
    steps: list[Step]
    trip: Trip
    blocked: Callable[[], str] = lambda: ""
    chained: bool = True
    found: list[Finding] = field(default_factory=list)

    def run(self) -> None:
        stuck = ""
        for step in self.steps:
            if reason := stuck or self.blocked():
                self._add([skipped(step.name, reason)], 0.0)
            elif self.trip.budget.left() < AT_LEAST:
                self._add([skipped(step.name, "no time was left")], 0.0)
            else:
                ended = self._take(step)
                stuck = ended if self.chained else ""

    def _take(self, step: Step) -> str:
        """Takes one step; returns why no other can follow, or nothing."""
        self.trip.watch.begun(self.where, step.name)
        started = time.monotonic()
        stuck = ""
        try:
            found = within(min(step.limit, self.trip.budget.left()), step.run)
        except OutOfTime:
            what = f"{step.name} has not ended after {time.monotonic() - started:.0f} s"
            found = [problem(step.name, what, "The steps that follow would hang there, too.", step.hung)]
            stuck = f"{step.name} hangs"
        except Exception as error:
            log.debug("check: %s, %s", self.where, step.name, exc_info=error)
            what = f"the check itself has failed: {type(error).__name__}"
            found = [problem(step.name, what, "So this link is not known to be well.", "Please report it.")]
            stuck = f"{step.name} failed"
        self._add(found, time.monotonic() - started)
        return stuck

    def _add(self, found: list[Finding], took: float) -> None:
        took_ms = round(took * 1000, 1)
        self.found += [
            self.trip.mask.finding(replace(one, where=self.where, took_ms=took_ms)) for one in found
        ]


def collect(branches: Sequence[Branch], futures: Sequence[Future[None]]) -> list[Finding]:
    """What branches find that have begun already, in their order, when each has ended or the time is over."""
    found: list[Finding] = []
    for branch, future in zip(branches, futures, strict=True):
        wait([future], branch.trip.budget.left() + 1.0)
        seen = list(branch.found)
        branch.trip.watch.finished(branch.where, seen)
        found += seen
    return found
