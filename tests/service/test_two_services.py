"""Two services with one Redis, as two switches have them: one request for a number, one card for a
conversation.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.processes import serving, wait_for
from tests.redis_server import NEEDED, needs_redis, redis_server
from tests.service.support import LONG, pops, settings_file
from tests.world import CLIENT, DEFAULT, onec_simulator, until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


def settings(folder: Path, onec: OneCSimulator, url: str, *switches: SimulatedSwitch) -> Path:
    doors = '[esl.outbound]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n'
    more = f'[lookup]\ndeadline = "3s"\n[redis]\nurl = "{url}"\ntimeout = "2s"\n'
    return settings_file(folder, onec, doors + more, *switches)


def door(log: Path) -> tuple[str, int]:
    """Where the service takes calls."""
    found = re.search(
        r"outbound door: listening on (\S+):(\d+)", wait_for(log, "outbound door: listening on ")
    )
    assert found
    return found[1], int(found[2])


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with onec_simulator(latency=0.15) as running:
        yield running


def test_a_client_who_rings_at_both_is_asked_about_once(tmp_path: Path, onec: OneCSimulator) -> None:
    async def story() -> None:
        with redis_server() as redis:
            one, two = (settings(tmp_path / name, onec, redis.url) for name in ("one", "two"))
            logs = tmp_path / "one.log", tmp_path / "two.log"
            with serving(one, logs[0]), serving(two, logs[1]):
                doors = [await asyncio.to_thread(door, log) for log in logs]
                async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                    scripts = [
                        CallScript(CLIENT, service=where, default_target=DEFAULT, ring=0.02, talk=0.05)
                        for where in doors * 5
                    ]
                    results = await asyncio.gather(*(switch.call(script) for script in scripts))
        assert {result.variables["fs_1c_result"] for result in results} == {"found"}
        assert {result.answered_by for result in results} == {"244"}

    asyncio.run(story())
    assert [r.parameters["Number"] for r in onec.requests if r.operation == "SayName"].count(CLIENT) == 1


@pytest.mark.cluster
def test_two_services_that_listen_to_two_switches_open_one_card_for_each_call(
    tmp_path: Path, onec: OneCSimulator
) -> None:
    async def story() -> None:
        switches = SimulatedSwitch(SwitchSettings(port=0)), SimulatedSwitch(SwitchSettings(port=0))
        with redis_server() as redis:
            async with switches[0], switches[1]:
                one, two = (settings(tmp_path / name, onec, redis.url, *switches) for name in ("one", "two"))
                with serving(one, tmp_path / "one.log"), serving(two, tmp_path / "two.log"):
                    for switch in switches:
                        await until(lambda switch=switch: len(switch._connections) == 2)  # type: ignore[misc]
                        await switch.wait_for_subscribers()
                    for log in ("one.log", "two.log"):
                        await asyncio.to_thread(wait_for, tmp_path / log, "listening")
                    talking = [
                        asyncio.create_task(switch.call(LONG)) for switch in switches for _ in range(5)
                    ]
                    await until(lambda: told(tmp_path) == 10)
                    assert (pops(onec), len(onec.cards)) == (10, 10)
                    # Each goes on alone: a card too many, none too few.
                    redis.process.send_signal(signal.SIGSTOP)
                    last = asyncio.create_task(switches[0].call(LONG))
                    await until(lambda: len(onec.cards) == 12)
                    for task in (*talking, last):
                        task.cancel()

    asyncio.run(story())


def told(folder: Path) -> int:
    """How many pops have ended in both services; those that the other one has are not worth a line."""
    return sum((folder / log).read_text().count(" outcome=") for log in ("one.log", "two.log"))
