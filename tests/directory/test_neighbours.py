"""Other services and Redis are in trouble: it costs no session of 1C, no caller more than a part of his time,
and nothing of it is 1C's fault.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fs_1c import redis_client
from fs_1c.call import Caller, Result, Source
from fs_1c.directory import BreakerState, Directory, asking
from fs_1c.directory.shared import SharedAnswers
from fs_1c.directory.turn import Shared
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import WorkerPool
from fs_1c.settings import BreakerSettings, LookupSettings, RedisSettings
from fs_1c.simulator.onec import Fault, OneCSimulator
from tests.directory.conftest import KEY, KNOWN, NUMBER, TITLE, Open, lines, never
from tests.directory.test_shared import entry
from tests.redis_server import NEEDED, RedisServer, needs_redis
from tests.support import SEED, SOON, base, until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis

BREAKER = BreakerSettings(window=4, at_least=1, share=0.25)


class Service:
    """A service's directory of a base with one session."""

    def __init__(self, onec: OneCSimulator, url: str, timeout: float = SOON) -> None:
        self.pool = WorkerPool("default", base(onec.url, timeout=SOON, sessions=1))
        lookup = LookupSettings(deadline=SOON)
        shared = SharedAnswers(RedisSettings(url=url, timeout=timeout), "default", lookup, SOON)
        self.directory = Directory(self.pool, NumberFormat.EIGHT, NumberPlan(), lookup, BREAKER, shared)

    def close(self) -> None:
        self.directory.close()
        self.pool.close(1.0)


@pytest.fixture
def service(onec: OneCSimulator, server: RedisServer) -> Iterator[Service]:
    service = Service(onec, server.url)
    until(lambda: server.listeners() == 1)
    yield service
    service.close()


def claim(server: RedisServer, number: str, seconds: float = 3.5) -> None:
    """Somebody asks about it, and is never heard of again."""
    server.client.set(f"fs-1c:default:+7{number[1:]}:claim", "somebody", px=round(seconds * 1000))


def test_who_waits_for_a_frozen_service_holds_nobody_up(
    service: Service, onec: OneCSimulator, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WAIT_FOR", 2.0)
    numbers = [f"8903000000{n}" for n in range(8)]
    for number in numbers:
        claim(server, number, 600.0 if number == numbers[0] else 3.5)
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(service.directory.lookup, number) for number in numbers[1:]]
        until(lambda: server.looked() >= 14)  # each has looked, and again
        assert service.directory.lookup(SEED).source is Source.ONEC
        assert not any(one.done() for one in waiting)
        assert len(onec.requests) == 1
        # A claim that would be there for longer than any of ours is nobody's.
        assert service.directory.lookup(numbers[0]).source is Source.ONEC
        assert [one.result(SOON).source for one in waiting] == [Source.ONEC] * 7
    assert service.directory.breaker is BreakerState.CLOSED


def test_what_another_service_costs_a_caller_is_not_1cs_fault(
    service: Service, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WAIT_FOR", 2.0)
    monkeypatch.setattr(asking, "FOR_ANOTHER", 5.0)
    for number in (numbers := [f"8903000000{n}" for n in range(6)]):
        claim(server, number)
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda number: service.directory.lookup(number, 0.3), numbers))
    assert {caller.result for caller in told} == {Result.LATE}
    assert service.directory.breaker is BreakerState.CLOSED
    until(lambda: not service.directory._asking)  # it was asked in the end
    assert {service.directory.lookup(number).source for number in numbers} == {Source.CACHE}
    assert service.directory.breaker is BreakerState.CLOSED


def test_who_is_late_after_he_has_waited_counts_by_1cs_share_of_it(
    service: Service, onec: OneCSimulator, server: RedisServer
) -> None:
    onec.fault = Fault("mute-after-request")
    claim(server, SEED, 0.2)
    assert service.directory.lookup(SEED, 0.5).result is Result.LATE
    assert service.directory.breaker is BreakerState.CLOSED  # 1C has had half of it
    assert service.directory.lookup("89030000000", 0.5).result is Result.LATE
    assert str(service.directory.breaker) == "open"  # all of it


def test_a_caller_waits_for_another_for_half_of_his_time_at_the_most(
    service: Service, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WAIT_FOR", 20.0)
    claim(server, SEED)
    caller = service.directory.lookup(SEED, 2.0)
    assert (caller.result, caller.source) == (Result.FOUND, Source.ONEC)
    assert caller.took >= 1.0


def test_an_answer_that_comes_meanwhile_is_taken(service: Service, server: RedisServer, switch: Open) -> None:
    came = switch().turn(NUMBER).result(SOON)
    assert not isinstance(came, Shared)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(service.directory.lookup, SEED)
        until(lambda: server.looked() >= 2)
        came.settle(KNOWN)
        caller = waiting.result(SOON)
    assert (caller.title, caller.source) == (TITLE, Source.SHARED)
    assert service.pool.last_taken == 0.0  # no worker has heard of it


def test_an_engineer_who_asks_1c_is_told_what_1c_says(service: Service, server: RedisServer) -> None:
    server.client.set(KEY, entry(title="from before"))
    assert service.directory.ask(SEED).title not in ("", "from before")
    assert service.directory.lookup(SEED).source is Source.CACHE


def test_a_claim_is_kept_while_1c_thinks_and_not_for_those_who_have_hung_up(
    service: Service, onec: OneCSimulator, server: RedisServer
) -> None:
    onec.fault = Fault("slow-first-byte", seconds=3.0, times=1)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(service.directory.lookup, SEED)
        until(lambda: len(onec.requests) == 1)
        behind = threads.submit(service.directory.lookup, "89030000000", 0.1)  # waits for the only session
        assert behind.result(SOON).result is Result.LATE
        time.sleep(2.5)
        assert 0 < server.client.pttl(f"fs-1c:default:{NUMBER}:claim") <= 2000
        assert not server.client.exists("fs-1c:default:+79030000000:claim")
        assert asked.result(SOON).source is Source.ONEC
    until(lambda: not server.client.exists(f"fs-1c:default:{NUMBER}:claim"))


def test_hiccups_of_redis_cost_no_caller_his_answer(
    onec: OneCSimulator,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_client, "HICCUP", SOON)  # however busy this machine is
    service = Service(onec, server.url, timeout=0.1)
    until(lambda: server.listeners() == 1)
    ended = threading.Event()
    told: list[Caller] = []

    def calls(first: int) -> None:
        n = first
        while not ended.is_set():
            told.append(service.directory.lookup(f"8903{n:07}"))
            n += 1

    callers = [threading.Thread(target=calls, args=(i * 100_000,)) for i in range(3)]
    for caller in callers:
        caller.start()
    for _ in range(3):
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGCONT)
        before = len(told)
        until(lambda before=before: len(told) > before + 20)  # type: ignore[misc]
    ended.set()
    for caller in callers:
        caller.join(SOON)
    assert {(caller.result, caller.source) for caller in told} == {(Result.UNKNOWN, Source.ONEC)}
    assert lines(caplog) == []
    service.close()


def test_a_full_redis_is_read_on(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    one = switch()
    one.ask(NUMBER, lambda: KNOWN)
    server.client.set("fs-1c:default:+79000000002", entry())
    server.client.config_set("maxmemory", 1)
    for n in range(5):
        assert one.ask(NUMBER, never) == (KNOWN, True)
        assert one.ask(f"+7900000001{n}", lambda: KNOWN) == (KNOWN, False)
        assert not one.up
        time.sleep(0.02)
    assert lines(caplog) == ["is full"]
    assert one.forget("+79000000002") is True  # that makes room
    server.client.config_set("maxmemory", 0)
    until(lambda: one.ask("+79000000003", lambda: KNOWN)[1] and one.up)
    assert lines(caplog) == ["is full", "is back"]


def test_a_replica_is_read_on(switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    one = switch()
    one.ask(NUMBER, lambda: KNOWN)
    server.client.replicaof("127.0.0.1", 1)
    assert one.ask("+79000000001", lambda: KNOWN) == (KNOWN, False)
    assert one.ask(NUMBER, never) == (KNOWN, True)
    assert one.forget(NUMBER) is False and one.untold == {NUMBER}
    assert lines(caplog)[0] == "only reads: it is a replica"
    assert sum("replica" in line for line in lines(caplog)) == 1
