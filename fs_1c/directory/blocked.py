"""Numbers that 1C is never asked about: a file of the administrator's, read again when it changes.

A number a line, in any form, or the beginning of numbers in E.164 and a star: `+7999*`. What follows a # is a
remark.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

from fs_1c.numbers import Number, NumberPlan, read

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at the file."""
MAX_FILE = 4 * 1024 * 1024
"""Octets."""
MAX_COMPLAINTS = 20


class Blocked:
    """Those numbers. Thread-safe. A file that cannot be read any more leaves all as it was."""

    def __init__(self, file: Path, plan: NumberPlan) -> None:
        self._file = file
        self._plan = plan
        self._numbers: frozenset[str] = frozenset()
        self._beginnings: tuple[str, ...] = ()
        self._closed = threading.Event()
        self._seen = self._read()
        # A thread of its own: a file may stand on a disk that hangs.
        threading.Thread(target=self._watch, name="fs-1c-blocked", daemon=True).start()

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, Number):
            return False
        return number.e164 in self._numbers or number.e164.startswith(self._beginnings)

    def close(self) -> None:
        """Looks at the file no more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            with suppress(OSError):
                if _stamp(self._file) != self._seen:
                    self._seen = self._read()

    def _read(self) -> tuple[int, int, int]:
        stamp = (0, 0, 0)
        try:
            stamp = _stamp(self._file)
            with self._file.open("rb") as opened:
                octets = opened.read(MAX_FILE + 1)
            if len(octets) > MAX_FILE:
                raise OSError(0, f"more than {MAX_FILE} bytes")
        except OSError as error:
            log.warning(
                "numbers.blocked_file: %s cannot be read (%s); all stays as it was",
                self._file,
                error.strerror,
            )
            return stamp
        numbers, beginnings, problems = parse(octets.decode("utf-8-sig", "replace"), self._plan)
        self._numbers, self._beginnings = numbers, beginnings
        for problem in problems[:MAX_COMPLAINTS]:
            log.warning("numbers.blocked_file: %s: %s", self._file, problem)
        count = len(numbers) + len(beginnings)
        log.info("numbers.blocked_file: %d numbers and beginnings in %s", count, self._file)
        return stamp


def parse(text: str, plan: NumberPlan) -> tuple[frozenset[str], tuple[str, ...], list[str]]:
    """The numbers in E.164, the beginnings, and one line for each problem. Never raises."""
    numbers, beginnings, problems = set(), set(), []
    for place, line in enumerate(text.splitlines(), 1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        beginning = written[:-1].rstrip()
        if written.endswith("*"):
            if beginning[:1] == "+" and beginning[1:].isascii() and beginning[1:].isdigit():
                beginnings.add(beginning)
            else:
                problems.append(f"line {place}: a beginning is written as in +7999*")
        elif isinstance(number := read(written, plan), Number):
            numbers.add(number.e164)
        else:
            problems.append(f"line {place}: {number.reason}")
    return frozenset(numbers), tuple(sorted(beginnings)), problems


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
