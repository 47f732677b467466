"""A rolling upgrade, as docs/cluster.md has it: services are started anew in turn, under calls."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs_1c.cli.handed import PATIENCE
from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.cluster.support import LONG
from tests.redis_server import NEEDED, RedisServer, needs_redis, redis_server
from tests.service.callers import Told, call
from tests.supervisor import handed_over
from tests.world import KEYS, onec_simulator, until

pytestmark = pytest.mark.cluster

STANDS_BY = "the reserve stands by"
PAUSE = 0.1
"""Seconds between two clients of a switch."""


@dataclass
class Place:
    """A machine: a switch, its service's settings, and its listening socket, which a supervisor holds."""

    name: str
    switch: SimulatedSwitch
    config: Path
    log: Path
    listening: socket.socket

    def told(self, text: str) -> int:
        return self.log.read_text("utf-8").count(text) if self.log.exists() else 0


def settle(place: Place, other: Place, onec: OneCSimulator, redis: RedisServer) -> None:
    """Own of its own switch, reserve of the other's."""
    keys = "".join(f'"{extension}" = "{key}"\n' for extension, key in KEYS.items())
    host, port = place.listening.getsockname()[:2]
    doors = "".join(
        f'[[esl.inbound]]\naddress = "127.0.0.1:{one.switch.event_socket_port}"\nname = "{one.name}"\n{role}'
        for one, role in ((place, ""), (other, 'role = "reserve"\n'))
    )
    place.config.write_text(
        f'[onec]\nurl = "{onec.url}"\nusername = "SOAP"\npassword = "s3cret"\nsessions = 8\n'
        f'[subscribers.keys]\n{keys}[state]\nfolder = "{place.config.parent}"\n[redis]\nurl = "{redis.url}"\n'
        f'[http]\nenabled = false\n[esl.outbound]\nlisten = "{host}:{port}"\n{doors}'
    )


def serve(place: Place) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return handed_over(place.config, place.log, [place.listening])


async def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert await asyncio.to_thread(process.wait, LONG) == 0


async def says(place: Place, text: str, times: int) -> None:
    await until(lambda: place.told(text) >= times, LONG)


@needs_redis
def test_services_restarted_in_turn_under_calls(tmp_path: Path) -> None:
    """Each talk has one card; nobody is refused, and nobody loses his name before his time."""
    pytest.importorskip("redis", reason=NEEDED)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            within = stack.enter_context(ExitStack())
            onec = within.enter_context(onec_simulator(latency=0.03))
            redis = within.enter_context(redis_server())
            places = []
            for name in ("sw1", "sw2"):
                (folder := tmp_path / name).mkdir()
                switch = await stack.enter_async_context(SimulatedSwitch(SwitchSettings(port=0)))
                listening = within.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
                places.append(Place(name, switch, folder / "fs-1c.toml", folder / "log", listening))
            settle(places[0], places[1], onec, redis)
            settle(places[1], places[0], onec, redis)
            running = [ExitStack() for _ in places]
            processes = []
            for place, one in zip(places, running, strict=True):
                within.callback(one.close)
                processes.append(one.enter_context(serve(place)))
            for place in places:
                await says(place, STANDS_BY, 1)

            numbers: list[str] = []
            talks: list[asyncio.Task[object]] = []
            asked: list[asyncio.Task[Told]] = []

            async def clients(place: Place) -> None:
                while True:
                    numbers.append(number := f"8923500{len(numbers):04d}")
                    script = CallScript(
                        number,
                        answered_by="244",
                        default_target="user/244@127.0.0.1",
                        ring=0.02,
                        talk=10 * LONG,
                    )
                    talks.append(asyncio.create_task(place.switch.call(script)))
                    port = place.listening.getsockname()[1]
                    asked.append(asyncio.create_task(call(port, f"{place.name}-{len(asked)}")))
                    await asyncio.sleep(PAUSE)

            async def more(than: int) -> None:
                await until(lambda: len(numbers) >= than + 20, LONG)

            ringing = [asyncio.create_task(clients(place)) for place in places]
            try:
                for at, place in enumerate(places):
                    other = places[1 - at]
                    await more(len(numbers))
                    await stop(processes[at])
                    await says(other, "the reserve takes over", 1)
                    await more(len(numbers))
                    before = other.told(STANDS_BY), place.told(STANDS_BY)
                    processes[at] = running[at].enter_context(serve(place))
                    await says(other, STANDS_BY, before[0] + 1)
                    await says(place, STANDS_BY, before[1] + 1)
                await more(len(numbers))
            finally:
                for task in ringing:
                    task.cancel()
            await until(lambda: not set(numbers) - {card.num_from for card in list(onec.cards)}, LONG)
            told = await asyncio.wait_for(asyncio.gather(*asked), LONG)
            for process in processes:
                await stop(process)
            for talk in talks:
                talk.cancel()
            assert sorted(card.num_from for card in onec.cards) == sorted(numbers)
            nameless = [one for one in told if one.result != "found"]
            assert [one for one in nameless if one.took < PATIENCE - 0.1] == []

    asyncio.run(story())
