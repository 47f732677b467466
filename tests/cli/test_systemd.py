"""What systemd is told, and when: by the protocol, and by `fs-1c serve`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.cli.systemd import Systemd
from tests.cli.support import write
from tests.processes import free_port, wait_for
from tests.supervisor import PATIENCE, Supervisor, start_service


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"@{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "full"))
        listening.settimeout(PATIENCE)
        yield listening


def test_without_systemd_nobody_is_told() -> None:
    nobody = Systemd({"WATCHDOG_USEC": "2000000"})
    assert nobody.send("READY=1")
    assert not nobody.watches_for
    nobody.close()


@pytest.mark.parametrize("named", ["", "vsock:2:1234", "notify", "/nowhere/at/all"])
def test_a_socket_that_is_none_stops_nothing(named: str) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": named})
    assert systemd.send("READY=1")
    systemd.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, 0.0),  # it watches somebody else
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({"WATCHDOG_USEC": ""}, 0.0),
    ],
)
def test_how_long_it_waits_for_us(given: dict[str, str], expected: float) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": "/nowhere", **given})
    assert systemd.watches_for == expected
    systemd.close()


def test_a_systemd_that_does_not_read_holds_nobody_up(listening: socket.socket) -> None:
    """What matters is told as soon as there is room."""

    async def story() -> None:
        telling = asyncio.create_task(systemd.tell("READY=1"))
        await asyncio.sleep(0)
        assert not telling.done()
        await asyncio.to_thread(read)
        await telling

    def read() -> None:
        while listening.recv(64) != b"READY=1":
            pass

    systemd = Systemd({"NOTIFY_SOCKET": listening.getsockname()})
    while systemd.send("WATCHDOG=1"):
        pass
    asyncio.run(story())
    systemd.close()


def test_from_the_open_doors_to_the_end(tmp_path: Path, address: str) -> None:
    config, log = write(tmp_path, "http://127.0.0.1:9/ws"), tmp_path / "log"
    with Supervisor(address) as systemd:
        process = start_service(config, log, **systemd.environment)
        assert "STATUS=open: outbound" in systemd.hears("READY=1").split("\n")
        wait_for(log, "outbound door: listening")
        assert systemd.hears("WATCHDOG=1", times=4) == "WATCHDOG=1\nSTATUS=open: outbound"

        before = time.monotonic()
        assert process.pid
        os.kill(process.pid, signal.SIGHUP)
        lines = dict(line.split("=", 1) for line in systemd.hears("RELOADING=1").split("\n"))
        assert before <= int(lines["MONOTONIC_USEC"]) / 1e6 <= time.monotonic()
        systemd.hears("READY=1", times=2)
        wait_for(log, "settings: read again")

        config.write_text("nonsense")
        os.kill(process.pid, signal.SIGHUP)
        systemd.hears("READY=1", times=3)
        wait_for(log, "settings not read again: ")

        os.kill(process.pid, signal.SIGTERM)
        systemd.hears("STOPPING=1")
        process.join(PATIENCE)
        assert process.exitcode == 0
        words = [message.split("\n")[0] for message in systemd.told]
    assert [word for word in words if word != "WATCHDOG=1"] == [
        "READY=1",
        "RELOADING=1",
        "READY=1",
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
    ]


def test_a_switch_that_is_away_is_shown_and_waited_for_by_nobody(tmp_path: Path) -> None:
    switch = f"127.0.0.1:{free_port()}"
    config = write(tmp_path, "http://127.0.0.1:9/ws", f'[[esl.inbound]]\naddress = "{switch}"\n')
    with Supervisor(str(tmp_path / "notify")) as systemd:
        process = start_service(config, tmp_path / "log", **systemd.environment)
        assert f"STATUS=open: outbound; not open: inbound {switch}" in systemd.hears("READY=1")
        process.kill()
        process.join()


def test_not_ready_while_the_doors_are_closed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Supervisor(str(tmp_path / "notify")) as systemd:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = write(tmp_path, "http://127.0.0.1:9/ws", listen=listen)
        process = start_service(config, tmp_path / "log", **systemd.environment)
        process.join(PATIENCE)
        assert process.exitcode == 1
        assert systemd.told == []
