"""`GET /journal.json`, for the other services: with the token, and never without one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.web.http_client import HTTP, SHOWN, ask, journal
from tests.world import CLIENT, world


def test_the_neighbours_are_told_with_the_token_only(tmp_path: Path) -> None:
    async def story() -> None:
        state, cluster = {"folder": str(tmp_path)}, {"name": "pbx1"}
        async with world(http=HTTP, state=state, cluster=cluster) as here:
            await here.switch.call(here.script())
            kept = await journal(here, "limit=5")
            told = await ask(here, "GET", "/journal.json?limit=5&mask=1", headers=SHOWN)
            assert told.json() == {"service": "pbx1", "calls": kept}
            assert CLIENT[1:] in told.json()["calls"][0]["number"]
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                assert (await ask(here, "GET", "/journal.json", headers=headers)).status_code == 401
            for wrong in ("limit=201", "limit=x", f"number={'1' * 600}"):
                assert (await ask(here, "GET", f"/journal.json?{wrong}", headers=SHOWN)).status_code == 400

    asyncio.run(story())


def test_without_a_token_it_is_closed_on_the_loopback_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(state={"folder": str(tmp_path)}) as here:
            assert (await ask(here, "GET", "/state")).status_code == 200
            assert (await ask(here, "GET", "/journal.json?limit=5")).status_code == 403

    asyncio.run(story())
