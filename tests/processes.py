"""The command line in processes of its own; quickly: each is forked from one that has loaded the library."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from tests import ROOT

PATIENCE = 50.0
"""Seconds that a command may take."""

_CHANCE = random.SystemRandom()  # another in each process, whatever a test does with seeds
_FORKS = multiprocessing.get_context("forkserver")
# What `fs-1c` itself loads only when it is needed.
_COMMANDS = [
    "fs_1c.cli.ask",
    "fs_1c.cli.erase",
    "fs_1c.cli.forget",
    "fs_1c.cli.serve",
    "fs_1c.check.report",
    "fs_1c.cli.simulator",
    "fs_1c.setup",
]
_FORKS.set_forkserver_preload([*_COMMANDS, "pytest"])


def fs_1c(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `fs-1c ARGUMENTS` with these variables added to its environment."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = start(arguments, out, err, environment)
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"fs-1c {' '.join(arguments)} does not end: {err.read_text('utf-8')}")
        code = process.exitcode
        return subprocess.CompletedProcess(arguments, code, out.read_text("utf-8"), err.read_text("utf-8"))


def start(
    arguments: Sequence[str],
    out: Path,
    err: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> ForkServerProcess:
    """Starts `fs-1c ARGUMENTS`; what it prints goes into these files. `before` is called there first."""
    given = {**os.environ, **(environment or {})}
    handed_over = (tuple(arguments), given, str(out), str(err), before)
    process = _FORKS.Process(target=_run, args=handed_over, daemon=True)
    process.start()
    return process


def fork(run: Callable[..., object], *arguments: object) -> Forked:
    """Calls that in a process of its own, which has loaded the library already."""
    process = _FORKS.Process(target=run, args=arguments, daemon=True)
    process.start()
    return Forked(process)


def _run(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    out: str,
    err: str,
    before: Callable[[], None] | None = None,
) -> None:
    """The whole of a process: `python -m fs_1c`, but for the loading."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["fs-1c", *arguments]
    from fs_1c.cli import main

    if before is not None:
        before()
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def wait_for(log: Path, text: str) -> str:
    """Waits until that text is in the log; all of it."""
    ends = time.monotonic() + PATIENCE
    while not log.exists() or text not in log.read_text("utf-8"):
        assert time.monotonic() < ends, log.read_text("utf-8") if log.exists() else log
        time.sleep(0.01)
    return log.read_text("utf-8")


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_given: set[int] = set()


def free_port(together: int = 1) -> int:
    """A port of loopback that nobody has, for TCP and UDP; none that the kernel gives to whoever asks.

    Nor one that was given before, here or to another worker of pytest: many are not bound until later.
    `together`: the first of so many in a row, for who takes the next ones without asking.
    """
    each = 6000 // _WORKERS
    while True:
        first = _CHANCE.randrange(10_000 + each * _WORKER, 10_000 + each * (_WORKER + 1) - together + 1)
        ports = range(first, first + together)
        if _given.isdisjoint(ports) and all(map(_is_free, ports)):
            _given.update(ports)
            return first


def _is_free(port: int) -> bool:
    with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Process(Protocol):
    """What tests want of a process."""

    @property
    def pid(self) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Forked:
    """A process that was forked, with the methods of one that was started."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid or 0
        self.terminate, self.kill = process.terminate, process.kill

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("fs-1c", timeout or 0.0)
        return code


@contextmanager
def serving(
    config: Path, log: Path, *module: str, before: Callable[[], None] | None = None
) -> Iterator[Process]:
    """`fs-1c serve` with these settings; its log goes into that file. `module`: what is run as `fs-1c`, with
    arguments of its own; else `before` is called there first.
    """
    command = ["serve", "-c", str(config)]
    with log.open("wb") as file:
        process: Process
        if module:
            process = subprocess.Popen([sys.executable, "-m", *module, *command], stderr=file, cwd=ROOT)
        else:
            process = Forked(start(command, Path(os.devnull), log, before=before))
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def memory(process: int) -> int:
    """Octets that a process holds in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_time(process: int) -> float:
    """Seconds that a process and its children that have ended have taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def no_descriptors_left() -> Iterator[ExitStack]:
    """This process may open nothing more, until what is yielded is closed."""
    gc.collect()  # what earlier tests left in circles would give descriptors back in between
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard))
    try:
        with ExitStack() as taken:
            with suppress(OSError):
                while True:
                    taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            yield taken
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
