"""Who is calling: one request per number, never a wait beyond the deadline, answers kept while good."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import Caller, Result, Source
from fs_1c.directory import Directory
from fs_1c.directory.cache import Cache
from fs_1c.numbers import NumberFormat, NumberPlan, read
from fs_1c.onec import Answer
from fs_1c.onec.pool import WorkerPool
from fs_1c.onec.queue import Urgency
from fs_1c.settings import LookupSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.support import SEED, SOON, RawServer, base, http_answer, inner, mute, says, soap_answer

STRANGER = "89990000000"
PLAN = NumberPlan()


class Bases:
    """Directories with pools of their own, closed in the end."""

    def __init__(self) -> None:
        self.pools: list[WorkerPool] = []
        self.made: list[Directory] = []

    def __call__(
        self,
        url: str,
        form: NumberFormat = NumberFormat.EIGHT,
        sessions: int = 1,
        timeout: float = SOON,
        **lookup: Any,
    ) -> Directory:
        self.pools.append(WorkerPool("test", base(url, sessions=sessions, timeout=timeout)))
        settings = LookupSettings(**{"deadline": SOON, **lookup})
        self.made.append(Directory(self.pools[-1], form, PLAN, settings))
        return self.made[-1]

    def settle(self) -> None:
        """Returns when the only worker has done, and told, everything before."""
        self.pools[-1].submit(Urgency.CALLER, lambda _: None).result(SOON)


@pytest.fixture
def directory() -> Iterator[Bases]:
    bases = Bases()
    yield bases
    for one in bases.made:
        one.close()  # else it tries a base that was down for the rest of the process, and says so in its log
    for pool in bases.pools:
        pool.close(0.1)


def gated(gate: threading.Event, octets: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """A server that answers when the gate opens."""

    def part(connection: socket.socket, ended: threading.Event) -> None:
        gate.wait(SOON)
        connection.sendall(octets)

    return part


CHIZH = http_answer(soap_answer(inner("Чиж", "0", "244")))


def test_a_client_is_found_and_then_remembered(onec: OneCSimulator, directory: Bases) -> None:
    here = directory(onec.url)
    first = here.lookup("+7 (923) 529-29-26")
    assert (first.result, first.source, first.asked_as) == (Result.FOUND, Source.ONEC, SEED)
    assert (first.title, first.category, first.manager) == ("Фэйковый чиж", "0", "244")
    assert first.number is not None
    assert first.number.e164 == "+79235292926"
    directory.settle()
    again = here.lookup(SEED)  # another form of the same number
    assert (again.result, again.source, again.title) == (Result.FOUND, Source.CACHE, "Фэйковый чиж")
    assert len(onec.requests) == 1


def test_a_base_is_asked_in_its_own_form(onec: OneCSimulator, directory: Bases) -> None:
    for form, asked in ((NumberFormat.SEVEN, "79235292926"), (NumberFormat.AS_RECEIVED, "+7 923 5292926")):
        assert directory(onec.url, form).lookup("+7 923 5292926").asked_as == asked
        assert onec.requests[-1].parameters == {"Number": asked}


@pytest.mark.parametrize(
    ("received", "private", "reason"),
    [
        ("244", False, "an extension"),
        ("anonymous", False, "withheld"),
        ("x" * 99, False, "malformed"),
        (SEED, True, "withheld"),
    ],
)
def test_1c_is_not_asked_about_what_is_no_clients_number(
    onec: OneCSimulator, directory: Bases, received: str, private: bool, reason: str
) -> None:
    here = directory(onec.url)
    caller = here.lookup(received, private=private)
    assert (caller.result, caller.number, caller.asked_as) == (Result.SKIPPED, None, "")
    assert caller.error is not None
    assert caller.error.message == reason
    assert asyncio.run(here.lookup_async(received, private=private)).result is Result.SKIPPED
    if not private:
        assert here.ask(received).result is Result.SKIPPED
    assert not onec.requests


def test_a_thousand_lookups_of_one_number_at_once_are_one_request(directory: Bases) -> None:
    threads = 50
    read(SEED, PLAN)
    with OneCSimulator(OneCSimulatorSettings(port=0, latency=0.7)) as onec:
        here = directory(onec.url, sessions=4, timeout=30.0)
        together = threading.Barrier(threads)

        def callers() -> list[Caller]:
            together.wait(SOON)
            return [here.lookup(SEED, 30.0) for _ in range(20)]

        with ThreadPoolExecutor(threads) as pool:
            told = [
                caller for one in [pool.submit(callers) for _ in range(threads)] for caller in one.result()
            ]
        assert len(told) == 1_000
        assert {(caller.result, caller.title) for caller in told} == {(Result.FOUND, "Фэйковый чиж")}
        assert len(onec.requests) == 1


def test_a_thousand_lookups_on_a_loop_are_one_request(directory: Bases) -> None:
    async def everybody() -> list[Caller]:
        return await asyncio.gather(*(here.lookup_async(SEED) for _ in range(1_000)))

    with OneCSimulator(OneCSimulatorSettings(port=0, latency=0.3)) as onec:
        here = directory(onec.url, sessions=4)
        told = asyncio.run(everybody())
        assert {caller.title for caller in told} == {"Фэйковый чиж"}
        assert len(onec.requests) == 1


def test_different_numbers_are_asked_at_the_same_time(directory: Bases) -> None:
    together = threading.Barrier(3)

    def part(connection: socket.socket, ended: threading.Event) -> None:
        together.wait(SOON)
        connection.sendall(CHIZH)

    with RawServer(part) as server, ThreadPoolExecutor(3) as pool:
        here = directory(server.url, sessions=3)
        asked = [pool.submit(here.lookup, f"8923529292{i}") for i in range(3)]
        assert [caller.result().result for caller in asked] == [Result.FOUND] * 3


def test_a_mute_1c_costs_a_caller_his_deadline_and_no_more(directory: Bases) -> None:
    with RawServer(mute) as server:
        here = directory(server.url, deadline=0.2)
        caller = here.lookup(SEED)
        assert (caller.result, caller.source, caller.asked_as) == (Result.LATE, Source.NONE, SEED)
        assert caller.error is not None
        assert (caller.error.kind, caller.error.message) == ("late", "no answer within 200 ms")
        assert caller.took >= 0.2
        assert here.lookup(SEED, 0.01).result is Result.LATE  # the call's own deadline wins
        assert here.lookup(SEED, 0.0).result is Result.LATE
        assert server.arrived.wait(SOON)
        assert len(server.requests) == 1


def test_a_mute_1c_holds_up_neither_the_caller_nor_the_loop(directory: Bases) -> None:
    async def callers_and_others() -> tuple[list[Caller], int]:
        others = 0

        async def live() -> None:
            nonlocal others
            while True:
                await asyncio.sleep(0.01)
                others += 1

        living = asyncio.create_task(live())
        told = await asyncio.gather(*(here.lookup_async(f"892352900{i:02}") for i in range(100)))
        living.cancel()
        return told, others

    with RawServer(mute) as server:
        here = directory(server.url, deadline=0.3)
        told, others = asyncio.run(callers_and_others())
        assert {caller.result for caller in told} == {Result.LATE}
        assert others >= 3  # of thirty; none if the loop had been blocked


@pytest.mark.parametrize("on_a_loop", [False, True])
def test_a_late_answer_is_there_for_the_next_call(directory: Bases, on_a_loop: bool) -> None:
    gate = threading.Event()
    with RawServer(gated(gate, CHIZH)) as server:
        here = directory(server.url)
        late = asyncio.run(here.lookup_async(SEED, 0.05)) if on_a_loop else here.lookup(SEED, 0.05)
        assert late.result is Result.LATE
        gate.set()
        directory.settle()
        next_call = here.lookup(SEED, 0.0)
        assert (next_call.result, next_call.source, next_call.title) == (Result.FOUND, Source.CACHE, "Чиж")
        assert len(server.requests) == 1


def test_one_caller_hanging_up_does_not_cost_the_others_the_answer(directory: Bases) -> None:
    gate = threading.Event()

    async def two() -> Caller:
        leaves = asyncio.create_task(here.lookup_async(SEED))
        stays = asyncio.create_task(here.lookup_async(SEED))
        await asyncio.to_thread(server.arrived.wait, SOON)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        gate.set()
        return await stays

    with RawServer(gated(gate, CHIZH)) as server:
        here = directory(server.url)
        assert asyncio.run(two()).title == "Чиж"


def test_failures_are_told_and_not_remembered(onec: OneCSimulator, directory: Bases) -> None:
    here = directory(onec.url)
    onec.stop()
    for caller in (here.lookup(SEED), asyncio.run(here.lookup_async(SEED)), here.ask(SEED)):
        assert (caller.result, caller.asked_as, caller.title) == (Result.FAILED, SEED, "")
        assert caller.error is not None
        assert caller.error.kind == "unreachable"
        directory.settle()
    onec.start()
    assert here.lookup(SEED).result is Result.FOUND


def test_1cs_own_report_of_failure_is_not_remembered(directory: Bases) -> None:
    with RawServer(says(http_answer(soap_answer("<error>Нет прав</error>")))) as server:
        here = directory(server.url)
        for _ in range(2):
            caller = here.lookup(SEED)
            assert caller.error is not None
            assert caller.error.kind == "reported"
            directory.settle()
        assert len(server.requests) == 2


def test_a_closed_desk_fails_the_lookup_and_nothing_else(onec: OneCSimulator, directory: Bases) -> None:
    here = directory(onec.url)
    directory.pools[-1].close()
    for _ in range(2):
        caller = here.lookup(SEED)
        assert caller.error is not None
        assert (caller.result, caller.error.kind) == (Result.FAILED, "busy")


def test_asking_goes_past_what_is_remembered_and_renews_it(onec: OneCSimulator, directory: Bases) -> None:
    here = directory(onec.url)
    assert not isinstance(here.known(SEED), Caller)
    for requests in (1, 2):
        asked = here.ask(SEED)
        assert (asked.result, asked.source) == (Result.FOUND, Source.ONEC)
        assert len(onec.requests) == requests
        directory.settle()
    known = here.known(SEED)
    assert isinstance(known, Caller)
    assert known.source is Source.CACHE


def test_an_unknown_caller_is_remembered_for_a_shorter_time(onec: OneCSimulator, directory: Bases) -> None:
    with freeze_time() as clock:
        here = directory(onec.url, fresh_for=300, stale_for=0, unknown_for=60)

        def sources() -> list[Source]:
            told = [here.lookup(number).source for number in (SEED, STRANGER)]
            directory.settle()
            return told

        assert sources() == [Source.ONEC, Source.ONEC]
        assert here.lookup(STRANGER).result is Result.UNKNOWN
        clock.tick(59)
        assert sources() == [Source.CACHE, Source.CACHE]
        clock.tick(2)
        assert sources() == [Source.CACHE, Source.ONEC]
        clock.tick(238)
        assert sources() == [Source.CACHE, Source.ONEC]
        clock.tick(2)
        assert sources() == [Source.ONEC, Source.CACHE]


def answer(cache: Cache, number: str) -> Answer | None:
    remembered = cache.get(number)
    return remembered.answer if remembered else None


def test_the_least_recently_asked_answer_goes_first() -> None:
    cache = Cache(LookupSettings(size=2))
    for number in ("+71", "+72"):
        cache.put(number, Answer(number))
    assert answer(cache, "+71") == Answer("+71")
    cache.put("+73", Answer("+73"))
    assert [answer(cache, f"+7{n}") for n in (1, 2, 3)] == [Answer("+71"), None, Answer("+73")]
    assert len(cache) == 2


def test_a_renewed_answer_lives_from_its_renewal() -> None:
    with freeze_time() as clock:
        cache = Cache(LookupSettings(fresh_for=10, stale_for=0, unknown_for=5))
        cache.put("+71", Answer())
        clock.tick(4)
        cache.put("+71", Answer("Чиж"))
        clock.tick(9)
        assert answer(cache, "+71") == Answer("Чиж")
        clock.tick(2)
        assert cache.get("+71") is None
        assert len(cache) == 0
