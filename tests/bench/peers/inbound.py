"""The inbound door beside its peers: a switch pours events, as fast as they are taken, and each must be
handled.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fs_1c.talk.conversations import EVENTS
from tests.bench.peers import environments
from tests.bench.peers.inbound_calls import Stream, stream
from tests.bench.peers.inbound_switch import PouringSwitch
from tests.bench.peers.result import Found
from tests.processes import processor_time

ROUNDS, POURED = 3, 8_000
QUICK_ROUNDS, QUICKLY_POURED = 1, 5_000
WARM_UP = 900
"""Events before the clock starts, so that everything is loaded and has run once."""
PATIENCE = 10.0
"""Seconds in which a service must have written its journal."""
OURS, OUTBOX = "fs-1c serve", "fs-1c serve, with its outbox"
TELLING = "fs-1c serve, and cards are tried"
FOLLOWING = "fs-1c, conversations followed only"
BEHIND = "greenswitch"
"""Whom our door must not be behind."""

_SERVICES = Path(__file__).parent / "services"


class Failed(Exception):
    """A listener has broken down; why, in one line."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is compared.

    Attributes:
        name: As the table shows it.
        command: What to run, with the port of the switch and a folder of its own.
        lost: What it has not handled of these streams, in words, judged by what is in its folder; empty:
            nothing.
    """

    name: str
    command: Callable[[int, Path], list[str]]
    lost: Callable[[Sequence[Stream], Path], str]


@dataclass(frozen=True, slots=True)
class Round:
    """What a listener did in one round.

    Attributes:
        rate: Events a second.
        cpu: Seconds of processor for each event.
        grown: Octets of memory that it took meanwhile, at its peak.
        lost: What it has not handled, in words.
    """

    rate: float
    cpu: float
    grown: int
    lost: str


def measure(quick: bool = False) -> Found:
    """Compares all listeners there are on this machine; in a minute, or in 15 seconds with less certainty."""
    rounds, events = (QUICK_ROUNDS, QUICKLY_POURED) if quick else (ROUNDS, POURED)
    warm_up, poured = stream(WARM_UP, 0, "298"), stream(events, 500_000, "299")
    listeners, missing = _listeners()
    seen: dict[str, list[Round]] = {listener.name: [] for listener in listeners}
    for _ in range(rounds):
        for listener in listeners:
            try:
                seen[listener.name].append(_round(listener, warm_up, poured))
            except Failed as why:
                missing[listener.name] = str(why)
    seen = {name: done for name, done in seen.items() if name not in missing}
    return _found(seen, missing, poured, rounds)


def _listeners() -> tuple[list[Listener], dict[str, str]]:
    """All that there are, and why the others are not."""
    listeners = _ours()
    missing: dict[str, str] = {}
    for peer in ("greenswitch", "python-ESL", "genesis"):
        try:
            listeners.append(Listener(peer, _peer(peer), _uncounted))
        except environments.Unavailable as why:
            missing[peer] = str(why)
    return listeners, missing


def _ours() -> list[Listener]:
    following = _SERVICES / "inbound_following.py"
    return [
        Listener(OURS, _serve, _missing_in_journal),
        Listener(OUTBOX, _serve_outbox, _missing_in_outbox),
        Listener(TELLING, _serve_cards, _cards_missing_in_outbox),
        Listener(FOLLOWING, lambda port, _: [sys.executable, str(following), str(port)], _untold),
    ]


def _serve(port: int, folder: Path) -> list[str]:
    """The service as it is set up everywhere, but that no subscriber has a key: 1C is not asked for cards."""
    config = folder / "fs-1c.toml"
    config.write_text(
        '[onec]\nurl = "http://127.0.0.1:9/vats"\nkeep_warm = "off"\n[subscribers]\ndirectory = true\n'
        f'[state]\nfolder = "{folder}"\n[http]\nenabled = false\n[esl.outbound]\nenabled = false\n'
        f'[[esl.inbound]]\naddress = "127.0.0.1:{port}"\n',
        "utf-8",
    )
    return [sys.executable, "-m", "fs_1c", "serve", "-c", str(config)]


def _serve_outbox(port: int, folder: Path) -> list[str]:
    """The same, and what a 1C that is away is to be told of each call goes to the outbox."""
    command = _serve(port, folder)
    with (folder / "fs-1c.toml").open("a", encoding="utf-8") as config:
        config.write("[history]\nenabled = true\n")
    return command


def _serve_cards(port: int, folder: Path) -> list[str]:
    """The same in a dialect that needs no key, so that cards are tried, too."""
    command, config = _serve_outbox(port, folder), folder / "fs-1c.toml"
    told = 'url = "http://127.0.0.1:9/vats"\ndialect = "itoolabs"\ncrm_token = "bench"'
    config.write_text(config.read_text("utf-8").replace('url = "http://127.0.0.1:9/vats"', told), "utf-8")
    return command


def _peer(peer: str) -> Callable[[int, Path], list[str]]:
    """Raises `environments.Unavailable`."""
    python = environments.python(peer)
    program = _SERVICES / f"inbound_{peer.lower().replace('-', '_')}.py"
    return lambda port, _: [str(python), str(program), str(port), *EVENTS]


def _missing_in_journal(streams: Sequence[Stream], folder: Path) -> str:
    """Each call has a card that did not open for want of a key."""
    calls = {call for one in streams for call in one.calls}
    ends = time.monotonic() + PATIENCE
    while missing := calls - _journal(folder / "journal.db"):
        if time.monotonic() > ends:
            return f"{len(missing)} calls, {min(missing)} among them"
        time.sleep(0.1)
    return ""


def _missing_in_outbox(streams: Sequence[Stream], folder: Path) -> str:
    """Besides, of each call three words wait for 1C: its beginning, its answer, its end. The marked ones have
    not ended.
    """
    return _missing_in_journal(streams, folder) or _less_in_outbox(streams, folder, of_the_marked=2)


def _cards_missing_in_outbox(streams: Sequence[Stream], folder: Path) -> str:
    """The answer is the card's to tell here, and that of a call that has not ended waits."""
    ended = [replace(one, calls=one.calls[:-1]) for one in streams]
    return _missing_in_journal(ended, folder) or _less_in_outbox(streams, folder, of_the_marked=1)


def _less_in_outbox(streams: Sequence[Stream], folder: Path, of_the_marked: int) -> str:
    expected = sum(3 * (len(one.calls) - 1) + of_the_marked for one in streams)
    ends = time.monotonic() + PATIENCE
    while (there := _waiting(folder / "history.db")) < expected:
        if time.monotonic() > ends:
            return f"{expected - there} words of the outbox"
        time.sleep(0.1)
    return "" if there == expected else f"{there - expected} words too many in the outbox"


def _waiting(file: Path) -> int:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as outbox:
        (there,) = outbox.execute("SELECT count(*) FROM words").fetchone()
        return int(there)
    return 0


def _journal(file: Path) -> set[str]:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
        return {call for (call,) in journal.execute("SELECT call FROM pops")}
    return set()


def _untold(streams: Sequence[Stream], folder: Path) -> str:
    """Each call begins, rings, is a conversation, and parts before its two legs hang up; the marked one is
    still up.
    """
    return _less(sum(6 * len(one.calls) - 3 for one in streams), folder, "happenings")


def _uncounted(streams: Sequence[Stream], folder: Path) -> str:
    return _less(sum(one.events for one in streams), folder, "events")


def _less(expected: int, folder: Path, what: str) -> str:
    """Compares with the last that it has said: a subscriber, and how many it had handled."""
    handled = int((folder / "out").read_text("utf-8").split()[-1])
    return "" if handled == expected else f"{expected - handled} {what}"


def _round(listener: Listener, warm_up: Stream, poured: Stream) -> Round:
    """Starts it, and pours. Raises `Failed`."""
    with tempfile.TemporaryDirectory() as name, PouringSwitch() as switch, _apart() as other:
        folder = Path(name)
        with _running(listener.command(switch.port, folder), folder, other) as process:
            switch.await_listener()
            switch.pour(warm_up)
            listener.lost([warm_up], folder)  # it has written what it writes
            used, held = processor_time(process), _held(process, "VmRSS")
            with suppress(OSError):
                Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak counts from here
            took = switch.pour(poured)
            lost = listener.lost([warm_up, poured], folder)
            cpu, grown = processor_time(process) - used, _held(process, "VmHWM") - held
    return Round(poured.events / took, cpu / poured.events, grown, lost)


@contextmanager
def _apart() -> Iterator[set[int]]:
    """Keeps this process to one processor; gives the others, or the same one if there is but one."""
    all_of_them = os.sched_getaffinity(0)
    mine = min(all_of_them)
    os.sched_setaffinity(0, {mine})
    try:
        yield all_of_them - {mine} or all_of_them
    finally:
        os.sched_setaffinity(0, all_of_them)


@contextmanager
def _running(command: list[str], folder: Path, processors: set[int]) -> Iterator[int]:
    """A process that runs on one of those processors, as all its threads do; its id. What goes wrong
    meanwhile is told with the last line of its log: raises `Failed`.
    """
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log)
        try:
            os.sched_setaffinity(process.pid, {max(processors)})
            yield process.pid
        except (OSError, ValueError) as error:
            said = (folder / "log").read_text("utf-8", "replace").strip().splitlines()
            raise Failed(f"failed: {error}; its log ends: {said[-1][:100] if said else 'empty'}") from error
        finally:
            process.kill()
            process.wait()


def _held(process: int, what: str) -> int:
    """Octets of memory: `VmRSS`, now, or `VmHWM`, at the most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def _found(seen: dict[str, list[Round]], missing: dict[str, str], poured: Stream, rounds: int) -> Found:
    rates = {name: statistics.median(each.rate for each in done) for name, done in seen.items()}
    behind = rates.get(BEHIND)
    rows = [
        (
            name,
            f"{rates[name]:,.0f}",
            f"{rates[name] / behind:.1f}" if behind else "",
            f"{statistics.median(each.cpu for each in done) * 1e6:.0f}",
            f"{statistics.median(each.grown for each in done) / 1e6:.0f}",
            next((f"no: {each.lost}" for each in done if each.lost), "yes"),
        )
        for name, done in seen.items()
    ]
    size = sum(map(len, poured.pieces))
    return Found(
        title="Events through the inbound door",
        how=(
            f"A simulated switch pours {poured.events:,} recorded events ({size / 1e6:.0f} MB: whole calls, "
            "each with legs and a caller of its own) as fast as they are taken. The clock stops when "
            "the listener asks for the key of the last call's subscriber, and so has handled all before. All "
            f"get the same {len(EVENTS)} kinds of event, by `event plain …` (genesis' Consumer asks for "
            f"`ALL`, with filters). **The peers only count them**, while `{OURS}` does all that it does in "
            "earnest: it follows the conversations, claims a card for each call, finds no key for it, and "
            "says so in its log and journal; in the next row it writes down, besides, what a 1C that is away "
            "is to be told of each call, and in the third it tries to open the cards there, too. Switch and "
            "listener have a processor each, where there are two. Medians; all take their turn in each round "
            f"({rounds}). Memory: the peak beyond what was held before."
        ),
        columns=("Listener", "events/s", f"× {BEHIND}", "CPU µs/event", "memory, MB", "all handled"),
        rows=(*rows, *((name, why, "", "", "", "") for name, why in missing.items())),
        bars={"events a second, inbound": tuple(rates.items())},
    )
