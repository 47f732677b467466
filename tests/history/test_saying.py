"""What an engineer reads of words that wait: in the log, once, and of those that stand in the file or the
memory.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fs_1c.call import Failure, HistoryWord, Told
from fs_1c.cli.history.lines import lines
from fs_1c.history.waiting import Saying, saying
from fs_1c.onec import OneCError, Reached
from fs_1c.timers import TIMERS
from fs_1c.web.history import state_of
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import Ear, answered, happen, telling
from tests.support import until

DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


def test_that_a_base_takes_nothing_is_said_once_and_that_it_does_again(
    ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """However many calls there are, and however often it is tried."""

    def before(_: object) -> None:
        raise DOWN

    ear.before, ear.awake = before, DOWN
    caplog.set_level(logging.WARNING, "fs_1c.history.waiting.saying")
    with telling(None) as one:
        happen(one, *(answered(f"call-{i}") for i in range(20)))
        until(lambda: ear.probes >= 5)
        assert one.history is not None
        first = one.history.desk.calls("", "", 20)[-1]
        assert first.next_in is not None and first.next_in >= 0
        ear.before, ear.awake = lambda state: None, None
        until(lambda: all(ear.states(f"call-{i}") == ALL for i in range(20)))
        until(lambda: not one.history.waiting())  # type: ignore[union-attr]
        until(lambda: len(warned(caplog)) >= 3)
    [_, down, again] = warned(caplog)  # the first: no folder is set
    assert (
        down == "1C base default is told of no calls: unreachable: no connection; what happens waits for it"
    )
    assert again.startswith("1C base default is told of calls again, after ")


def test_a_connection_that_was_cut_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    one = Saying()
    for failures in (0, 1, 0, 1, 0):
        one.base("sales", failures, DOWN)
    assert not warned(caplog)


def test_a_base_whose_code_fails_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[Callable[[], None]] = []
    monkeypatch.setattr(TIMERS, "after", lambda seconds, action: later.append(action))
    one, why = Saying(), Failure("fault", "Деление на 0")

    def refused(base: str, told: Told = Told.REFUSED) -> None:
        one.ended(HistoryWord(base, "call", "END", "244", told, 0.0, 1.0, why))

    for _ in range(500):
        refused("sales")
        refused("service", Told.TOLD)
    refused("service")
    told = warned(caplog)
    assert sum("base=sales refused" in line for line in told) == saying.LINES
    assert sum("base=service refused" in line for line in told) == 1
    for action in later:
        action()
    more = 500 - saying.LINES
    assert warned(caplog)[len(told) :] == [
        f"history: base sales: {more} more such lines in 60 s are left out"
    ]
    refused("sales")
    assert "base=sales refused" in warned(caplog)[-1]


def test_what_only_the_memory_has_is_not_lost_in_silence(
    ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is a newer version's, and 1C is away when the service ends."""
    with closing(sqlite3.connect(tmp_path / "history.db")) as newer:
        newer.execute("PRAGMA user_version = 99")

    def before(_: object) -> None:
        raise DOWN

    ear.before, ear.awake = before, DOWN
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: one.history.waiting().get("default"))  # type: ignore[union-attr]
        state = state_of(one)
    assert warned(caplog)[-1] == "history: 4 words that were in memory alone are lost with this process"
    assert state is not None
    assert (state["disk"], state["disk_error"]) == ("away", "is of a newer version (99; this one knows 2)")
    told = "\n".join(lines({**state, "calls": []}))
    assert "The file cannot be written (is of a newer version (99; this one knows 2))" in told
    older = {name: value for name, value in state.items() if name != "disk_error"}
    assert "The disk is away" in "\n".join(lines({**older, "calls": []}))


@pytest.mark.parametrize(
    ("turn", "runs", "told"),
    [
        (0.0, True, "its turn"),
        (42.0, True, "in 42 s"),
        (None, True, "when the disk is back"),
        (0.0, False, "when the service runs"),
    ],
)
def test_when_a_call_has_its_turn(turn: float | None, runs: bool, told: str) -> None:
    waits = {
        "base": "default",
        "call": "call-1",
        "number": "89235292926",
        "words": 1,
        "states": ["END"],
        "since": 0.0,
        "tries": 3,
        "error": None,
        "next_in": turn,
    }
    assert told in lines({"calls": [waits]}, runs=runs)[-1]


def test_how_many_more_there_are_is_said() -> None:
    waits = {
        "base": "sales",
        "call": "c",
        "number": "",
        "words": 1,
        "states": ["END"],
        "since": 0.0,
        "tries": 0,
    }
    bases = {
        name: {"words": 90, "calls": calls, "oldest_s": 60.0, "error": None}
        for name, calls in (("sales", 30), ("service", 3))
    }
    told = {"bases": bases, "calls": [{**waits, "error": None, "next_in": 0.0}]}
    assert lines(told)[-1] == "32 more calls: --limit"
    assert lines(told, base="sales")[-1] == "29 more calls: --limit"
    assert "--limit" not in lines(told, call="c")[-1]


def test_a_call_that_was_not_tried_yet_waits_for_the_same_reason(ear: Ear) -> None:
    def before(_: object) -> None:
        raise DOWN

    ear.before, ear.awake = before, DOWN
    with telling(None) as one:
        happen(one, *(answered(f"call-{i}") for i in range(20)))
        until(lambda: ear.probes >= 2)
        assert one.history is not None
        found = one.history.desk.calls("", "", 20)
        assert min(call.tries for call in found) == 0
        assert {call.error for call in found} == {"unreachable: no connection"}
        until(lambda: one.history.desk.seen().bases)  # type: ignore[union-attr]
        assert one.history.desk.seen().bases["default"].error == "unreachable: no connection"
