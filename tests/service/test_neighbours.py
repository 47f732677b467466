"""Services that share a Redis, as processes: one is frozen, or Redis is away when something is forgotten."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import Client, Fault, OneCSimulator
from fs_1c.simulator.onec.clients import ClientBook
from tests.processes import free_port, fs_1c, serving, wait_for
from tests.redis_server import NEEDED, needs_redis, redis_server
from tests.service.support import settings_file
from tests.web.http_client import TOKEN
from tests.world import CLIENT, DEFAULT, onec_simulator, until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


def settings(folder: Path, onec: OneCSimulator, url: str) -> Path:
    doors = (
        '[esl.outbound]\nlisten = "127.0.0.1:0"\n'
        f'[http]\nlisten = "127.0.0.1:{free_port()}"\ntoken = "{TOKEN}"\n'
    )
    more = f'[lookup]\ndeadline = "4s"\n[redis]\nurl = "{url}"\ntimeout = "1s"\n'
    return settings_file(folder, onec, doors + more)


def listens(log: Path) -> tuple[str, int] | None:
    """Where the service takes calls, as soon as it says so."""
    text = log.read_text() if log.exists() else ""
    found = re.search(r"outbound door: listening on (\S+):(\d+)\n", text)
    return (found[1], int(found[2])) if found else None


async def door(log: Path) -> tuple[str, int]:
    await until(lambda: listens(log) is not None)
    where = listens(log)
    assert where
    return where


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with onec_simulator() as running:
        yield running


def asked(onec: OneCSimulator) -> list[str]:
    """The numbers of nobody in particular that 1C was asked about."""
    numbers = [request.parameters.get("Number", "") for request in onec.requests]
    return [number for number in numbers if number.startswith("8903")]


async def call(switch: SimulatedSwitch, number: str, where: tuple[str, int]) -> CallResult:
    return await switch.call(CallScript(number, service=where, default_target=DEFAULT, ring=0.02, talk=0.05))


def test_a_frozen_service_disables_nobody_else(tmp_path: Path, onec: OneCSimulator) -> None:
    """It had asked about as many numbers as the other has sessions, and more."""

    async def story() -> list[CallResult]:
        with redis_server() as redis:
            one, two = (settings(tmp_path / name, onec, redis.url) for name in ("one", "two"))
            logs = tmp_path / "one.log", tmp_path / "two.log"
            with serving(one, logs[0]) as frozen, serving(two, logs[1]):
                doors = [await door(log) for log in logs]
                async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                    numbers = [f"8903000000{n}" for n in range(4)]
                    await until(lambda: len(onec.requests) == 2)  # both have tried 1C
                    onec.fault = Fault("mute-after-request")
                    began = [asyncio.create_task(call(switch, number, doors[0])) for number in numbers]
                    await until(lambda: len(asked(onec)) == 4)
                    frozen.send_signal(signal.SIGSTOP)
                    onec.clear_fault()
                    assert redis.client.keys("*:claim")
                    callers = [call(switch, number, doors[1]) for number in (*numbers * 3, CLIENT)]
                    results = await asyncio.gather(*callers)
                    frozen.kill()
                    for task in began:
                        task.cancel()
                    await asyncio.gather(*began, return_exceptions=True)
                    return results

    results = asyncio.run(story())
    assert [result.variables["fs_1c_result"] for result in results] == ["unknown"] * 12 + ["found"]
    text = (tmp_path / "two.log").read_text()
    assert "counts as down" not in text and "result=late" not in text
    # Once by the frozen one, and once by the other.
    assert sorted(asked(onec)) == sorted([f"8903000000{n}" for n in range(4)] * 2)


@pytest.mark.cluster
def test_what_is_forgotten_while_redis_is_away_is_not_told_as_done_and_is_done_later(
    tmp_path: Path, onec: OneCSimulator
) -> None:
    async def managers(switch: SimulatedSwitch, doors: list[tuple[str, int]]) -> list[str]:
        return [(await call(switch, CLIENT, where)).variables["fs_1c_manager"] for where in doors]

    async def forget(config: Path) -> tuple[int, str, str]:
        ran = await asyncio.to_thread(fs_1c, "forget", CLIENT, "-c", str(config))
        return ran.returncode, ran.stdout, ran.stderr

    async def story() -> None:
        with redis_server() as redis:
            one, two = (settings(tmp_path / name, onec, redis.url) for name in ("one", "two"))
            logs = tmp_path / "one.log", tmp_path / "two.log"
            with serving(one, logs[0]), serving(two, logs[1]):
                doors = [await door(log) for log in logs]
                await until(lambda: redis.listeners() == 2)
                async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                    assert await managers(switch, doors) == ["244", "244"]
                    onec.clients = ClientBook([Client(CLIENT, "Чиж", "", "100")], onec.settings.search)
                    redis.kill()
                    code, out, err = await forget(one)
                    assert (code, out) == (1, "forgotten: 1\n")
                    assert err.count("\n") == 1 and "Redis could not be told" in err and "default" in err
                    assert await managers(switch, doors) == ["100", "244"]  # the other cannot know it
                    redis.start()
                    for log, line in zip(logs, ("has been told what", "1C is asked anew"), strict=True):
                        await asyncio.to_thread(wait_for, log, line)
                    assert await managers(switch, doors) == ["100", "100"]
                    assert (await forget(one))[0] == 0

    asyncio.run(story())
