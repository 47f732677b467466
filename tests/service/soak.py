"""Calls and conversations for as long as you like, while 1C's faults come and go: `python -m tests.soak
1800`.

No call may be lost, no card double, and the service's memory must stay where it was.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.journal.writer import MAX_QUEUE, Journal
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import JournalSettings
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import Client, Fault, OneCSimulator, OneCSimulatorSettings
from tests.processes import memory, start, wait_for
from tests.service import load as load
from tests.service.fault_table import DEADLINE, FAULTS, Row, call

PER_SECOND = 50
TALKS_PER_SECOND = 5
FAULT_FOR, ONCE_FOR = 10.0, 2.0
"""Seconds that a fault lasts, and that 1C is well after it; the same in the first round of all faults."""
GROWTH = 1.05
"""Memory of the last quarter by that of the second, at the most, when there is time enough for that to mean
something: `LONG` seconds. What does grow are the claims of a day, by 333 octets a card.
"""
LONG = 1200.0
NUMBERS = 5_000
"""Callers; some ring again while they are remembered, some when they are stale, some after they are
forgotten.
"""
JOURNAL = 200_000
"""Calls that the journal knows from before. In a new file SQLite would go on taking memory for half an hour,
until as many pages are in use as it may keep.
"""


@dataclass
class Seen:
    """What became of it all."""

    row: Row = field(default_factory=Row)
    faults: Counter[str] = field(default_factory=Counter)
    talks: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)


async def run(seconds: float, out: Console) -> bool:
    """True if no call was lost, no card double, and the memory stayed where it was."""
    clients = tuple(Client(caller(i), f"Клиент {i}", "0", "244") for i in range(NUMBERS // 2))
    with (
        tempfile.TemporaryDirectory() as name,
        OneCSimulator(OneCSimulatorSettings(port=0, clients=clients)) as onec,
    ):
        folder = Path(name)
        await asyncio.to_thread(_fill, folder / "journal.db")
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            config = folder / "fs-1c.toml"
            config.write_text(
                f'[onec]\nurl = "{onec.url}"\ntimeout = "2s"\n'
                f'[lookup]\ndeadline = "{DEADLINE * 1000:.0f}ms"\nfresh_for = "10s"\nstale_for = "1m"\n'
                f'unknown_for = "5s"\n[breaker]\npause = "1s"\n[subscribers.keys]\n"244" = "KEY244"\n'
                f'[state]\nfolder = "{folder}"\n[esl.outbound]\nlisten = "127.0.0.1:0"\n'
                f'[[esl.inbound]]\naddress = "127.0.0.1:{switch.event_socket_port}"\n'
                "[http]\nenabled = false\n"
            )
            log = folder / "log"
            service = start(["serve", "-c", str(config)], folder / "out", log)
            try:
                told = "outbound door: listening on "
                text = await asyncio.to_thread(wait_for, log, told)
                host, _, port = text.split(told)[1].split()[0].rpartition(":")
                await switch.wait_for_subscribers()
                seen = await _all(seconds, host, int(port), switch, onec, service.pid or 0)
            finally:
                service.terminate()
                service.join()
        return _tell(out, seen, Counter(card.num_from for card in onec.cards))


def caller(i: int) -> str:
    return f"8495{1000000 + i}"


def _fill(file: Path) -> None:
    for _ in range(JOURNAL // MAX_QUEUE):
        journal = Journal(file, JournalSettings(), NumberPlan())
        for i in range(MAX_QUEUE):
            received = caller(i % NUMBERS)
            known = Caller(Number(f"+7{received[1:]}", received), Result.FOUND, received, "Клиент", "", "244")
            journal.decided(Decision(Call(str(uuid4()), received), known, (), "user/244@pbx"))
        journal.close(60.0)
        assert not journal.rows_lost


def _tell(out: Console, seen: Seen, cards: Counter[str]) -> bool:
    double = sum(times > 1 for times in cards.values())
    table = Table("", "", title=f"{seen.memory[-1][0] / 60:.0f} minutes, {PER_SECOND} calls a second")
    table.add_row("calls", f"{seen.row.calls:,}")
    table.add_row("lost", str(seen.row.lost))
    table.add_row("longest decision, deadline 300 ms", f"{seen.row.longest_ms:.0f} ms")
    results = ", ".join(f"{count:,} {result}" for result, count in sorted(seen.row.by_result.items()))
    table.add_row("results", results)
    table.add_row("faults of 1C, half of the time", str(sum(seen.faults.values())))
    table.add_row("conversations", f"{seen.talks:,}")
    table.add_row("cards", f"{len(cards):,}; double: {double}")
    quarter = max(1, len(seen.memory) // 4)
    early, late = seen.memory[quarter : 2 * quarter] or seen.memory, seen.memory[-quarter:]
    sizes = [max(size for _, size in part) / 1e6 for part in (early, late)]
    table.add_row("memory, second and last quarter", f"{sizes[0]:.1f} MB, {sizes[1]:.1f} MB")
    out.print(table)
    flat = seen.memory[-1][0] < LONG or sizes[1] < sizes[0] * GROWTH
    return not seen.row.lost and not double and flat


async def _all(
    seconds: float, host: str, port: int, switch: SimulatedSwitch, onec: OneCSimulator, service: int
) -> Seen:
    seen = Seen()
    ends = time.monotonic() + seconds
    await asyncio.gather(
        _calls(seen, ends, host, port),
        _talks(seen, ends, switch),
        _weather(seen, ends, onec),
        _watch(seen, ends, service),
    )
    return seen


async def _calls(seen: Seen, ends: float, host: str, port: int) -> None:
    dice, calls, started = random.Random(1), set[asyncio.Task[None]](), time.monotonic()
    for i in itertools.count():
        await asyncio.sleep(max(0.0, started + i / PER_SECOND - time.monotonic()))
        if time.monotonic() > ends:
            break
        number = caller(dice.randrange(NUMBERS))
        task = asyncio.create_task(call(seen.row, host, port, number, stale=False))
        calls.add(task)
        task.add_done_callback(calls.discard)
    await asyncio.gather(*calls)


async def _talks(seen: Seen, ends: float, switch: SimulatedSwitch) -> None:
    while time.monotonic() < ends:
        await load.play(switch, seen.talks, TALKS_PER_SECOND * 10, TALKS_PER_SECOND)
        seen.talks += TALKS_PER_SECOND * 10


async def _weather(seen: Seen, ends: float, onec: OneCSimulator) -> None:
    faults = [fault for fault in FAULTS.values() if "fault" in fault and "https" not in fault]
    dice = random.Random(2)
    # Each once, before the memory counts: for a huge answer it grows to a size that it then keeps.
    once = iter(dice.sample(faults, len(faults)))
    while time.monotonic() < ends:
        first = next(once, None)
        chosen, seconds = dict(first or dice.choice(faults)), ONCE_FOR if first else FAULT_FOR
        seen.faults[chosen["fault"]] += 1
        onec.fault = Fault(chosen.pop("fault"), **chosen)
        await asyncio.sleep(seconds)
        onec.clear_fault()
        await asyncio.sleep(seconds)


async def _watch(seen: Seen, ends: float, service: int) -> None:
    started = time.monotonic()
    while time.monotonic() < ends:
        seen.memory.append((time.monotonic() - started, memory(service)))
        await asyncio.sleep(5.0)


if __name__ == "__main__":
    well = asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, Console(highlight=False)))
    sys.exit(0 if well else 1)
