"""A pseudo terminal with `fs-1c` at its other side, and somebody who types."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from typing import Self

from tests import ROOT

PATIENCE = 60.0
"""Seconds for anything to appear."""

# The terminal is the process's own, as after a login: passwords are read from it, and Ctrl-C comes by it.
_OWN = (
    "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "runpy.run_module('fs_1c', run_name='__main__', alter_sys=True)"
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs `fs-1c ARGUMENTS`.

    Attributes:
        shown: Everything that has been on the screen, without its colours.
    """

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.shown = ""
        self._seen = 0
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OWN, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200", "LC_ALL": "C.UTF-8", **environment},
        )
        os.close(theirs)

    def until(self, text: str) -> str:
        """Waits for it behind what was waited for last; what has come before it."""
        ends = time.monotonic() + PATIENCE
        while text not in self.shown[self._seen :]:
            assert self._read(ends), f"{text!r} does not come:\n{self.shown}"
        at = self.shown.index(text, self._seen)
        before, self._seen = self.shown[self._seen : at], at + len(text)
        return before

    def answer(self, question: str, line: str) -> str:
        """Types a line when that question has come; what stood before it."""
        before = self.until(question)
        self.until(": " if not question.endswith(" ") else "")
        os.write(self._ours, f"{line}\n".encode())
        return before

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Its exit code."""
        ends = time.monotonic() + PATIENCE
        while self._read(ends):
            pass
        return self._process.wait(PATIENCE)

    def _read(self, ends: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, ends - time.monotonic()))
        try:
            octets = os.read(self._ours, 65536) if ready else b""
        except OSError:  # EIO: the other side is closed
            octets = b""
        self.shown += _COLOURS.sub("", octets.decode("utf-8", "replace")).replace("\r\n", "\n")
        return bool(octets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)
