"""The outbound door beside its peers: each service does the same lookup, and the same switch calls it."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fs_1c.settings.types import Address
from tests import ROOT
from tests.bench.peers import environments, outbound_load, outbound_switch
from tests.bench.peers.environments import Unavailable
from tests.bench.peers.outbound_tables import BARE, OURS, PEERS, SERVICES, STREAMS, Measured, tables
from tests.bench.peers.result import Found
from tests.processes import free_port

ONEC_TAKES = 0.02
"""Seconds that the simulated 1C takes for an answer."""
START = 20.0
"""Seconds within which a service must take its first call."""
DESCRIPTORS = 10_000
"""A service needs one or two for each call."""

_PROGRAMS = "tests.bench.peers.services"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. Times in seconds.

    Attributes:
        rounds, steady_rounds: At 50 concurrent calls, and at 200 calls a second, the services in turn. Many
            short ones say more than a few long ones: what disturbs a machine lasts for some seconds.
        warm_up: After the caches are filled.
        held: Calls that are up at the same time.
    """

    rounds: int = 9
    steady_rounds: int = 3
    warm_up: float = 0.5
    busy: float = 1.5
    crowded: float = 3.0
    steady: float = 5.0
    held: int = 1000


QUICK = Plan(rounds=1, steady_rounds=1, warm_up=0.1, busy=0.5, crowded=0.5, steady=0.5, held=200)


def measure(quick: bool = False) -> tuple[Found, ...]:
    """Measures all services, for five minutes or (`quick`) half a one."""
    plan = QUICK if quick else Plan()
    found = {name: Measured() for name in SERVICES}
    with tempfile.TemporaryDirectory() as folder, _Bench(Path(folder)) as bench:

        def run(name: str, mode: str, play: Callable[..., T], *given: float) -> T | None:
            """What stops a service costs its own row only; it is not tried again."""
            if found[name].missing:
                return None
            try:
                return bench.run(name, mode, play, *given)
            except (Unavailable, OSError) as error:
                found[name].missing = str(error) or type(error).__name__
                return None

        for _ in range(plan.rounds):
            for name, one in found.items():
                if played := run(name, "sync", outbound_load.closed, 50, plan.warm_up, plan.busy):
                    one.at_50.append(played)
        for name, one in found.items():
            one.at_500 = run(name, "sync", outbound_load.closed, 500, plan.warm_up, plan.crowded)
        for _ in range(plan.steady_rounds):
            for name, one in found.items():
                if played := run(name, "sync", outbound_load.opened, 200, plan.warm_up, plan.steady):
                    one.steady.append(played)
        for name, one in found.items():
            one.held = run(name, "async", outbound_load.held, plan.held)
    return tables(found)


class _Bench(contextlib.ExitStack):
    """1C and the load on one core, the service on another one, if there is one.

    Args:
        folder: For settings and logs.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        cores = sorted(os.sched_getaffinity(0))
        self._service_core, self._load_core = {cores[0]}, {cores[-1]}
        self._folder = folder
        context = multiprocessing.get_context("spawn")
        self._load = self.enter_context(
            ProcessPoolExecutor(1, context, initializer=_settle, initargs=(self._load_core,))
        )
        self._url = self.enter_context(self._onec())

    def run(self, name: str, mode: str, play: Callable[..., T], *given: float) -> T:
        """Starts a service anew and plays to it. Raises `Unavailable` and OSError."""
        port = free_port()
        command = self._command(name, port, mode)
        log = self._folder / "log"
        with _process(command, log, self._service_core) as process:
            at = Address("127.0.0.1", port)
            ends = time.monotonic() + START
            while self._load.submit(outbound_load.first_call, at, mode).result():
                if process.poll() is not None or time.monotonic() > ends:
                    raise Unavailable(f"it does not start: {_last_line(log)}")
                time.sleep(0.05)
            try:
                return self._load.submit(play, at, process.pid, *given).result()
            except FileNotFoundError:  # in /proc
                raise Unavailable(f"it has died: {_last_line(log)}") from None

    def _command(self, name: str, port: int, mode: str) -> list[str]:
        if name in (BARE, STREAMS):
            given = [name.rpartition(" ")[2], str(port), mode]
            return [sys.executable, "-m", f"{_PROGRAMS}.outbound_bare", *given]
        if name != OURS:
            interpreter = str(environments.python(name))
            return [interpreter, "-m", f"{_PROGRAMS}.{PEERS[name]}", str(port), mode, self._url]
        settings = self._folder / "fs-1c.toml"
        settings.write_text(ours(self._url, port, self._folder))
        return [sys.executable, "-m", "fs_1c", "serve", "-c", str(settings)]

    @contextlib.contextmanager
    def _onec(self) -> Iterator[str]:
        """A simulated 1C that knows all callers; its url."""
        clients = self._folder / "clients.csv"
        numbers = map(outbound_switch.number, range(outbound_switch.REGULARS + outbound_switch.NEWCOMERS))
        rows = [f"{number},Фэйковый чиж {number[-4:]},0,244" for number in numbers]
        clients.write_text("\n".join(("number,title,category,manager", *rows)), "utf-8")
        address = Address("127.0.0.1", free_port())
        command = [sys.executable, "-m", "fs_1c", "simulator", "1c", "--listen", str(address)]
        command += ["--clients", str(clients), "--latency", str(ONEC_TAKES)]
        with _process(command, self._folder / "onec.log", self._load_core):
            ends = time.monotonic() + START
            while True:
                with contextlib.suppress(OSError), socket.create_connection(address):
                    break
                if time.monotonic() > ends:
                    raise RuntimeError(f"the simulated 1C does not start: {self._folder / 'onec.log'}")
                time.sleep(0.05)
            yield f"http://{address}/telephony/ws/VATS"


def ours(url: str, port: int, folder: Path) -> str:
    """Our service's settings. All calls come from one address; the peers know no bound for what is new."""
    return (
        f'[onec]\nurl = "{url}"\n[lookup]\ndeadline = "5s"\nnew_per_second = 0\n'
        f'[state]\nfolder = "{folder}"\n[http]\nenabled = false\n'
        f'[esl.outbound]\nlisten = "127.0.0.1:{port}"\n'
    )


@contextlib.contextmanager
def _process(command: list[str], log: Path, cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command beside us."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        os.sched_setaffinity(process.pid, cores)  # before it has any threads
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, _descriptors())
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _settle(cores: set[int]) -> None:
    """Prepares the load's process."""
    os.sched_setaffinity(0, cores)
    resource.setrlimit(resource.RLIMIT_NOFILE, _descriptors())
    gc.disable()  # it makes no cycles, and its pauses would count as the service's


def _descriptors() -> tuple[int, int]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)), most


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "it says nothing")
