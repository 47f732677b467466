"""1C's sessions: started, reused, renewed, finished; never more than the licences that are granted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from fs_1c.directory import Directory
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import Card
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.pool import WorkerPool
from fs_1c.onec.queue import Urgency
from fs_1c.onec.session import SessionPolicy
from fs_1c.settings import LookupSettings, SessionMode
from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from tests.support import KEY, SEED, base


@contextmanager
def simulated(**given: Any) -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, **given)) as onec:
        yield onec


def ask(onec: OneCSimulator, times: int = 3, **given: Any) -> Client:
    client = Client(base(onec.url, **given))
    for _ in range(times):
        assert client.lookup(SEED).manager == "244"
    return client


@pytest.mark.parametrize(("mode", "started"), [("use", 1), ("autouse", 1), ("dontuse", 3)])
def test_auto_finds_out_what_the_service_wants(mode: str, started: int) -> None:
    with simulated(sessions=mode) as onec:
        client = ask(onec)
        assert onec.stats.sessions_started == started
        client.close()
        assert (onec.stats.sessions_now, onec.stats.sessions_finished) == (0, started)


def test_what_one_session_found_out_serves_the_others() -> None:
    with simulated(sessions="dontuse") as onec:
        habits = SessionPolicy(SessionMode.AUTO)
        settings = base(onec.url)
        Client(settings, habits).lookup(SEED)
        assert habits.mode is SessionMode.PER_REQUEST
        Client(settings, habits).lookup(SEED)
        assert habits.mode is SessionMode.PER_REQUEST


def test_a_base_that_begins_to_insist_is_obeyed() -> None:
    with simulated(sessions="use") as onec:
        habits = SessionPolicy(SessionMode.PER_REQUEST)  # as if it had been published otherwise until now
        client = Client(base(onec.url), habits)
        assert client.lookup(SEED).manager == "244"
        assert habits.mode is SessionMode.IBSESSION
        client.close()


def test_per_request_at_a_base_that_insists_says_what_to_set() -> None:
    with simulated(sessions="use") as onec:
        with pytest.raises(OneCError, match="set session_mode") as caught:
            ask(onec, session_mode="per-request")
        assert (caught.value.kind, caught.value.reached) == ("session", Reached.NO)


@pytest.mark.parametrize("status", [400, 404])
def test_an_aged_session_is_renewed_once_for_lookups_and_pops(status: int) -> None:
    with simulated(sessions="use", lost_session_status=status) as onec:
        client = ask(onec, times=1)
        onec.fault = Fault("session-expired", times=1, status=status)
        assert client.lookup(SEED).manager == "244"
        onec.fault = Fault("session-expired", times=1, status=status)
        assert client.open_card(Card(SEED, KEY))
        assert len(onec.cards) == 1
        assert onec.stats.sessions_started == 3
        client.close()


def test_a_session_ages_for_real_and_nobody_notices() -> None:
    with simulated(sessions="use", session_max_age=0.15) as onec:
        client = ask(onec, times=1)
        gone = threading.Event()
        gone.wait(0.4)  # older than its age
        assert client.lookup(SEED).manager == "244"
        assert (onec.stats.sessions_started, onec.stats.sessions_expired) == (2, 1)
        client.close()


def test_a_404_that_is_no_lost_session_ends_as_not_published() -> None:
    with simulated(sessions="use") as onec:
        client = ask(onec, times=1)
        onec.fault = Fault("not-published")
        with pytest.raises(OneCError) as caught:
            client.lookup(SEED)
        assert (caught.value.kind, caught.value.reached) == ("not-published", Reached.NO)
        client.close()


def test_a_fault_of_1cs_code_restarts_no_session_and_repeats_nothing() -> None:
    with simulated(sessions="use") as onec:
        client = ask(onec, times=1)
        onec.fault = Fault("code-error", times=1, card=True)
        with pytest.raises(OneCError) as caught:
            client.open_card(Card(SEED, KEY))
        assert (caught.value.kind, caught.value.reached) == ("fault", Reached.YES)
        assert client.lookup(SEED).manager == "244"
        assert onec.stats.sessions_started == 1
        assert sum(request.operation == "IncomingCall" for request in onec.requests) == 1
        client.close()


def test_a_session_in_which_1c_is_still_busy_is_left_behind() -> None:
    with simulated(sessions="use") as onec:
        client = Client(base(onec.url, timeout="1s"))
        assert client.lookup(SEED).manager == "244"
        onec.fault = Fault("mute-after-request", times=1)
        with pytest.raises(OneCError):
            client.lookup(SEED)
        assert client.lookup(SEED).manager == "244"  # at once, in another session
        assert onec.stats.sessions_started == 2
        client.close()


def test_a_thousand_lookups_by_fifty_threads_never_take_more_than_two_sessions() -> None:
    numbers = [f"8495{1000000 + i}" for i in range(1000)]
    with simulated(sessions="use", session_max_age=3600.0, licences=2) as onec:
        pool = WorkerPool("sales", base(onec.url, sessions=2, timeout="30s"))
        directory = Directory(pool, NumberFormat.EIGHT, NumberPlan(), LookupSettings(deadline=30.0))
        with ThreadPoolExecutor(50) as threads:
            results = [caller.result for caller in threads.map(directory.lookup, numbers)]
        assert set(results) == {"unknown"}
        for cookie in tuple(onec.sessions._sessions):
            onec.sessions.expire(cookie)  # both have aged
        assert directory.lookup(SEED).manager == "244"
        directory.close()
        pool.close()
        stats = onec.stats
        assert stats.sessions_peak == 2
        assert stats.licences_refused == 0
        assert stats.sessions_expired >= 2
        assert stats.sessions_now == 0
        assert stats.sessions_finished >= 1
        assert sorted(r.parameters["Number"] for r in onec.requests) == sorted([*numbers, SEED])


def test_a_quiet_base_costs_one_session_however_many_are_granted() -> None:
    with simulated(sessions="use") as onec:
        pool = WorkerPool("quiet", base(onec.url, sessions=8))
        for _ in range(20):
            pool.submit(Urgency.CALLER, lambda client: client.lookup(SEED)).result(30)
        assert onec.stats.sessions_started == 1
        pool.close()
        assert onec.stats.sessions_now == 0


def test_out_of_licences_is_told_and_passes_when_one_is_free() -> None:
    with simulated(sessions="use", licences=1) as onec:
        first = ask(onec, times=1)
        second = Client(base(onec.url))
        with pytest.raises(OneCError, match="лицензи") as caught:
            second.lookup(SEED)
        assert (caught.value.kind, caught.value.reached) == ("no-licence", Reached.NO)
        assert caught.value.passing
        first.close()
        assert second.lookup(SEED).manager == "244"
        second.close()


def test_no_caller_meets_a_cold_start() -> None:
    with simulated(sessions="use", cold_start=0.5) as onec:
        pool = WorkerPool("cold", base(onec.url, keep_warm="15m"))
        pool.keep_warm()
        asked = threading.Event()

        def ask_when_warm(client: Client) -> str:
            asked.set()
            return client.lookup(SEED).manager

        while onec.stats.sessions_started == 0:
            threading.Event().wait(0.005)
        assert pool.submit(Urgency.CALLER, ask_when_warm).result(30) == "244"
        pool.close()


def test_left_alone_the_base_is_asked_about_nobody_now_and_again() -> None:
    with simulated() as onec:
        pool = WorkerPool("alone", base(onec.url, keep_warm="50ms"))
        pool.keep_warm()
        for _ in range(2000):
            if len(onec.requests) >= 3:
                break
            threading.Event().wait(0.005)
        pool.close()
        assert {r.parameters["Number"] for r in onec.requests} == {"80000000000"}
        assert len(onec.requests) >= 3
