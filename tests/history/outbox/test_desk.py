"""What waits for 1C is told by call; it is tried at once, or dropped, and that is counted and told."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.call import HistoryWord, Told
from fs_1c.history import History, kept
from fs_1c.history.waiting import in_file
from fs_1c.history.waiting.calls import calls, drop, retry
from fs_1c.integration import Integration
from fs_1c.onec import CallState, OneCError, Reached
from fs_1c.sqlite_file import Newer
from fs_1c.talk import Observer
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL, Ear, answered, happen, telling
from tests.support import until


class Heard(Observer):
    def __init__(self) -> None:
        self.words: list[HistoryWord] = []

    def told(self, word: HistoryWord) -> None:
        self.words.append(word)


def away(state: CallState) -> None:
    raise OneCError("unreachable", "connection refused", Reached.NO, base_down=True)


def stubborn(state: CallState) -> None:
    raise OneCError("fault", "Ошибка", Reached.NO, base_down=False, passing=True)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, ear: Ear) -> None:
    """Whoever pauses does so for longer than any test."""
    monkeypatch.setattr("fs_1c.history.pace.FIRST_PAUSE", 3600.0)
    monkeypatch.setattr("fs_1c.history.pace.LONGEST_PAUSE", 3600.0)


def history(here: Integration) -> History:
    assert here.history is not None
    return here.history


def test_what_waits_is_told_by_call_with_why(tmp_path: Path, ear: Ear, slow: None) -> None:
    ear.before = stubborn
    with telling(tmp_path) as here:
        happen(here, answered("a"), answered("b"))
        desk = history(here).desk
        until(lambda: all(one.tries for one in desk.calls("", "", 10)))
        first, _ = desk.calls("", "", 10)
        assert (first.call, first.base, first.number, first.words) == ("a", "default", "89235292926", 4)
        assert first.states == tuple(TOLD_OF_AN_ANSWERED_CALL)
        assert "Ошибка" in first.error and first.tries == 1
        assert first.next_in is not None and 0 < first.next_in <= 3600
        assert abs(first.since - time.time()) < 600
        assert [one.call for one in desk.calls("default", "b", 10)] == ["b"]
        assert desk.calls("another", "", 10) == [] and len(desk.calls("", "", 1)) == 1
        seen = desk.seen()
        assert (seen.bases["default"].words, seen.bases["default"].calls) == (8, 2)
        assert not (seen.late or seen.away or seen.lost)
    # The file says it, too, when no service has it.
    bases, found = in_file(tmp_path / "history.db", "", "", 10)
    assert (bases["default"].words, bases["default"].calls) == (8, 2)
    assert [(one.call, one.words, one.next_in) for one in found] == [
        ("a", 4, 0.0),
        ("b", 4, 0.0),
    ]


def test_one_call_is_tried_at_once_and_no_other(tmp_path: Path, ear: Ear, slow: None) -> None:
    ear.before = stubborn
    with telling(tmp_path) as here:
        happen(here, answered("a"), answered("b"))
        desk = history(here).desk
        until(lambda: all(one.tries for one in desk.calls("", "", 10)))
        ear.before = lambda state: None
        assert desk.retry("", "a") == 1
        until(lambda: ear.states("a") == TOLD_OF_AN_ANSWERED_CALL)
        assert ear.states("b") == []
        assert desk.retry("", "") == 1
        until(lambda: ear.states("b") == TOLD_OF_AN_ANSWERED_CALL)
        until(lambda: desk.retry("", "") == 0)


def test_a_base_that_was_down_is_asked_at_once(tmp_path: Path, ear: Ear, slow: None) -> None:
    ear.before = away
    ear.awake = OneCError("unreachable", "connection refused", Reached.NO, base_down=True)
    with telling(tmp_path) as here:
        happen(here, answered("a"))
        desk = history(here).desk
        until(lambda: desk.calls("", "", 1)[0].tries)
        ear.before, ear.awake = lambda state: None, None
        desk.retry("default", "")
        until(lambda: ear.states("a") == TOLD_OF_AN_ANSWERED_CALL)


def test_what_is_dropped_is_counted_and_told_and_1c_never_hears_of_it(
    tmp_path: Path, ear: Ear, slow: None, caplog: pytest.LogCaptureFixture
) -> None:
    ear.before = away
    with telling(tmp_path) as here:
        heard = Heard()
        here.observers.append(heard)
        happen(here, answered("a"), answered("b"))
        one = history(here)
        until(lambda: one.waiting()["default"].words == 8 and one.desk.calls("", "", 1)[0].tries)
        until(lambda: not one._outbox.flying)
        assert one.desk.drop("", "b") == (4, 1)
        assert [call.call for call in one.desk.calls("", "", 10)] == ["a"]
        assert one.desk.drop("another", "") == (0, 0)
        assert one.desk.drop("", "") == (4, 1)
        assert one.waiting() == {} and one.desk.drop("", "") == (0, 0)
        until(lambda: one.counted["default", Told.DROPPED] == 8)
        assert [word.state for word in heard.words if word.call_uuid == "b"] == TOLD_OF_AN_ANSWERED_CALL
        assert {word.told for word in heard.words} == {Told.DROPPED}
        ear.before = lambda state: None
        one.desk.retry("", "")
        happen(here, answered("c"))
        until(lambda: ear.states("c") == TOLD_OF_AN_ANSWERED_CALL)
    assert ear.states("a") == ear.states("b") == []
    assert "4 words of 1 calls dropped, the first call=b base=default" in caplog.text


def test_a_word_under_way_is_not_dropped(tmp_path: Path, ear: Ear) -> None:
    """It may be with 1C by now, so it ends as it ends; the rest of its call goes."""
    under_way, go_on = threading.Event(), threading.Event()

    def wait(state: CallState) -> None:
        under_way.set()
        assert go_on.wait(60)

    ear.before = wait
    with telling(tmp_path) as here:
        happen(here, answered("a"))
        assert under_way.wait(60)
        one = history(here)
        until(lambda: one.waiting()["default"].words == 4)
        assert one.desk.drop("", "") == (3, 1)
        ear.before = lambda state: None
        go_on.set()
        until(lambda: one.waiting() == {})
        assert one.counted == {("default", Told.DROPPED): 3, ("default", Told.TOLD): 1}
    assert ear.states("a") == ["START"]


def test_who_looks_often_costs_the_outbox_one_look(
    tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    waiting = kept.waiting

    def counting(connection: sqlite3.Connection) -> dict[str, kept.Waits]:
        nonlocal looks
        looks += 1
        return waiting(connection)

    monkeypatch.setattr(kept, "waiting", counting)
    monkeypatch.setattr("fs_1c.history.waiting.desk.LOOK_EVERY", 3600.0)
    with telling(tmp_path) as here:
        for _ in range(50):
            history(here).desk.seen()
    assert looks == 1


def test_a_disk_that_hangs_holds_up_nobody_who_looks(
    tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.history.waiting.desk.LOOK_EVERY", 0.0)
    monkeypatch.setattr("fs_1c.history.waiting.desk.LOOK_WITHIN", 0.01)
    monkeypatch.setattr("fs_1c.history.waiting.desk.ANSWERS_WITHIN", 0.01)
    hangs, ends = threading.Event(), threading.Event()
    with telling(tmp_path) as here:
        desk = history(here).desk
        until(lambda: desk.seen().at)

        def hang(connection: sqlite3.Connection) -> None:
            hangs.set()
            ends.wait(60)

        desk._outbox.ask(hang)
        assert hangs.wait(60)
        assert desk.seen().late  # what it knew before, and that this is old
        with pytest.raises(TimeoutError):
            desk.calls("", "", 1)
        ends.set()
        until(lambda: not desk.seen().late)


@pytest.fixture
def tables() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in kept.SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


def fill(connection: sqlite3.Connection, many: int) -> None:
    kept.put(
        connection,
        (
            kept.Word(
                0,
                "default",
                f"c{i // 4}",
                f"S{i % 4}",
                "",
                False,
                False,
                "1",
                "",
                False,
                0,
                0,
                0,
                False,
                "",
                5.0,
            )
            for i in range(many)
        ),
    )


def test_many_are_dropped_in_portions_and_none_under_way(tables: sqlite3.Connection) -> None:
    fill(tables, 10_000)
    flying = {("default", f"c{i}") for i in range(7)}
    portions = []
    while portion := drop(tables, "", "", flying):
        portions.append(len(portion))
    assert sum(portions) == 10_000 - 7 and max(portions) <= kept.PORTION + 7
    assert [(one.call, one.states) for one in calls(tables, "", "", 100, 0.0)] == [
        (f"c{i}", ("S0",)) for i in range(7)
    ]


def test_what_is_behind_a_disk_that_is_away_keeps_waiting_for_it(tables: sqlite3.Connection) -> None:
    fill(tables, 8)
    tables.execute("UPDATE calls SET next_at = ? WHERE call = 'c0'", (kept.HELD,))
    tables.execute("UPDATE calls SET next_at = 500 WHERE call = 'c1'")
    assert [one.next_in for one in calls(tables, "", "", 9, 100.0)] == [None, 400.0]
    assert retry(tables, "", "") == 2
    assert [one.next_in for one in calls(tables, "", "", 9, 100.0)] == [None, 0.0]


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    assert in_file(path, "", "", 1) == ({}, [])
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {kept.VERSION + 1}")
    connection.close()
    with pytest.raises(Newer, match="newer version"):
        in_file(path, "", "", 1)
