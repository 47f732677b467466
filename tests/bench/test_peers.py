"""The bench that compares the doors with their peers: what it counts, and what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.settings.types import Address
from fs_1c.simulator.onec import Client
from fs_1c.talk import Observer
from tests import ROOT
from tests.bench.peers import environments, outbound, outbound_load, outbound_switch, outbound_tables, report
from tests.bench.peers.outbound_load import Held, Played
from tests.bench.peers.outbound_switch import Switch
from tests.bench.peers.outbound_tables import Measured
from tests.bench.peers.result import Found
from tests.world import onec_simulator, settings_for

CLIENTS = tuple(
    Client(outbound_switch.number(i), "Фэйковый чиж", "0", "244")
    for i in range(outbound_switch.REGULARS + 50)
)
FOUND = Found(
    "A table",
    "How.",
    ("", "calls/s"),
    (("fs-1c", "2"), ("a|b", "1")),
    {"calls": (("fs-1c", 2.0), ("b", 1.0))},
)
_BODY = "^^|fs_1c_title=Чиж\n\n|fs_1c_target=user/244".encode()
SAID = b"sendmsg\ncontent-length: %d\n\n%sexit\n\n" % (len(_BODY), _BODY)


@contextlib.asynccontextmanager
async def door() -> AsyncIterator[tuple[Address, Service]]:
    """Our own door; 1C knows all callers."""
    with onec_simulator(clients=CLIENTS) as onec:
        service = Service(settings_for(onec.url, http={"enabled": False}))
        await service.start()
        try:
            assert service.outbound is not None
            yield service.outbound.address, service
        finally:
            await service.stop()


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[Address]:
    """A service that does so with each connection, then leaves it."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                with server.accept()[0] as connection:
                    answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Address(*server.getsockname())
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def play(service: Address, calls: int, *, held: bool = False) -> tuple[list[float], Switch]:
    """Plays so many calls, all at once; the times of the good ones, and the switch."""
    switch = Switch(service, held=held)
    times: list[float] = []
    for _ in range(calls):
        switch.begin(time.perf_counter())
    ends = time.monotonic() + 20
    while switch.undecided:
        assert time.monotonic() < ends
        times += switch.turn(0.1)
    return times, switch


def test_our_door_fails_no_call_and_each_is_counted_once() -> None:
    async def story() -> None:
        async with door() as (address, service):
            decided: Counter[str] = Counter()

            class Counting(Observer):
                def decided(self, decision: object) -> None:
                    decided["calls"] += 1

            service.integration.observers.append(Counting())
            times, switch = await asyncio.to_thread(play, address, 60)
            assert not switch.failed
            assert len(times) == decided["calls"] == 60
            switch.close()

    asyncio.run(story())


def test_our_settings_let_as_many_new_callers_in_as_come(tmp_path: Path) -> None:
    """All of them call from one address, which by default may bring some only: those beyond that failed."""
    settings = build(tomllib.loads(outbound.ours("http://127.0.0.1:9/ws", 8084, tmp_path)))
    assert settings.lookup.new_per_second == 0


def test_our_door_holds_async_calls() -> None:
    async def story() -> None:
        async with door() as (address, _):
            times, switch = await asyncio.to_thread(play, address, 30, held=True)
            assert not switch.failed
            assert len(times) == len(switch.up) == 30
            switch.close()

    asyncio.run(story())


def test_as_many_as_it_takes_and_at_a_fixed_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_switch, "REGULARS", 20)

    async def story() -> None:
        async with door() as (address, _):
            busy = await asyncio.to_thread(outbound_load.closed, address, os.getpid(), 10, 0.05, 0.3)
            assert not busy.failed
            assert busy.times == sorted(busy.times)
            assert busy.median <= busy.p99 <= busy.times[-1]
            steady = await asyncio.to_thread(outbound_load.opened, address, os.getpid(), 100, 0.05, 0.3)
            assert not steady.failed
            assert len(steady.times) >= 30  # and those of the warm-up that ended later

    asyncio.run(story())


def test_a_service_that_stops_for_a_while_is_late_for_every_call_that_was_due() -> None:
    """Whoever waits for an answer before he calls again would see one slow call."""

    naps = iter([0.3])

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"connect\n\n")
        while b"Socket-Mode" not in connection.recv(65536):
            pass
        time.sleep(next(naps, 0.0))
        connection.sendall(SAID)
        while connection.recv(65536):
            pass

    with answering(answer) as address:
        switch = Switch(address)
        times = [*outbound_load._due(switch, 100, 0.4), *outbound_load._end(switch)]
    assert not switch.failed
    assert len(times) == 40
    assert sum(taken > 0.1 for taken in times) >= 20


def test_the_bare_loop_fails_no_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = Address(*free.getsockname())
    command = [sys.executable, "-m", "tests.bench.peers.services.outbound_bare"]
    command += ["protocol", str(address.port), "sync"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            ends = time.monotonic() + 20
            while outbound_load.first_call(address, "sync"):
                assert time.monotonic() < ends
                time.sleep(0.02)
            times, switch = play(address, 60)
            assert not switch.failed
            assert len(times) == 60
            switch.close()
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda connection: None, "hung up"),
        (lambda connection: connection.sendall(b"connect\n\n"), None),
        (
            lambda connection: (connection.sendall(b"connect\n\nexit\n\n"), connection.recv(9999)),
            "ConnectionAbortedError",
        ),
        (lambda connection: (connection.sendall(b"exit\n\n"), connection.recv(9999)), "ConnectionError"),
    ],
    ids=["leaves at once", "leaves before the data", "exit without variables", "no connect"],
)
def test_a_service_that_leaves_early_has_failed_each_call(
    answer: Callable[[socket.socket], None], why: str | None
) -> None:
    with answering(answer) as address:
        times, switch = play(address, 5)
    assert not times
    assert switch.failed.total() == 5
    if why:  # else it depends on who is faster: hung up, or reset
        assert switch.failed == {why: 5}


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = Address(*free.getsockname())
    assert outbound_load.first_call(address, "sync") == {"ConnectionRefusedError": 1}


def test_an_undecided_call_has_failed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_switch, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert outbound_load.first_call(Address(*mute.getsockname()), "sync").total() == 1


def test_a_command_with_a_body_in_any_slicing() -> None:
    said = b"connect\n\n" + SAID

    def answer(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(said)):
            connection.sendall(said[i : i + 1])
        while connection.recv(9999):
            pass

    with answering(answer) as address:
        times, switch = play(address, 1)
    assert not switch.failed
    assert len(times) == 1


def test_what_was_measured_replaces_what_was_and_nothing_else(tmp_path: Path) -> None:
    page = f"# Page\n{report.BEGIN}\n{report.END}\nafter\n"
    once = report.between(page, report.markdown([FOUND]))
    assert report.between(once, report.markdown([FOUND])) == once
    assert once.startswith("# Page\n")
    assert once.endswith(f"{report.END}\nafter\n")
    assert "| a/b | 1 |" in once
    assert "| 2 |" not in report.between(once, "nothing")


def test_a_page_without_its_lines_is_left_alone() -> None:
    with pytest.raises(ValueError, match="measured"):
        report.between("# Page\n", "x")


def test_our_page_has_its_lines() -> None:
    assert "x" in report.between(report.PAGE.read_text("utf-8"), "x")


def test_the_picture_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "other"):
        report.draw([FOUND, FOUND], tmp_path / name)
    drawn = (tmp_path / "one").read_bytes()
    assert drawn == (tmp_path / "other").read_bytes()
    assert b"fs-1c" in drawn


def test_a_peer_that_cannot_be_had_costs_its_own_row() -> None:
    played = Played([0.001, 0.002], 1.0, Counter({"hung up": 3}), 0.5, 0.25)
    ours = Measured(at_50=[played], at_500=played, steady=[played], held=Held(10, 50_000, Counter()))
    found = {name: Measured("no g++") for name in outbound_tables.SERVICES} | {"fs-1c": ours}
    tables = outbound_tables.tables(found)
    for table in tables:
        assert len(table.rows) == len(found)
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert [row[1] for row in table.rows[1:]] == ["no g++"] * (len(found) - 1)
        assert all([name for name, _ in bars] == ["fs-1c"] for bars in table.bars.values())
    assert tables[0].rows[0] == ("fs-1c", "2", *"–––", "1.5", "2.0", "250,000", "25", "3 (hung up 3)")
    assert tables[3].rows[0] == ("fs-1c", "10", "0.1", "5", "0")


def test_an_environment_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(environments, "_failed", {})
    with pytest.raises(environments.Unavailable, match="cannot be kept"):
        environments.python("genesis")
