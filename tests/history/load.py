"""`python -m tests.history.load [CALLS] [RATE]`: so many calls a second at a simulated switch, of five kinds
by turns, through `fs-1c serve`, to a simulated 1C. Says where the truth, the journal and what 1C has of a
call differ, and exits 1 if they do.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fs_1c.journal import calls as journal_of
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.freeswitch.recordings import timed_messages
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.calls import Document
from tests import ROOT
from tests.processes import processor_time
from tests.recordings import records
from tests.world import until

KINDS: dict[str, tuple[str, ...]] = {
    "inbound_answered": ("244",),
    "inbound_abandoned": (),
    "inbound_group": ("244",),
    "inbound_blind_transfer": ("244", "245"),
    "inbound_failover": ("245",),
}
"""Recordings of a switch, and who talks to the client in them, in order."""
STEP = 0.05
"""Seconds between the events of a call."""
PATIENCE = 120.0
"""Seconds that 1C may be behind the switch in the end."""
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Made:
    """A call: what it is called, who talks in it, its client's number, and its events."""

    uuid: str
    talked: tuple[str, ...]
    number: str
    messages: tuple[bytes, ...]


@dataclass(frozen=True)
class Agreed:
    """What a run has shown.

    Attributes:
        differ: Lines, each about a call of which not all know the same.
        behind: Seconds that 1C was behind the switch in the end.
        processor: Seconds of the service.
    """

    calls: int
    differ: tuple[str, ...]
    behind: float
    processor: float


def made(i: int) -> Made:
    kind = list(KINDS)[i % len(KINDS)]
    number, recorded = f"8923{5000000 + i}", [message for _, message in timed_messages(records(kind))]
    legs = {leg: b"%08x%s" % (i, leg[8:]) for leg in dict.fromkeys(_legs(b"".join(recorded)))}
    messages = []
    for message in recorded:
        for leg, other in legs.items():
            message = message.replace(leg, other)
        messages.append(message.replace(b"89235292926", number.encode()))
    return Made(next(iter(legs.values())).decode(), KINDS[kind], number, tuple(messages))


def _legs(octets: bytes) -> Iterator[bytes]:
    for line in octets.splitlines():
        if line.startswith(b"Unique-ID: ") and _UUID.fullmatch(line[11:]):
            yield line[11:]


async def play(switch: SimulatedSwitch, calls: list[Made], rate: float) -> None:
    """So many a second; returns when the last is over."""
    began = time.monotonic()

    async def one(call: Made) -> None:
        for message in call.messages:
            await switch.send_raw(message)
            await asyncio.sleep(STEP)

    playing = []
    for i, call in enumerate(calls):
        await asyncio.sleep(max(0.0, began + i / rate - time.monotonic()))
        playing.append(asyncio.create_task(one(call)))
    await asyncio.gather(*playing)


@contextmanager
def service(folder: Path, switch: int, url: str) -> Iterator[int]:
    """`fs-1c serve`, which tells 1C the whole call; its process."""
    config = folder / "fs-1c.toml"
    config.write_text(
        f'[onec]\nurl = "{url}"\ndialect = "mobilon-3"\nkeep_warm = "off"\nsessions = 8\n'
        f'[history]\nenabled = true\n[state]\nfolder = "{folder}"\n[http]\nenabled = false\n'
        f'[esl.outbound]\nenabled = false\n[[esl.inbound]]\naddress = "127.0.0.1:{switch}"\n',
        "utf-8",
    )
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "fs_1c", "serve", "-c", str(config)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


async def agree(calls: int, rate: float) -> Agreed:
    """Plays them and compares."""
    all_of_them = [made(i) for i in range(calls)]
    simulated = OneCSimulatorSettings(port=0, dialect="mobilon-3", sessions="autouse", latency=0.003)
    with tempfile.TemporaryDirectory() as name, OneCSimulator(simulated) as onec:
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            with service(Path(name), switch.event_socket_port, onec.url) as process:
                await switch.wait_for_subscribers(timeout=60.0)
                before = processor_time(process)
                await play(switch, all_of_them, rate)
                ended = time.monotonic()
                with suppress(AssertionError):  # who has not been told of shows then
                    await until(lambda: _ended(onec.calls) >= calls, PATIENCE)
                behind, processor = time.monotonic() - ended, processor_time(process) - before
        # The service has ended, and with it its journal is written.
        talks = {
            entry.call: tuple(talk.extension for talk in entry.talks)
            for entry in journal_of(Path(name) / "journal.db", limit=2 * calls)
        }
        log = (Path(name) / "log").read_text("utf-8", "replace").splitlines()
    amiss = tuple(line for line in log if " ERROR " in line or "Traceback" in line)
    return Agreed(calls, (*amiss, *_differ(all_of_them, talks, onec.calls)), behind, processor)


def _ended(documents: Sequence[Document]) -> int:
    return sum(document.states[-1:] == ["END"] for document in documents)


def _differ(
    calls: list[Made], talks: dict[str, tuple[str, ...]], documents: Sequence[Document]
) -> Iterator[str]:
    """Of each call that the journal or 1C has wrong what they have."""
    told: dict[str, list[Document]] = {}
    for document in documents:
        told.setdefault(document.call, []).append(document)
    for call in calls:
        there, noted = told.pop(call.uuid, []), talks.pop(call.uuid, ())
        if len(there) != 1:
            yield f"{call.uuid}: 1C has {len(there)} documents"
            continue
        [document] = there
        if noted != call.talked:
            yield f"{call.uuid}: {call.talked} have talked, the journal has {noted}"
        if (document.answered, document.missed) != (bool(call.talked), not call.talked):
            yield f"{call.uuid}: {call.talked} have talked, 1C has {document}"
        if document.who != (call.talked or ("",))[-1] and call.talked:
            yield f"{call.uuid}: {call.talked} have talked, for 1C it was {document.who!r}"
        if document.number != call.number or document.states.count("END") != 1:
            yield f"{call.uuid} of {call.number}: 1C has {document}"
    for other in {*told, *(call for call, noted in talks.items() if noted)}:
        yield f"{other}: no such call"


def main(calls: int, rate: float) -> int:
    found = asyncio.run(agree(calls, rate))
    sys.stdout.write("".join(f"{line}\n" for line in found.differ[:20]))
    sys.stdout.write(
        f"{found.calls} calls at {rate:g} a second: {len(found.differ)} differ; 1C was {found.behind:.1f} s "
        f"behind in the end; the service took {found.processor / found.calls * 1000:.2f} ms a call\n"
    )
    return 1 if found.differ else 0


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in (sys.argv[1:] + ["2000", "100"][len(sys.argv) - 1 :]))))
