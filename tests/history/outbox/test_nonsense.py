"""1C answers nonsense to what it is told: a line in the log, and only what must not be said twice is lost."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Told
from fs_1c.directory import BreakerState
from fs_1c.history.changes import Changes
from fs_1c.history.kept import Word
from fs_1c.history.sending import Sending
from fs_1c.integration import Integration
from fs_1c.settings import build
from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from tests.history.conftest import answered, happen, settings
from tests.history.killed import HARMFUL, WORDS
from tests.history.test_history import Hears
from tests.support import SOON, until

NONSENSE: tuple[Fault, ...] = (
    Fault("html-200"),
    Fault("empty-200"),
    Fault("pop-answer", text="Ошибка: индекс находится за границами массива"),
    Fault("huge-body", size=10_000_000),
    Fault("garbage"),
    Fault("packed-unsaid"),
    Fault("wrong-length", size=-3),
    Fault("cut-in-answer"),
    Fault("code-error"),
)
OPERATION = {"mobilon-3": "Event", "itoolabs": "event"}


def told_by(dialect: str, folder: Path, url: str, hears: Hears) -> Integration:
    token = {"crm_token": "rehearsal"} if dialect == "itoolabs" else {}
    given: dict[str, Any] = settings(folder, url, screenpop={"outgoing": False})
    given["onec"] |= {"dialect": dialect, **token}
    one = Integration(build(given))
    one.observers.append(hears)
    one.tell_history()
    return one


@pytest.mark.parametrize("dialect", OPERATION)
@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda fault: fault.name)
def test_an_answer_that_is_nonsense(
    dialect: str,
    nonsense: Fault,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fs_1c.history.pace.FIRST_PAUSE", 0.01)
    simulated = OneCSimulatorSettings(port=0, dialect=dialect, sessions="autouse")  # type: ignore[arg-type]
    hears, words = Hears(), WORDS[dialect, False]
    with OneCSimulator(simulated) as onec:
        one = told_by(dialect, tmp_path, onec.url, hears)
        happen(one, answered("before"))
        until(lambda: len(hears.words) == len(words))
        for number in range(2):  # its first word, or one of its later ones
            call = f"call-{number}"
            events, there = answered(call), len(hears.words)
            if number:  # the others are told at its end
                happen(one, events[:2])
                until(lambda: not one.history.waiting())  # type: ignore[union-attr]
            onec.fault = Fault(nonsense.name, times=1, operation=OPERATION[dialect], **nonsense.given)
            happen(one, events if not number else events[2:])
            until(lambda: len(hears.words) == there + len(words))  # noqa: B023
        assert onec.fault is None
        happen(one, answered("after"))
        until(lambda: len(hears.words) == 4 * len(words))
        assert one.states()["default"].breaker is BreakerState.CLOSED
        one.close(SOON)
    documents = {document.call: document for document in onec.calls}
    assert [state for state in documents["after"].states if state in words] == words
    for document in onec.calls:
        assert not [state for state in HARMFUL if document.states.count(state) > 1], document
    amiss = [word for word in hears.words if word.told is not Told.TOLD]
    assert {word.call_uuid for word in amiss} <= {"call-0", "call-1"}
    for word in amiss:  # what may be said twice is, until 1C has it
        assert word.state in HARMFUL
        assert word.error is not None
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(said) == len(amiss), said


def test_cards_waste_no_call_at_a_base_that_answers_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A placeholder stands where 1C was: a card needs its call told first, and that must not be told twice.
    So one is lost, and not all; the others are told when 1C is back, with the cards of those who still talk.
    """
    monkeypatch.setattr("fs_1c.history.pace.FIRST_PAUSE", 1000.0)  # that it is asked again
    monkeypatch.setattr("fs_1c.history.pace.LONGEST_FOR_A_CARD", 1000.0)
    monkeypatch.setattr("fs_1c.history.pace.LONGEST_PAUSE", 1000.0)
    monkeypatch.setattr("fs_1c.cards.screenpop.LONGEST_PAUSE", 0.25)
    hears, waiting, many = Hears(), set[str](), 10
    waits = Sending._waits

    def seen(sending: Sending, word: Word, changes: Changes) -> None:
        waiting.add(word.call)
        waits(sending, word, changes)

    monkeypatch.setattr(Sending, "_waits", seen)
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="itoolabs", sessions="autouse")) as onec:
        onec.fault = Fault("html-200", operation="event")
        one = told_by("itoolabs", tmp_path, onec.url, hears)
        for event in answered("call-0")[:2]:
            one.happened(event, switch="sw")
        until(lambda: hears.words)
        for i in range(1, many):
            for event in answered(f"call-{i}")[:2]:
                one.happened(event, switch="sw")
        until(lambda: len(waiting) == many - 1)
        assert [(word.call_uuid, word.told) for word in hears.words] == [("call-0", Told.UNKNOWN)]
        onec.fault = None
        assert one.history is not None
        one.history.desk.retry("", "")
        until(lambda: len(onec.cards) == many - 1)
        for i in range(many):
            for event in answered(f"call-{i}")[2:]:
                one.happened(event, switch="sw")
        until(lambda: not one.history.waiting())  # type: ignore[union-attr]
        one.close(SOON)
    assert {document.call for document in onec.calls} == {f"call-{i}" for i in range(1, many)}
    assert all(document.states.count("INCOMING") == 1 and document.answered for document in onec.calls)
