"""From the story of a call to what 1C has been told: in order, once, and again where it must be."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Call, Caller, Decision, HistoryWord, HungUp, Result, Told
from fs_1c.history import kept
from fs_1c.integration import Integration
from fs_1c.onec import CallState, Client, OneCError, Reached
from fs_1c.settings import build
from fs_1c.talk import Observer
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import Ear, answered, happen, settings, telling
from tests.support import KEY, SOON, until

DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)
HUNG = OneCError("timeout", "no answer", Reached.MAYBE, base_down=True)
FAULT = OneCError("fault", "1C's code failed", Reached.YES, base_down=False)


class Hears(Observer):
    def __init__(self) -> None:
        self.words: list[HistoryWord] = []

    def told(self, word: HistoryWord) -> None:
        self.words.append(word)


def fails(ear: Ear, error: OneCError, when: Any = lambda state: True) -> None:
    def before(state: CallState) -> None:
        if when(state):
            raise error

    ear.before = before


def done(integration: Integration) -> bool:
    assert integration.history is not None
    return not integration.history.waiting()


def test_a_call_is_told_from_its_beginning_to_its_end(ear: Ear, tmp_path: Path) -> None:
    with telling(tmp_path) as one:
        hears = Hears()
        one.observers.append(hears)
        happen(one, answered("call-1"))
        until(lambda: ear.states("call-1") == ALL and done(one))
        until(lambda: len(hears.words) == 4)
        assert [(word.state, word.told) for word in hears.words] == [(state, Told.TOLD) for state in ALL]
        assert one.history is not None
        assert one.history.counted == Counter({("default", Told.TOLD): 4})


def test_what_a_word_holds(ear: Ear, tmp_path: Path) -> None:
    states: list[CallState] = []
    ear.after = states.append
    with telling(tmp_path) as one:
        happen(one, answered("call-1", at=1000.0))
        until(lambda: done(one))
    start, answer, hangup, end = states
    assert start == CallState("START", "call-1", "89235292926", "74951234567", extension="74951234567",
                              when=1000.0, began=1000.0)  # fmt: skip
    assert (answer.extension, answer.when, answer.answered) == ("244", 1002.0, True)
    assert (hangup.seconds, hangup.when, hangup.began) == (8, 1010.0, 1000.0)
    assert end.once


def test_nothing_is_told_unless_it_is_wanted(ear: Ear, tmp_path: Path) -> None:
    with telling(tmp_path, history={"enabled": False}) as one:
        happen(one, answered("call-1"))
        assert one.history is None
    assert not ear.told and not (tmp_path / "history.db").exists()


def test_1c_is_away_and_is_told_all_in_order_when_it_is_back(ear: Ear, tmp_path: Path) -> None:
    fails(ear, DOWN)
    ear.awake = DOWN
    with telling(tmp_path) as one:
        calls = [f"call-{i}" for i in range(40)]
        happen(one, *(answered(call) for call in calls))
        until(lambda: ear.probes > 2)
        assert one.history is not None
        waits = one.history.waiting()["default"]
        assert (waits.words, waits.calls, waits.error) == (160, 40, str(DOWN))
        ear.before, ear.awake = lambda state: None, None
        until(lambda: done(one))
    assert all(ear.states(call) == ALL for call in calls)
    starts = [call for call, state in ear.told if state == "START"]
    # Four are sent at a time, so a neighbour may be before its neighbour.
    assert all(abs(place - calls.index(call)) <= 4 for place, call in enumerate(starts))


def test_while_it_is_away_it_is_asked_about_nobody_and_no_word_is_wasted(ear: Ear, tmp_path: Path) -> None:
    tried: list[str] = []

    def before(state: CallState) -> None:
        tried.append(state.call)
        raise DOWN

    ear.before, ear.awake = before, DOWN
    with telling(tmp_path) as one:
        happen(one, *(answered(f"call-{i}") for i in range(40)))
        until(lambda: ear.probes > 10)
        assert len(tried) <= 4


@pytest.mark.parametrize("error", [FAULT, HUNG, DOWN], ids=["fault", "hung", "down"])
def test_a_call_that_fails_holds_up_no_other(ear: Ear, tmp_path: Path, error: OneCError) -> None:
    fails(ear, error, lambda state: state.call == "call-0")
    with telling(tmp_path) as one:
        happen(one, *(answered(f"call-{i}") for i in range(10)))
        until(lambda: all(ear.states(f"call-{i}") == ALL for i in range(1, 10)))
        if error is FAULT:  # three tries each, and nothing is left
            until(lambda: done(one))


def test_what_is_harmful_twice_is_not_said_again_when_it_may_have_arrived(
    ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def after(state: CallState) -> None:
        if state.state == "END":
            raise HUNG

    ear.after = after
    with telling(tmp_path) as one:
        happen(one, *(answered(f"call-{i}") for i in range(5)))
        until(lambda: done(one))
        assert one.history is not None
        assert one.history.counted["default", Told.UNKNOWN] == 5
    assert Counter(state for _, state in ear.told) == Counter(dict.fromkeys(ALL, 5))
    assert "call=call-0 history END extension=244 base=default unknown" in caplog.text


def test_what_is_not_harmful_is_said_again(ear: Ear, tmp_path: Path) -> None:
    heard = Counter[tuple[str, str]]()

    def after(state: CallState) -> None:
        heard[state.call, state.state] += 1
        if state.state == "ANSWER" and heard[state.call, state.state] < 3:
            raise HUNG

    ear.after = after
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: done(one))
    assert ear.states("call-1") == ["START", "ANSWER", "ANSWER", "ANSWER", "HANGUP", "END"]


def test_a_base_that_takes_no_history_is_told_nothing_after_it_has_said_so(
    ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    def before(state: CallState) -> None:
        tried.append(state.call)
        raise OneCError("no-history", "unknown operation", Reached.NO, base_down=False)

    ear.before = before
    with telling(tmp_path, onec={"sessions": 1}) as one:
        happen(one, answered("call-0"))
        until(lambda: "takes no history" in caplog.text)
        until(lambda: done(one))
        happen(one, *(answered(f"later-{i}") for i in range(3)))
        until(lambda: done(one))
    assert len(tried) == 1
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_a_dialect_without_words_for_it_is_told_nothing(ear: Ear, tmp_path: Path) -> None:
    with telling(tmp_path, onec={"dialect": "mobilon-1"}) as one:
        happen(one, answered("call-1"))
        assert done(one)
    assert not ear.told


def test_what_1c_has_not_taken_for_too_long_is_given_up_and_that_is_said(
    ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(ear, DOWN)
    ear.awake = DOWN
    with telling(tmp_path, history={"keep_for": "7d"}) as one:
        happen(one, *(answered(f"call-{i}") for i in range(30)))
        assert one.history is not None
        until(lambda: one.history.waiting()["default"].words == 120)  # type: ignore[union-attr]
    monkeypatch.setattr(kept, "PORTION", 50)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86400)
    with telling(tmp_path) as one:
        until(lambda: done(one))
        assert one.history is not None
        assert one.history.counted == Counter({("default", Told.GIVEN_UP): 120})
    lines = [r.getMessage() for r in caplog.records if "given up" in r.getMessage() and r.levelno >= 30]
    assert 1 <= len(lines) <= 4 and "base=default" in lines[0] and "no connection" in lines[0]


@pytest.mark.parametrize("named", ["244", ""])  # nobody: he has talked to the client last
def test_no_key_is_written_down_and_the_owner_of_a_missed_call_is_told_with_his(
    ear: Ear, tmp_path: Path, named: str
) -> None:
    states: list[CallState] = []
    fails(ear, DOWN)
    with telling(tmp_path, subscribers={"keys": {"244": KEY}}) as one:
        call = Call("call-1", "89235292926", destination="74951234567")
        caller = Caller(None, Result.FOUND, manager=named)
        one.decided(Decision(call, caller, (("fs_1c_manager", "244"),), "user/244"))
        happen(one, [answered("call-1")[0], HungUp("call-1", 1010.0)])
        until(lambda: one.history.waiting()["default"].words == 4)  # type: ignore[union-attr]
        assert not any(KEY.encode() in file.read_bytes() for file in tmp_path.iterdir())
        ear.before, ear.after = lambda state: None, states.append
        until(lambda: done(one))
    assert [(one.state, one.key, one.owner) for one in states] == [
        ("START", "", False),
        ("PREANSWER", KEY, True),
        ("HANGUP", "", False),
        ("END", "", False),
    ]


def test_other_settings_go_on_with_it(ear: Ear, tmp_path: Path) -> None:
    fails(ear, DOWN)
    ear.awake = DOWN
    before = Integration(build(settings(tmp_path)))
    before.tell_history()
    happen(before, answered("call-1"), answered("call-2")[:2])
    until(lambda: before.history.waiting()["default"].words == 6)  # type: ignore[union-attr]
    after = Integration(build(settings(tmp_path)), before)
    after.tell_history()
    before.close(1.0)
    ear.before, ear.awake = lambda state: None, None
    happen(after, answered("call-2")[2:])
    until(lambda: done(after))
    after.close(SOON)
    assert ear.states("call-1") == ear.states("call-2") == ALL


def test_without_a_folder_it_is_kept_in_memory_and_that_is_said(
    ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    with telling(None) as one:
        happen(one, answered("call-1"))
        until(lambda: done(one))
    assert ear.states("call-1") == ALL
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        "history: no state.folder is set; what 1C has not been told is lost with this process"
    ]


def test_a_client_is_erased(ear: Ear, tmp_path: Path) -> None:
    fails(ear, DOWN)
    ear.awake = DOWN
    with telling(tmp_path) as one:
        happen(one, answered("call-1"), answered("call-2"))
        until(lambda: one.history.waiting()["default"].words == 8)  # type: ignore[union-attr]
        erased = one.erase("8 923 529-29-26")
        assert (erased.words, erased.left) == (8, ())
        assert done(one)
        assert not any(b"9235292926" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_client_is_erased_where_no_service_runs(ear: Ear, tmp_path: Path) -> None:
    fails(ear, DOWN)
    ear.awake = DOWN
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: one.history.waiting()["default"].words == 4)  # type: ignore[union-attr]
    with Integration(build(settings(tmp_path))) as one:
        assert one.erase("+79235292926").words == 4


def test_a_call_is_not_held_up_by_a_1c_that_hangs(ear: Ear, tmp_path: Path) -> None:
    goes_on = threading.Event()
    ear.before = lambda state: goes_on.wait(SOON)
    with telling(tmp_path, onec={"sessions": 4}) as one:
        pool = one._bases.by_name["default"].pool
        happen(one, *(answered(f"call-{i}") for i in range(20)))
        until(lambda: pool.sessions[0] == 3)
        from fs_1c.onec import Urgency

        asked = pool.submit(Urgency.CALLER, lambda client: "answer")
        assert asked.result(SOON) == "answer"
        goes_on.set()
        until(lambda: done(one))


def test_a_reserve_tells_nothing_of_calls_at_the_switch_of_another(ear: Ear, tmp_path: Path) -> None:
    switch = {"address": "127.0.0.1:9", "name": "sw", "role": "reserve"}
    with telling(tmp_path, esl={"inbound": [switch]}) as one:
        happen(one, answered("call-1"), switch="sw")
        happen(one, answered("call-2"), switch="own")
        until(lambda: ear.states("call-2") == ALL)
    assert not ear.states("call-1")


@pytest.mark.parametrize("waits", ["START", "ANSWER"])
def test_in_dialect_3_that_a_call_began_is_told_before_its_card(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    """START waits, for it did not arrive; the card, which is a PREANSWER, does not overtake it. What comes
    after a card in 1C's journal, or 1C that does not take it, holds no card up.
    """
    monkeypatch.setattr("fs_1c.history.pace.FIRST_PAUSE", 600.0)
    monkeypatch.setattr("fs_1c.history.pace.LONGEST_PAUSE", 600.0)
    tried = []

    def fails(state: CallState) -> None:
        tried.append(state.state)
        if state.state == waits and tried.count(waits) == 1:
            raise OneCError("unreachable", "no connection", Reached.NO, base_down=False, passing=True)

    ear.before = fails
    with telling(tmp_path) as one:
        happen(one, answered("call-1")[:2])
        until(lambda: waits in tried)
        assert one.history is not None
        until(lambda: not one.history._outbox.flying)  # type: ignore[union-attr]
        had = ear.states("call-1")
        one.history.before_card(object.__new__(Client), "default", "call-1", 30.0)
        assert had == ([] if waits == "START" else ["START"])
        assert ear.states("call-1")[:1] == ["START"]
        assert waits == "START" or tried == ["START", "ANSWER"]
