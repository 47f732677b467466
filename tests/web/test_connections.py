"""Connections of the HTTP door: who says half a request, or reads nothing, keeps nobody else out."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from fs_1c.web.server import MAX_CONNECTIONS
from tests.web.http_client import HTTP, POST, SHOWN, TOKEN, ask, forget, raw
from tests.web.test_status import decide
from tests.world import World, until, world


def connections(here: World) -> set[Any]:
    assert here.service.http is not None
    return here.service.http._server._server.server_state.connections


def test_64_half_requests_do_not_keep_anybody_out(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            halves = [await raw(here, POST) for _ in range(64)]
            gone = [asyncio.create_task(reader.read()) for reader, _ in halves]
            for _ in range(5):
                assert (await ask(here, "GET", "/health/live")).status_code == 200
                assert (await ask(here, "GET", "/metrics", headers=SHOWN)).status_code == 200
            assert 0 < sum(task.done() for task in gone) <= 11  # only so many, and those who waited longest
            assert all(task.done() for task in gone[: sum(task.done() for task in gone)])
            for _, writer in halves:
                writer.close()
            await asyncio.gather(*gone, return_exceptions=True)

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_a_request_s_head_must_be_there_in_time_however_it_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs_1c.web.server.PATIENCE", 0.6, raising=False)

    async def story() -> None:
        async with world(listen=False) as here:
            first = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
            for before in (b"", first + b"\r\n"):  # the first head of a connection, and the next
                reader, writer = await raw(here, before)
                if before:
                    await asyncio.wait_for(reader.readuntil(b"ok\n"), 30)
                writer.write(first)

                async def trickle(writer: asyncio.StreamWriter = writer) -> None:
                    while True:
                        writer.write(b"X: y\r\n")
                        await asyncio.sleep(0.1)

                trickling = asyncio.create_task(trickle())
                with suppress(ConnectionResetError):
                    await asyncio.wait_for(reader.read(), 30)
                trickling.cancel()
                writer.close()

    asyncio.run(story())


async def mute(here: World, octets: bytes) -> socket.socket:
    """Whoever asks, and reads nothing."""
    assert here.service.http is not None
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connected.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connected, here.service.http.address)
    await loop.sock_sendall(connected, octets)
    return connected


def fill(here: World) -> None:
    """More than the kernel keeps of an answer that is not read."""
    for i in range(500):
        decide(here, f"call-{i}", title="Щ" * 500, category="Щ" * 500, manager="Щ" * 500)


def test_who_floods_with_streams_and_does_not_read_leaves_room_for_health_and_forget(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            fill(here)
            asks = f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            readers = [await mute(here, asks.encode()) for _ in range(MAX_CONNECTIONS)]
            await until(lambda: all(one.flow.write_paused for one in connections(here)))
            for _ in range(5):
                assert (await ask(here, "GET", "/health/live")).status_code == 200
                assert (await forget(here, "all=true")).status_code == 200
                assert (await here.switch.call(here.script())).answered_by == "244"
            for reader in readers:
                reader.close()

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_who_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs_1c.web.server.PATIENCE", 0.5, raising=False)

    async def story() -> None:
        async with world(listen=False) as here:
            fill(here)
            reader = await mute(here, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: any(one.flow.write_paused for one in connections(here)))
            await until(lambda: not connections(here))
            reader.close()

    asyncio.run(story())


def test_a_door_at_which_nothing_is_asked_closes_at_once() -> None:
    """That is, also when time stands still; somebody has a connection, and nothing to say."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        closing = asyncio.current_task()
        assert closing is not None
        rescue = threading.Timer(30, loop.call_soon_threadsafe, (closing.cancel,))
        async with world(listen=False) as here:
            door = here.service.http
            assert door is not None
            reader, writer = await raw(here, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"ok\n")
            rescue.start()
            now = loop.time()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loop, "time", lambda: now)
                await door.close()
            rescue.cancel()
            assert await reader.read() == b""
            writer.close()

    asyncio.run(story())
