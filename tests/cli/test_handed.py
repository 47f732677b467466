"""Listening sockets that systemd hands over: which are taken, which are refused in one clear line, and that
nobody waits at them for a process that does not come.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from fs_1c.cli.handed import PATIENCE, Handed
from fs_1c.sockets import waited
from fs_1c.sockets.connected import KERNEL_TICK
from tests.cli.support import write
from tests.processes import wait_for
from tests.supervisor import handed_over, handed_over_at_once

NOWHERE = "http://127.0.0.1:9/ws"
SOON = 30.0


def listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def where(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def caller(listening: socket.socket) -> socket.socket:
    return socket.create_connection(listening.getsockname()[:2], SOON)


def comes_in(listening: socket.socket) -> None:
    """Is spoken to; if the service takes long to start, not at the first attempt."""
    ends = time.monotonic() + SOON
    while time.monotonic() < ends:
        with caller(listening) as one:
            if one.recv(100) == b"connect\n\n":
                return
    raise AssertionError("nobody speaks")


def test_the_kernel_tells_how_long_somebody_has_waited() -> None:
    for host in ("127.0.0.1", "::1"):
        began = time.monotonic()
        with listener(host) as listening, caller(listening):
            time.sleep(0.3)
            accepted, _ = listening.accept()
            with accepted:
                assert 0.25 < waited(accepted) <= time.monotonic() - began + KERNEL_TICK / 1000


def test_without_systemd_there_are_none() -> None:
    for environment in (
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "2"},  # handed to somebody else
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
    ):
        with Handed(environment) as handed:
            assert not handed.doors
            assert not handed.let_in()
        assert not environment  # a child of ours must not take them for its own


@pytest.mark.parametrize("names", ["", "outbound", "fs-1c.socket"])
def test_callers_come_in_by_what_was_handed_over(tmp_path: Path, names: str) -> None:
    with listener() as listening:
        config = write(tmp_path, NOWHERE, listen=where(listening))
        with handed_over_at_once(config, tmp_path / "log", [listening], names) as process:
            comes_in(listening)
            process.terminate()
            assert process.wait(SOON) == 0
            with caller(listening):
                pass  # it is systemd's, and still there


def test_both_addresses_of_localhost_and_the_http_door(tmp_path: Path) -> None:
    with listener() as four, listener("::1", four.getsockname()[1]) as six, listener() as http:
        port = four.getsockname()[1]
        config = write(tmp_path, NOWHERE, listen=f"localhost:{port}")
        several, names = [four, http], "outbound:http"
        if any(info[4][0] == "::1" for info in socket.getaddrinfo("localhost", port)):
            several, names = [four, http, six], "outbound:http:outbound"
        with handed_over(config, tmp_path / "log", several, names, FS_1C_HTTP__LISTEN=where(http)):
            for listening in several[::2]:
                comes_in(listening)
            with caller(http) as reader:
                reader.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert reader.recv(100).startswith(b"HTTP/1.1 200")


def test_what_no_door_can_use_is_one_line_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    with listener() as listening, listener() as other, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "unix"))
        unix.listen()
        connected = caller(other)
        here = where(listening)
        closed = f'[esl.outbound]\nenabled = false\nlisten = "{here}"\n'
        cases: list[tuple[list[socket.socket], str, str, str]] = [
            ([listening, unix], "", "", "descriptor 4 is no listening TCP socket"),
            ([listening, connected], "", "", "descriptor 4 is no listening TCP socket"),
            ([listening], "htpp", "", "there is no door htpp"),
            ([listening], "outbound", "127.0.0.1:8084", f"127.0.0.1:8084, but systemd hands over {here}"),
            ([listening], "outbound", closed, "esl.outbound.enabled: false, but systemd hands over"),
            ([listening], "outbound", "nonsense", "listen"),
        ]
        for at, (several, names, listen, line) in enumerate(cases):
            folder, log = tmp_path / str(at), tmp_path / f"log{at}"
            folder.mkdir()
            if listen.startswith("["):
                config = folder / "fs-1c.toml"
                config.write_text(f'[onec]\nurl = "{NOWHERE}"\nusername = "x"\npassword = "x"\n{listen}')
            else:
                config = write(folder, NOWHERE, listen=listen or here)
            with caller(listening) as waits, handed_over_at_once(config, log, several, names) as process:
                assert waits.recv(100) == b""  # FreeSWITCH goes on with the call
                assert process.wait(SOON) == 2
            lines = [said for said in log.read_text().splitlines() if line in said]
            assert len(lines) == 1, log.read_text()
        connected.close()


def test_a_start_that_hangs_keeps_nobody_waiting_for_longer_than_a_deadline(tmp_path: Path) -> None:
    config = tmp_path / "fs-1c.toml"
    os.mkfifo(config)  # settings on a disk that hangs
    with listener() as listening, handed_over(config, tmp_path / "log", [listening]):
        for _ in range(2):
            began = time.monotonic()
            with caller(listening) as waits:
                assert waits.recv(100) == b""  # the start hangs still
                assert time.monotonic() - began >= PATIENCE - 0.1


def test_a_service_that_dies_while_it_serves_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Its sockets are systemd's: whoever has not been accepted yet is let in by the next one."""
    with listener() as listening:
        config, log = write(tmp_path, NOWHERE, listen=where(listening)), tmp_path / "log"
        with handed_over(config, log, [listening]) as first:
            wait_for(log, "outbound door: listening")
            first.kill()
            first.wait()
        with handed_over(config, log, [listening]):
            comes_in(listening)
