"""Whatever befalls the journal's file costs no more than rows."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Outcome, ScreenPop
from fs_1c.journal import writer as module
from fs_1c.journal.file import JournalFile
from fs_1c.journal.reading import JournalError, calls
from fs_1c.journal.writer import Journal
from fs_1c.numbers import NumberPlan
from tests.journal.conftest import (
    SETTINGS,
    child,
    conversation,
    count,
    decision,
    output,
    uuids,
    writing,
)
from tests.support import until

pytestmark = pytest.mark.usefixtures("quick")


def test_locked(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with writing(file) as journal, closing(sqlite3.connect(file, isolation_level=None)) as other:
        journal.decided(decision("call-1"))
        until(lambda: count(file) == 1)
        other.execute("BEGIN EXCLUSIVE")
        journal.decided(decision("call-2"))
        until(lambda: "cannot be written (database is locked)" in caplog.text)
        journal.decided(decision("call-3"))
        other.execute("ROLLBACK")
        until(lambda: "is written again; rows lost meanwhile: 0" in caplog.text)
    assert sorted(uuids(file)) == ["call-1", "call-2", "call-3"]
    assert len(caplog.records) == 2


def test_locked_until_the_end(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with writing(file) as journal:
        journal.decided(decision("call-1"))
    journal = Journal(file, SETTINGS, NumberPlan())
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        journal.decided(decision("call-2"))
        journal.close(10)
    assert "closed with rows missing" in caplog.text
    assert uuids(file) == ["call-1"]


def test_readers_keep_no_writer_waiting(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with writing(file) as journal:
        journal.decided(decision("call-1"))
        until(lambda: count(file) == 1)
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT call FROM calls").fetchall() == [("call-1",)]
            journal.decided(decision("call-2"))
            until(lambda: count(file) == 2)
            assert reader.execute("SELECT call FROM calls").fetchall() == [("call-1",)]
    assert not caplog.records


def hangs(
    monkeypatch: pytest.MonkeyPatch, then: Callable[..., sqlite3.Connection]
) -> tuple[threading.Event, threading.Event]:
    """A disk that does: an event that is set when somebody waits for it, and one to set for it to go on."""
    hung, goes_on = threading.Event(), threading.Event()

    def connect(*given: Any, **more: Any) -> sqlite3.Connection:
        hung.set()
        goes_on.wait()
        return then(*given, **more)

    monkeypatch.setattr(sqlite3, "connect", connect)
    return hung, goes_on


def broken(*_: Any, **__: Any) -> sqlite3.Connection:
    raise sqlite3.OperationalError("disk I/O error")


def test_a_disk_that_hangs(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUE", 100)
    hung, goes_on = hangs(monkeypatch, sqlite3.Connection)
    with writing(file) as journal:
        journal.open()
        hung.wait()
        for i in range(150):
            journal.decided(decision(f"call-{i}"))
        assert [record.message for record in caplog.records] == [
            f"journal {file} cannot be written (the disk does not keep up); calls go on without it"
        ]
        goes_on.set()
        until(lambda: "written again; rows lost meanwhile: 5" in caplog.text)
    assert 95 <= count(file) <= 100
    assert len(caplog.records) == 2


def test_closing_does_not_wait_for_a_disk_that_hangs(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hung, goes_on = hangs(monkeypatch, broken)
    journal = Journal(file, SETTINGS, NumberPlan())
    journal.decided(decision())
    hung.wait()
    journal.close(0.05)  # would never end
    assert "closed with rows missing" in caplog.text
    goes_on.set()
    assert journal._thread is not None
    journal._thread.join(15)
    assert not journal._thread.is_alive()


def test_a_full_disk(file: Path) -> None:
    """No file of the process may grow any more: as if the disk were full."""
    script = """
        import resource
        file = Path(sys.argv[1])
        module.FIRST_PAUSE = module.LONGEST_PAUSE = 0.05
        module.MAX_QUEUE = 100
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
        with writing(file) as journal:
            journal.decided(decision("first"))
            until(lambda: count(file) == 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(f"{file}-wal").st_size, -1))
            journal.decided(decision("second"))
            until(lambda: journal._ill)
            for i in range(200):
                journal.decided(decision(f"call-{i}"))
            assert count(file) == 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            until(lambda: not journal._ill)
        print(count(file))
        """
    begun, ended, rows = output(child(script, file)).splitlines()
    assert "cannot be written (d" in begun, begun  # "database or disk is full", or "disk I/O error"
    lost = int(ended.removeprefix(f"journal {file} is written again; rows lost meanwhile: "))
    assert lost >= 100
    assert lost + int(rows) == 202


def test_a_folder_that_may_only_be_read() -> None:
    """The superuser may write everywhere, so it is somebody else who tries."""
    script = """
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        file = Path(sys.argv[1]) / "state" / "journal.db"
        file.parent.mkdir(mode=0o555)
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
        with writing(file) as journal:
            journal.decided(decision())
            until(lambda: journal._ill)
            file.parent.chmod(0o755)
            until(lambda: not journal._ill)
        file.parent.chmod(0o555)
        print(uuids(file))  # who may not write can read, although nobody has the file open
        print([path.name for path in file.parent.iterdir()])
        file.chmod(0)
        try:
            calls(file)
        except JournalError as error:
            print(error)
        file.parent.chmod(0o755)
        """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        begun, ended, read, there, refused = output(child(script, folder)).splitlines()
    assert "cannot be written" in begun
    assert "written again; rows lost meanwhile: 0" in ended
    assert (read, there) == ("['call-1']", "['journal.db']")
    assert refused.endswith("journal.db: cannot be read: unable to open database file")


def spoil(file: Path, begin: int = 0) -> None:
    octets = file.read_bytes()
    file.write_bytes(octets[:begin] + b"\xa5" * max(1000, len(octets) - begin))


@pytest.mark.parametrize("begin", [0, 100, 4096], ids=["all of it", "the schema", "the tables"])
def test_a_corrupt_file_is_set_aside(file: Path, begin: int, caplog: pytest.LogCaptureFixture) -> None:
    with writing(file) as journal:
        journal.decided(decision("old"))
    spoil(file, begin)
    spoiled = file.read_bytes()
    with pytest.raises(JournalError, match=r"^\S+journal\.db: cannot be read: .*(malformed|not a database)"):
        calls(file)
    with writing(file) as journal:
        journal.decided(decision("new"))
        until(lambda: "is written again; rows lost meanwhile: 0" in caplog.text)
    assert uuids(file) == ["new"]
    [broken] = file.parent.glob("journal.db.broken-????-??-??")
    assert broken.read_bytes()[begin:] == spoiled[begin:]
    assert [record.message.partition(str(file))[2].split(";")[0] for record in caplog.records[:1]] == [
        " was corrupt and is begun anew"
    ]
    assert len(caplog.records) == 3


def test_of_the_corrupt_files_of_a_day_the_first_is_kept(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for octets in (b"first" * 1000, b"second" * 1000):
        file.write_bytes(octets)
        with writing(file) as journal:
            journal.decided(decision())
            until(lambda: count(file) == 1)
    [broken] = file.parent.glob("journal.db.broken-*")
    assert broken.read_bytes() == b"first" * 1000
    assert "deleted, for there is already a" in caplog.text


def test_a_good_file_is_not_set_aside_by_who_met_the_corrupt_one(file: Path) -> None:
    late = JournalFile(file)
    late.run([])
    late.close()
    file.write_bytes(b"corrupt" * 1000)  # as both have seen it; here the other one acts first
    file.rename(file.with_name("aside.db"))
    with writing(file) as journal:
        journal.decided(decision())
    late._file.set_aside()
    assert uuids(file) == ["call-1"]


def test_corrupt_files_go_with_age(file: Path) -> None:
    old, new = (file.with_name(f"journal.db.broken-2024-01-0{i}") for i in (1, 2))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    with writing(file) as journal:
        journal.open()
        until(lambda: not old.exists())
    assert new.exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_vanishes_is_begun_anew(tmp_path: Path, what: str) -> None:
    file = tmp_path / "state" / "journal.db"
    with writing(file) as journal:
        journal.decided(decision("gone"))
        until(lambda: count(file) == 1)
        if what == "folder":
            shutil.rmtree(file.parent)
        else:
            file.unlink()
        journal.decided(decision("new"))
        until(lambda: count(file) == 1)
    assert uuids(file) == ["new"]


def test_a_file_that_another_process_sets_aside(file: Path) -> None:
    with writing(file) as ours, writing(file) as theirs:
        ours.decided(decision("old"))
        until(lambda: count(file) == 1)
        for end in ("-wal", "-shm", ""):
            file.with_name(f"journal.db{end}").rename(file.with_name(f"aside.db{end}"))
        theirs.decided(decision("theirs"))
        until(lambda: count(file) == 1)
        ours.decided(decision("ours"))
        until(lambda: count(file) == 2)
        theirs.decided(decision("theirs, later"))
    assert sorted(uuids(file)) == ["ours", "theirs", "theirs, later"]
    assert uuids(file.with_name("aside.db")) == ["old"]


def test_a_newer_file_is_left_alone(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 8")
    before = file.read_bytes()
    with writing(file) as journal:
        for i in range(10):
            journal.decided(decision(f"call-{i}"))
        until(lambda: caplog.records)
        journal.decided(decision())
    assert [record.message for record in caplog.records] == [
        f"journal {file} is of a newer version (8; this one knows 7); no journal is kept"
    ]
    assert file.read_bytes() == before
    with pytest.raises(JournalError, match="is of a newer version"):
        calls(file)


def test_rows_that_can_never_be_written_do_not_hold_up_the_others(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(file) as journal:
        more_than_an_integer_holds = 10**30
        journal.popped(conversation("poison"), ScreenPop(Outcome.ACCEPTED, more_than_an_integer_holds))
        until(lambda: caplog.records)
        journal.decided(decision("well"))
        until(lambda: "rows lost meanwhile: 1" in caplog.text)
    assert uuids(file) == ["well"]
