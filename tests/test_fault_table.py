"""1C never delays a call beyond the deadline: 200 calls at 50 a second through the real door, for each fault
of 1C.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault_table import CALLS, DEADLINE, FAULTS, Row, run

MARGIN_MS = 50.0
AT_ONCE = 2
BATCHES = [list(itertools.islice(FAULTS, start, start + AT_ONCE)) for start in range(0, len(FAULTS), AT_ONCE)]


@pytest.mark.parametrize("names", BATCHES, ids=", ".join)
def test_no_call_is_lost_and_none_waits_beyond_the_deadline(names: list[str], tmp_path: Path) -> None:
    async def all_of_them() -> list[Row]:
        folders = [tmp_path / str(i) for i in range(len(names))]
        for folder in folders:
            folder.mkdir()
        return await asyncio.gather(*(run(FAULTS[n], f) for n, f in zip(names, folders, strict=True)))

    for name, row in zip(names, asyncio.run(all_of_them()), strict=True):
        assert (row.calls, row.lost) == (CALLS, 0), (name, row)
        assert row.longest_ms <= DEADLINE * 1000 + MARGIN_MS, (name, row)
        assert row.stale == CALLS // 2, (name, row)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of our own: its address and process."""
    if not shutil.which("redis-server"):
        pytest.skip("there is no redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = ["--save", "", "--appendonly", "no", "--dir", str(tmp_path)]
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", *quiet], stdout=subprocess.DEVNULL
    )
    ends = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < ends, "redis-server does not start"
            time.sleep(0.01)
    yield f"redis://127.0.0.1:{port}/0", process
    process.kill()
    process.wait()


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "dies"])
@pytest.mark.parametrize("fault", ["", "mute"], ids=["1C is well", "1C is mute"])
def test_a_redis_that_goes_away_halfway_costs_no_call(
    fault: str, end: signal.Signals, tmp_path: Path, redis: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, process = redis
    given = FAULTS[fault] if fault else {}
    row = asyncio.run(run(given, tmp_path, lambda: process.send_signal(end), redis={"url": url}))
    assert (row.calls, row.lost) == (CALLS, 0), row
    assert row.longest_ms <= DEADLINE * 1000 + MARGIN_MS, row
    assert row.stale == CALLS // 2, row
    if not fault:
        assert row.by_result == {"unknown": CALLS // 2}, row
