"""The journal's writer comes and goes, alone or beside another: nobody waits for it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Outcome, ScreenPop
from fs_1c.journal import writer as module
from fs_1c.journal.entries import DecisionEntry
from fs_1c.journal.reading import calls
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
        for i in range(module.MAX_QUEUE):  # more at once than may wait would be lost where the disk is slow
            journal.decided(decision(f"call-{i}"))
    assert count(file) == module.MAX_QUEUE > module.BATCH
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
