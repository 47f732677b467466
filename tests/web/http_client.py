"""Whoever calls at the HTTP door, for tests: with `requests`, or octet by octet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import requests

from tests.support import SOON
from tests.world import World

TOKEN = "t0ken-of-1C-and-us"
HTTP = {"token": TOKEN}
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
POST = f"POST /forget HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
"""The head of a request, but for its end."""


def url(here: World, path: str = "/forget") -> str:
    assert here.service.http is not None
    return f"http://{here.service.http.address}{path}"


async def ask(here: World, method: str, path: str, **more: Any) -> requests.Response:
    return await asyncio.to_thread(
        requests.request, method, url(here, path), timeout=10, allow_redirects=False, **more
    )


async def forget(here: World, body: bytes | str, **headers: str) -> requests.Response:
    return await ask(here, "POST", "/forget", data=body, headers={**SHOWN, **headers})


async def journal(here: World, query: str, ready: Callable[[Any], object] = bool) -> Any:
    """What the journal says once it says what is waited for: it is written a little later."""
    async with asyncio.timeout(SOON):
        while True:
            answer = await ask(here, "GET", f"/journal?{query}", headers=SHOWN)
            if answer.status_code == 200 and ready(answer.json()):
                return answer.json()
            await asyncio.sleep(0.02)


async def raw(here: World, octets: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert here.service.http is not None
    reader, writer = await asyncio.open_connection(*here.service.http.address)
    writer.write(octets)
    return reader, writer
