"""A service that can be held up, and a supervisor that does with it what systemd does."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from tests import ROOT
from tests.processes import Forked, start

PATIENCE = 30.0
LIMIT = 2.0
"""`WatchdogSec` of the unit, in seconds."""
FOR_EVER = 3600.0

SLEEP, CALCULATE = signal.SIGUSR1, signal.SIGUSR2
"""What a service started by `start_service` does on its loop from then on."""


def _calculate() -> None:
    while True:
        pass


def _can_be_held_up() -> None:
    def sleep(number: int, frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(time.sleep, FOR_EVER)

    def calculate(number: int, frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(_calculate)

    signal.signal(SLEEP, sleep)
    signal.signal(CALCULATE, calculate)


def start_service(config: Path, log: Path, **environment: str) -> ForkServerProcess:
    """`fs-1c serve`, as it is, on whose loop a signal puts something that does not end."""
    out = log.with_suffix(".out")
    return start(("serve", "-c", str(config)), out, log, environment, before=_can_be_held_up)


class Supervisor:
    """Hears what a service says to systemd, and kills it when it has been silent for too long.

    Args:
        address: Where it is to be told: a path, or @ and a name.

    Attributes:
        told: The messages, in the order they came.
        killed: When it killed, on the monotonic clock; 0: not yet.
    """

    def __init__(self, address: str) -> None:
        self.told: list[str] = []
        self.killed = 0.0
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(LIMIT * 1e6))}
        self._changed = threading.Condition()
        self._watched: ForkServerProcess | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(LIMIT)
        self._over = False
        self._thread = threading.Thread(target=self._listen, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._thread.join()
        self._socket.close()

    def watch(self, process: ForkServerProcess) -> None:
        """From now on."""
        self._watched = process

    def hears(self, line: str, times: int = 1) -> str:
        """Waits for a message with that line; the latest of them."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._with(line)) >= times, PATIENCE)
            assert came, f"{line} not {times} times in {self.told}"
            return self._with(line)[-1]

    def _with(self, line: str) -> list[str]:
        return [message for message in self.told if line in message.split("\n")]

    def _listen(self) -> None:
        while not self._over:
            try:
                message = self._socket.recv(4096).decode()
            except TimeoutError:
                if self._watched is not None and not self.killed:
                    self.killed = time.monotonic()
                    self._watched.kill()
                continue
            with self._changed:
                self.told.append(message)
                self._changed.notify_all()


@contextmanager
def handed_over(
    config: Path, log: Path, listening: Sequence[socket.socket], names: str = "", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`fs-1c serve`, to which these sockets are handed over as systemd does it. `names`: by colons."""
    # Out of the way of those that they are to be: 3, 4 and so on.
    descriptors = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in listening]
    moves = "".join(f"os.dup2({one}, {3 + at}); " for at, one in enumerate(descriptors))
    pid = "LISTEN_PID=str(os.getpid())"
    arguments = [sys.executable, "-m", "fs_1c", "serve", "-c", str(config)]
    code = f"import os; {moves}os.environ.update({pid}); os.execv({sys.executable!r}, {arguments!r})"
    given = {**os.environ, **environment, "LISTEN_FDS": str(len(listening)), "LISTEN_FDNAMES": names}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", code],
            env=given,
            stderr=file,
            cwd=ROOT,
            pass_fds=descriptors,
        )
    for one in descriptors:
        os.close(one)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def handed_over_at_once(
    config: Path, log: Path, listening: Sequence[socket.socket], names: str = ""
) -> Iterator[Forked]:
    """The same, in a process that has loaded all already."""
    given = {"LISTEN_FDS": str(len(listening)), "LISTEN_FDNAMES": names}
    process = Forked(
        start(("serve", "-c", str(config)), log.with_suffix(".out"), log, given, partial(_take, listening))
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _take(handed: Sequence[socket.socket]) -> None:
    os.environ["LISTEN_PID"] = str(os.getpid())
    descriptors = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in handed]
    for one in handed:
        one.close()
    for to, descriptor in enumerate(descriptors, 3):
        os.dup2(descriptor, to)
        os.close(descriptor)
