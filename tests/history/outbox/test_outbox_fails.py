"""The disk of the outbox fails in every way: one line, no call harmed, nothing lost that was on the disk."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fs_1c.history import outbox, place
from fs_1c.integration import Integration
from fs_1c.onec import CallState, OneCError, Reached
from tests import ROOT
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import Ear, answered, happen, telling
from tests.support import SOON, until

DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)


def away(ear: Ear) -> None:
    def before(state: CallState) -> None:
        raise DOWN

    ear.before, ear.awake = before, DOWN


def back(ear: Ear) -> None:
    ear.before, ear.awake = (lambda state: None), None


def words(integration: Integration) -> int:
    assert integration.history is not None
    return sum(waits.words for waits in integration.history.waiting().values())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Of the disk."""
    found = (one for one in caplog.records if one.name != "fs_1c.history.waiting.saying")
    return [one.getMessage() for one in found if one.levelno >= logging.WARNING]


def left_before(ear: Ear, folder: Path, call: str = "before") -> None:
    """A service that has died has left a call that 1C was not told of."""
    away(ear)
    with telling(folder) as one:
        happen(one, answered(call))
        until(lambda: words(one) == 4)


class Disk:
    """A disk on which nothing can be committed while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        connect = sqlite3.connect
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
                if disk.full and sql == "COMMIT" and self.on_disk:
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, *given)

            on_disk = True

        def small(path: Any, *given: Any, **named: Any) -> sqlite3.Connection:
            connection: Connection = connect(path, *given, factory=Connection, **named)
            connection.on_disk = str(path) != ":memory:"
            return connection

        monkeypatch.setattr(sqlite3, "connect", small)


def test_a_full_disk(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(monkeypatch)
    away(ear)
    with telling(tmp_path) as one:
        happen(one, answered("old"), answered("half")[:2])
        until(lambda: words(one) == 6)
        disk.full = True
        happen(one, answered("half")[2:], answered("new"))
        until(lambda: len(said(caplog)) == 1)
        back(ear)
        until(lambda: ear.states("new") == ALL)  # a call of which nothing is on the disk
        assert not ear.states("half"), "its beginning is on the disk, so its end must wait"
        disk.full = False
        until(lambda: ear.states("half") == ALL and ear.states("old") == ALL)
        until(lambda: words(one) == 0)
    assert ear.states("new") == ALL
    assert said(caplog) == [
        f"history {tmp_path / 'history.db'} cannot be written (database or disk is full); "
        "what 1C is to be told stays in memory",
        f"history {tmp_path / 'history.db'} is written again; words lost meanwhile: 0",
    ]


def test_the_disk_is_away_while_words_are_under_way(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What became of them is written down when it is back: nothing is said twice."""
    disk, goes_on = Disk(monkeypatch), threading.Event()
    ear.before = lambda state: goes_on.wait(SOON)
    with telling(tmp_path) as one:
        happen(one, *(answered(f"call-{i}") for i in range(3)))
        until(lambda: one._bases.by_name["default"].pool.sessions[0] == 3)
        disk.full = True
        goes_on.set()
        until(lambda: len(ear.told) == 3)
        happen(one, answered("new"))
        until(lambda: ear.states("new") == ALL)
        disk.full = False
        until(lambda: words(one) == 0 and len(ear.told) == 16)
    assert all(ear.states(f"call-{i}") == ALL for i in range(3))


def test_a_disk_that_is_back_while_a_word_is_under_way_is_not_asked_in_circles(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word's end is waited for, however long 1C takes."""
    monkeypatch.setattr(outbox, "NOT_BEFORE", 3600.0)
    disk, goes_on = Disk(monkeypatch), threading.Event()
    with telling(tmp_path) as one:
        box = one.history._outbox  # type: ignore[union-attr]
        disk.full = True
        ear.before = lambda state: goes_on.wait(SOON * 2)
        happen(one, answered("call-1"))
        until(lambda: one._bases.by_name["default"].pool.sessions[0] == 1)
        disk.full = False
        until(lambda: box._place.is_returning)
        words(one)  # a turn later
        assert box._wake_at > time.monotonic()
        goes_on.set()
        until(lambda: words(one) == 0)
    assert ear.states("call-1") == ALL


def test_a_disk_that_comes_back_just_when_a_word_has_ended(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    monkeypatch.setattr(place, "AGAIN", 0.0)  # at each turn
    with telling(tmp_path) as one:
        for i in range(50):
            disk.full = True
            happen(one, answered(f"call-{i}"))
            until(lambda: ear.states(f"call-{i}")[:1] == ["START"])  # noqa: B023
            disk.full = False
        until(lambda: words(one) == 0)
    assert [ear.states(f"call-{i}") for i in range(50)] == [ALL] * 50


def test_what_does_not_fit_into_memory_is_counted(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(place, "MAX_IN_MEMORY", 40)
    disk = Disk(monkeypatch)
    away(ear)
    with telling(tmp_path) as one:
        disk.full = True
        happen(one, *(answered(f"call-{i}") for i in range(30)))
        until(lambda: one.history.lost == 80)  # type: ignore[union-attr]
        disk.full = False
        until(lambda: "words lost meanwhile: 80" in caplog.text)
        back(ear)
        until(lambda: words(one) == 0)
    assert [ear.states(f"call-{i}") for i in range(10)] == [ALL] * 10
    assert len(ear.told) == 40
    assert len(said(caplog)) == 2


def test_a_broken_file_is_set_aside(ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "history.db"
    file.write_bytes(b"broken" * 1000)
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: ear.states("call-1") == ALL)
        until(lambda: words(one) == 0)
    [aside] = tmp_path.glob("history.db.broken-*")
    assert aside.read_bytes() == b"broken" * 1000
    [line] = said(caplog)
    assert line.startswith(f"history {file} was corrupt and is begun anew; the old one is set aside as ")


def test_a_newer_file_is_left_alone(ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "history.db"
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    with telling(tmp_path) as one:
        happen(one, *(answered(f"call-{i}") for i in range(5)))
        until(lambda: all(ear.states(f"call-{i}") == ALL for i in range(5)))
    assert file.read_bytes() == before
    [line] = said(caplog)
    assert "is of a newer version (99; this one knows 2)" in line


def test_another_service_has_it(ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left_before(ear, tmp_path)
    back(ear)
    with (tmp_path / "history.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with telling(tmp_path) as one:
            happen(one, answered("call-1"))
            until(lambda: ear.states("call-1") == ALL)
            assert not ear.states("before"), "the other one tells of it"
            fcntl.flock(lock, fcntl.LOCK_UN)
            until(lambda: ear.states("before") == ALL)
    failed, _ = said(caplog)
    assert "another service has it" in failed


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder of nobody's, who may not write everywhere."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield Path(folder)
        if root:
            os.seteuid(0)


def test_a_disk_that_may_only_be_read(ear: Ear, powerless: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = powerless / "state"
    folder.mkdir()
    left_before(ear, folder)
    back(ear)
    (folder / "history.db").chmod(0o440)
    folder.chmod(0o555)
    with telling(folder) as one:
        happen(one, answered("call-1"))
        until(lambda: ear.states("call-1") == ALL)
        assert len(said(caplog)) == 1
        folder.chmod(0o755)
        (folder / "history.db").chmod(0o640)
        until(lambda: ear.states("before") == ALL)
    failed, back_again = said(caplog)
    assert "cannot be written" in failed and back_again.endswith("written again; words lost meanwhile: 0")


def test_a_disk_that_hangs(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "HUNG", 0.05)
    monkeypatch.setattr(outbox, "MAX_QUEUE", 60)
    left_before(ear, tmp_path)
    back(ear)
    goes_on, connect = threading.Event(), sqlite3.connect

    def hang(*given: Any, **named: Any) -> sqlite3.Connection:
        goes_on.wait(SOON * 2)
        connection: sqlite3.Connection = connect(*given, **named)
        return connection

    monkeypatch.setattr(sqlite3, "connect", hang)
    with telling(tmp_path) as one:
        assert one.history is not None
        until(lambda: one.history._outbox.hangs)  # type: ignore[union-attr]
        happen(one, *(answered(f"call-{i}") for i in range(20)))
        assert one.history.lost >= 20 and not ear.told
        goes_on.set()
        until(lambda: ear.states("before") == ALL)
        until(lambda: all(ear.states(f"call-{i}") == ALL for i in range(14)))
    hangs, again = said(caplog)
    assert "cannot be written (the disk hangs)" in hangs and "is written again; words lost" in again


def test_a_process_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """No file of the process may grow any more."""
    script = """
        import logging, resource, sys
        from pathlib import Path
        from tests.history.outbox.test_outbox_fails import *
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level="WARNING")
        place.AGAIN = pace.FIRST_PAUSE = pace.LONGEST_PAUSE = 0.05
        ear = Ear()
        Client.tell = lambda client, state, leaves: ear.tell(client, state, leaves)
        Client.warm_up = lambda client: ear.warm_up(client)
        away(ear)
        folder = Path(sys.argv[1])
        with telling(folder) as one:
            happen(one, answered("old"))
            until(lambda: words(one) == 4)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, -1))
            happen(one, *(answered(f"new-{i}") for i in range(200)))
            until(lambda: words(one) >= 800)
            back(ear)
            until(lambda: all(ear.states(f"new-{i}") == ALL for i in range(200)))
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            until(lambda: ear.states("old") == ALL)
            until(lambda: words(one) == 0)
        print(len(ear.told))
        """
    whole = "from fs_1c.history import pace\nfrom fs_1c.onec import Client\n" + textwrap.dedent(script)
    ran = subprocess.run(
        [sys.executable, "-c", whole, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    *lines, told = (line for line in ran.stdout.splitlines() if not line.startswith("1C base "))
    assert told == "804"
    assert len(lines) == 2 and "cannot be written" in lines[0] and "lost meanwhile: 0" in lines[1], lines
