"""The claims' file fails: the card opens, nobody waits for long, and two lines are in the log,
however many claims there are.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.cards import claims_file
from fs_1c.cards.claims import Claims
from fs_1c.cards.claims_file import MAX_WAITING
from tests.cards.conftest import CALL, PAIRS, Open, warnings, written
from tests.support import SOON, until


def fails_and_comes_back(
    one: Claims, file: Path, mend: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> str:
    """What was said about the failure."""
    assert [one.confirm(*pair).mine for pair in PAIRS[:5]] == [True] * 5
    mend()
    assert one.confirm(CALL, "244").mine
    assert not one.confirm(CALL, "244").mine
    failed, back = (line for line in warnings(caplog) if line.startswith("claims: "))
    assert back == f"claims: {file} is back"
    assert failed.startswith(f"claims: {file}: ") and failed.endswith("; going on without it")
    return failed.split(": ", 2)[2].removesuffix("; going on without it")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_locked_file(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute(f"PRAGMA journal_mode = {mode}")
    for command in claims_file._TABLE:
        other.execute(command)
    other.execute("BEGIN EXCLUSIVE")
    one = opened(file)
    assert one.confirm("the first waits", "244").mine
    monkeypatch.setattr(claims_file, "BUSY_WAIT", 3600.0)  # nobody waits any more
    said = fails_and_comes_back(one, file, lambda: other.execute("ROLLBACK"), caplog)
    other.close()
    assert said == "database is locked"


def test_a_missing_folder(
    opened: Open, tmp_path: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "not yet"
    said = fails_and_comes_back(opened(folder / "c.db"), folder / "c.db", folder.mkdir, caplog)
    assert said == "No such file or directory"


def test_a_folder_in_the_file_s_place(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    file.mkdir()
    said = fails_and_comes_back(opened(file), file, file.rmdir, caplog)
    assert said == "unable to open database file"


def test_a_pipe_in_the_file_s_place(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(file)
    assert fails_and_comes_back(opened(file), file, file.unlink, caplog)


def test_a_file_that_is_another_s(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE claims (call TEXT, sum REAL)")
    other.close()
    assert "at" in fails_and_comes_back(opened(file), file, file.unlink, caplog)


@pytest.fixture
def powerless() -> Iterator[None]:
    """Nobody who may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get at, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_read_only_file(
    opened: Open, open_folder: Path, powerless: None, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    file = open_folder / "claims.db"
    before = Claims(file)
    assert before.confirm("before", "244").mine
    before.close(SOON)
    file.chmod(0o440)
    said = fails_and_comes_back(opened(file), file, lambda: file.chmod(0o640), caplog)
    assert said == "read-only"


def test_a_full_disk(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    one = opened(file)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        i = 0
        while not warnings(caplog):
            i += 1
            assert i < 10_000 and one.confirm(f"before-{i}", "244").mine
        assert [one.confirm(*pair).mine for pair in PAIRS[:5]] == [True] * 5
    assert (
        one.confirm(CALL, "244").mine
        and not one.confirm(CALL, "244").mine
        and not one.confirm("before-1", "244").mine
    )
    assert warnings(caplog) == [
        f"claims: {file}: database or disk is full; going on without it",
        f"claims: {file} is back",
    ]


def _spoil_a_page(file: Path) -> None:
    one = Claims(file)
    for pair in PAIRS:
        one.confirm(*pair)
    one.close(SOON)
    octets = bytearray(file.read_bytes())
    octets[4096:] = b"\xa5" * (len(octets) - 4096)
    file.write_bytes(octets)


@pytest.mark.parametrize(
    "spoil",
    [lambda file: file.write_bytes(b"not a database at all " * 500), _spoil_a_page],
    ids=["no database", "spoilt pages"],
)
def test_a_corrupt_file_is_set_aside(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    spoil(file)
    spoilt = file.read_bytes()
    one = opened(file)
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    assert not opened(file).confirm(CALL, "244").mine
    aside = file.with_name("claims.db.corrupt")
    assert aside.read_bytes() == spoilt
    (said,) = warnings(caplog)
    assert said.startswith(f"claims: {file}: ") and said.endswith(f"; set aside as {aside} and begun anew")


def test_whoever_has_a_file_open_that_was_set_aside_goes_on_with_the_new_one(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = opened(file), opened(file)
    assert one.confirm(*PAIRS[0]).mine and not other.confirm(*PAIRS[0]).mine
    clean = sqlite3.connect(file)
    clean.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    clean.close()
    with file.open("r+b") as spoilt:
        spoilt.write(b"\xa5" * 4096)
    third = opened(file)
    for pair in PAIRS[1:20]:
        assert [each.confirm(*pair).mine for each in (third, one, other)] == [True, False, False]
    assert written(file) == set(PAIRS[1:20])
    assert len(warnings(caplog)) == 1 and file.with_name("claims.db.corrupt").exists()


def test_the_new_file_is_not_set_aside_by_another_who_had_met_the_old_one(
    opened: Open, file: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"not a database at all " * 500)
    one, other, set_aside = opened(file), opened(file), claims_file.ClaimsFile._set_aside

    def late(self: claims_file.ClaimsFile, error: sqlite3.Error) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
        assert other.confirm(*PAIRS[0]).mine
        set_aside(self, error)

    monkeypatch.setattr(claims_file.ClaimsFile, "_set_aside", late)
    assert one.confirm(*PAIRS[1]).mine
    assert written(file) == {PAIRS[0], PAIRS[1]}


def test_a_file_that_was_deleted_is_made_anew(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = opened(file), opened(file)
    assert one.confirm(*PAIRS[0]).mine and not other.confirm(*PAIRS[0]).mine
    file.unlink()
    third = opened(file)
    for pair in PAIRS[:20]:
        assert [each.confirm(*pair).mine for each in (third, one, other)] == [True, False, False]
    assert warnings(caplog) == []


def test_a_disk_that_always_spoils_is_told_once(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def spoiling(path: Path, *given: Any, **named: Any) -> sqlite3.Connection:
        path.write_bytes(b"\xa5" * 4096)
        connection: sqlite3.Connection = connect(path, *given, **named)
        return connection

    monkeypatch.setattr(sqlite3, "connect", spoiling)
    one = opened(file)
    assert [one.confirm(*pair).mine for pair in PAIRS[:5]] == [True] * 5
    aside, away = warnings(caplog)
    assert "begun anew" in aside and "going on without it" in away


def test_a_hung_disk_is_waited_for_once(
    opened: Open,
    file: Path,
    hanging: threading.Event,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = opened(file)
    assert one.confirm(*PAIRS[0]).mine
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)  # nobody waits any more
    assert [one.confirm(*pair).mine for pair in PAIRS[1:5]] == [True] * 4
    assert [one.confirm("too many", str(i)).mine for i in range(MAX_WAITING)] == [True] * MAX_WAITING
    hanging.set()
    until(lambda: file.exists() and not one._file._hung)  # type: ignore[union-attr]
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    # What was said meanwhile was written down, as far as there was room.
    assert [opened(file).confirm(*pair).mine for pair in PAIRS[:5]] == [False] * 5
    assert opened(file).confirm("too many", str(MAX_WAITING - 1)).mine
    assert warnings(caplog) == [
        f"claims: {file}: no answer within 500 ms; going on without it",
        f"claims: {file} is back",
    ]


def test_who_opens_the_file_waits_for_another_who_does(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    one = opened(file)
    assert one.confirm(CALL, "244").mine and not file.exists()
    os.close(other)
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
    until(lambda: not one.confirm(CALL, "244").mine)
    assert len(warnings(caplog)) == 2


def test_close_does_not_wait_for_a_hung_disk(file: Path, hanging: threading.Event) -> None:
    one = Claims(file)
    assert one.confirm(CALL, "244").mine
    one.close(0.05)
    assert one.confirm(CALL, "244").mine


def test_closed_it_waits_for_nothing(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)
    one = opened(file)
    assert one.confirm(CALL, "244").mine
    one.close(SOON)
    assert one.confirm(CALL, "244").mine and one.confirm(CALL, "245").mine
    assert warnings(caplog) == []


def test_the_service_without_a_thread_for_it(
    opened: Open, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = opened(file)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        assert one.claim(CALL, "244") and one.confirm(CALL, "244").mine
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
    assert one.confirm(CALL, "245").mine
    assert written(file) == {(CALL, "244"), (CALL, "245")}
