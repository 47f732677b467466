"""A base of dialect 2: its register of calls with our extension, and silence without."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from pathlib import Path

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, Told
from fs_1c.onec import CallState, OneCError, Reached
from tests.history.conftest import Ear, answered, happen, telling
from tests.history.test_history import done
from tests.simulator.support import simulator
from tests.support import until

TAKES_NOTHING = OneCError("no-history", "unknown operation", Reached.NO, base_down=False)


def missed(call: str, at: float = 1000.0) -> list[CallEvent]:
    """244 rings, and nobody takes it."""
    number, line = "89235292926", "74951234567"
    rings = Conversation(call, f"{call}-a", number, "244", ringing=True, at=at + 1)
    return [Began(call, call, number, line, at=at), rings, HungUp(f"{call}-a", at + 9), HungUp(call, at + 9)]


@pytest.mark.parametrize("when", ["ring", "answer"])
def test_the_register_of_a_base_with_it(tmp_path: Path, when: str) -> None:
    """Also where cards open when the telephone rings: those make nobody an owner."""
    with simulator() as onec:
        more = {"onec": {"dialect": "mobilon-2"}, "screenpop": {"when": when, "outgoing": False}}
        with telling(tmp_path, onec.url, **more) as one:
            happen(one, answered("call-1"), missed("call-2"))
            until(lambda: done(one), 30.0)
            assert one.history is not None
            assert set(one.history.counted) == {("default", Told.TOLD)}
        talked, lost = sorted(onec.calls, key=lambda call: call.call)
        assert (talked.who, talked.answered, talked.missed, talked.owners) == ("244", True, False, [])
        assert talked.states == ["START", "ANSWER", "END"]
        assert (lost.who, lost.answered, lost.missed, lost.owners) == ("", False, True, ["244"])
        assert (lost.number, lost.line, lost.states) == ("89235292926", "74951234567", ["START", "END"])
        told = [request for request in onec.requests if request.operation == "CallEvent"]
        assert "userkey" not in "".join(request.parameters["Data"] for request in told)


def test_one_without_it_is_told_nothing_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with simulator(call_event=False) as onec:
        with telling(tmp_path, onec.url, onec={"dialect": "mobilon-2"}) as one:
            happen(one, answered("call-1"))
            until(lambda: "takes no history" in caplog.text, 30.0)
            until(lambda: done(one), 30.0)
            tried = len([request for request in onec.requests if request.operation == "CallEvent"])
            happen(one, *(answered(f"later-{i}") for i in range(5)))
            until(lambda: done(one), 30.0)
            assert tried == 1
        assert Counter(request.operation for request in onec.requests)["CallEvent"] == tried
        assert onec.calls == ()
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "1C base default takes no history, and is told nothing" in line


def test_nor_is_it_said_for_each_word_that_was_on_its_way(
    ear: Ear, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tried, all_left = list[str](), threading.Event()

    def before(state: CallState) -> None:
        tried.append(state.call)
        assert all_left.wait(30.0)
        raise TAKES_NOTHING

    ear.before = before
    with telling(tmp_path, onec={"dialect": "mobilon-2", "sessions": 4}) as one:
        happen(one, *(answered(f"call-{i}") for i in range(4)))
        until(lambda: len(tried) >= 2, 30.0)
        all_left.set()
        until(lambda: done(one), 30.0)
    assert len(tried) >= 2
    assert caplog.text.count("takes no history") == 1
