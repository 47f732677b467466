"""A pseudo terminal with `fs-1c` at its other side, and somebody who types."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from tests.processes import fork

PATIENCE = 60.0
"""Seconds for anything to appear."""

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs `fs-1c ARGUMENTS`.

    Args:
        before: Is called there first.

    Attributes:
        shown: Everything that has been on the screen, without its colours.
    """

    def __init__(self, *arguments: str, before: Callable[[], None] | None = None, **environment: str) -> None:
        self.shown = ""
        self._seen = 0
        self._ours, theirs = pty.openpty()
        more = {"TERM": "xterm", "COLUMNS": "200", "LC_ALL": "C.UTF-8", **environment}
        self._process = fork(_command, os.ttyname(theirs), arguments, {**os.environ, **more}, before)
        self._theirs = theirs

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

    def told(self, what: signal.Signals) -> None:
        assert self._process.pid
        os.kill(self._process.pid, what)

    def shows_what_is_typed(self) -> bool:
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def end(self) -> int:
        """Its exit code."""
        ends = time.monotonic() + PATIENCE
        os.close(self._theirs)  # when the command closes it, too, there is nothing more to be read
        self._theirs = -1
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
        self._process.wait(PATIENCE)
        for one in (self._ours, self._theirs):
            if one >= 0:
                os.close(one)


def _command(
    terminal: str, arguments: Sequence[str], environment: Mapping[str, str], before: Callable[[], None] | None
) -> None:
    """The whole of the process: the terminal is its own, as after a login, and `fs-1c` runs on it."""
    os.environ.clear()
    os.environ.update(environment)
    os.setsid()
    opened = os.open(terminal, os.O_RDWR)
    for number in range(3):
        os.dup2(opened, number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8") for number in (1, 2))  # noqa: SIM115
    sys.argv = ["fs-1c", *arguments]
    from fs_1c.cli import main

    if before is not None:
        before()
    main()
