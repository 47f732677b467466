"""1C never delays a call: 200 calls at 50 a second through the real door, for each fault of 1C. What hangs
hangs for longer than any caller of these tests waits. The real figures: `make bench`.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from fs_1c import service
from tests.redis_server import needs_redis, redis_server
from tests.service.fault_table import CALLS, FAULTS, Row, run
from tests.support import SOON

HANGS: dict[str, Any] = {"onec": {"timeout": "1h"}}
AT_ONCE = 4
LEFT_TO_THE_BENCH = ("drips its headers", "garbage", "HTTP 502", "answers after 30 s")
TESTED = [name for name in FAULTS if name not in LEFT_TO_THE_BENCH]
BATCHES = [TESTED[start : start + AT_ONCE] for start in range(0, len(TESTED), AT_ONCE)]


@pytest.fixture(autouse=True)
def nobody_waits_for_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """These workers never end by themselves."""
    monkeypatch.setattr(service, "DRAIN", 0.4)


@pytest.mark.parametrize("names", BATCHES, ids=", ".join)
def test_no_call_is_lost_and_none_waits_beyond_the_deadline(names: list[str], tmp_path: Path) -> None:
    async def all_of_them() -> list[Row]:
        folders = [tmp_path / str(i) for i in range(len(names))]
        for folder in folders:
            folder.mkdir()
        return await asyncio.gather(
            *(run(FAULTS[n], f, **HANGS) for n, f in zip(names, folders, strict=True))
        )

    for name, row in zip(names, asyncio.run(all_of_them()), strict=True):
        assert (row.calls, row.lost) == (CALLS, 0), (name, row)
        assert row.stale == CALLS // 2, (name, row)


@needs_redis
def test_a_redis_that_goes_away_halfway_costs_no_call(tmp_path: Path) -> None:
    """It hangs (SIGSTOP) or dies (SIGKILL); 1C is well, or mute."""

    async def calls(fault: dict[str, Any], end: signal.Signals) -> Row:
        folder = tmp_path / f"{end.name} {fault.get('fault')}"
        folder.mkdir()
        more: dict[str, Any] = dict(HANGS)
        if not fault:  # all are told what 1C says, however busy this machine is
            more["lookup"] = {"deadline": SOON, "fresh_for": "1ms", "stale_for": "1h"}
        with redis_server() as redis:
            more["redis"] = {"url": redis.url}
            return await run(fault, folder, lambda: redis.process.send_signal(end), **more)

    async def all_of_them() -> list[Row]:
        ends = (signal.SIGSTOP, signal.SIGKILL)
        return await asyncio.gather(*(calls(fault, end) for fault in ({}, FAULTS["mute"]) for end in ends))

    rows = asyncio.run(all_of_them())
    for row in rows:
        assert (row.calls, row.lost) == (CALLS, 0), row
        assert row.stale == CALLS // 2, row
    assert [row.by_result for row in rows[:2]] == [{"unknown": CALLS // 2}] * 2
