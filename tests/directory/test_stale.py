"""Stale answers, the breaker and forgetting: nobody waits for a base that is slow or down, and what is known
stays known.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fs_1c.call import Result, Source
from fs_1c.directory import Directory
from fs_1c.directory.breaker import Breaker, BreakerState
from fs_1c.directory.cache import Cache
from fs_1c.numbers import Number, NumberFormat, NumberPlan
from fs_1c.onec import Answer
from fs_1c.onec.pool import WorkerPool
from fs_1c.settings import BreakerSettings, LookupSettings
from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from tests.support import EXAMPLES, SEED, SOON, base, until


class Here:
    """A directory of one base, and its pool."""

    def __init__(
        self, url: str, breaker: BreakerSettings | None = None, timeout: str = "300ms", **lookup: Any
    ) -> None:
        self.pool = WorkerPool("here", base(url, timeout=timeout))
        self.directory = Directory(
            self.pool, NumberFormat.EIGHT, NumberPlan(), LookupSettings(**lookup), breaker
        )
        self.lookup = self.directory.lookup

    def quiet(self) -> None:
        """Until nothing is under way."""
        until(lambda: not self.directory._asking)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self.directory.close()
        self.pool.close(1.0)


def asked(onec: OneCSimulator) -> int:
    return len(onec.requests)


def test_a_stale_answer_is_given_at_once_and_renewed_behind(onec: OneCSimulator) -> None:
    with freeze_time() as clock, Here(onec.url, fresh_for=300, stale_for=3600) as here:
        assert here.lookup(SEED).source is Source.ONEC
        clock.tick(301)
        onec.fault = Fault("slow-first-byte", seconds=0.1)
        caller = here.lookup(SEED)
        assert (caller.source, caller.manager) == (Source.STALE, "244")
        assert here.lookup(SEED).source is Source.STALE  # one request for both
        here.quiet()
        assert here.lookup(SEED).source is Source.CACHE
        assert asked(onec) == 2


def test_what_1c_says_now_replaces_what_it_said(onec: OneCSimulator) -> None:
    with freeze_time() as clock, Here(onec.url, fresh_for=300, stale_for=3600) as here:
        assert here.lookup(SEED).manager == "244"
        onec.fault = Fault("no-break-space", text="1\u00a0999")
        clock.tick(301)
        here.lookup(SEED)
        here.quiet()
        assert here.lookup(SEED).manager == "1\u00a0999"


def test_a_failure_never_replaces_a_known_answer(onec: OneCSimulator) -> None:
    with freeze_time() as clock, Here(onec.url, fresh_for=300, stale_for=3600) as here:
        assert here.lookup(SEED).manager == "244"
        onec.fault = Fault("code-error")
        for _ in range(5):
            clock.tick(301)
            caller = here.lookup(SEED)
            assert (caller.source, caller.manager) == (Source.STALE, "244")
            here.quiet()
        clock.tick(3600)
        assert here.lookup(SEED).result is Result.FAILED  # too old to be true


def test_an_unknown_client_is_never_stale(onec: OneCSimulator) -> None:
    with freeze_time() as clock, Here(onec.url, unknown_for=60, stale_for=3600) as here:
        assert here.lookup("84950000001").result is Result.UNKNOWN
        clock.tick(61)
        assert here.lookup("84950000001").source is Source.ONEC


def test_a_late_answer_serves_the_next_caller(onec: OneCSimulator) -> None:
    onec.fault = Fault("slow-first-byte", seconds=0.15, times=1)
    with Here(onec.url) as here:
        assert here.lookup(SEED, 0.02).result is Result.LATE
        here.quiet()
        assert here.lookup(SEED, 0.02).source is Source.CACHE


def test_forgotten_is_asked_again(onec: OneCSimulator) -> None:
    with Here(onec.url) as here:
        here.lookup(SEED)
        assert here.directory.forget("+7 923 529-29-26").count == 1
        assert here.directory.forget(SEED).count == 0
        assert here.lookup(SEED).source is Source.ONEC
        here.lookup("84950000001")
        assert here.directory.forget(None).count == 2
        with pytest.raises(ValueError, match="an extension"):
            here.directory.forget("244")


def test_after_an_answered_call_the_client_is_asked_about_again(onec: OneCSimulator) -> None:
    with freeze_time() as clock, Here(onec.url) as here:
        here.lookup(SEED)
        here.directory.renew(SEED)  # 1C has just been asked
        here.directory.renew("84950000001")  # nothing is remembered
        here.quiet()
        assert asked(onec) == 1
        clock.tick(61)
        here.directory.renew(SEED)
        here.quiet()
        assert asked(onec) == 2


def test_a_base_that_is_down_is_waited_for_by_few_and_tried_by_nobodys_call(onec: OneCSimulator) -> None:
    onec.fault = Fault("mute-after-request")
    with Here(onec.url, BreakerSettings(at_least=3, pause="100ms"), deadline=0.05) as here:
        waited: list[Result] = []
        # Three, mostly; one for whom a busy machine began to ask too late tells nothing about 1C.
        while here.directory.breaker is BreakerState.CLOSED:
            waited.append(here.lookup(f"8495100{len(waited):04d}").result)
            assert len(waited) < 100
        assert set(waited) == {Result.LATE}
        assert len(waited) >= 3
        caller = here.lookup("84950000009")
        assert (caller.result, caller.error and caller.error.kind) == (Result.FAILED, "down")
        onec.clear_fault()
        until(lambda: str(here.directory.breaker) == "closed")
        assert here.lookup(SEED, SOON).result is Result.FOUND
        numbers = [request.parameters["Number"] for request in onec.requests]
        assert "84950000009" not in numbers
        assert "80000000000" in numbers


def test_what_is_known_is_told_while_the_base_is_down(onec: OneCSimulator) -> None:
    with (
        freeze_time(tick=True) as clock,
        Here(onec.url, BreakerSettings(at_least=2, pause=60.0), fresh_for=300, stale_for=3600) as here,
    ):
        here.lookup(SEED)
        onec.stop()
        for i in range(5):
            here.lookup(f"8495000000{i}")
        assert here.directory.breaker is BreakerState.OPEN
        clock.tick(301)
        assert here.lookup(SEED).source is Source.STALE
        here.quiet()
        assert not here.directory._asking  # nobody is sent to a base that is down


def test_a_wrong_request_does_not_open_the_breaker(onec: OneCSimulator) -> None:
    onec.fault = Fault("code-error")
    with Here(onec.url, BreakerSettings(at_least=2)) as here:
        for i in range(10):
            assert here.lookup(f"8495000000{i}").result is Result.FAILED
        assert here.directory.breaker is BreakerState.CLOSED


def test_a_thousand_callers_of_one_number_make_one_request() -> None:
    with (
        OneCSimulator(OneCSimulatorSettings(port=0, latency=0.1)) as onec,
        Here(onec.url, timeout="10s", deadline=SOON) as here,
    ):
        gate = threading.Barrier(1000)
        sources: list[Source] = []

        def call() -> None:
            gate.wait(SOON)
            sources.append(here.lookup(SEED).source)

        threads = [threading.Thread(target=call) for _ in range(1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sources) == 1000
        assert asked(onec) == 1


def test_an_answer_that_came_between_the_look_and_the_turn_is_taken(onec: OneCSimulator) -> None:
    with Here(onec.url, deadline=SOON) as here:
        number = here.directory.known(SEED)
        assert isinstance(number, Number)
        here.lookup(SEED)  # somebody else's, meanwhile
        request = here.directory._asking.ask(number, SOON)
        assert request is not None
        found = request.future.result(SOON)
        assert (found.answer.manager, found.source) == ("244", Source.CACHE)
        assert asked(onec) == 1
        seen = here.directory._cache.get(number.e164)
        assert seen is not None
        here.directory.ask(SEED)  # an engineer wants to know what 1C says now
        assert asked(onec) == 2
        here.directory._refresh(number, seen.asked_at)  # has been renewed since
        here.quiet()
        assert asked(onec) == 2


def test_what_1c_said_before_a_forget_serves_who_waits_and_is_not_remembered() -> None:
    with (
        OneCSimulator(OneCSimulatorSettings(port=0, latency=0.1)) as onec,
        Here(onec.url, timeout="10s", deadline=SOON) as here,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(here.lookup, SEED)
        until(lambda: asked(onec) == 1)
        here.directory.forget(SEED)
        assert waiting.result(SOON).manager == "244"
        assert len(here.directory) == 0
        assert here.lookup(SEED).source is Source.ONEC
        assert len(here.directory) == 1


# The breaker alone.


def test_the_breaker_opens_by_share_pauses_and_lets_one_try() -> None:
    changes: list[tuple[BreakerState, BreakerState]] = []
    with freeze_time() as clock:
        settings = BreakerSettings(window=4, at_least=4, share=0.5, pause=5.0)
        breaker = Breaker(settings, lambda before, now: changes.append((before, now)))
        for well in (True, True, False):
            breaker.record(well)
        assert breaker.allows()
        breaker.record(False)
        assert not breaker.allows()
        assert not breaker.try_now()
        clock.tick(5)
        assert [breaker.try_now(), breaker.try_now()] == [True, False]
        breaker.record(True)  # a straggler
        breaker.tried(False)
        assert breaker.state is BreakerState.OPEN
        clock.tick(5)
        assert breaker.try_now()
        breaker.tried(True)
        assert breaker.allows()
        breaker.record(False)
        assert breaker.allows()  # it begins anew
    opened, tried, closed = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED
    assert changes == [(closed, opened), (opened, tried), (tried, opened), (opened, tried), (tried, closed)]


NUMBERS = st.sampled_from(["+71", "+72", "+73"])


class CacheMachine(RuleBasedStateMachine):
    """The cache against a dictionary, under frozen time."""

    @initialize(fresh=st.integers(1, 20), stale=st.integers(0, 20), unknown=st.integers(1, 20))
    def begin(self, fresh: int, stale: int, unknown: int) -> None:
        self.frozen = freeze_time("2026-11-23")
        self.clock = self.frozen.start()
        self.given = LookupSettings(fresh_for=fresh, stale_for=f"{stale}s", unknown_for=unknown)
        self.cache = Cache(self.given)
        self.now = 0
        self.model: dict[str, tuple[Answer, int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "frozen"):
            self.frozen.stop()

    @rule(number=NUMBERS, title=st.sampled_from(["", "Чиж"]))
    def put(self, number: str, title: str) -> None:
        self.cache.put(number, Answer(title))
        self.model[number] = (Answer(title), self.now)

    @rule(number=NUMBERS)
    def forget(self, number: str) -> None:
        known = self.expected(number) is not None
        assert self.cache.forget(number) == known
        self.model.pop(number, None)

    @rule(seconds=st.integers(1, 15))
    def pass_time(self, seconds: int) -> None:
        self.clock.tick(seconds)
        self.now += seconds

    def told(self, number: str) -> tuple[Answer, bool] | None:
        """The answer and whether it is fresh."""
        remembered = self.cache.get(number)
        return (remembered.answer, self.cache.is_fresh(remembered)) if remembered else None

    def expected(self, number: str) -> tuple[Answer, bool] | None:
        if number not in self.model:
            return None
        answer, put = self.model[number]
        age = self.now - put
        if not answer.known:
            return (answer, True) if age < self.given.unknown_for else None
        if age >= self.given.fresh_for + self.given.stale_for:
            return None
        return answer, age < self.given.fresh_for

    @invariant()
    def agrees(self) -> None:
        for number in ("+71", "+72", "+73"):
            if hasattr(self, "cache"):
                assert self.told(number) == self.expected(number)


CacheMachine.TestCase.settings = hypothesis_settings(
    max_examples=30 * EXAMPLES, stateful_step_count=30, deadline=None
)
TestCache = CacheMachine.TestCase
