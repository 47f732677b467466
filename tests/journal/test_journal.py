"""The journal: what is told can be read again, and nothing that befalls its file costs more than rows."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import Call, Caller, Conversation, Decision, Failure, Outcome, Result, ScreenPop, Source
from fs_1c.journal import writer as module
from fs_1c.journal.entries import MAX_TEXT, CallEntry, DecisionEntry, JournalError, PopEntry, calls
from fs_1c.journal.file import JournalFile
from fs_1c.journal.writer import Journal, journal_file
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import JournalSettings, build
from tests import ROOT
from tests.support import unhurried

E164 = "+79235292926"
TITLE = "ООО «Рога & Копыта»"
KEY = "gW3cyUJAtl50PhF"
SETTINGS = JournalSettings()


def until(true: Callable[[], Any], seconds: float = 15.0) -> None:
    """Returns as soon as it is true; fails when it does not become so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER", 0.01)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr("fs_1c.journal.file.BUSY", 0.05)


@contextmanager
def writing(file: Path, settings: JournalSettings = SETTINGS) -> Iterator[Journal]:
    journal = Journal(file, settings, NumberPlan())
    try:
        yield journal
    finally:
        journal.close(10)


def decision(uuid: str = "call-1", number: str = "89235292926") -> Decision:
    caller = Caller(
        Number(E164, number),
        Result.FOUND,
        number,
        TITLE,
        "VIP",
        "244",
        Source.ONEC,
        took=0.125,
        onec_took=0.118,
    )
    target = "[leg_progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx"
    return Decision(Call(uuid, number, destination="83832000000"), caller, (), target)


def conversation(uuid: str = "call-1", extension: str = "244") -> Conversation:
    return Conversation(uuid, f"{uuid}-{extension}", "8 923 529-29-26", extension, key=KEY)


def uuids(file: Path, **asked: Any) -> list[str]:
    return [entry.call for entry in calls(file, **asked)]


def reads(file: Path) -> list[str] | None:
    """The same; None: not readable now."""
    try:
        return uuids(file)
    except JournalError:
        return None


def count(file: Path) -> int:
    """Rows of decisions; -1: not readable now."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])
    except sqlite3.Error:
        return -1


def all_octets(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in file.parent.iterdir())


def child(script: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    """A process of its own that imports what these tests do."""
    whole = f"import logging\nfrom tests.journal.test_journal import *\n{textwrap.dedent(script)}"
    command = [sys.executable, "-c", whole, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def output(process: subprocess.Popen[str]) -> str:
    told, errors = process.communicate(timeout=50)
    assert process.returncode == 0, errors
    return told


# What is told can be read.


def test_a_call_and_its_pop(file: Path) -> None:
    with freeze_time("2024-05-01 12:00:00", tick=False), writing(file) as journal:
        began = time.time()
        journal.decided(decision())
        journal.popped(replace(conversation(), age=0.5), ScreenPop(Outcome.ACCEPTED, 0.045))
    decided = DecisionEntry(
        at=began - 0.125,
        call="call-1",
        number=E164,
        asked_as="89235292926",
        destination="83832000000",
        base="",
        result="found",
        source="1c",
        error_kind="",
        error="",
        title=TITLE,
        category="VIP",
        manager="244",
        target="[leg_progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx",
        took=0.125,
        onec_took=0.118,
    )
    popped = PopEntry(
        began - 0.045, "call-1", "call-1-244", E164, "244", "accepted", "", "", 0.045, 0.5, False, False
    )
    assert calls(file) == [CallEntry(began - 0.125, "call-1", E164, (decided,), (popped,))]
    assert calls(file)[0].pops[0].ringing is False
    assert calls(file, number=E164) == calls(file, call="call-1") == calls(file)
    assert calls(file, number="+70000000000") == calls(file, call="call-2") == calls(file, limit=0) == []


def test_a_lookup_without_an_answer(file: Path) -> None:
    late = Caller(
        Number(E164, E164), Result.LATE, "8", took=0.8, error=Failure("late", "no answer within 800 ms")
    )
    with writing(file) as journal:
        journal.decided(Decision(Call("call-1", E164), late, (), None))
    [told] = calls(file)[0].decisions
    assert (told.result, told.source, told.target, told.onec_took) == ("late", "none", None, None)
    assert (told.error_kind, told.error) == ("late", "no answer within 800 ms")


def test_a_pop_without_an_outcome_to_be_proud_of(file: Path) -> None:
    with writing(file) as journal:
        why = Failure("timeout", "no answer")
        ringing = replace(conversation(), ringing=True, outgoing=True)
        journal.popped(ringing, ScreenPop(Outcome.UNKNOWN, 2.0, why))
    [told] = calls(file)[0].pops
    assert (told.outcome, told.error_kind, told.error) == ("unknown", "timeout", "no answer")
    assert told.ringing is told.outgoing is True
    assert calls(file)[0].decisions == ()  # the listener alone has heard of it
    assert (calls(file)[0].number, calls(file)[0].at) == (E164, told.at)


def test_the_number_is_kept_as_it_can_be_found(file: Path) -> None:
    unknown = Caller(None, Result.SKIPPED, error=Failure("skipped", "an extension"))
    with writing(file) as journal:
        journal.popped(conversation("formatted"), ScreenPop(Outcome.ACCEPTED))
        journal.decided(Decision(Call("extension", "244"), unknown, (), None))
        journal.popped(replace(conversation("nobody"), number="anonymous"), ScreenPop(Outcome.SKIPPED))
    assert uuids(file, number=E164) == ["formatted"]
    assert uuids(file, number="244") == ["extension"]
    assert uuids(file, number="anonymous") == ["nobody"]


def test_who_withholds_his_number_is_not_in_the_journal(file: Path) -> None:
    withheld = Caller(None, Result.SKIPPED, error=Failure("skipped", "withheld"))
    with writing(file) as journal:
        journal.decided(Decision(Call("call-1", "89235292926", private=True), withheld, (), None))
    assert calls(file)[0].number == ""
    assert b"9235292926" not in all_octets(file)


def test_the_base_is_the_one_that_was_asked(file: Path) -> None:
    call = Call("call-1", "anonymous", base="a typing error")
    with writing(file) as journal:
        journal.decided(Decision(call, Caller(None, Result.SKIPPED, base="sales"), (), None))
    assert calls(file)[0].decisions[0].base == "sales"


def test_several_decisions_and_pops_of_one_call(file: Path) -> None:
    with freeze_time("2024-05-01") as clock, writing(file) as journal:
        for uuid in ("call-1", "call-2", "call-3"):
            journal.decided(decision(uuid))
            clock.tick(10)
        journal.popped(conversation("call-1", "244"), ScreenPop(Outcome.ACCEPTED))
        clock.tick(10)
        journal.popped(conversation("call-1", "245"), ScreenPop(Outcome.ACCEPTED))
        journal.decided(decision("call-1"))
    assert uuids(file) == ["call-3", "call-2", "call-1"]
    # Of the first call something was heard last.
    assert uuids(file, limit=1) == ["call-1"]
    assert uuids(file, limit=2) == uuids(file, limit=2, number=E164) == ["call-3", "call-1"]
    [first] = calls(file, call="call-1")
    assert [pop.extension for pop in first.pops] == ["244", "245"]
    assert len(first.decisions) == 2


@settings(unhurried, max_examples=50)
@given(texts=st.lists(st.text(st.characters(), max_size=MAX_TEXT + 20), min_size=9, max_size=9))
def test_any_text_in_any_field(texts: list[str]) -> None:
    def kept(text: str) -> str:
        return "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) < 0xE000 else c for c in text[:MAX_TEXT])

    uuid, number, destination, title, category, manager, target, kind, message = texts
    error = Failure(kind, message)
    caller = Caller(None, Result.FAILED, number, title, category, manager, error=error)
    call = Call(uuid, number, destination=destination, base=title)
    talk = Conversation(uuid, target, "anonymous", destination)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.db"
        with writing(file) as journal:
            journal.decided(Decision(call, caller, (), target))
            journal.popped(talk, ScreenPop(Outcome.FAILED, error=error))
        [entry] = calls(file, call=uuid)
        assert calls(file) == calls(file, number=number) == [entry]
    [told] = entry.decisions
    assert (told.call, told.number, told.asked_as) == (kept(uuid), kept(number), kept(number))
    assert (told.destination, told.base, told.title) == (kept(destination), kept(title), kept(title))
    assert (told.category, told.manager, told.target) == (kept(category), kept(manager), kept(target))
    assert (told.error_kind, told.error) == (kept(kind), kept(message))
    [popped] = entry.pops
    assert (popped.call, popped.leg, popped.extension) == (kept(uuid), kept(target), kept(destination))
    assert (popped.error_kind, popped.error) == (kept(kind), kept(message))


# Whose business it is.


def test_the_file_is_for_its_owner_and_his_group(file: Path) -> None:
    before = os.umask(0)
    try:
        with writing(file) as journal:
            journal.decided(decision())
            until(lambda: count(file) == 1)
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 416)


def test_without_titles_no_name_is_kept(file: Path) -> None:
    with writing(file, JournalSettings(titles=False)) as journal:
        journal.decided(decision())
    assert calls(file)[0].decisions[0].title is None
    assert "Рога".encode() not in all_octets(file)
    assert b"VIP" in all_octets(file)


def test_no_key_is_kept(file: Path) -> None:
    with writing(file) as journal:
        journal.popped(conversation(), ScreenPop(Outcome.REJECTED, error=Failure("rejected", "no")))
    assert b"call-1-244" in all_octets(file)
    assert KEY.encode() not in all_octets(file)


def test_where_the_journal_stands(tmp_path: Path) -> None:
    def stands(**more: Any) -> Path | None:
        return journal_file(build({"onec": {"url": "http://1c.example/base"}, **more}))

    assert stands() is None
    assert stands(state={"folder": str(tmp_path)}) == tmp_path / "journal.db"
    assert stands(state={"folder": str(tmp_path)}, journal={"enabled": False}) is None


# The writer comes and goes.


def test_who_tells_nothing_touches_nothing(file: Path) -> None:
    with writing(file):
        pass
    assert not list(file.parent.iterdir())


def test_the_folder_is_made_but_not_its_parents(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with writing(tmp_path / "state" / "journal.db") as journal:
        journal.decided(decision())
    assert count(tmp_path / "state" / "journal.db") == 1
    with writing(tmp_path / "no" / "such" / "journal.db") as journal:
        journal.open()
        until(lambda: "cannot be written" in caplog.text)
    assert not (tmp_path / "no").exists()


def test_closing_writes_what_is_queued(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with writing(file) as journal:
        for i in range(3 * module.BATCH):
            journal.decided(decision(f"call-{i}"))
    assert count(file) == 3 * module.BATCH
    journal.close()
    journal.decided(decision("too late"))
    journal.open()
    assert not calls(file, call="too late")
    assert not caplog.records


@pytest.mark.parametrize(
    ("coming", "together"),
    [
        ([3], [4]),  # hardly anything comes: it is not waited for more
        ([module.MANY, module.MANY, 7, module.MANY], [2 * module.MANY + 8]),
        ([module.MANY] * 6, [module.GATHERINGS * module.MANY + 1]),  # nor for ever
        ([2 * module.BATCH], [module.BATCH, module.BATCH, 1]),
    ],
)
def test_rows_that_come_in_numbers_are_written_together(
    file: Path, coming: list[int], together: list[int]
) -> None:
    written: list[int] = []
    journal = Journal(file, SETTINGS, NumberPlan())
    waits = iter(coming)

    class Gathering(threading.Event):
        """Meanwhile rows come."""

        def wait(self, timeout: float | None = None) -> bool:
            for _ in range(next(waits, 0)):
                journal.decided(decision())
            return False

    def run(statements: Any) -> int:
        rows = sum(len(values) // len(DecisionEntry._fields) for sql, values in statements if "calls" in sql)
        if "INSERT" in statements[0][0]:
            written.append(rows)
        return 0

    journal._closed, journal._file.run = Gathering(), run  # type: ignore[method-assign]
    journal.decided(decision())
    until(lambda: written == together)
    journal.close()


def test_no_thread_can_be_had(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with writing(file) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            journal.decided(decision("lost"))
            journal.popped(conversation("lost"), ScreenPop(Outcome.ACCEPTED))
        journal.decided(decision("kept"))
        until(lambda: "written again; rows lost meanwhile: 2" in caplog.text)
    assert uuids(file) == ["kept"]
    assert len(caplog.records) == 2


# What may befall the file.


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


def test_a_disk_that_hangs(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hung, goes_on = threading.Event(), threading.Event()

    def hang(*given: Any, **more: Any) -> sqlite3.Connection:
        hung.set()
        goes_on.wait()
        return sqlite3.Connection(*given, **more)

    monkeypatch.setattr(module, "MAX_QUEUE", 100)
    monkeypatch.setattr(sqlite3, "connect", hang)
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
    hung, goes_on = threading.Event(), threading.Event()

    def hang(*given: Any, **more: Any) -> sqlite3.Connection:
        hung.set()
        goes_on.wait()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite3, "connect", hang)
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
    late._set_aside()
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
        newer.execute("PRAGMA user_version = 2")
    before = file.read_bytes()
    with writing(file) as journal:
        for i in range(10):
            journal.decided(decision(f"call-{i}"))
        until(lambda: caplog.records)
        journal.decided(decision())
    assert [record.message for record in caplog.records] == [
        f"journal {file} is of a newer version (2; this one knows 1); no journal is kept"
    ]
    assert file.read_bytes() == before
    with pytest.raises(JournalError, match="is of a newer version"):
        calls(file)


def test_rows_that_can_never_be_written_do_not_hold_up_the_others(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(file) as journal:
        journal.popped(
            conversation("poison"), ScreenPop(Outcome.ACCEPTED, 10**30)
        )  # more than an INTEGER holds
        until(lambda: caplog.records)
        journal.decided(decision("well"))
        until(lambda: "rows lost meanwhile: 1" in caplog.text)
    assert uuids(file) == ["well"]


def test_no_journal_to_read(file: Path) -> None:
    with pytest.raises(JournalError, match=r"journal\.db: there is no journal yet$"):
        calls(file)
    file.touch()
    with pytest.raises(JournalError, match=r"journal\.db: there is nothing in it yet$"):
        calls(file)
    with pytest.raises(JournalError, match="cannot be read"):
        calls(file.parent)
    assert [path.name for path in file.parent.iterdir()] == ["journal.db"]


def test_a_name_that_means_something_in_an_uri(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1?mode=rw" / "journal.db"
    with writing(file) as journal:
        journal.decided(decision())
        until(lambda: (file.parent / "journal.db-wal").exists() and reads(file) == ["call-1"])
    assert uuids(file) == ["call-1"]


# Several processes.


def test_two_processes_write_at_once(file: Path) -> None:
    script = """
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
        print("ready", flush=True)
        sys.stdin.readline()
        with writing(Path(sys.argv[1])) as journal:
            for i in range(300):
                journal.decided(decision(f"{sys.argv[2]}-{i}"))
                journal.popped(conversation(f"{sys.argv[2]}-{i}"), ScreenPop(Outcome.ACCEPTED))
                time.sleep(0.0005)
        """
    both = [child(script, file, name, stdin=subprocess.PIPE) for name in ("one", "two")]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [output(process) for process in both] == ["", ""]  # neither has complained
    found = calls(file, limit=1000)
    assert {entry.call for entry in found} == {f"{name}-{i}" for name in ("one", "two") for i in range(300)}
    assert all(len(entry.decisions) == len(entry.pops) == 1 for entry in found)


def test_a_killed_process_leaves_a_journal_that_can_be_read(file: Path) -> None:
    script = """
        module.GATHER = 0.0
        journal = Journal(Path(sys.argv[1]), SETTINGS, NumberPlan())
        for i in range(1_000_000):
            journal.decided(decision(f"call-{i}"))
            time.sleep(0.0001)
        """
    process = child(script, file)
    until(lambda: count(file) > 100, 30)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    written = len(calls(file, limit=100_000))
    assert written > 100
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with writing(file) as journal:
        journal.decided(decision("after"))
    assert count(file) == written + 1


# Old and many.


def fill(file: Path, rows: int, at: float) -> None:
    """That many calls of as many numbers, a second apart, the last one at `at`."""
    with writing(file) as journal:
        journal.decided(decision("made"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM calls")
        connection.execute(
            "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?) INSERT INTO "
            "calls (at, call, number, result) SELECT ? - n, 'call-' || n, '+7' || n, 'found' FROM i",
            (rows, at),
        )
        connection.execute(
            "INSERT INTO pops (at, call, number, outcome) SELECT at, call, number, 'x' FROM calls"
        )
        connection.commit()


def test_old_rows_are_deleted_in_portions(file: Path) -> None:
    fill(file, 5000, time.time() - 1000)
    done: list[tuple[str, int]] = []
    with writing(file, JournalSettings(keep_for=900)) as journal:
        run = journal._file.run

        def watch(statements: Any) -> int:
            changed = run(statements)
            done.append(("write" if "INSERT" in statements[0][0] else "delete", changed))
            if len(done) == 3:
                journal.decided(decision("meanwhile"))
            return changed

        journal._file.run = watch  # type: ignore[method-assign]
        journal.open()
        until(lambda: done and done[-1] == ("delete", 0))
    assert ("write", 1) in done[3:-1]  # in between, not in the end
    assert sum(changed for kind, changed in done if kind == "delete") == 10_000
    assert max(changed for _, changed in done) <= 2 * module.BATCH
    assert uuids(file) == ["meanwhile"]


def test_rows_are_deleted_again_and_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the telling is in the past: the writer's thread goes by the clock on the wall."""
    monkeypatch.setattr(module, "PRUNE_EVERY", 0.01)
    now = datetime.now(UTC)
    with writing(file, JournalSettings(keep_for=86400)) as journal:
        for kept, old in (("call-1", "call-2"), ("call-3", "call-4")):
            with freeze_time(now - timedelta(hours=23)):
                journal.decided(decision(kept))
            until(lambda: count(file) > 0 and kept in uuids(file))  # noqa: B023
            with freeze_time(now - timedelta(hours=25)):
                journal.decided(decision(old))
                journal.popped(conversation(old), ScreenPop(Outcome.ACCEPTED))
            # A row that comes later, so the old ones have been written by then.
            journal.decided(decision(f"{old}, later"))
            until(lambda: calls(file, call=f"{old}, later"))  # noqa: B023
            until(lambda: not calls(file, call=old))  # noqa: B023
    assert sorted(uuids(file)) == ["call-1", "call-2, later", "call-3", "call-4, later"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("many") / "journal.db"
    fill(file, 30_000, time.time())
    return file


@pytest.mark.parametrize(
    "asked", [{}, {"number": "+7777"}, {"number": "+7"}, {"call": "call-777"}, {"call": "no"}], ids=str
)
def test_of_many_calls_only_those_asked_for_are_looked_at(
    many: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts the steps of SQLite's machine: looking through all rows would take several for each."""
    steps = 0

    def hundred_more() -> int:
        nonlocal steps
        steps += 100
        return 0

    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def counting(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.set_progress_handler(hundred_more, 100)
        return connection

    monkeypatch.setattr(sqlite3, "connect", counting)
    found = calls(many, **asked)
    assert len(found) == (20 if not asked else 0 if asked in ({"number": "+7"}, {"call": "no"}) else 1)
    assert steps < 10_000
