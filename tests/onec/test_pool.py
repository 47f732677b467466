"""The pool: a few workers, the most urgent job first, and no job whose caller is left without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.pool import MAX_WAITING, WorkerPool
from fs_1c.onec.queue import Urgency
from tests.support import SOON, base

NOBODY = "http://127.0.0.1:1/ws"


class Gate:
    """A job that says when it has begun and ends when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self, client: Client) -> str:
        self.begun.set()
        assert self.open.wait(SOON)
        return "done"


def workers(pool: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"1c-{pool}-")]


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """A pool of one worker."""
    one = WorkerPool("one", base(NOBODY, sessions=1))
    yield one
    one.close()


@pytest.fixture
def gate(pool: WorkerPool) -> Iterator[Gate]:
    """What keeps the only worker busy."""
    gate = Gate()
    pool.submit(Urgency.CALLER, gate)
    assert gate.begun.wait(SOON)
    yield gate
    gate.open.set()


@pytest.mark.parametrize("sessions", [1, 3])
def test_as_many_jobs_at_once_as_sessions_and_never_more(sessions: int) -> None:
    pool = WorkerPool("some", base(NOBODY, sessions=sessions))
    together = threading.Barrier(sessions)
    lock = threading.Lock()
    at_work = 0
    clients: dict[Client, set[int]] = {}
    most = 0

    def job(client: Client) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
            clients.setdefault(client, set()).add(threading.get_ident())
        together.wait(SOON)  # ends only if as many as there are sessions get here
        with lock:
            at_work -= 1

    jobs = [pool.submit(Urgency.CALLER, job) for _ in range(sessions * 10)]
    for future in jobs:
        future.result(SOON)
    assert len(workers("some")) == sessions
    pool.close()
    assert most == sessions
    assert len(clients) == sessions
    assert all(len(threads) == 1 for threads in clients.values())  # a client belongs to one thread


def test_workers_come_with_the_first_job_and_go_when_the_desk_closes() -> None:
    pool = WorkerPool("idle", base(NOBODY))
    assert not workers("idle")
    pool.submit(Urgency.CALLER, lambda _: None).result(SOON)
    assert workers("idle")
    pool.close(SOON)
    assert not workers("idle")


def test_a_waiting_caller_goes_before_a_screen_and_equals_in_order(pool: WorkerPool, gate: Gate) -> None:
    done: list[str] = []
    jobs = [
        pool.submit(urgency, lambda _, name=name: done.append(name))  # type: ignore[misc]
        for urgency, name in [
            (Urgency.CARD, "pop 1"),
            (Urgency.CALLER, "caller 1"),
            (Urgency.CARD, "pop 2"),
            (Urgency.CALLER, "caller 2"),
        ]
    ]
    gate.open.set()
    for future in jobs:
        future.result(SOON)
    assert done == ["caller 1", "caller 2", "pop 1", "pop 2"]


def test_a_jobs_exception_reaches_its_future_and_the_worker_goes_on(pool: WorkerPool) -> None:
    def fails(client: Client) -> None:
        raise OneCError("fault", "x", Reached.YES, base_down=False)

    def breaks(client: Client) -> None:
        raise ZeroDivisionError

    def quits(client: Client) -> None:
        raise SystemExit

    for job, error in ((fails, OneCError), (breaks, ZeroDivisionError), (quits, SystemExit)):
        assert isinstance(pool.submit(Urgency.CALLER, job).exception(SOON), error)
    assert pool.submit(Urgency.CALLER, lambda _: "still here").result(SOON) == "still here"


def test_a_job_cancelled_before_its_turn_is_not_done(pool: WorkerPool, gate: Gate) -> None:
    done: list[str] = []
    unwanted = pool.submit(Urgency.CALLER, lambda _: done.append("unwanted"))
    wanted = pool.submit(Urgency.CALLER, lambda _: done.append("wanted"))
    assert unwanted.cancel()
    gate.open.set()
    wanted.result(SOON)
    assert done == ["wanted"]


def test_closing_finishes_the_jobs_that_wait(pool: WorkerPool, gate: Gate) -> None:
    jobs = [pool.submit(urgency, lambda _: "done") for urgency in (Urgency.CARD, Urgency.CALLER) * 20]
    threading.Timer(0.05, gate.open.set).start()
    pool.close(SOON)
    assert [future.done() and future.result() for future in jobs] == ["done"] * 40


def test_a_closed_desk_takes_no_jobs(pool: WorkerPool) -> None:
    pool.close()
    pool.close()
    error = pool.submit(Urgency.CARD, lambda _: None).exception(SOON)
    assert isinstance(error, OneCError)
    assert (error.kind, error.reached, error.base_down) == ("busy", Reached.NO, False)


def test_closing_does_not_wait_for_ever_for_a_worker_that_hangs(pool: WorkerPool, gate: Gate) -> None:
    pool.close(0.1)  # the worker hangs until this has ended
    assert not gate.open.is_set()


def test_the_queue_is_bounded_and_a_job_too_many_is_told_at_once(pool: WorkerPool, gate: Gate) -> None:
    jobs = [pool.submit(Urgency.CALLER, lambda _: None) for _ in range(MAX_WAITING)]
    error = pool.submit(Urgency.CALLER, lambda _: None).exception(timeout=0)
    assert isinstance(error, OneCError)
    assert (error.kind, error.reached, error.base_down) == ("busy", Reached.NO, False)
    gate.open.set()
    for future in jobs:
        assert future.result(SOON) is None
    assert pool.submit(Urgency.CALLER, lambda _: "room again").result(SOON) == "room again"
