"""Of a card that is missing after a load, `tests.cluster.load` says why."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fs_1c.simulator.freeswitch import CallResult
from tests.cluster.missing import why

POP = "2026-11-28 17:48:50,065 WARNING call=u-1 pop extension=244 outcome="
OTHER = "2026-11-28 17:48:50,065 INFO call=u-2 pop extension=244 outcome=accepted switch=sw3 took=3ms\n"


@pytest.mark.parametrize(
    ("log", "rows", "answered_by", "expected"),
    [
        (
            f"{POP}too late switch=sw3 took=2652ms error=over: the conversation had ended\n",
            ("calls", "talks", "pops", "ends"),
            "244",
            "the service says: too late, over: the conversation had ended",
        ),
        (f"{POP}unknown took=9ms\n", (), "244", "the service says: unknown"),
        (f"{POP}accepted switch=sw3 took=9ms\n", (), "244", "the service says: accepted"),
        ("", ("calls", "talks"), "244", "its talk was heard, and nothing said of its card"),
        ("", ("calls",), "244", "its talk was not heard by any service"),
        ("", (), None, "nobody answered: ORIGINATOR_CANCEL"),
    ],
)
def test_why_it_is_missing(
    tmp_path: Path, log: str, rows: tuple[str, ...], answered_by: str | None, expected: str
) -> None:
    for name, text in (("service0", OTHER), ("service1", OTHER + log)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log-1").write_text(text)
    with closing(sqlite3.connect(tmp_path / "service1" / "journal.db")) as journal:
        for table in ("calls", "talks", "pops", "ends"):
            journal.execute(f"CREATE TABLE {table} (call TEXT)")
            journal.execute(f"INSERT INTO {table} VALUES (?)", ("u-1" if table in rows else "u-2",))
        journal.commit()
    call = CallResult("u-1", "Чиж", answered_by=answered_by, hangup_cause="ORIGINATOR_CANCEL")
    reason, known = why(call, [tmp_path / "service0", tmp_path / "service1"])
    assert reason == expected
    assert "u-2" not in "".join(known)
    assert all(text in "\n".join(known) for text in (log.strip(), *rows, answered_by or "nobody"))
