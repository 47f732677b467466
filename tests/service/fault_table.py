"""Every fault of 1C against real calls through the outbound door: how many were lost, how long the longest
waited.

Run by the tests, and printed by `make bench`.
"""

from __future__ import annotations

import asyncio
import csv
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from fs_1c.onec import Answer
from fs_1c.service import Service
from fs_1c.settings import build
from tests.processes import start, wait_for
from tests.recordings import records

CALLS, PER_SECOND = 200, 50
DEADLINE = 0.3
"""Seconds."""
PATIENCE = 30.0
"""Seconds after which a call is lost."""

FAULTS: dict[str, dict[str, Any]] = {
    "mute": {"fault": "mute"},
    "mute after the request": {"fault": "mute-after-request"},
    "answers after 30 s": {"fault": "slow-answer"},
    "drips its headers": {"fault": "drip", "part": "headers"},
    "drips its body": {"fault": "drip", "part": "body"},
    "endless headers": {"fault": "endless-headers", "seconds": 0.001},
    "endless body": {"fault": "endless-body", "seconds": 0.001},
    "refuses": {"fault": "refuse"},
    "cuts after receipt": {"fault": "cut-after-receipt"},
    "garbage": {"fault": "garbage"},
    "out of licences": {"fault": "no-licence"},
    "HTTP 500, base down": {"fault": "base-down"},
    "HTTP 502": {"fault": "bad-gateway"},
    "an error in 1C's code": {"fault": "code-error"},
    "TLS that never finishes": {"fault": "mute", "https": True},
    "switched off": {"off": True},
}


@dataclass
class Row:
    """What became of the calls of one fault.

    Attributes:
        calls, lost: How many; lost is one that was not let go.
        longest_ms: The longest wait of any call, from the channel's data to `exit`, in milliseconds.
        by_result: `fs_1c_result` → how many, of numbers that nobody had asked about before.
        stale: Calls of known clients that were answered from what was remembered.
        stale_longest_ms: The longest wait of those.
    """

    calls: int = 0
    lost: int = 0
    longest_ms: float = 0.0
    by_result: dict[str, int] = field(default_factory=dict)
    stale: int = 0
    stale_longest_ms: float = 0.0


def known(i: int) -> str:
    return f"8495100{i:04}"


def stranger(i: int) -> str:
    return f"8495200{i:04}"


@contextmanager
def simulator(folder: Path) -> Iterator[tuple[str, ForkServerProcess]]:
    """A simulated 1C in a process of its own, with known clients: its address."""
    clients = folder / "clients.csv"
    with clients.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "title", "category", "manager"])
        rows.writerows([known(i), f"Клиент {i}", "0", "244"] for i in range(CALLS // 2))
    log = folder / "simulator.log"
    command = ["simulator", "1c", "--listen", "127.0.0.1:0", "--latency", "0", "--clients", str(clients)]
    process = start(command, folder / "out", log)
    try:
        line = wait_for(log, "/telephony").splitlines()[0]
        yield line.split(" at ")[1].strip().rsplit("/telephony", 1)[0], process
    finally:
        process.kill()
        process.join()


async def run(
    fault: dict[str, Any], folder: Path, halfway: Callable[[], object] = lambda: None, **more: Any
) -> Row:
    """200 calls at 50 a second while that fault is on; every other caller is known and stale.

    Args:
        halfway: Called after half of the calls.
        more: Further sections of the settings.
    """
    with simulator(folder) as (address, process):
        service = Service(_settings(address, https=fault.get("https", False), **more))
        await service.start()
        assert service.outbound is not None
        door = service.outbound.address
        try:
            _prime(service)
            if not fault:
                pass
            elif fault.get("off"):
                process.kill()
                process.join()
            else:
                body = json.dumps({key: value for key, value in fault.items() if key != "https"}).encode()
                await asyncio.to_thread(_post, f"{address}/simulator/fault", body)
            row = Row()
            started = time.perf_counter()
            calls = []
            for i in range(CALLS):
                if i == CALLS // 2:
                    halfway()
                await asyncio.sleep(max(0.0, started + i / PER_SECOND - time.perf_counter()))
                number = known(i // 2) if i % 2 else stranger(i)
                calls.append(asyncio.create_task(call(row, door.host, door.port, number, stale=bool(i % 2))))
            await asyncio.gather(*calls)
            return row
        finally:
            await service.stop()


def _prime(service: Service) -> None:
    """The known clients are remembered, as a good day would have left them; at once they are stale. 1C is not
    asked: on a busy machine a hundred questions at once can make it count as down.
    """
    cache = service.integration._bases.by_name["default"].directory._cache
    for i in range(CALLS // 2):
        cache.put("+7" + known(i)[1:], Answer(f"Клиент {i}", "0", "244"))


async def call(row: Row, host: str, port: int, number: str, *, stale: bool) -> None:
    """One sync call, as FreeSWITCH's `socket` application makes it."""
    row.calls += 1
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await reader.readuntil(b"connect\n\n")
        writer.write(_DATA.replace(b"89235292926", number.encode()))
        started = time.perf_counter()
        told = await asyncio.wait_for(reader.readuntil(b"exit\n\n"), PATIENCE)
        waited = (time.perf_counter() - started) * 1000
        found = re.search(rb"fs_1c_result=([a-z]+)", told)
        result = found[1].decode() if found else "undecided"
        row.longest_ms = max(row.longest_ms, waited)
        if stale:
            row.stale += result == "found"
            row.stale_longest_ms = max(row.stale_longest_ms, waited)
        else:
            row.by_result[result] = row.by_result.get(result, 0) + 1
    except (TimeoutError, asyncio.IncompleteReadError, OSError):
        row.lost += 1
    finally:
        writer.close()


_DATA = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")


def _post(url: str, body: bytes) -> None:
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10) as answer:
        assert answer.status == 200


def _settings(address: str, *, https: bool, **more: Any) -> Any:
    url = f"{address.replace('http:', 'https:') if https else address}/telephony/ws/VATS"
    return build(
        {
            "lookup": {"deadline": DEADLINE, "fresh_for": "1ms", "stale_for": "1h"},
            "esl": {"outbound": {"listen": "127.0.0.1:0"}},
            "http": {"listen": "127.0.0.1:0"},
            **more,
            "onec": {"url": url, **more.get("onec", {})},
        },
        "fault table",
    )
