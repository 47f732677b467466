"""Those who click and those who call in have one loop and one 1C: callers go first at both."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fs_1c.call import Call, Decision, Result
from fs_1c.calls import pace
from fs_1c.integration import Integration
from fs_1c.web.calling.keeper import Keeper
from tests.calls.test_desk import Line
from tests.web.test_calling import SETTINGS, TOKEN
from tests.world import CLIENT, until, world


def request(number: str) -> bytes:
    body = json.dumps({"number": number, "extension": "244"})
    head = f"POST /calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_no_request_is_read_while_a_caller_waits_for_his_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on a new connection nor on one that is kept; and all are when he has it."""
    monkeypatch.setattr(pace, "PATIENCE", 10**9)
    order: list[str] = []
    look_at, decided = Keeper.look_at, Integration.decided

    async def look(self: Keeper, *asked: Any, **more: Any) -> Any:
        order.append("click")
        return await look_at(self, *asked, **more)

    def decide(self: Integration, decision: Decision) -> None:
        order.append("call")
        decided(self, decision)

    async def story() -> None:
        async with world(held=True, calls=SETTINGS) as here:
            desk, line = here.service.desk, Line()
            line.desk, desk.lines = desk, [line]
            assert here.service.calling is not None
            streams = [await asyncio.open_connection(*here.service.calling.address) for _ in range(4)]
            kept_reader, kept = streams.pop()
            kept.write(request("89235292920").replace(TOKEN.encode(), b"wrong"))
            assert b" 401 " in await asyncio.wait_for(kept_reader.readuntil(b"\r\n"), 30)
            await until(lambda: bool(here.service.calling and not desk.pace._waits))
            monkeypatch.setattr(Keeper, "look_at", look)
            monkeypatch.setattr(Integration, "decided", decide)

            calling = asyncio.create_task(here.switch.call(here.script()))
            await until(lambda: here.lookups() == [CLIENT])
            looks, busy = 0, desk.pace._busy

            def looked() -> bool:
                nonlocal looks
                looks += 1
                return busy()

            monkeypatch.setattr(desk.pace, "_busy", looked)
            for n, (_, writer) in enumerate([*streams, (kept_reader, kept)]):
                writer.write(request(f"892352929{n + 10}"))
            await until(lambda: looks >= 20)
            assert not order
            here.held.answers.set()
            for reader, _ in streams:
                assert b" 201 " in await asyncio.wait_for(reader.readuntil(b"\r\n"), 30)
            await until(lambda: len(line.told) == 4)
            assert order == ["call", "click", "click", "click", "click"]
            await calling
            for _, writer in (*streams, (kept_reader, kept)):
                writer.close()

    asyncio.run(story())


def test_of_two_sessions_one_is_for_callers_however_many_names_are_asked_for() -> None:
    """1C answers nobody: the caller is asked about all the same, and one name."""

    async def story() -> None:
        async with world(held=True, listen=False, onec={"sessions": 2}) as here:
            here.held.answers.set()
            await until(lambda: bool(here.onec.requests))  # it is awake, and nobody else asks it
            await here.settle()
            here.held.answers.clear()
            integration = here.service.integration
            names = [asyncio.create_task(integration.name_of(f"8923529291{n}")) for n in range(3)]
            await until(lambda: len(here.lookups()) == 1)
            calling = asyncio.create_task(integration.decide_async(Call("call-1", CLIENT)))
            await until(lambda: len(here.lookups()) == 2)
            assert here.lookups()[1] == CLIENT
            here.held.answers.set()
            assert (await calling).caller.result is Result.FOUND
            assert await asyncio.gather(*names) == ["", "", ""]  # 1C knows none of these

    asyncio.run(story())


def test_a_name_that_1c_knows_is_told_and_remembered_for_the_call() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            integration = here.service.integration
            assert "чиж" in await integration.name_of(CLIENT)
            decision = integration.decide_now(Call("call-1", CLIENT))
            assert decision is not None and decision.caller.result is Result.FOUND
            assert here.lookups() == [CLIENT]

    asyncio.run(story())
