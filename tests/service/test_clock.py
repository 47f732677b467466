"""The machine's clock is set, by days and in the middle of a call: nobody waits, is forgotten or told
twice.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.world import CLIENT, until, world

HOURS = (-36, 24 * 400)


class Clock:
    """The machine's; `ahead` seconds before the true one."""

    ahead = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    real, made = time.time, Clock()
    monkeypatch.setattr(time, "time", lambda: real() + made.ahead)
    return made


@pytest.mark.parametrize("hours", HOURS)
def test_the_clock_jumps_between_two_calls_and_during_one(clock: Clock, hours: int) -> None:
    """The switch goes on by its own clock, as one on another machine does."""

    async def story() -> None:
        async with world() as here:
            await here.switch.call(here.script())
            await here.carded(1)
            clock.ahead = hours * 3600.0
            named = await here.switch.call(here.script())
            assert named.variables["fs_1c_title"] == "Фэйковый чиж"
            await here.carded(2)
            clock.ahead = 0.0
            ringing = asyncio.create_task(here.switch.call(here.script(ring=0.3)))
            await until(lambda: bool(here.switch.calls))
            clock.ahead = -hours * 3600.0
            assert (await ringing).answered_by == "244"
            assert await here.carded(3) == [(CLIENT, "KEY244")] * 3

    asyncio.run(story())


@pytest.mark.parametrize("hours", HOURS)
def test_a_base_that_is_down_comes_back_whatever_the_clock_says(clock: Clock, hours: int) -> None:
    async def story() -> None:
        rules = {"window": 1, "at_least": 1, "share": 1.0, "pause": "100ms"}
        async with world(breaker=rules) as here:
            here.onec.stop()
            lost = await here.switch.call(here.script())
            assert lost.variables["fs_1c_result"] == "failed"
            down = here.service.integration.health
            assert [one["breaker"] for one in down().values()] != ["closed"]  # a look may be under way
            clock.ahead = hours * 3600.0
            here.onec.start()
            await until(lambda: [one["breaker"] for one in down().values()] == ["closed"])
            assert (await here.switch.call(here.script())).variables["fs_1c_result"] == "found"

    asyncio.run(story())
