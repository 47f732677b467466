"""What a lookup costs, and what each fault of 1C costs the calls. `make bench`."""

from __future__ import annotations

import asyncio
import logging
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from fs_1c import service
from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.directory import Directory
from fs_1c.integration import Integration
from fs_1c.numbers import Number, NumberFormat, NumberPlan
from fs_1c.onec.dialects import soap
from fs_1c.onec.pool import WorkerPool
from fs_1c.settings import LookupSettings, OneCSettings, build
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.processes import memory
from tests.redis_server import BINARY as redis_server_binary
from tests.redis_server import redis_server
from tests.service import load as load
from tests.service.fault_table import CALLS, DEADLINE, FAULTS, PER_SECOND, Row, run

ROUNDS = 300
HITS = 20_000
CALLERS = 1_000
OF_CALLS = 1_000  # as many as a tracing collector's queue holds
TALKS, TALKS_PER_SECOND = 2_000, 100

out = Console(highlight=False)


def main() -> None:
    logging.getLogger("fs_1c").setLevel(logging.ERROR)
    lookups()
    tracing()
    conversations()
    faults()


def lookups() -> None:
    """A remembered answer, a question to 1C against a bare requests.post, and a crowd with one question."""
    with OneCSimulator(OneCSimulatorSettings(port=0)) as onec:
        pool = WorkerPool("bench", OneCSettings(url=onec.url))
        directory = Directory(pool, NumberFormat.EIGHT, NumberPlan(), LookupSettings(deadline=10.0))
        bare, ours = compare(onec.url, directory)
        directory.lookup("89235292926")
        hit = timed(lambda: directory.lookup("89235292926"), HITS) * 1e9
        before = len(onec.requests)
        crowd = all_at_once(lambda: directory.lookup("84951112233"))
        asked = len(onec.requests) - before
        pool.close()
    table = Table("lookup", "", title="What a lookup costs")
    table.add_row("remembered", f"{hit:,.0f} ns")
    table.add_row("bare requests.post to the simulated 1C, median", f"{bare * 1000:.2f} ms")
    table.add_row("through directory, pool and session, median", f"{ours * 1000:.2f} ms")
    table.add_row("ratio", f"{ours / bare:.2f}")
    table.add_row(f"{CALLERS} callers of one number", f"{crowd * 1000:.0f} ms, {asked} request(s)")
    out.print(table)


def compare(url: str, directory: Directory) -> tuple[float, float]:
    """Seconds, medians of interleaved rounds: a bare POST on a kept connection, and our whole way."""
    session = requests.Session()
    headers = {"Content-Type": soap.CONTENT_TYPE["1.1"]}
    bare, ours = [], []
    for i in range(ROUNDS):
        number = f"8495{3000000 + i}"
        body = soap.envelope("http://VATS", "SayName", {"Number": number})
        bare.append(timed(lambda: session.post(url, data=body, headers=headers).content))  # noqa: B023
        ours.append(timed(lambda: directory.lookup(number)))  # noqa: B023
    return statistics.median(bare), statistics.median(ours)


def tracing() -> None:
    """What it costs whoever decides a call that OpenTelemetry is told of it: a collector that is away."""
    number = Number("+79235292926", "89235292926")
    decision = Decision(
        Call("5c5a7a1e-3f0b-4c63-9a53-0d9a52a5a001", "89235292926"),
        Caller(number, Result.FOUND, onec_took=0.1),
        (),
        None,
    )
    table = Table("tracing", "", title="A decision told to log and observers")
    sections: dict[str, dict[str, str]] = {"off": {}}
    if find_spec("opentelemetry"):
        sections["on"] = {"endpoint": "http://127.0.0.1:9"}
    for name, section in sections.items():
        before = len(sys.modules)
        with Integration(
            build({"onec": {"url": "http://127.0.0.1:9/ws"}, "tracing": section})
        ) as integration:
            if tracing := integration._lasting.tracing:
                tracing.open()
            took = timed(partial(integration.decided, decision), OF_CALLS)
            watching = len(integration.observers)
        loaded = len(sys.modules) - before
        table.add_row(name, f"{took * 1e6:.1f} µs, {watching} observer(s), {loaded} module(s) loaded for it")
    out.print(table)


def timed(action: Callable[[], object], times: int = 1) -> float:
    started = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - started) / times


def all_at_once(action: Callable[[], object]) -> float:
    gate = threading.Barrier(CALLERS + 1)

    def call() -> None:
        gate.wait()
        action()

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def conversations() -> None:
    """Cards through the inbound door of a service in a process of its own, and what it remembers of them."""
    table = Table("", "", title=f"{TALKS:,} conversations at {TALKS_PER_SECOND} a second, inbound door")
    cards, grown, took = asyncio.run(_conversations())
    table.add_row("cards opened", f"{len(set(cards)):,}")
    table.add_row("lost", str(TALKS - len(set(cards))))
    table.add_row("double", str(len(cards) - len(set(cards))))
    table.add_row("took", f"{took:.1f} s")
    table.add_row("memory of the service, after against before", f"{grown / 1e6:+.1f} MB")
    out.print(table)


async def _conversations() -> tuple[list[str], int, float]:
    """Numbers of all cards, the service's growth in bytes, seconds."""
    with OneCSimulator(OneCSimulatorSettings(port=0)) as onec, tempfile.TemporaryDirectory() as folder:
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            config = Path(folder) / "fs-1c.toml"
            config.write_text(
                f'[onec]\nurl = "{onec.url}"\n[subscribers.keys]\n"244" = "KEY244"\n'
                f'[state]\nfolder = "{folder}"\n[http]\nenabled = false\n[esl.outbound]\nenabled = false\n'
                f'[[esl.inbound]]\naddress = "127.0.0.1:{switch.event_socket_port}"\n'
            )
            command = [sys.executable, "-m", "fs_1c", "serve", "-c", str(config)]
            with (Path(folder) / "log").open("wb") as log:
                service = await asyncio.create_subprocess_exec(*command, stderr=log)
            try:
                await switch.wait_for_subscribers()
                # So that it has its threads and pages.
                await load.play(switch, 100_000, TALKS, 4.0 * TALKS_PER_SECOND)
                await _all_told(onec, TALKS)
                before = memory(service.pid)
                took = await load.play(switch, 0, TALKS, TALKS_PER_SECOND)
                await _all_told(onec, 2 * TALKS)
                grown = memory(service.pid) - before
            finally:
                service.terminate()
                await service.wait()
        numbers = {load.number(i) for i in range(TALKS)}
        return [card.num_from for card in onec.cards if card.num_from in numbers], grown, took


async def _all_told(onec: OneCSimulator, count: int) -> None:
    ends = time.monotonic() + 10
    while len(onec.cards) < count and time.monotonic() < ends:  # noqa: ASYNC110 (a server of another thread)
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)  # for those that should not come


def _rows() -> Iterator[tuple[str, Row]]:
    service.DRAIN = 0.4  # nobody waits for what hangs: these workers never end by themselves
    for name, fault in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            yield name, asyncio.run(run(fault, Path(folder)))
    if redis_server_binary:
        for word, end in (("hangs", signal.SIGSTOP), ("dies", signal.SIGKILL)):
            for name, fault in (("well", {}), ("mute", FAULTS["mute"])):
                with tempfile.TemporaryDirectory() as folder, redis_server() as redis:
                    halfway = partial(redis.process.send_signal, end)
                    row = asyncio.run(run(fault, Path(folder), halfway, redis={"url": redis.url}))
                yield f"{name}; Redis {word} half-way", row


def faults() -> None:
    table = Table("1C …", "calls", "lost", "longest, ms", "results", "stale: answered", "stale: longest, ms")
    table.title = (
        f"{CALLS} calls at {PER_SECOND} a second, deadline {DEADLINE * 1000:.0f} ms; every other one stale"
    )
    for name, row in _rows():
        results = ", ".join(f"{count} {result}" for result, count in sorted(row.by_result.items()))
        longest, stale = f"{row.longest_ms:.0f}", f"{row.stale_longest_ms:.0f}"
        table.add_row(name, str(row.calls), str(row.lost), longest, results, str(row.stale), stale)
    out.print(table)


if __name__ == "__main__":
    main()
