"""`python -m tests.bench.peers [--quick] [--write] [outbound|inbound|wire …]`; without a name: all three."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

from rich.console import Console

from tests.bench.peers import report
from tests.bench.peers.result import Found

PARTS = ("outbound", "inbound", "wire")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.peers", description="The doors beside their peers."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="measure less, for working on the bench")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its picture")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; allowed: {', '.join(PARTS)}")
    if given.write:
        if given.quick or given.parts:
            parser.error("--write is for a whole run")
        report.can_draw()  # before all the measuring
    logging.getLogger("fs_1c").setLevel(logging.ERROR)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    found: list[Found] = []
    for part in given.parts or PARTS:
        measured = importlib.import_module(f"tests.bench.peers.{part}").measure(quick=given.quick)
        tables = (measured,) if isinstance(measured, Found) else measured
        report.show(tables, console)
        found += tables
    if given.write:
        report.write(found)


if __name__ == "__main__":
    main()
