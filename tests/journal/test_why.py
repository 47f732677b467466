"""Why a manager was passed over: in the journal, and in files from before it was written there."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.journal import Journal, JournalError, as_json, calls, of_json, reading, story
from fs_1c.journal.tables import SCHEMA
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import JournalSettings

SEED = Number("+79235292926", "89235292926")
CALLER = Caller(SEED, Result.FOUND, "89235292926", "Фэйковый чиж", "0", "244")


def decision(why: str, target: str | None = None, uuid: str = "new") -> Decision:
    return Decision(Call(uuid, "89235292926"), CALLER, (), target, why=why)


def kept(file: Path, *decisions: Decision) -> None:
    journal = Journal(file, JournalSettings(), NumberPlan())
    for one in decisions:
        journal.decided(one)
    journal.close(30)


@pytest.mark.parametrize(
    ("why", "target", "told"),
    [
        (
            "244 talks since 14:02: passed over",
            "user/100@pbx",
            "Sent to user/100@pbx: to whom the settings let follow the manager; the manager could not "
            "take it.",
        ),
        (
            "244 talks since 14:02: 245 rings in his place",
            "[leg_timeout=20]user/245@pbx",
            "Sent to [leg_timeout=20]user/245@pbx: to whom the settings let follow the manager; the manager "
            "could not take it.",
        ),
        (
            "244 talks since 14:02: rings all the same",
            "[leg_timeout=20]user/244@pbx",
            "Sent to [leg_timeout=20]user/244@pbx: to the client's manager 244.",
        ),
        (
            "244 is away: passed over",
            None,
            "Sent to the dialplan's own target: nobody is set to follow the manager.",
        ),
        (
            "turned away with CALL_REJECTED",
            None,
            "The rule for category 0 wants nobody to ring for such a client.",
        ),
    ],
)
def test_why_is_told(tmp_path: Path, why: str, target: str | None, told: str) -> None:
    file = tmp_path / "journal.db"
    kept(file, decision(why, target))
    (entry,) = calls(file)
    assert entry.decisions[0].why == why
    lines = story(entry)
    assert lines[lines.index(told) - 1] == f"{why[:1].upper()}{why[1:]}."
    assert of_json(as_json(entry)).decisions[0].why == why, "as another service is told of it"


def test_a_file_from_before_is_read_and_gone_on_with_and_not_by_who_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal.db"
    with closing(sqlite3.connect(file)) as old:
        for statement in SCHEMA:
            old.execute(statement.replace(", why TEXT NOT NULL DEFAULT ''", ""))
        old.execute(
            "INSERT INTO calls (at, call, number, result, title) VALUES (?, 'old', '', 'found', 'x')",
            (time.time(),),
        )
        old.execute("PRAGMA user_version = 4")
        old.commit()
    (before,) = calls(file)
    assert before.decisions[0].why == ""
    kept(file, decision("244 is away: passed over"))
    assert {entry.call: entry.decisions[0].why for entry in calls(file)} == {
        "old": "",
        "new": "244 is away: passed over",
    }
    monkeypatch.setattr(reading, "VERSION", 4)
    with pytest.raises(JournalError, match=r"is of a newer version \(7; this one knows 4\)"):
        calls(file)
