"""Whose turn it is at one base: jobs wait, the most urgent goes first. Pure: no clock, no lock.

Callers have deadlines, and 1C takes its time. While all who wait can be answered in time the earliest
deadline goes first, which is the order in which they came. When not all can, somebody will be late whatever
we do, and it is those who have waited longest: they give way, until the others can be answered in time. So as
many are answered in time as could be by any order (Moore and Hodgson, 1968, where all jobs take equally
long), and nobody waits behind one for whom it is too late. First come, first served would answer everybody
just too late; last come, first served would leave some to wait for nothing when there are few.

A job for which nobody waits any more, or whose deadline cannot be met, is done last of all: its answer serves
the next call. Of these the newest are worth most, and go first; there are at most `MAX_ABANDONED`.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import OrderedDict
from enum import IntEnum
from typing import Generic, TypeVar

Job = TypeVar("Job")

MAX_ABANDONED = 100
"""Jobs that nobody waits for; an older one is not done at all. They are some seconds of 1C's time."""


class Urgency(IntEnum):
    """Who goes first."""

    PROBE = 0  # whether a base that counts as down is back: nobody is answered before that is known
    CALLER = 1  # somebody waits with the telephone at his ear
    CARD = 2  # somebody looks at a screen
    REFRESH = 3  # a remembered answer is to be renewed
    HISTORY = 4  # 1C is to know what has become of a call
    WARM = 5  # the base is to be kept awake
    ABANDONED = 6  # who waited for it has hung up, or could not wait so long


_Place = tuple[float, int, Job]  # a caller's: deadline, number, job


class JobQueue(Generic[Job]):
    """Jobs that wait, each once.

    Args:
        workers: How many jobs are done at a time.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._callers: list[_Place[Job]] = []  # sorted
        self._others: dict[Urgency, OrderedDict[Job, None]] = {
            urgency: OrderedDict() for urgency in Urgency if urgency is not Urgency.CALLER
        }
        self._probes = self._others[Urgency.PROBE]
        self._abandoned = self._others[Urgency.ABANDONED]
        self._urgency: dict[Job, Urgency] = {}
        self._places: dict[Job, _Place[Job]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._urgency)

    def add(self, job: Job, urgency: Urgency, deadline: float = math.inf) -> None:
        """`job` waits for its turn.

        Args:
            deadline: A caller's: when it must have been done, on the clock of `take`.
        """
        self._urgency[job] = urgency
        if urgency is Urgency.CALLER:
            place = self._places[job] = (deadline, next(self._numbers), job)
            bisect.insort(self._callers, place)
        else:
            self._others[urgency][job] = None

    def hurry(self, job: Job, deadline: float, now: float) -> None:
        """Somebody waits for `job`, until `deadline`: it is a caller's, and keeps its place if it is one that
        is not in vain. Nothing happens if it does not wait any more.
        """
        if job in self._urgency and (job not in self._places or self._places[job][0] <= now):
            self._remove(job)
            self.add(job, Urgency.CALLER, deadline)

    def leave(self, job: Job, urgency: Urgency) -> list[Job]:
        """Nobody waits for `job`: it is as urgent as that. Returns those which are given up for it."""
        if job in self._urgency:
            self._remove(job)
            self.add(job, urgency)
        return self.give_up(MAX_ABANDONED)

    def take(self, now: float, each: float, *, unhurried: bool) -> tuple[Urgency, Job] | None:
        """The next job and how urgent it was, when there is one that may begin.

        Args:
            now: In seconds, on the clock of the deadlines.
            each: Seconds that 1C takes over a job, lately.
            unhurried: May it be one that no caller waits for?
        """
        self._demote(now, each)
        if self._probes:
            return self._begin(next(iter(self._probes)))
        if self._callers:
            return self._begin(self._callers[0][2])
        if unhurried:
            for urgency, jobs in self._others.items():
                if jobs:
                    return self._begin(next(reversed(jobs) if urgency is Urgency.ABANDONED else iter(jobs)))
        return None

    def give_up(self, most: int) -> list[Job]:
        """Removes, and returns, what is abandoned beyond the `most` newest."""
        gone: list[Job] = []
        while len(self._abandoned) > most:
            gone.append(next(iter(self._abandoned)))
            self._remove(gone[-1])
        return gone

    def _begin(self, job: Job) -> tuple[Urgency, Job]:
        urgency = self._urgency[job]
        self._remove(job)
        return urgency, job

    def _remove(self, job: Job) -> None:
        urgency = self._urgency.pop(job)
        if urgency is Urgency.CALLER:
            del self._callers[bisect.bisect_left(self._callers, self._places.pop(job))]
        else:
            del self._others[urgency][job]

    def _demote(self, now: float, each: float) -> None:
        """Callers who wait longest give way until all others can be answered in time."""
        callers = self._callers
        step = each / self._workers  # from one worker's end to the next one's
        if not callers or now + each + step * (len(callers) - 1) <= callers[0][0]:
            return  # even the last one would be answered before the first one's deadline
        gone = 0
        for at, (deadline, _, _) in enumerate(callers):
            if now + each + step * (at - gone) > deadline:
                gone += 1
        for place in callers[:gone]:
            del self._places[place[2]]
            self._urgency[place[2]] = Urgency.ABANDONED
            self._abandoned[place[2]] = None
        del callers[:gone]
