"""A day of the journal, as the operators' form tells it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fs_1c.web.calling.day import read_day
from tests.web.test_calling import TOKEN, ask, calling
from tests.web.test_status import decide
from tests.world import conversation

PATH = f"/api/call/journal?token={TOKEN}&format=json&date="


@pytest.mark.parametrize(
    "text", ["", "today", "2026-13-01", "2026-1-1", "٢٠٢٦-01-01", "9999-12-31x", "0000-00-00"]
)
def test_what_is_no_day(text: str) -> None:
    assert read_day(text) is None


def test_a_day_lasts_until_the_next_begins() -> None:
    begins, ends = read_day("2026-11-28") or (0.0, 0.0)
    assert ends - begins == 86400.0
    assert (read_day("2026-11-29") or (0.0, 0.0))[0] == ends


def test_the_calls_of_today_and_nobodys_without_the_token(tmp_path: Path) -> None:
    async def story() -> None:
        async with calling(state={"folder": str(tmp_path)}) as (here, _):
            today = datetime.now().astimezone().date()
            decide(here, "call-1", title="Ромашка")
            here.service.integration.conversation(conversation("244", "call-2", "89235292927"))

            async def told(day: str) -> list[dict[str, object]]:
                said = await ask(here, "GET", PATH + day)
                if said.status_code == 503:  # there is no journal yet
                    return []
                assert said.status_code == 200, said.text
                return list(said.json())

            ends = time.monotonic() + 30
            while {one["callid"] for one in await told(str(today))} != {"call-1", "call-2"}:
                assert time.monotonic() < ends
            found = {one["callid"]: one for one in await told(str(today))}
            assert found["call-1"]["status"] == "NOANSWER"
            talked = found["call-2"]
            assert (talked["status"], talked["direction"]) == ("ANSWER", "incoming")
            assert (talked["from"], talked["to"], talked["subscriber_id"]) == ("+79235292927", "244", "244")
            assert await told(str(today - timedelta(days=1))) == []
            for path in (PATH.replace(TOKEN, "KEY244"), PATH.replace(TOKEN, "")):
                assert (await ask(here, "GET", path + str(today))).status_code == 401
            for wrong in ("x", "2026-11-28&format=xml"):
                assert (await ask(here, "GET", PATH + wrong)).status_code == 400

    asyncio.run(story())
