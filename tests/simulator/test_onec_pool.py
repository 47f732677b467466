"""The pool of 1C's sessions against a model: whatever is asked in whatever order, its books are right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fs_1c.simulator.onec import OneCSimulatorSettings
from fs_1c.simulator.onec.answers import POOL_TIMEOUT, SESSION_LOST
from fs_1c.simulator.onec.sessions import Session, SessionPool, SessionRefused
from tests.support import EXAMPLES

MAX_AGE, POOL, LICENCES = 20.0, 3, 4


class Books(RuleBasedStateMachine):
    """Nobody waits here (pool_timeout is 0), time passes only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.settings = OneCSimulatorSettings(
            sessions="autouse", pool_size=POOL, pool_timeout=0.0, session_max_age=MAX_AGE, licences=LICENCES
        )
        self.pool = SessionPool(self.settings, clock=lambda: self.now)
        self.at_work: list[Session] = []
        self.owned: dict[str, float] = {}

    def enter(self, header: str | None, cookie: str | None) -> Session | str:
        try:
            lease = self.pool.enter(header, cookie)
        except SessionRefused as refused:
            return str(refused.args[1])
        self.at_work.append(lease)
        return lease

    def busy(self) -> set[str]:
        return {lease.id for lease in self.at_work}

    @rule()
    def start(self) -> None:
        lease = self.enter("start", None)
        if isinstance(lease, Session):
            assert lease.new and lease.owned
            assert lease.id not in self.owned
            self.owned[lease.id] = self.now
        else:
            assert lease == POOL_TIMEOUT
            assert self.pool.counts().sessions_now == POOL

    @rule()
    def whatever(self) -> None:
        lease = self.enter(None, None)
        if isinstance(lease, Session):
            assert lease.id not in self.owned
            assert not (lease.owned or lease.ends)

    @precondition(lambda self: self.owned)
    @rule(data=st.data(), finish=st.booleans())
    def use(self, data: st.DataObject, finish: bool) -> None:
        cookie = list(self.owned)[data.draw(st.integers(0, len(self.owned) - 1))]
        was_busy = cookie in self.busy()
        aged = not was_busy and self.now - self.owned[cookie] >= MAX_AGE
        lease = self.enter("finish" if finish else None, cookie)
        if isinstance(lease, Session):
            assert (was_busy, aged, lease.id, lease.ends) == (False, False, cookie, finish)
        else:
            assert lease == (SESSION_LOST if aged else POOL_TIMEOUT)
            if aged:
                del self.owned[cookie]

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        lease = self.at_work.pop(data.draw(st.integers(0, len(self.at_work) - 1)))
        self.pool.leave(lease)
        if lease.id in self.owned:
            self.owned[lease.id] = self.now
            if lease.ends:
                del self.owned[lease.id]

    @rule(seconds=st.sampled_from([0.5, 10.0, 20.0, 50.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def books_are_right(self) -> None:
        assert len(self.at_work) == len(self.busy())
        counts = self.pool.counts()
        ended = counts.sessions_finished + counts.sessions_expired + counts.sessions_lost
        assert counts.sessions_started == ended + counts.sessions_now
        assert len(self.busy()) <= counts.sessions_now <= min(POOL, LICENCES)
        assert counts.sessions_now <= counts.sessions_peak <= POOL


Books.TestCase.settings = settings(max_examples=25 * EXAMPLES, stateful_step_count=40, deadline=None)
TestBooks = Books.TestCase


def test_it_ages_from_its_last_use_and_never_at_work() -> None:
    now = [0.0]
    pool = SessionPool(OneCSimulatorSettings(sessions="use"), clock=lambda: now[0])
    lease = pool.enter("Start ", None)
    now[0] = 100.0
    assert pool.counts().sessions_now == 1
    pool.leave(lease)
    now[0] = 119.9
    pool.leave(pool.enter(None, lease.id))
    now[0] = 139.8
    pool.leave(pool.enter(None, lease.id))
    now[0] = 159.8
    with pytest.raises(SessionRefused) as refused:
        pool.enter(None, lease.id)
    assert refused.value.args[1] == SESSION_LOST
    assert pool.counts().sessions_expired == 1


def test_a_base_is_cold_at_first_and_after_idling_without_a_session() -> None:
    now = [1000.0]
    settings = OneCSimulatorSettings(sessions="use", cold_start=11.5, idle=60.0)
    pool = SessionPool(settings, clock=lambda: now[0])
    first, second = pool.enter("start", None), pool.enter("start", None)
    assert (first.starts_in, second.starts_in) == (11.5, 11.5)
    now[0] += 11.3
    assert pool.enter("start", None).starts_in == pytest.approx(0.2)
    now[0] += 100.0  # sessions are at work, so it stays warm
    assert pool.enter("start", None).starts_in == 0.0
    pool.close()
    pool.open()
    assert pool.enter("start", None).starts_in == 11.5


def test_it_turns_cold_from_the_moment_its_last_session_aged_out() -> None:
    now = [0.0]
    settings = OneCSimulatorSettings(sessions="use", cold_start=5.0, idle=60.0, session_max_age=20.0)
    pool = SessionPool(settings, clock=lambda: now[0])
    pool.leave(pool.enter("start", None))
    now[0] = 79.0
    assert pool.enter("start", None).starts_in == 0.0
    pool.close()
    pool.open()
    pool.leave(pool.enter("start", None))
    now[0] += 80.0
    assert pool.enter("start", None).starts_in == 5.0


@pytest.mark.parametrize("mode", ["dontuse", "use", "autouse"])
def test_many_threads_leave_the_books_balanced(mode: str) -> None:
    settings = OneCSimulatorSettings(sessions=mode, pool_size=3, pool_timeout=30.0)  # type: ignore[arg-type]
    pool = SessionPool(settings)

    def work(number: int) -> None:
        for turn in range(30):
            lease = pool.enter("start" if (number + turn) % 2 or mode == "use" else None, None)
            pool.leave(lease)
            if lease.owned:
                pool.leave(pool.enter("finish", lease.id))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    counts = pool.counts()
    assert counts.sessions_started == counts.sessions_finished + counts.sessions_now
    assert counts.sessions_now <= (1 if mode == "autouse" else 0) * 3
    assert counts.sessions_peak <= (16 if mode == "dontuse" else 3)
    assert counts.pool_timeouts == 0
