"""Whose turn it is: urgency, deadlines, and what becomes of jobs that nobody waits for. No clock runs."""

from __future__ import annotations

import heapq
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from fs_1c.onec.queue import MAX_ABANDONED, JobQueue, Urgency

EACH = 0.1
DEADLINE = 0.8


def taken(queue: JobQueue[str], now: float = 0.0, each: float = EACH, *, unhurried: bool = True) -> list[str]:
    """All jobs at one moment, in the order of their turns."""
    done = []
    while (one := queue.take(now, each, unhurried=unhurried)) is not None:
        done.append(one[1])
    return done


def test_the_most_urgent_goes_first_and_equals_in_order() -> None:
    queue: JobQueue[str] = JobQueue(1)
    for n in "12":
        for urgency in reversed(Urgency):
            queue.add(f"{urgency.name} {n}", urgency)
    order = [f"{urgency.name} {n}" for urgency in list(Urgency)[:-1] for n in "12"]
    assert taken(queue) == [*order, "ABANDONED 2", "ABANDONED 1"]
    assert len(queue) == 0


def test_only_callers_and_the_probe_may_take_the_last_session() -> None:
    queue: JobQueue[str] = JobQueue(2)
    for urgency in Urgency:
        queue.add(urgency.name, urgency)
    assert taken(queue, unhurried=False) == ["PROBE", "CALLER"]
    assert len(queue) == len(Urgency) - 2


def test_while_all_can_be_answered_they_are_in_the_order_in_which_they_came() -> None:
    queue: JobQueue[int] = JobQueue(1)
    for n in range(8):
        queue.add(n, Urgency.CALLER, DEADLINE + n / 1000)
    assert [queue.take(n * EACH, EACH, unhurried=True) for n in range(8)] == [
        (Urgency.CALLER, n) for n in range(8)
    ]


def test_when_not_all_can_the_newest_who_can_are_answered() -> None:
    queue: JobQueue[int] = JobQueue(4)
    for n in range(1000):
        queue.add(n, Urgency.CALLER, DEADLINE + n / 1000)
    first = queue.take(1.0, EACH, unhurried=True)
    assert first is not None
    assert first[0] is Urgency.CALLER
    assert 970 < first[1] < 990  # as many as four workers do in what is left of the deadline
    last: JobQueue[int] = JobQueue(1)
    last.add(1, Urgency.CALLER, 0.09)  # too late for him: whoever looks at a screen goes before
    last.add(2, Urgency.CARD)
    assert last.take(0.0, EACH, unhurried=True) == (Urgency.CARD, 2)
    assert last.take(0.0, EACH, unhurried=True) == (Urgency.ABANDONED, 1)


def test_who_has_hung_up_gives_way_and_a_new_caller_raises_his_job_again() -> None:
    queue: JobQueue[str] = JobQueue(1)
    queue.add("left", Urgency.CALLER, 1.0)
    queue.add("came back", Urgency.CALLER, 1.0)
    queue.add("refresh", Urgency.REFRESH)
    for job in ("left", "came back"):
        assert not queue.leave(job, Urgency.ABANDONED)
    queue.hurry("came back", 2.0, 0.0)
    queue.hurry("not there", 2.0, 0.0)
    assert taken(queue) == ["came back", "refresh", "left"]


def test_more_callers_of_one_number_do_not_push_it_back() -> None:
    queue: JobQueue[str] = JobQueue(1)
    queue.add("first", Urgency.CALLER, 1.0)
    queue.add("second", Urgency.CALLER, 1.1)
    queue.hurry("first", 1.2, 0.5)
    assert taken(queue) == ["first", "second"]
    queue.add("first", Urgency.CALLER, 1.0)
    queue.add("second", Urgency.CALLER, 1.1)
    queue.hurry("first", 2.0, 1.0)  # he for whom it was placed is late; the next one waits until 2.0
    assert taken(queue, 1.0) == ["second", "first"]


def test_what_nobody_waits_for_is_bounded_and_the_oldest_is_given_up() -> None:
    queue: JobQueue[int] = JobQueue(1)
    gone = []
    for n in range(MAX_ABANDONED + 2):
        queue.add(n, Urgency.CALLER, DEADLINE)
        gone += queue.leave(n, Urgency.ABANDONED)
    assert gone == [0, 1]
    assert len(queue) == MAX_ABANDONED
    assert not queue._places
    assert queue.give_up(1) == list(range(2, MAX_ABANDONED + 1))
    assert len(queue) == len(queue._urgency) == 1


def answered(arrivals: list[float], workers: int, *, ours: bool) -> tuple[int, list[float]]:
    """How many callers are answered in time, and when each of them came; 1C takes EACH over everything."""
    queue: JobQueue[int] = JobQueue(workers)
    line: list[int] = []
    free = [0.0] * workers
    waiting = list(enumerate(arrivals))
    well: list[float] = []
    while True:
        now = heapq.heappop(free)
        if not line and not len(queue) and waiting:
            now = max(now, waiting[0][1])
        while waiting and waiting[0][1] <= now:
            n, at = waiting.pop(0)
            if ours:
                queue.add(n, Urgency.CALLER, at + DEADLINE)
            else:
                line.append(n)
        if ours:
            begun = queue.take(now, EACH, unhurried=True)
            n = begun[1] if begun else -1
        else:
            n = line.pop(0) if line else -1
        if n < 0:
            return len(well), well
        # What ends at its very deadline, but for rounding, counts for us alone.
        if now + EACH <= arrivals[n] + DEADLINE + (1e-9 if ours else -1e-9):
            well.append(arrivals[n])
        heapq.heappush(free, now + EACH)


@given(
    st.lists(st.floats(0.0, 0.2).map(lambda gap: round(gap, 3)), min_size=1, max_size=120),
    st.integers(1, 4),
)
@example([0.0025] * 400, 4)
@example([0.0] * 100, 1)
@example([0.0] * 5 + [0.127, 0.143, 0.154, 0.128, 0.121, 0.122, 0.047, 0.035, 0.017, 0.002, 0.003, 0.001], 1)
def test_never_more_are_late_than_by_first_come_first_served(gaps: list[float], workers: int) -> None:
    at, arrivals = 0.0, []
    for gap in gaps:
        at += gap / workers
        arrivals.append(at)
    ours, _ = answered(arrivals, workers, ours=True)
    theirs, _ = answered(arrivals, workers, ours=False)
    assert ours >= theirs
    if theirs == len(arrivals):  # there is capacity: nobody is starved
        assert ours == len(arrivals)


def test_in_a_flood_first_come_first_served_answers_hardly_anybody_in_time_and_we_do_all_along() -> None:
    arrivals = [n / 400 for n in range(2000)] + [5.0 + n / 10 for n in range(20)]
    ours, when = answered(arrivals, 4, ours=True)
    theirs, _ = answered(arrivals, 4, ours=False)
    assert theirs < 50
    assert ours > 4 * 5.0 / EACH * 0.9  # nearly all that four sessions can
    assert max(after - before for before, after in pairwise(sorted(when))) < 0.3
    assert sum(at >= 5.0 for at in when) == 20  # and whoever calls after it
