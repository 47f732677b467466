"""Rows that are old or many: deleted in portions, and found without looking at all of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import Outcome, ScreenPop
from fs_1c.journal import writer as module
from fs_1c.journal.reading import calls
from fs_1c.settings import JournalSettings
from tests.journal.conftest import (
    conversation,
    count,
    decision,
    fill,
    uuids,
    writing,
)
from tests.support import until

pytestmark = pytest.mark.usefixtures("quick")


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
