"""`python -m tests.fuzz [--seconds 60] [--only NAME] [--seed N] [FILE …]`: exits 1 when something fails.

`--clock` measures instead how long each parser takes over inputs that grow: see `clock`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import tempfile
import time
from pathlib import Path
from random import Random

from rich.console import Console
from rich.markup import escape

from tests.fuzz import clock, guided, readers
from tests.fuzz.engine import Failure, Harness, attempt, corpus, run
from tests.fuzz.harnesses import HARNESSES

out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Returns the exit code: 0, or 1 if anything failed."""
    given = _arguments()
    logging.disable()
    if given.clock:
        return _clock(given.seconds, given.seed)
    chosen = [HARNESSES[name] for name in given.only or HARNESSES]
    if given.file:
        return _again(chosen, given.file)
    out.print(f"seed {given.seed}; what fails is kept in {given.keep}")
    given.keep.mkdir(parents=True, exist_ok=True)
    share = given.seconds / len(chosen)
    failed = False
    for harness in chosen:
        if given.engine == "atheris":
            failed |= guided.run(harness.name, share, given.seed, given.keep) != 0
            continue
        random = Random(f"{given.seed} {harness.name}")
        kept = list(corpus(harness.name).values())
        limits = {"inputs": given.inputs} if given.inputs else {"seconds": share}
        report = run(harness, random, kept=kept, **limits)
        rate = report.inputs / max(report.seconds, 1e-9)
        failed |= bool(report.failures)
        found = f", {len(report.failures)} failures" if report.failures else ""
        out.print(f"{harness.name:14}{report.inputs:>10,} inputs {rate:>8,.0f} a second{found}")
        for failure in report.failures.values():
            _tell(harness, failure, _keep(harness, failure, given.keep))
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Fuzzes whatever reads the outside."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for all harnesses together")
    parser.add_argument("--inputs", type=int, default=0, help="for each harness, instead of --seconds")
    parser.add_argument(
        "--only", action="append", choices=sorted(HARNESSES), help="may be given several times"
    )
    parser.add_argument("--clock", action="store_true", help="measures time as inputs grow")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument(
        "--engine", choices=("own", "atheris"), default="own", help="atheris: guided by coverage"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path(tempfile.gettempdir()) / f"fs-1c-fuzz-{os.getuid()}",
        help="the folder for inputs that fail",
    )
    parser.add_argument("file", nargs="*", type=Path, help="tries these inputs instead")
    return parser.parse_args()


def _clock(seconds: float, seed: int) -> int:
    """Every parser in turn, over shapes that are made anew each time."""
    out.print(f"seed {seed}; the processor time of inputs that grow to each parser's bound")
    parsers = readers.parsers()
    failed = False
    for parser in parsers:
        ends = time.monotonic() + seconds / len(parsers)
        tried = 0
        for shape in clock.shapes(parser, Random(f"{seed} {parser.name}")):
            tried += 1
            for look in (clock.judge, clock.hoards) if tried % 16 == 1 else (clock.judge,):
                if (found := look(parser, shape)) is not None:
                    failed = True
                    out.print(escape(str(found)))
            if time.monotonic() > ends:
                break
        out.print(f"{parser.name:14}{tried:>10,} shapes up to {parser.bound:,} octets")
    return int(failed)


def _again(chosen: list[Harness], files: list[Path]) -> int:
    """Tries inputs as they are. A kept file's name begins with its harness; any other one needs --only."""
    failed = False
    for file in files:
        named = [harness for harness in chosen if file.name.startswith(f"{harness.name}.")]
        for harness in named or chosen:
            failure = attempt(harness, file.read_bytes())
            if failure is None:
                out.print(f"{harness.name:14}{escape(str(file))}: passes")
            else:
                failed = True
                _tell(harness, failure, file)
    return int(failed)


def _keep(harness: Harness, failure: Failure, folder: Path) -> Path:
    file = folder / f"{harness.name}.{hashlib.sha256(failure.octets).hexdigest()[:12]}"
    file.write_bytes(failure.octets)
    return file


def _tell(harness: Harness, failure: Failure, file: Path) -> None:
    out.print(escape(failure.told))
    shown = repr(failure.octets[:120]) + ("…" if len(failure.octets) > 120 else "")
    out.print(f"{harness.name}: {len(failure.octets)} octets: {escape(shown)}")
    out.print(f"    python -m tests.fuzz --only {harness.name} {escape(str(file))}")


if __name__ == "__main__":
    raise SystemExit(main())
