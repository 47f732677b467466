"""`python -m tests.history.load [CALLS] [RATE] [DIALECT]`: so many calls a second at a simulated switch, of
five kinds by turns, through `fs-1c serve`, to a simulated 1C, in each dialect that is told of calls or that
one. Says where the truth, the journal and what 1C has of a call differ, and exits 1 if they do.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fs_1c.call import Ended, Told
from fs_1c.journal import CallEntry
from fs_1c.journal import calls as journal_of
from fs_1c.settings import DialectName
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.freeswitch.recordings import timed_messages
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.calls import Document
from tests import ROOT
from tests.processes import processor_time
from tests.recordings import records

KINDS: dict[str, tuple[str, ...]] = {
    "inbound_answered": ("244",),
    "inbound_abandoned": (),
    "inbound_group": ("244",),
    "inbound_blind_transfer": ("244", "245"),
    "inbound_failover": ("245",),
}
"""Recordings of a switch, and who talks to the client in them, in order."""
ENDS: dict[DialectName, str] = {
    DialectName.MOBILON_3: "END",
    DialectName.ITOOLABS: "history",
    DialectName.MOBILON_2: "END",
}
"""The last that a base is told of a call."""
CARDS = frozenset(("PREANSWER", "ACCEPTED"))
"""Words of a call that are the cards': of them the journal has a row of its own."""
STEP = 0.05
"""Seconds between the events of a call."""
PATIENCE = 90.0
"""Seconds that 1C may be behind the switch in the end."""
CRM_TOKEN = 'crm_token = "rehearsal"\n'
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
        dialect: The base's.
        differ: Lines, each about a call of which not all know the same.
        behind: Seconds that 1C was behind the switch in the end.
        processor: Seconds of the service.
    """

    dialect: str
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
def service(folder: Path, switch: int, url: str, dialect: str) -> Iterator[int]:
    """`fs-1c serve`, which tells 1C the whole call; its process."""
    config = folder / "fs-1c.toml"
    config.write_text(
        f'[onec]\nurl = "{url}"\ndialect = "{dialect}"\nkeep_warm = "off"\nsessions = 8\ntimeout = "40s"\n'
        f"{CRM_TOKEN if dialect == DialectName.ITOOLABS else ''}"
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


async def agree(calls: int, rate: float, dialect: DialectName = DialectName.MOBILON_3) -> Agreed:
    """Plays them and compares."""
    all_of_them = [made(i) for i in range(calls)]
    simulated = OneCSimulatorSettings(port=0, dialect=dialect.value, sessions="autouse", latency=0.003)
    with tempfile.TemporaryDirectory() as name, OneCSimulator(simulated) as onec:
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            with service(Path(name), switch.event_socket_port, onec.url, dialect) as process:
                await switch.wait_for_subscribers(timeout=60.0)
                before = processor_time(process)
                await play(switch, all_of_them, rate)
                ended = time.monotonic()
                # Looked at seldom, for that takes 1C's time; who has not been told of shows then.
                while _ended(onec.calls, ENDS[dialect]) < calls and time.monotonic() < ended + PATIENCE:
                    await asyncio.sleep(0.25)
                behind, processor = time.monotonic() - ended, processor_time(process) - before
        # The service has ended, and with it its journal is written.
        journal = {entry.call: entry for entry in journal_of(Path(name) / "journal.db", limit=2 * calls)}
        log = (Path(name) / "log").read_text("utf-8", "replace").splitlines()
    amiss = tuple(line for line in log if " ERROR " in line or "Traceback" in line)
    return Agreed(dialect, calls, (*amiss, *_differ(all_of_them, journal, onec.calls)), behind, processor)


def _ended(documents: Sequence[Document], last: str) -> int:
    return sum(document.states[-1:] == [last] for document in documents)


def _differ(calls: list[Made], journal: dict[str, CallEntry], documents: Sequence[Document]) -> Iterator[str]:
    """Of each call that the journal or 1C has wrong what they have."""
    told: dict[str, list[Document]] = {}
    for document in documents:
        told.setdefault(document.call, []).append(document)
    for call in calls:
        there, noted = told.pop(call.uuid, []), journal.pop(call.uuid, None)
        if len(there) != 1 or noted is None or len(noted.ends) != 1:
            yield f"{call.uuid}: 1C has {len(there)} documents, the journal {noted and noted.ends}"
            continue
        [document], [end] = there, noted.ends
        if tuple(talk.extension for talk in noted.talks) != call.talked:
            yield f"{call.uuid}: {call.talked} have talked, the journal has {noted.talks}"
        if end.outcome is not (Ended.ANSWERED if call.talked else Ended.MISSED):
            yield f"{call.uuid}: {call.talked} have talked, the journal has {end}"
        if round(end.seconds) != document.seconds:
            yield f"{call.uuid}: {document.seconds} s for 1C, {end.seconds} for the journal"
        said = Counter(word.state for word in noted.told)
        if said - Counter(document.states) or set(Counter(document.states) - said) - CARDS:
            yield f"{call.uuid}: 1C was told {document.states}, the journal has {said}"
        if lost := [word for word in noted.told if word.outcome != Told.TOLD]:
            yield f"{call.uuid}: {lost}"
        if (document.answered, document.missed) != (bool(call.talked), not call.talked):
            yield f"{call.uuid}: {call.talked} have talked, 1C has {document}"
        if document.who != (call.talked or ("",))[-1] and call.talked:
            yield f"{call.uuid}: {call.talked} have talked, for 1C it was {document.who!r}"
        of_the_end = [state for state in document.states if state in ENDS.values()]
        if document.number[-10:] != call.number[-10:] or len(of_the_end) != 1:
            yield f"{call.uuid} of {call.number}: 1C has {document}"
    for other in {*told, *journal}:
        yield f"{other}: no such call"


def main(calls: int, rate: float, *dialects: str) -> int:
    differ = 0
    for dialect in map(DialectName, dialects or ENDS):
        found = asyncio.run(agree(calls, rate, dialect))
        sys.stdout.write("".join(f"{line}\n" for line in found.differ[:20]))
        sys.stdout.write(
            f"{dialect}: {found.calls} calls at {rate:g} a second: {len(found.differ)} differ; 1C was "
            f"{found.behind:.1f} s behind in the end; the service took "
            f"{found.processor / found.calls * 1000:.2f} ms a call\n"
        )
        sys.stdout.flush()
        differ += len(found.differ)
    return 1 if differ else 0


if __name__ == "__main__":
    given = [*sys.argv[1:3], *["2000", "100"][len(sys.argv[1:3]) :]]
    sys.exit(main(int(given[0]), float(given[1]), *sys.argv[3:]))
