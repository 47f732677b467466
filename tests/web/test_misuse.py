"""The HTTP door, misused: too much, too slow, for too long; calls never notice; the service still stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
import requests

from fs_1c import service
from fs_1c.service import AddressTaken, Service
from fs_1c.web import exchange, server
from fs_1c.web.server import MAX_CONNECTIONS
from tests.support import SOON
from tests.web.http_client import HTTP, POST, SHOWN, ask, forget, raw, url
from tests.world import settings_for, until, world


def test_big_bodies() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 10_000

    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            for body in (b"x" * 4097, b"x" * 3_000_000, endless()):
                told = await ask(here, "POST", "/forget", data=body, headers=SHOWN)
                assert (told.status_code, "4096" in told.text) == (413, True)
            fits = b'{"number": "89235292926"}'.ljust(4096)
            assert (await forget(here, fits)).status_code == 200

    asyncio.run(story())


def test_a_slow_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_WITHIN", 0.1)

    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            reader, writer = await raw(here, POST + b"Content-Length: 9\r\n\r\na")
            assert (await asyncio.wait_for(reader.read(), SOON)).startswith(b"HTTP/1.1 408 ")
            writer.close()

    asyncio.run(story())


def test_the_service_stops_at_once_whatever_stays_open(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_WITHIN", 0.5)
    for module, seconds in ((service, "DRAIN"), (server, "PATIENCE")):
        monkeypatch.setattr(module, seconds, 3600.0)

    async def story() -> None:
        async with world(http=HTTP) as here:
            session = requests.Session()
            await asyncio.to_thread(session.get, url(here, "/health/live"), timeout=5)
            open_ones = [
                await raw(here, octets)
                for octets in (b"", b"GET /hea", POST, POST + b"Content-Length: 9\r\n\r\na")
            ]
            await asyncio.sleep(0.05)
            await asyncio.wait_for(here.service.stop(), SOON)  # though no time is up
            for reader, writer in open_ones:
                await asyncio.wait_for(reader.read(), SOON)
                writer.close()
            session.close()

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_calls_go_on_while_the_door_is_misused(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            idle = [await raw(here, b"GET / HT") for _ in range(MAX_CONNECTIONS - 8)]
            stop = asyncio.Event()

            async def misuse(octets: bytes) -> None:
                while not stop.is_set():
                    try:
                        reader, writer = await raw(here, octets)
                        await asyncio.wait_for(reader.read(1000), 1)
                        writer.close()
                    except (OSError, TimeoutError):
                        await asyncio.sleep(0.01)

            kinds = (
                *(b"\x16\x03\x01\x00", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 70_000),
                b"POST /forget HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 10_000,
                b"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
            )
            misusers = [asyncio.create_task(misuse(octets)) for octets in kinds for _ in range(3)]
            for _ in range(10):
                result = await here.switch.call(here.script())
                assert (result.answered_by, result.variables["fs_1c_result"]) == ("244", "found")
            more = [await raw(here, b"") for _ in range(20)]
            gone = [asyncio.create_task(reader.read()) for reader, _ in more]
            await until(lambda: any(task.done() for task in gone))  # one too many is hung up on
            stop.set()
            await asyncio.gather(*misusers)
            for _, writer in [*idle, *more]:
                writer.close()
            await asyncio.gather(*gone, return_exceptions=True)
            assert (await ask(here, "GET", "/health/live")).status_code == 200

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_a_taken_address_closes_what_was_open_already() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            taken = str(here.door)
            second = Service(settings_for(here.onec.url, esl={"outbound": {"listen": taken}}))
            with pytest.raises(AddressTaken, match=f"^esl.outbound.listen: {taken}: .* in use"):
                await second.start()
            assert second.http is not None
            with pytest.raises(RuntimeError, match="not open"):
                assert second.http.address
            assert (await ask(here, "GET", "/health/live")).status_code == 200

    asyncio.run(story())
