"""`fs-1c`, with the turns of its loop measured: `python -m tests.service.turns FILE serve -c …`.

A turn's processor time is its own, however many others the machine is busy with. The longest is written into
the file, and which callback of it took longest.
"""

from __future__ import annotations

import asyncio.base_events
import asyncio.events
import mmap
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORD = struct.Struct("=dQd64s")
_LONG = 0.02
"""Seconds: longer turns are counted."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Attributes:
    longest: Milliseconds of processor time of the longest turn.
    long: Turns of more than 20 ms.
    callback: Milliseconds of the longest callback of any turn.
    where: Which that was.
    """

    longest: float
    long: int
    callback: float
    where: str


class Probe:
    """The file, seen from outside."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_RECORD.size))
        with path.open("r+b") as file:
            self._seen = mmap.mmap(file.fileno(), _RECORD.size)

    def forget(self) -> None:
        """What was before does not count."""
        self._seen[:] = bytes(_RECORD.size)

    def read(self) -> Turns:
        longest, long, callback, where = _RECORD.unpack(self._seen[:])
        return Turns(longest * 1000, long, callback * 1000, where.rstrip(b"\0").decode("utf-8", "replace"))


def measure(path: Path) -> None:
    """Measures all loops of this process from now on, which has one."""
    with path.open("r+b") as file:
        seen = mmap.mmap(file.fileno(), _RECORD.size)
    once = asyncio.base_events.BaseEventLoop._run_once  # type: ignore[attr-defined]
    run = asyncio.events.Handle._run
    now = time.thread_time

    def measured_run(self: Any) -> None:
        began = now()
        run(self)
        took = now() - began
        longest, long, callback, _ = _RECORD.unpack(seen[:])
        if took > callback:
            name = getattr(self._callback, "__qualname__", type(self._callback).__name__)
            seen[:] = _RECORD.pack(longest, long, took, name.encode()[:64])

    def measured_once(self: Any) -> None:
        began = now()
        once(self)
        took = now() - began
        longest, long, callback, where = _RECORD.unpack(seen[:])
        if took > longest or took > _LONG:
            seen[:] = _RECORD.pack(max(took, longest), long + (took > _LONG), callback, where)

    asyncio.events.Handle._run = measured_run  # type: ignore[method-assign]
    asyncio.base_events.BaseEventLoop._run_once = measured_once  # type: ignore[attr-defined]


if __name__ == "__main__":
    from fs_1c.cli import main

    measure(Path(sys.argv.pop(1)))
    main()
