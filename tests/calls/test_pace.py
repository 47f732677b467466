"""Callers first: who clicks has his turn between their calls, and has it in the end."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from fs_1c.calls import Desk, Pace, pace
from fs_1c.calls.pace import PATIENCE
from tests.calls.test_desk import Line, desk
from tests.world import until


def test_steps_are_done_in_order_the_first_at_once_and_the_loop_turns_between_them() -> None:
    async def story() -> None:
        loop, turns = asyncio.get_running_loop(), 0
        done: list[tuple[int, int]] = []

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        loop.call_soon(turn)
        paced, all_done = Pace(), asyncio.Event()
        for n in range(5):
            paced.step(lambda n=n: done.append((n, turns)))  # type: ignore[misc]
        assert done == [(0, 0)]
        paced.step(all_done.set)
        await all_done.wait()
        assert [n for n, _ in done] == [0, 1, 2, 3, 4]
        assert len({at for _, at in done}) == 5, "two in one turn of the loop"

    asyncio.run(story())


def test_a_step_that_fails_or_is_not_waited_for_any_more_stops_no_other() -> None:
    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        paced = Pace()
        paced.step(lambda: None)
        gone = asyncio.create_task(paced.turn())
        await asyncio.sleep(0)
        gone.cancel()
        paced.step(lambda: 1 // 0)
        await asyncio.wait_for(paced.turn(), 30)
        with contextlib.suppress(asyncio.CancelledError):
            await gone

    asyncio.run(story())


@pytest.mark.parametrize(("looks_busy", "looked"), [(0, 1), (3, 4), (1000, PATIENCE + 1)])
def test_a_step_waits_for_callers_but_not_without_end(looks_busy: int, looked: int) -> None:
    async def story() -> None:
        looks = 0

        def busy() -> bool:
            nonlocal looks
            looks += 1
            return looks <= looks_busy

        await asyncio.wait_for(Pace(busy).turn(), 30)
        assert looks == looked

    asyncio.run(story())


def test_neither_a_name_is_asked_for_nor_a_call_made_while_a_caller_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is a turn of its own."""
    monkeypatch.setattr(pace, "PATIENCE", 10**9)
    monkeypatch.setattr("fs_1c.calls.desk.NAMED_WITHIN", 600.0)

    async def story() -> None:
        busy, asked, line = True, asyncio.Event(), Line()
        looks = 0

        async def name() -> str:
            nonlocal busy
            busy = True
            asked.set()
            return "Чиж"

        def look() -> bool:
            nonlocal looks
            looks += 1
            return busy

        async def looked(times: int) -> None:
            before = looks
            await until(lambda: looks >= before + times)

        made: Desk = desk(line, name=name, busy=look)
        asking = asyncio.create_task(made.ask("89235292926", ("244",)))
        await looked(5)
        assert not asked.is_set()
        busy = False
        await asyncio.wait_for(asked.wait(), 30)
        await looked(5)
        assert not line.told
        busy = False
        await asyncio.wait_for(asking, 30)
        assert len(line.told) == 1

    asyncio.run(story())
