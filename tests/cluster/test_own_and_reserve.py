"""A switch with an own service and a reserve: whatever happens to these, to their lines and to Redis, no card
opens twice, and none is missing but of talks that nobody was there to hear.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.cluster.support import LONG, Cluster, Proxy, Service, cluster
from tests.redis_server import NEEDED, needs_redis
from tests.world import until

MORE = pytest.mark.cluster  # by `make cluster`: each takes several services some ten seconds
GONE = "its own service at"
TAKES_OVER = "the reserve takes over"
STANDS_BY = "the reserve stands by"


async def both(here: Cluster, port: int = 0) -> tuple[Service, Service]:
    own = await here.add("own", switch="sw3", port=port)
    reserve = await here.add("reserve", switch="sw3", role="reserve")
    await reserve.says(STANDS_BY)
    return own, reserve


def told(service: Service, text: str) -> int:
    return service.log.read_text("utf-8").count(text)


@MORE
def test_while_the_own_service_is_there_the_reserve_says_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path) as here:
            own, reserve = await both(here)
            await here.opened(await here.calls(20))
            assert await here.over() == dict.fromkeys(here.numbers, 1)
            assert told(own, " outcome=accepted switch=sw3 ") == 20
            assert "call=" not in reserve.log.read_text("utf-8")
            assert len(here.switch.hash) == 20

    asyncio.run(story())


@needs_redis
@pytest.mark.parametrize(
    "redis",
    [pytest.param("up", marks=MORE), pytest.param("killed", marks=MORE), "stopped"],
)
def test_an_own_service_that_is_frozen_and_thawed(tmp_path: Path, redis: str) -> None:
    async def story() -> None:
        async with cluster(tmp_path, redis=True) as here:
            own, reserve = await both(here)
            assert here.redis is not None
            if redis != "up":
                here.redis.process.send_signal(signal.SIGKILL if redis == "killed" else signal.SIGSTOP)
            await here.opened(await here.calls(8))
            own.freeze()
            meanwhile = await here.calls(24)
            await reserve.says(TAKES_OVER)
            await here.opened(meanwhile)
            await here.opened(await here.calls(12))
            calling = asyncio.create_task(here.calls(48))
            own.thaw()
            await here.opened(await calling)
            await until_told(reserve, STANDS_BY, 2)
            await here.opened(await here.calls(8))
            assert await here.over() == dict.fromkeys(here.numbers, 1)
            assert told(reserve, " outcome=accepted ") >= 24 + 12

    pytest.importorskip("redis", reason=NEEDED)
    asyncio.run(story())


async def until_told(service: Service, text: str, times: int) -> None:
    await until(lambda: told(service, text) >= times, LONG)


@MORE
@pytest.mark.parametrize("under_traffic", [False, True])
def test_an_own_service_that_is_killed_and_started_anew(tmp_path: Path, under_traffic: bool) -> None:
    """Killed between its claim and its request, it costs that card: nobody can tell whether it was sent."""

    async def story() -> None:
        async with cluster(tmp_path) as here:
            own, reserve = await both(here)
            before = await here.calls(24)
            if not under_traffic:
                await here.opened(before)
            own.kill()
            in_hand = set(before) - set(here.cards())
            await here.opened(await here.calls(24))
            await reserve.says(TAKES_OVER)
            await own.start()
            await here.opened(await here.calls(24))
            cards = await here.over()
            assert not here.doubles()
            assert here.numbers and set(here.numbers) - set(cards) <= in_hand
            assert len(set(here.numbers) - set(cards)) <= 2

    asyncio.run(story())


def test_a_line_to_the_switch_that_is_cut_and_healed(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path) as here:
            line = Proxy(here.switch.event_socket_port)
            _, reserve = await both(here, await line.open())
            await here.opened(await here.calls(12))
            line.cut()
            await here.opened(await here.calls(48))
            assert told(reserve, TAKES_OVER) == 1
            line.heal()
            await until_told(reserve, STANDS_BY, 2)
            await here.opened(await here.calls(12))
            assert await here.over() == dict.fromkeys(here.numbers, 1)
            await line.close()

    asyncio.run(story())


async def frozen(here: Cluster, own: Service, reserve: Service) -> None:
    reserve.freeze()
    await here.opened(await here.calls(24 * 5))  # longer than it takes to take over
    reserve.thaw()


async def killed(here: Cluster, own: Service, reserve: Service) -> None:
    reserve.kill()
    await here.opened(await here.calls(24))
    await reserve.start()


async def both_restarted(here: Cluster, own: Service, reserve: Service) -> None:
    own.kill()
    reserve.kill()
    unheard = await here.calls(12)
    await asyncio.gather(own.start(), reserve.start())
    await here.opened(unheard)


@MORE
@pytest.mark.parametrize("what", [frozen, killed, both_restarted])
def test_what_happens_to_the_reserve_costs_nothing(
    tmp_path: Path, what: Callable[[Cluster, Service, Service], Awaitable[None]]
) -> None:
    async def story() -> None:
        async with cluster(tmp_path) as here:
            own, reserve = await both(here)
            await here.opened(await here.calls(12))
            await what(here, own, reserve)
            await here.opened(await here.calls(24))
            assert what is both_restarted or not told(reserve, TAKES_OVER)
            assert await here.over() == dict.fromkeys(here.numbers, 1)

    asyncio.run(story())


@needs_redis
@pytest.mark.parametrize("fault", [pytest.param("hiccups", marks=MORE), "stopped"])
def test_two_own_services_and_redis(tmp_path: Path, fault: str) -> None:
    """Both act at once; the switch tells them apart, and what happens to Redis is nobody's second card."""
    pytest.importorskip("redis", reason=NEEDED)

    async def story() -> None:
        async with cluster(tmp_path, redis=True) as here:
            await asyncio.gather(*(here.add(name, switch="sw3") for name in ("one", "two", "three")))
            assert here.redis is not None
            calling = asyncio.create_task(here.calls(24 * (4 if fault == "hiccups" else 2)))
            for _ in range(4):
                await asyncio.sleep(0.5)
                here.redis.process.send_signal(signal.SIGSTOP)
                if fault != "hiccups":
                    break
                await asyncio.sleep(0.3)
                here.redis.process.send_signal(signal.SIGCONT)
            await here.opened(await calling)
            assert await here.over() == dict.fromkeys(here.numbers, 1)
            for service in here.services.values():
                assert "is its own service, too" in service.log.read_text("utf-8")

    asyncio.run(story())


@MORE
@needs_redis
def test_without_a_name_a_hiccup_of_redis_is_no_absence(tmp_path: Path) -> None:
    pytest.importorskip("redis", reason=NEEDED)

    async def story() -> None:
        async with cluster(tmp_path, redis=True) as here:
            await asyncio.gather(*(here.add(name) for name in ("one", "two")))
            assert here.redis is not None
            calling = asyncio.create_task(here.calls(24 * 4))
            for _ in range(5):
                await asyncio.sleep(0.4)
                here.redis.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(0.2)
                here.redis.process.send_signal(signal.SIGCONT)
            await here.opened(await calling)
            assert await here.over() == dict.fromkeys(here.numbers, 1)

    asyncio.run(story())
