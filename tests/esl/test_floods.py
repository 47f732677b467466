"""The inbound door, when a switch tells of more than anybody can hear, or lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fs_1c.esl import inbound as module
from fs_1c.esl.inbound import IN_A_ROW, InboundDoor
from fs_1c.esl.listening import Heard, Listening
from fs_1c.esl.wire import Message
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings
from tests.world import settings_for, until

NOTE = b"Content-Type: text/event-plain\nContent-Length: 22\n\nEvent-Name: HEARTBEAT\n"
WELCOME = b"Content-Type: auth/request\n\n" + b"Content-Type: command/reply\nReply-Text: +OK\n\n" * 2


@asynccontextmanager
async def listening_to(says: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[InboundDoor]:
    """A door to a switch that welcomes whoever comes, and then says that."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WELCOME)
        await reader.readuntil(b"event plain")
        says(writer)
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    with Integration(settings_for("http://127.0.0.1:9/")) as integration:
        port = server.sockets[0].getsockname()[1]
        door = InboundDoor(integration, InboundSettings(address=f"127.0.0.1:{port}"))
        door.open()
        try:
            yield door
        finally:
            await door.close()
            server.close()


def test_in_a_flood_of_events_others_have_the_loop_after_some_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many, understood = 20_000, Listening.received
    heard = since = most = 0

    def received(listening: Listening, message: Message) -> Heard:
        nonlocal heard, since, most
        heard, since = heard + 1, since + 1
        most = max(most, since)
        return understood(listening, message)

    monkeypatch.setattr(Listening, "received", received)

    async def story() -> None:
        nonlocal since
        async with listening_to(lambda writer: writer.write(NOTE * many)):
            async with asyncio.timeout(30):
                while heard < many:
                    since = 0
                    await asyncio.sleep(0)

    asyncio.run(story())
    assert 0 < most <= IN_A_ROW


def test_a_message_that_does_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "UNFINISHED", 0.1)
    dripping = set()

    def says(writer: asyncio.StreamWriter) -> None:
        async def drip() -> None:
            writer.write(b"Content-Type: text/event-plain\nContent-Length: 16000000\n\n")
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.01)

        dripping.add(asyncio.get_running_loop().create_task(drip()))

    async def story() -> None:
        async with listening_to(says):
            await until(lambda: "a message has not ended within 0.1 s" in caplog.text)
        for task in dripping:
            task.cancel()

    asyncio.run(story())


def test_many_lies_are_some_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    lies, understood = 1000, Listening.received
    told = 0

    def received(listening: Listening, message: Message) -> Heard:
        nonlocal told
        if message.content_type == "text/event-plain":
            told += 1
            return Heard(problem=f"lie {told}")
        return understood(listening, message)

    monkeypatch.setattr(Listening, "received", received)

    async def story() -> None:
        async with listening_to(lambda writer: writer.write(NOTE * lies)):
            await until(lambda: told == lies)

    asyncio.run(story())
    assert caplog.text.count("going on without it") == module.MAX_TOLD
