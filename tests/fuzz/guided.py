"""The same harnesses under atheris, which looks for inputs that reach new lines: `--engine atheris`.

It is not among the development dependencies: `pip install atheris` (Linux; wheels for Python 3.11 to 3.13).
It never gives back control, so each harness gets a process of its own.
"""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.fuzz.engine import corpus

HANGS = 20
"""Seconds of one input, by the clock on the wall: a busy machine is no failure."""


def run(name: str, seconds: float, seed: int, keep: Path) -> int:
    """Fuzzes one harness in a process. Returns 0 if nothing failed; what failed is kept in `keep`."""
    if find_spec("atheris") is None:
        raise SystemExit("--engine atheris: the module is not installed: pip install atheris")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(
                sys.executable,
                "-m",
                "tests.fuzz.guided",
                name,
                folder,
                f"-max_total_time={max(1, round(seconds))}",
            ),
            *(f"-seed={seed % 2**31 or 1}", f"-artifact_prefix={keep}/{name}.", f"-timeout={HANGS}"),
            *("-print_final_stats=1", "-verbosity=1"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    told = done.stderr.splitlines()
    count = next((line.split()[-1] for line in told if "number_of_executed_units" in line), "0")
    rate = next((line.split()[-1] for line in told if "average_exec_per_sec" in line), "0")
    sys.stdout.write(f"{name:14}{int(count):>10,} inputs {int(rate):>8,} a second, guided\n")
    if done.returncode:
        sys.stdout.write("\n".join([*done.stdout.splitlines()[-30:], *told[-12:], ""]))
    sys.stdout.flush()
    return done.returncode


def main() -> None:
    """In the process: a harness' name, a folder for inputs of the run, options of libFuzzer."""
    atheris: Any = importlib.import_module("atheris")
    name, folder, *options = sys.argv[1:]
    logging.disable()
    # Before fs_1c is imported by the harnesses.
    with atheris.instrument_imports(include=["fs_1c"]):
        harness = importlib.import_module("tests.fuzz.harnesses").HARNESSES[name]
    seeds = [*corpus(name).values(), *harness.seeds]
    for number, octets in enumerate(seeds):
        (Path(folder) / f"seed-{number}").write_bytes(octets)
    atheris.Setup([sys.argv[0], *options, f"-max_len={max(4096, *map(len, seeds))}", folder], harness.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
