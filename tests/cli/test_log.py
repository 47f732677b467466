"""The service's log: whatever becomes of its reader, nobody waits for a line to be written."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fs_1c.cli import log
from fs_1c.cli.log import Behind, OneLine
from fs_1c.settings.types import Address
from tests import ROOT
from tests.cli.support import write
from tests.processes import free_port
from tests.recordings import records
from tests.world import onec_simulator


@contextmanager
def pipe(capacity: int = 4096) -> Iterator[tuple[int, int]]:
    """The reader's and the writer's end."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, capacity)
    try:
        yield ends
    finally:
        for end in ends:
            with suppress(OSError):
                os.close(end)


@contextmanager
def logger(descriptor: int) -> Iterator[logging.Logger]:
    handler = Behind(descriptor)
    handler.setFormatter(OneLine())
    one = logging.getLogger("test-log")
    one.addHandler(handler)
    one.setLevel(logging.INFO)
    one.propagate = False
    try:
        yield one
    finally:
        handler.close()
        one.removeHandler(handler)


class Reading(threading.Thread):
    """Reads all that comes."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self.octets = b""
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            while octets := os.read(self._descriptor, 65536):
                self.octets += octets

    def until(self, text: str) -> list[str]:
        ends = time.monotonic() + 20
        while text.encode() not in self.octets:
            assert time.monotonic() < ends, self.octets[-200:]
            time.sleep(0.01)
        return self.octets.decode().splitlines()


def test_lines_of_many_threads_are_whole_and_each_threads_in_their_order() -> None:
    with pipe() as (reader, writer):
        reading = Reading(reader)
        with logger(writer) as out:

            def work(name: int) -> None:
                for i in range(300):
                    out.info("thread=%d line=%d of Чиж", name, i)

            threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            out.info("the last one")
        os.close(writer)
        reading.join(20)
        lines = reading.octets.decode().splitlines()
    assert len(lines) == 1201
    for name in range(4):
        mine = [line.partition(f"INFO thread={name} line=")[2] for line in lines]
        assert [one for one in mine if one] == [f"{i} of Чиж" for i in range(300)]


def test_a_reader_that_hangs_costs_lines_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_LINES", 500)
    with pipe() as (reader, writer), logger(writer) as out:
        for i in range(5000):
            out.info("line=%d", i)  # would never return if it waited
        reading = Reading(reader)
        reading.until("lines lost: ")
        out.info("line=5000")
        lines = reading.until("line=5000\n")
    written = [int(line.rpartition("=")[2]) for line in lines if " line=" in line]
    lost = [int(line.rpartition(" ")[2]) for line in lines if "lines lost: " in line]
    assert len(written) + sum(lost) == 5001
    assert lost
    assert written == sorted(written)
    assert written[-1] == 5000


def test_a_reader_that_has_gone_costs_nothing_else() -> None:
    with pipe() as (reader, writer), logger(writer) as out:
        os.close(reader)
        for i in range(100):
            out.info("line=%d", i)


def test_a_pipe_that_does_not_block_gets_all_lines() -> None:
    with pipe() as (reader, writer):
        os.set_blocking(writer, False)
        with logger(writer) as out:
            for i in range(1000):
                out.info("line=%d", i)
            assert len(Reading(reader).until("line=999\n")) == 1000


def test_closing_does_not_wait_for_a_reader_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FAREWELL", 0.05)
    with pipe() as (reader, writer):
        with logger(writer) as out:
            for i in range(1000):
                out.info("line=%d", i)
        # Only now: its thread would go on with whatever has this descriptor next.
        assert len(Reading(reader).until("line=999\n")) == 1000


def test_a_line_that_cannot_be_made_is_that_lines_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    with pipe() as (reader, writer), logger(writer) as out:
        handler = next(one for one in out.handlers if isinstance(one, Behind))
        record = logging.makeLogRecord({"msg": "%d", "args": ("no number",)})
        handler.handle(record)  # by the logger it would reach pytest's own, which raises
        out.info("the next one")
        assert len(Reading(reader).until("the next one\n")) == 1
    assert "no number" in capsys.readouterr().err


def is_served(service: Address) -> bool:
    """A call comes; whether it goes on, with the variables that are its due."""
    data = next(one.data for one in records("outbound_sync_route") if one.direction == "<<<")
    received = b""
    with suppress(OSError), socket.create_connection(service, 10) as connection:
        connection.sendall(data)
        while not received.endswith(b"exit\n\n") and (octets := connection.recv(65536)):
            received += octets
    return b"fs_1c_target=" in received


def test_calls_go_on_when_nobody_reads_the_services_log(tmp_path: Path) -> None:
    """As after Ctrl-S in its terminal; and it can still be stopped."""
    address = Address("127.0.0.1", free_port())
    with onec_simulator() as onec, pipe() as (reader, writer):
        config = write(tmp_path, onec.url, listen=str(address))
        command = [sys.executable, "-m", "fs_1c", "serve", "-c", str(config)]
        with subprocess.Popen(command, stderr=writer, cwd=ROOT) as process:
            os.close(writer)
            try:
                ends = time.monotonic() + 20
                while not is_served(address):
                    assert time.monotonic() < ends
                    time.sleep(0.05)
                assert all(is_served(address) for _ in range(300))
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
            finally:
                process.kill()
        said = Reading(reader)
        said.join(20)
    # No more than a pipe of 4 kB holds; the calls were more lines than that.
    assert said.octets.count(b" lookup number=") < 100


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("nothing", ()),
        ("call=%s took=%.1fms", ("606dfbfe", 1.25)),
        ("%(who)s rings", ({"who": "Чиж"},)),
        ("100 %", ()),
        ("%s", ({},)),
        ("%r", (ValueError("no"),)),
    ],
)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, 17])
def test_a_lean_record_makes_the_same_line(message: str, arguments: tuple[object, ...], level: int) -> None:
    given = ("fs_1c.integration", level, "/srv/integration.py", 138, message, arguments)
    for exc_info in (None, (ZeroDivisionError, ZeroDivisionError("division"), None)):
        lean, whole = log.Record(*given, exc_info), logging.LogRecord(*given, exc_info)
        lean.created, lean.msecs = whole.created, whole.msecs
        formatter = OneLine("%(asctime)s %(levelname)s %(name)s %(message)s")
        assert formatter.format(lean) == formatter.format(whole)


def test_the_lean_record_is_the_services_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.getLogRecordFactory()
    for one, kept in ((logging.root, "handlers"), (logging.root, "level"), (logging, "_srcfile")):
        monkeypatch.setattr(one, kept, getattr(one, kept))
    monkeypatch.setattr(logging.getLogger("fs_1c"), "level", logging.getLogger("fs_1c").level)
    monkeypatch.setattr(logging.root, "handlers", logging.root.handlers[:])
    with log.log_to_stderr(verbose=False):
        assert logging.getLogRecordFactory() is log.Record
    assert logging.getLogRecordFactory() is before
