"""A service that lives and does not move: whoever waits for it is let go, and why it stood is told."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from fs_1c.cli.watchdog import EXIT_CODE, LIMIT, TICK, Stillness, stack, wanted
from tests.cli.support import write
from tests.processes import fs_1c, wait_for
from tests.supervisor import CALCULATE, PATIENCE, SLEEP, Supervisor, start_service


def test_a_loop_that_moves_does_not_stand_still() -> None:
    stillness = Stillness(0.0)
    assert all(stillness.look(n * TICK, beats=n) == 0 for n in range(1, 100))


def test_a_loop_that_stands_is_found_out_in_time() -> None:
    stillness = Stillness(10.0)
    stillness.look(10.0 + TICK, beats=7)
    looks = [stillness.look(10.0 + TICK * n, beats=7) for n in range(2, 20)]
    assert looks[0] == TICK
    assert next(n for n, still in enumerate(looks, 1) if still >= LIMIT) * TICK == LIMIT


def test_who_was_frozen_himself_accuses_nobody() -> None:
    stillness = Stillness(0.0)
    stillness.look(TICK, beats=1)
    assert stillness.look(1000.0, beats=1) == 2 * TICK < LIMIT / 2
    assert stillness.look(1000.0 + TICK, beats=2) == 0


def test_a_starved_process_has_more_time() -> None:
    """Each look comes a second late: half of that is the machine's fault."""
    stillness = Stillness(0.0)
    stillness.look(1.0, beats=1)
    assert [stillness.look(1.0 + n, beats=1) for n in range(1, 5)] == [0.5, 1.0, 1.5, 2.0]


def test_the_stack_is_one_line_innermost_first() -> None:
    line = stack(sys._getframe())
    assert line.startswith(f"cli/test_watchdog.py:{sys._getframe().f_lineno - 1} test_the_stack_is_one_line")
    assert " < " in line
    assert "\n" not in line
    assert stack(None) == ""


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("", True), ("on", True), ("off", False)])
def test_it_can_be_switched_off(value: str | None, expected: bool) -> None:
    assert wanted({} if value is None else {"FS_1C_WATCHDOG": value}) is expected


def test_a_wrong_switch_is_one_clear_line(tmp_path: Path) -> None:
    ran = fs_1c("serve", "-c", str(write(tmp_path, "http://127.0.0.1:9/ws")), FS_1C_WATCHDOG="no")
    assert (ran.returncode, ran.stderr) == (2, "FS_1C_WATCHDOG: no: allowed: on, off\n")


class Served:
    """A service as a process, and callers who wait for it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self._config = write(folder, "http://127.0.0.1:9/ws")
        self._callers: list[socket.socket] = []
        self.process: ForkServerProcess

    def start(self, **environment: str) -> None:
        self.process = start_service(self._config, self.log, **environment)
        wait_for(self.log, "outbound door: listening on ")

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)

    def caller(self) -> socket.socket:
        """A call's connection, as FreeSWITCH opens it."""
        found = re.search(r"outbound door: listening on 127.0.0.1:(\d+)", self.log.read_text("utf-8"))
        assert found
        self._callers.append(socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE))
        return self._callers[-1]

    def served(self) -> socket.socket:
        """One that the service has taken."""
        caller = self.caller()
        assert caller.recv(64) == b"connect\n\n"
        return caller

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        self.process.kill()
        self.process.join()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def let_go(caller: socket.socket) -> float:
    """Waits for the end of the connection; when it came."""
    try:
        while caller.recv(64):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic()


@pytest.mark.parametrize("held_up", [SLEEP, CALCULATE])
def test_a_loop_that_is_held_up_ends_the_process(served: Served, held_up: signal.Signals) -> None:
    served.start()
    waiting = served.served()
    began = time.monotonic()
    served.signal(held_up)
    wait_for(served.log, "the service stands still, at: ")
    late = served.caller()  # the kernel takes it for us

    assert let_go(waiting) - began >= LIMIT - TICK
    let_go(late)
    served.process.join(PATIENCE)
    assert served.process.exitcode == EXIT_CODE
    last = served.log.read_text("utf-8").splitlines()[-1]
    assert re.search(r" CRITICAL the service has stood still for \d+\.\d s and ends, .*, at: .+ _?\w+", last)
    assert ("supervisor.py" in last) is (held_up is CALCULATE), "it is told where"


def test_a_log_that_nobody_reads_does_not_keep_it_alive(tmp_path: Path) -> None:
    """Nobody takes anything out of the pipe that the log is written into."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        filler = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        with Supervisor(str(tmp_path / "notify")) as systemd:
            environment = {"NOTIFY_SOCKET": systemd.environment["NOTIFY_SOCKET"]}
            process = start_service(write(tmp_path, "http://127.0.0.1:9/ws"), pipe, **environment)
            systemd.hears("READY=1")
            with pytest.raises(BlockingIOError):
                while True:
                    os.write(filler, b"x" * 4096)
            assert process.pid
            os.kill(process.pid, SLEEP)
            process.join(PATIENCE)
            assert process.exitcode == EXIT_CODE
        os.close(filler)
    finally:
        os.close(reader)


def test_a_thaw_is_no_reason_to_end(served: Served) -> None:
    served.start()
    waiting = served.served()
    served.signal(signal.SIGSTOP)
    frozen_until = time.monotonic() + 5
    mute = served.caller()
    mute.settimeout(5)
    with pytest.raises(TimeoutError):
        mute.recv(64)
    assert time.monotonic() >= frozen_until
    served.signal(signal.SIGCONT)
    mute.settimeout(PATIENCE)
    assert mute.recv(64) == b"connect\n\n"

    served.process.join(LIMIT + 2 * TICK)  # longer than it would take to end
    assert served.process.exitcode is None
    served.served()
    waiting.setblocking(False)
    with pytest.raises(BlockingIOError):
        waiting.recv(64)


@pytest.mark.parametrize("frozen", [SLEEP, signal.SIGSTOP])
def test_a_supervisor_ends_it(served: Served, tmp_path: Path, frozen: signal.Signals) -> None:
    with Supervisor(str(tmp_path / "notify")) as systemd:
        served.start(**systemd.environment)
        systemd.hears("WATCHDOG=1", times=2)
        systemd.watch(served.process)
        waiting = served.served()
        served.signal(frozen)
        let_go(waiting)
        served.process.join(PATIENCE)
    assert served.process.exitcode == -signal.SIGKILL, "not by itself"
    assert ("the service stands still, at: " in served.log.read_text("utf-8")) is (frozen is SLEEP)


def test_switched_off_it_ends_nothing_and_systemd_still_hears_of_us(served: Served, tmp_path: Path) -> None:
    with Supervisor(str(tmp_path / "notify")) as systemd:
        served.start(**systemd.environment, FS_1C_WATCHDOG="off")
        systemd.hears("WATCHDOG=1", times=2)
        served.signal(SLEEP)
        served.process.join(LIMIT + 4 * TICK)
        assert served.process.exitcode is None
        assert "stands still" not in served.log.read_text("utf-8")
