"""Who has hung up, or could not wait so long, is in nobody's way; and our own queue is not 1C's fault."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Iterator

import pytest

from fs_1c.call import Caller, Result, Source
from fs_1c.directory import BreakerState, Directory
from fs_1c.directory.flood import HOLDS, MAX_TRUNKS, Flood, spent
from fs_1c.directory.watch import Watch
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import Client, OneCError, Reached, Urgency, WorkerPool
from fs_1c.onec.queue import MAX_ABANDONED
from fs_1c.settings import BreakerSettings, LookupSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.support import SEED, SOON, RawServer, base, mute, until


class Place:
    """A directory of a base with one session, which can be kept busy."""

    def __init__(self, url: str, **lookup: float) -> None:
        self.pool = WorkerPool("test", base(url, sessions=1, timeout=SOON))
        settings = LookupSettings(**{"deadline": SOON, **lookup})
        self.directory = Directory(self.pool, NumberFormat.EIGHT, NumberPlan(), settings)
        self.free = threading.Event()

    def keep_busy(self) -> None:
        begun = threading.Event()

        def wait(client: Client) -> None:
            begun.set()
            self.free.wait(SOON)

        self.pool.submit(Urgency.PROBE, wait)
        assert begun.wait(SOON)

    def close(self) -> None:
        self.free.set()
        self.directory.close()
        self.pool.close(SOON)


@pytest.fixture
def place(onec: OneCSimulator) -> Iterator[Place]:
    place = Place(onec.url)
    yield place
    place.close()


def invented(n: int) -> str:
    return f"8903{n:07}"


def asked(onec: OneCSimulator) -> list[str]:
    return [request.parameters["Number"] for request in onec.requests]


async def hung_up(directory: Directory, numbers: list[str]) -> None:
    """Callers who ring and hang up while 1C has no time for them."""
    waiting = [asyncio.create_task(directory.lookup_async(number)) for number in numbers]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_a_new_caller_goes_before_all_who_have_hung_up(place: Place, onec: OneCSimulator) -> None:
    async def call() -> Caller:
        await hung_up(place.directory, [invented(n) for n in range(300)])
        assert len(place.directory._asking) == MAX_ABANDONED
        new = asyncio.create_task(place.directory.lookup_async(SEED))
        await asyncio.sleep(0)
        place.free.set()
        return await new

    place.keep_busy()
    caller = asyncio.run(call())
    assert (caller.result, caller.source) == (Result.FOUND, Source.ONEC)
    assert asked(onec)[0] == SEED
    until(lambda: not place.directory._asking)
    # The newest of them fill the cache, and nothing is left of the others.
    assert asked(onec)[1:] == [invented(n) for n in reversed(range(300 - MAX_ABANDONED, 300))]
    assert not place.pool._jobs
    assert not place.pool._to_do


def test_a_new_caller_goes_before_those_who_could_not_wait(place: Place, onec: OneCSimulator) -> None:
    place.keep_busy()
    for n in range(3):
        assert place.directory.lookup(invented(n), 0.01).result is Result.LATE
    waiting = threading.Thread(target=place.directory.lookup, args=(SEED,))
    waiting.start()
    until(lambda: len(place.pool._jobs) == 4)
    place.free.set()
    waiting.join()
    until(lambda: not place.directory._asking)
    assert asked(onec) == [SEED, *(invented(n) for n in (2, 1, 0))]


def test_who_calls_again_is_a_caller_again_and_asked_about_once(place: Place, onec: OneCSimulator) -> None:
    async def call() -> list[Caller]:
        await hung_up(place.directory, [SEED, *map(invented, range(5))])
        other = asyncio.create_task(place.directory.lookup_async(invented(9)))
        again = asyncio.create_task(place.directory.lookup_async(SEED))
        await asyncio.sleep(0)
        place.free.set()
        return list(await asyncio.gather(again, other))

    place.keep_busy()
    assert asyncio.run(call())[0].result is Result.FOUND
    assert asked(onec)[:2] == [SEED, invented(9)] or asked(onec)[:2] == [invented(9), SEED]
    until(lambda: not place.directory._asking)
    assert asked(onec).count(SEED) == 1


def test_one_of_two_hanging_up_changes_nothing_for_the_other(place: Place, onec: OneCSimulator) -> None:
    async def call() -> Caller:
        stays = asyncio.create_task(place.directory.lookup_async(SEED))
        await asyncio.sleep(0)
        await hung_up(place.directory, [SEED, invented(1)])
        later = asyncio.create_task(place.directory.lookup_async(invented(2)))
        await asyncio.sleep(0)
        place.free.set()
        await later
        return await stays

    place.keep_busy()
    assert asyncio.run(call()).result is Result.FOUND
    assert asked(onec)[:2] == [SEED, invented(2)]


def test_our_own_queue_is_not_1cs_fault(onec: OneCSimulator) -> None:
    """Callers are late, yet 1C answers one request after the other: the next caller shall be asked about."""
    place = Place(onec.url, deadline=0.6)
    try:
        for _ in range(200):
            place.pool.submit(Urgency.PROBE, lambda _: time.sleep(0.01))

        async def callers() -> list[Caller]:
            return await asyncio.gather(*(place.directory.lookup_async(invented(n)) for n in range(10)))

        assert {caller.result for caller in asyncio.run(callers())} == {Result.LATE}
        assert place.directory.breaker is BreakerState.CLOSED
    finally:
        place.close()


def test_a_1c_that_answers_nobody_is_at_fault_for_those_who_wait_behind_too() -> None:
    with RawServer(mute) as server:
        place = Place(server.url, deadline=0.2)
        try:

            async def callers() -> list[Caller]:
                return await asyncio.gather(*(place.directory.lookup_async(invented(n)) for n in range(6)))

            assert {caller.result for caller in asyncio.run(callers())} == {Result.LATE}
            assert place.directory.breaker is BreakerState.OPEN
        finally:
            place.directory.close()
            place.pool.close(0.0)


def test_the_request_that_tries_the_base_goes_before_all_who_wait(place: Place) -> None:
    seen: list[BreakerState] = []
    watch = Watch(place.pool, BreakerSettings(at_least=1, pause=0.02), SOON)
    place.keep_busy()
    for _ in range(3):
        place.pool.submit(Urgency.CALLER, lambda _: seen.append(watch.state))
    watch.record(OneCError("refused", "x", Reached.NO, base_down=True), 0.0)
    until(lambda: watch.state is BreakerState.HALF_OPEN and len(place.pool._jobs) == 4)
    place.free.set()
    until(lambda: len(seen) == 3)
    assert set(seen) == {BreakerState.CLOSED}
    watch.close()


# Too many new numbers.


def test_a_trunks_bucket_is_filled_again_as_time_goes_by() -> None:
    bucket, allowed = None, 0
    for _ in range(100):
        bucket, may = spent(bucket, 50.0, 10)
        allowed += may
    assert allowed == 10 * HOLDS
    assert spent(bucket, 50.05, 10)[1] is False
    assert spent(bucket, 50.11, 10)[1] is True
    assert spent(bucket, 49.0, 10)[1] is False
    assert spent(bucket, 1e9, 10)[0].tokens == 10 * HOLDS - 1


def test_trunks_do_not_share_and_their_table_is_bounded() -> None:
    flood = Flood("elsewhere", 1)
    assert sum(flood.allows("192.0.2.1", 0.0) for _ in range(100)) == HOLDS
    assert flood.allows("192.0.2.2", 0.0)
    for n in range(2 * MAX_TRUNKS):
        for _ in range(5):
            flood.allows(f"trunk {n}", 0.0)
    assert len(flood._buckets) == MAX_TRUNKS
    assert len(flood._refused) <= MAX_TRUNKS
    unbounded = Flood("elsewhere", 0)
    assert all(unbounded.allows("192.0.2.1", 0.0) for _ in range(1000))


def test_beyond_the_bound_a_call_goes_on_at_once_and_one_line_tells_of_them(
    onec: OneCSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    place = Place(onec.url, new_per_second=1)
    try:
        here = place.directory
        remembered = here.lookup(SEED, trunk="192.0.2.1")
        assert remembered.result is Result.FOUND
        told = [here.lookup(invented(n), trunk="192.0.2.1") for n in range(30)]
        refused = [caller for caller in told if caller.result is Result.SKIPPED]
        assert refused
        assert refused[0].error is not None
        assert (refused[0].error.kind, refused[0].source) == ("flood", Source.NONE)
        assert refused[0].number is not None
        assert asyncio.run(here.lookup_async(invented(99), trunk="192.0.2.1")).result is Result.SKIPPED
        assert here.lookup(SEED, trunk="192.0.2.1").source is Source.CACHE
        assert here.lookup(invented(99), trunk="192.0.2.2").result is Result.UNKNOWN
        assert here.lookup(invented(98)).result is Result.UNKNOWN  # a program that has the library
        said = re.compile(
            r"1C base test: trunk 192\.0\.2\.1 brings more than 1 new numbers a second: "
            r"(\d+) calls go on without a name"
        )
        until(lambda: sum(map(int, said.findall(caplog.text))) == len(refused) + 1)
        assert len(said.findall(caplog.text)) < len(refused)
    finally:
        place.close()
