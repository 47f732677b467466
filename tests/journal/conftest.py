"""What tests of the journal share: a file, a writer that makes haste, and processes of their own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Call, Caller, Conversation, Decision, Result, Source
from fs_1c.journal import writer as module
from fs_1c.journal.reading import JournalError, calls
from fs_1c.journal.writer import Journal
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import JournalSettings
from tests import ROOT
from tests.support import KEY

E164 = "+79235292926"
TITLE = "ООО «Рога & Копыта»"
SETTINGS = JournalSettings()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER", 0.01)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr("fs_1c.sqlite_file.file.BUSY", 0.05)


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
    target = "[progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx"
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


_NAMES = """
import logging, os, sys, time
from pathlib import Path
from fs_1c.call import Outcome, ScreenPop
from fs_1c.journal import writer as module
from fs_1c.journal.reading import JournalError, calls
from fs_1c.journal.writer import Journal
from fs_1c.numbers import NumberPlan
from tests.journal.conftest import SETTINGS, conversation, count, decision, uuids, writing
from tests.support import until
"""


def child(script: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    """A process of its own, with what these tests have."""
    whole = _NAMES + textwrap.dedent(script)
    command = [sys.executable, "-c", whole, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def output(process: subprocess.Popen[str]) -> str:
    told, errors = process.communicate(timeout=50)
    assert process.returncode == 0, errors
    return told


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
