"""A reserve that stands by leaves what its switch says unread for a moment; one that acts does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fs_1c.cards import duty, post
from fs_1c.esl import inbound
from fs_1c.esl.inbound import InboundDoor
from tests.service import load
from tests.world import CLIENT, World, until, world

FOR_EVER = 1e6
"""Seconds."""
CALLS = 10


def run(story: Callable[[World, InboundDoor], Awaitable[None]], **more: Any) -> None:
    async def whole() -> None:
        async with world(at_switch={"name": "sw3", "role": "reserve"}, **more) as here:
            (door,) = here.service.inbound
            await until(lambda: here.service.posts()[0].connected)
            await story(here, door)

    asyncio.run(whole())


@pytest.fixture
def nobody_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a test takes, the reserve stands by."""
    monkeypatch.setattr(duty, "GONE_AFTER", 10**9)


async def talks(here: World) -> None:
    """These calls are up: one event after the other, each sent by itself."""
    for i in range(CALLS):
        for message in load.messages(i)[: -load.HANGUP]:
            await here.switch.send_raw(message)
            await asyncio.sleep(0.005)
    await until(lambda: here.service.posts()[0].held == 2 * CALLS, 60.0)  # rings, talks


@pytest.mark.usefixtures("nobody_gone")
def test_who_stands_by_is_not_woken_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    patiently = InboundDoor._patiently

    async def counted(self: InboundDoor, *of: Any) -> Any:
        nonlocal reads
        reads += 1
        return await patiently(self, *of)

    monkeypatch.setattr(InboundDoor, "_patiently", counted)
    monkeypatch.setattr(inbound, "MUCH", 10**9)

    async def story(here: World, door: InboundDoor) -> None:
        before, began = reads, time.monotonic()
        await talks(here)
        assert reads - before <= (time.monotonic() - began) / inbound.GATHER + 2

    run(story)


@pytest.mark.usefixtures("nobody_gone")
def test_who_stands_by_does_not_let_much_gather_in_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "GATHER", FOR_EVER)
    monkeypatch.setattr(inbound, "MUCH", 1)

    async def story(here: World, door: InboundDoor) -> None:
        await talks(here)

    run(story)


@pytest.mark.usefixtures("nobody_gone")
def test_who_stands_by_ends_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "GATHER", FOR_EVER)

    async def story(here: World, door: InboundDoor) -> None:
        await door.close()

    run(story)


def test_who_acts_reads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "EVERY", 0.02)

    async def story(here: World, door: InboundDoor) -> None:
        await until(lambda: here.service.posts()[0].owner == "gone", 60.0)
        monkeypatch.setattr(inbound, "GATHER", FOR_EVER)
        call = asyncio.create_task(here.switch.call(here.script(talk=60.0)))
        assert await here.carded(1) == [(CLIENT, "KEY244")]
        call.cancel()

    run(story)
