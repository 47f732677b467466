"""Calls, while somebody does his worst to the service: `python -m tests.service.hostile`.

Attackers, the service and 1C have processes of their own. Half of the callers are remembered, the others are
new. An attacker is a row in `ATTACKERS`; with `hostile 1C` 1C is one, too (`hostile_onec.py`).

On a machine with fewer processors than busy processes a call mostly waits for a processor. So two things are
told that are the service's own: the processor time of the longest turn of its loop, and what callers wait
while the attackers are nice (19): on a quiet machine at most 20 ms, 99 of 100 of those who are remembered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import multiprocessing
import os
import re
import select
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.processes import free_port, memory, processor_time, serving, wait_for
from tests.recordings import messages as recorded
from tests.recordings import records
from tests.service.fault_table import known, simulator, stranger
from tests.service.hostile_onec import hostile_onec, requests, withheld
from tests.service.turns import Probe, Turns

CALLS, PER_SECOND = 200, 50
WARM_UP = 2.0
"""Seconds that the attackers have before the first call."""
Attacker = Callable[[int], None]
"""Attacks the outbound door at that port, for ever."""

_DATA = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")
# Of a client with a manager: we stay with his call.
_ASYNC = _DATA.replace(b"Socket-Mode: static", b"Socket-Mode: async").replace(
    b"89235292926", known(0).encode()
)
_BRIDGED = b"".join(
    message._lines[1:] + b"\n\n" + message.body
    for message in recorded("outbound_async_bridge")
    if message.event().get("Event-Name") == "CHANNEL_BRIDGE"
)
_NOTE = b"Content-Type: text/event-plain\nContent-Length: 22\n\nEvent-Name: HEARTBEAT\n"


@dataclass
class Seen:
    """What became of the calls.

    Attributes:
        remembered, new: Milliseconds from the channel's data to `exit`; by who is calling.
        lost: Calls that were not let go.
        results: `fs_1c_result` → how many.
        waited: Who was late, from when until when (`time.monotonic`).
        late: How many were late, but for those whose answer 1C itself withheld.
        peak: The most octets that the service held in memory.
        busy: Seconds of processor time that the service has taken.
        turns: Of the service's loop.
    """

    remembered: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    lost: int = 0
    results: dict[str, int] = field(default_factory=dict)
    waited: list[tuple[str, float, float]] = field(default_factory=list)
    late: int = 0
    peak: int = 0
    busy: float = 0.0
    turns: Turns | None = None


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else float("nan")


def _again(port: int, what: Callable[[socket.socket], None]) -> None:
    """One connection after the other, as fast as it goes."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            what(connection)


def newlines(port: int) -> None:
    """A megabyte of messages with stray newlines between them, before the channel's data."""
    bomb = b"Content-Type:x\n\n\n" * 60_000
    _again(port, lambda connection: connection.sendall(bomb))


def newlines_only(port: int) -> None:
    """Nothing but newlines."""
    bomb = b"\n" * 1_000_000
    _again(port, lambda connection: connection.sendall(bomb))


def messages(port: int) -> None:
    """Whole messages before the channel's data."""
    many = b"Content-Type: command/reply\nReply-Text: +OK\n\n" * 20_000
    _again(port, lambda connection: connection.sendall(many))


def events(port: int) -> None:
    """The channel's data of an async call, and then events without end: on 20 connections."""
    data = _ASYNC
    _all_at_once(port, 20, data, _BRIDGED * 10)


def notes(port: int) -> None:
    """As `events`, of the smallest messages."""
    data = _ASYNC
    _all_at_once(port, 20, data, _NOTE * 200)


def unfinished(port: int) -> None:
    """Bodies that never end: 20 connections drip them."""
    head = _ASYNC
    head += b"Content-Type: text/event-plain\nContent-Length: 250000\n\n" + b"x" * 240_000
    _all_at_once(port, 20, head, b"x", pause=0.05)


def large(port: int) -> None:
    """Bodies of 16 MB, on 20 connections."""
    head = b"Content-Type: command/reply\nContent-Length: 16000000\n\n"
    _all_at_once(port, 20, head, b"x" * 65536)


def hoards(port: int) -> None:
    """300 connections that each keep what they may."""
    head = _ASYNC
    head += b"Content-Type: text/event-plain\nContent-Length: 262000\n\n" + b"x" * 261_000
    _all_at_once(port, 300, head, b"x", pause=1.0)


def heads(port: int) -> None:
    """A channel's data of 250 kB, one connection after the other."""
    lines = b"".join(b"variable_x%d: %%41%%42\n" % i for i in range(11_000))
    data = _DATA[:-1] + lines + b"\n"
    _again(port, lambda connection: connection.sendall(data))


def mute(port: int) -> None:
    """As many connections as it can have, which say nothing."""
    held: list[socket.socket] = []
    while True:
        try:
            held.append(socket.create_connection(("127.0.0.1", port), 5))
        except OSError:
            time.sleep(0.01)
        if len(held) >= 900:
            held.pop(0).close()


def _all_at_once(port: int, count: int, head: bytes, more: bytes, pause: float = 0.0) -> None:
    """Keeps that many connections, each of which says `head` and then `more` again and again."""
    poll, left = select.epoll(), dict[int, tuple[socket.socket, bytes]]()
    while True:
        while len(left) < count:
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), 5)
                connection.setblocking(False)
                left[connection.fileno()] = connection, head
                poll.register(connection.fileno(), select.EPOLLOUT)
        for descriptor, _ in poll.poll(1.0):
            connection, rest = left[descriptor]
            try:
                with contextlib.suppress(BlockingIOError):
                    if not connection.recv(65536):
                        raise ConnectionResetError
                with contextlib.suppress(BlockingIOError):
                    rest = rest[connection.send(rest) :]
            except OSError:
                del left[descriptor]
                connection.close()
                continue
            left[descriptor] = connection, rest or more
        if pause:
            time.sleep(pause)


ATTACKERS: dict[str, tuple[Attacker, ...]] = {
    "nobody": (),
    "newlines": (newlines,),
    "newlines only": (newlines_only,),
    "messages before the data": (messages,),
    "events without end": (events,),
    "small events without end": (notes,),
    "unfinished bodies": (unfinished,),
    "bodies of 16 MB": (large,),
    "300 hoards": (hoards,),
    "heads of 250 kB": (heads,),
    "mute": (mute,),
    "hostile 1C": (),
    "peers and 1C at once": (newlines, messages, unfinished, large),
}
HOSTILE_1C = ("hostile 1C", "peers and 1C at once")


async def _call(seen: Seen, port: int, number: str, times: list[float]) -> None:
    writer = None
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readuntil(b"connect\n\n")
            began, started = time.monotonic(), time.perf_counter()
            writer.write(_DATA.replace(b"89235292926", number.encode()))
            told = await reader.readuntil(b"exit\n\n")
        times.append((time.perf_counter() - started) * 1000)
        found = re.search(rb"fs_1c_result=([a-z]+)", told)
        result = found[1].decode() if found else "undecided"
        seen.results[result] = seen.results.get(result, 0) + 1
        if result == "late":
            seen.waited.append((number, began, time.monotonic()))
    except (TimeoutError, asyncio.IncompleteReadError, OSError):
        seen.lost += 1
    finally:
        if writer is not None:
            writer.close()


async def _calls(seen: Seen, port: int, process: int, probe: Probe) -> None:
    async def watch() -> None:
        while True:
            seen.peak = max(seen.peak, memory(process))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(WARM_UP)
    probe.forget()
    started, calls = time.perf_counter(), []
    for i in range(CALLS):
        await asyncio.sleep(max(0.0, started + i / PER_SECOND - time.perf_counter()))
        number, times = (known(i // 2), seen.remembered) if i % 2 else (stranger(i), seen.new)
        calls.append(asyncio.create_task(_call(seen, port, number, times)))
    await asyncio.gather(*calls)
    watching.cancel()


def run(attackers: tuple[Attacker, ...], folder: Path, *, hostile: bool = False, nice: int = 0) -> Seen:
    """200 calls at 50 a second, while these attack.

    Args:
        hostile: 1C is hostile, too.
        nice: How much the attackers leave the processors to others.
    """
    port, http = free_port(), free_port()
    config, log, turns = folder / "fs-1c.toml", folder / "log", folder / "turns"
    probe, seen = Probe(turns), Seen()
    with hostile_onec(folder, known(0)[:7]) if hostile else simulator(folder) as (address, written):
        config.write_text(
            f'[onec]\nurl = "{address}/telephony/ws/VATS"\n[esl.outbound]\nlisten = "127.0.0.1:{port}"\n'
            f'[http]\nlisten = "127.0.0.1:{http}"\n[lookup]\nnew_per_second = 1000\n',
            "utf-8",
        )
        with (
            serving(config, log, "tests.service.turns", str(turns)) as service,
            _attacking(attackers, port, log, nice),
        ):
            before = processor_time(service.pid)
            asyncio.run(_calls(seen, port, service.pid, probe))
            seen.busy = processor_time(service.pid) - before
            seen.turns = probe.read()
        asked = requests(written) if isinstance(written, Path) else []
    seen.late = sum(not withheld(asked, *waited) for waited in seen.waited)
    return seen


@contextlib.contextmanager
def _attacking(attackers: tuple[Attacker, ...], port: int, log: Path, nice: int) -> Iterator[None]:
    wait_for(log, "outbound door: listening")
    priming = Seen()

    async def prime() -> None:
        await asyncio.gather(*(_call(priming, port, known(i), []) for i in range(CALLS // 2)))

    def attack(attacker: Attacker) -> None:
        os.nice(nice)
        attacker(port)

    asyncio.run(prime())
    processes = [multiprocessing.get_context("fork").Process(target=attack, args=(one,)) for one in attackers]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def main() -> None:
    """Prints a table of all attackers, or of those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attack", nargs="*", choices=[*ATTACKERS, []], help="all, unless some are named")
    chosen = parser.parse_args().attack or list(ATTACKERS)
    table = Table(
        "attack",
        "remembered: median, p99, longest ms",
        "new: p99",
        "the same, attackers at nice 19",
        "new: p99",
        "longest turn, its callback",
        "lost",
        "late (all, with 1C's)",
        "MB",
        "processor",
    )
    for name in chosen:
        seen = []
        for nice in (0, 19):
            with tempfile.TemporaryDirectory() as folder:
                seen.append(run(ATTACKERS[name], Path(folder), hostile=name in HOSTILE_1C, nice=nice))
        turns = max((one.turns for one in seen if one.turns), key=lambda turns: turns.longest)
        table.add_row(
            name,
            *(cell for one in seen for cell in (_times(one.remembered), f"{percentile(one.new, 0.99):.1f}")),
            f"{turns.longest:.1f} ms: {turns.callback:.1f} {turns.where}; {turns.long} over 20",
            "/".join(str(one.lost) for one in seen),
            "/".join(f"{one.late} ({len(one.waited)})" for one in seen),
            "/".join(f"{one.peak / 1e6:.0f}" for one in seen),
            "/".join(f"{one.busy:.1f}" for one in seen),
        )
    Console(highlight=False, width=180).print(table)


def _times(values: list[float]) -> str:
    middle = statistics.median(values or [float("nan")])
    return f"{middle:.1f}  {percentile(values, 0.99):.1f}  {max(values, default=0):.1f}"


if __name__ == "__main__":
    main()
