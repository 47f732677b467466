"""The wire's reader beside its peers' parsers: the same recorded octets, from memory, without any socket."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.bench.peers import environments
from tests.bench.peers.inbound_calls import stream
from tests.bench.peers.result import Found

EVENTS = 500
ROUNDS, SECONDS = 3, 0.3
QUICK_ROUNDS, QUICK_SECONDS = 1, 0.2
PIECES = (64 * 1024, 1460)
"""Octets that come at a time: what a busy socket gives, and what a segment of TCP holds."""
PARSERS = (
    ("fs-1c: messages", "messages", ""),
    ("fs-1c: and their events", "events", ""),
    ("fs-1c: and ten values of each", "values", ""),
    ("fs-1c: and all values of each", "everything", ""),
    ("greenswitch: all values", "greenswitch", "greenswitch"),
    ("genesis: all values", "genesis", "genesis"),
)
"""Name in the table; name in the program; and the peer in whose environment it runs."""

_PROGRAM = Path(__file__).parent / "services" / "inbound_parsers.py"


def measure(quick: bool = False) -> Found:
    """Compares the parsers that are there; in about 20 seconds, or in seven with less certainty."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    poured = stream(EVENTS, 0, "299")
    octets = b"".join(poured.pieces)
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream"
        file.write_bytes(octets)
        for _ in range(rounds):
            for name, parser, peer in PARSERS:
                try:
                    python = environments.python(peer) if peer else Path(sys.executable)
                except environments.Unavailable as why:
                    missing[name] = str(why)
                    continue
                for piece, rate in zip(
                    PIECES, _rates(python, parser, file, seconds, poured.events), strict=True
                ):
                    rates[name, piece].append(rate)
    return _found(rates, missing, len(octets) / poured.events)


def _rates(python: Path, parser: str, file: Path, seconds: float, events: int) -> list[float]:
    """Messages a second, for each of `PIECES`. Raises RuntimeError if the parser has not found them all."""
    command = [str(python), str(_PROGRAM), parser, str(file), str(seconds), *map(str, PIECES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    rates = []
    for line in done.stdout.splitlines():
        found, took = line.split()
        if not int(found) or int(found) % events:
            raise RuntimeError(f"{parser} has lost messages: {found} is no multiple of {events}")
        rates.append(int(found) / float(took))
    return rates


def _found(rates: dict[tuple[str, int], list[float]], missing: dict[str, str], size: float) -> Found:
    rows: list[tuple[str, ...]] = []
    for name, _, _ in PARSERS:
        if name in missing:
            rows.append((name, missing[name], "", "", ""))
            continue
        medians = [statistics.median(rates[name, piece]) for piece in PIECES]
        rows.append(
            (name, *(cell for rate in medians for cell in (f"{rate:,.0f}", f"{rate * size / 1e6:.0f}")))
        )
    return Found(
        title="The wire's reader",
        how=(
            f"The events of recorded calls, {size:,.0f} octets each on average, from memory, in pieces of "
            f"64 kB and of {PIECES[1]} octets; messages for each second of processor, medians. Our reader "
            "finds where a message ends, and looks for a header when it is asked for it: a listener asks for "
            "about ten of an event's 150 or more, and it is made for that. The peers decode all of them at "
            "once; whoever wants the same of ours must ask header by header, which is slow. python-ESL's "
            "parser cannot be had without its socket."
        ),
        columns=("Parser", "64 kB: messages/s", "MB/s", f"{PIECES[1]} octets: messages/s", "MB/s"),
        rows=tuple(rows),
        bars={},
    )
