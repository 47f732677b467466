"""A stock 1С:УНФ through the real client: sessions, refusals, and everything that can go wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from fs_1c.onec import CallState, Card, Client, OneCError, Reached
from fs_1c.simulator.onec import FAULT_KINDS, REHEARSAL, Fault, OneCSimulator
from fs_1c.simulator.onec.fault_table import Stage
from tests.simulator.support import simulator
from tests.support import SEED, SOON, base

NUMBER = "79235292926"
INCOMING = CallState("INCOMING", "call-1", NUMBER, extension="244", once=True)
CARD = Card(NUMBER, "", "244", "call-1")


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with simulator(dialect="itoolabs", sessions="autouse", username="АТС", password="пароль") as running:
        yield running


def client(onec: OneCSimulator, **given: Any) -> Client:
    settings = {"dialect": "itoolabs", "crm_token": REHEARSAL, "username": "АТС", "password": "пароль"}
    return Client(base(onec.url, **{"timeout": SOON, **settings, **given}))


def test_all_that_a_base_is_asked_and_told(onec: OneCSimulator) -> None:
    one = client(onec)
    one.warm_up()
    assert one.lookup(NUMBER).title == "Фэйковый чиж"
    assert not one.lookup("79990000000").known
    one.tell(INCOMING)
    assert one.open_card(CARD)
    one.tell(replace(INCOMING, state="COMPLETED"))
    one.tell(replace(INCOMING, state="history", answered=True, seconds=7, once=False))
    one.close()
    (call,) = onec.calls
    assert (call.who, call.answered, call.seconds) == ("244", True, 7)
    assert [card.extension for card in onec.cards] == ["244"]
    stats = onec.stats  # one session for all of it, and it is given back
    assert (stats.sessions_started, stats.sessions_finished, stats.sessions_now) == (1, 1, 0)


@pytest.mark.parametrize("mode", ["dontuse", "use", "autouse"])
def test_whatever_1c_does_with_sessions(mode: str) -> None:
    with simulator(dialect="itoolabs", sessions=mode, session_max_age=0.05) as onec:
        one = client(onec)
        for _ in range(3):
            assert one.lookup(NUMBER).known
            onec.sessions.expire(next(iter(onec.sessions._sessions), None))
        one.close()
        assert onec.stats.sessions_now == 0


def error_of(act: Callable[[], object]) -> OneCError:
    with pytest.raises(OneCError) as caught:
        act()
    return caught.value


def test_refusals(onec: OneCSimulator) -> None:
    stranger = client(onec, crm_token="another-key")
    assert error_of(lambda: stranger.lookup(NUMBER)).kind == "crm-token"
    assert error_of(lambda: stranger.tell(INCOMING)).reached is Reached.NO
    assert error_of(lambda: stranger.open_card(CARD)).kind == "crm-token"
    stranger.close()
    one = client(onec)
    assert error_of(lambda: one.lookup("")).kind == "parameter"
    assert error_of(lambda: one.open_card(replace(CARD, extension=""))).kind == "parameter"
    one.close()
    nobody = client(onec, password="wrong")
    assert error_of(lambda: nobody.lookup(NUMBER)).kind == "unauthorized"
    nobody.close()
    assert (onec.calls, onec.cards) == ((), ())


@pytest.mark.parametrize("mode", ["use", "autouse"])
def test_a_refusal_costs_no_session(mode: str) -> None:
    """1C's code has answered, in a session that goes on: whoever asks again needs no other licence."""
    with simulator(dialect="itoolabs", sessions=mode) as onec:
        stranger = Client(base(onec.url, dialect="itoolabs", crm_token="another-key"))
        for _ in range(5):
            assert error_of(lambda: stranger.lookup(NUMBER)).kind == "crm-token"
        assert onec.stats.sessions_started == 1
        assert len(onec.requests) == 5
        stranger.close()
        assert onec.stats.sessions_now == 0


def test_a_base_that_can_be_told_nothing_says_so_at_once() -> None:
    with simulator(dialect="mobilon-1") as onec:
        one = Client(base(onec.url, dialect="mobilon-1"))
        assert error_of(lambda: one.tell(INCOMING)).kind == "no-history"
        assert onec.stats.requests == 0
        one.close()
    with simulator(call_event=False) as onec:  # mobilon-2, without our extension's CallEvent
        one = Client(base(onec.url))
        told = error_of(lambda: one.tell(replace(INCOMING, state="END")))
        assert (told.kind, told.reached) == ("no-history", Reached.NO)
        assert one.lookup(SEED).known
        one.close()


def test_a_key_that_1c_repeats_is_not_told_on(onec: OneCSimulator) -> None:
    with simulator(dialect="mobilon-3") as base_3:
        one = Client(base(base_3.url, dialect="mobilon-3"))
        base_3.fault = Fault("code-error", text="{Модуль(1)}: KEY-of-244")
        told = error_of(lambda: one.tell(replace(INCOMING, state="END", key="KEY-of-244", owner=True)))
        assert "KEY-of-244" not in told.message
        assert "***" in told.message
        one.close()


BRIEF = {"seconds": 0.01, "size": 2_000_000}
HANGS = ("mute", "mute-after-request", "wrong-length", "endless-body", "endless-headers", "slow-answer")


def fault(name: str) -> Fault:
    given = {key: value for key, value in BRIEF.items() if key in FAULT_KINDS[name].parameters}
    if name == "wrong-length":
        given["size"] = 100
    return Fault(name, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAULT_KINDS)
def test_no_fault_makes_two_documents_or_two_cards_of_one(onec: OneCSimulator, name: str) -> None:
    """Told again only what surely has not arrived, as whoever tells is to do."""
    one = client(onec, timeout="0.6s" if name in HANGS else SOON)
    assert one.lookup(NUMBER).known  # a session is under way, a connection stands
    striking = fault(name)
    onec.fault = replace(striking, times=1) if striking.kind.stage is not Stage.IDLE else striking
    for act in (lambda: one.tell(INCOMING), lambda: one.open_card(CARD)):
        for _ in range(3):
            try:
                act()
            except OneCError as error:
                if error.reached is not Reached.NO:
                    break
            else:
                break
        else:
            pytest.fail("it cannot be told at all")
        onec.clear_fault()
    assert len(onec.calls) <= 1
    assert len(onec.cards) <= 1
    assert one.lookup(NUMBER).known
    one.close()


SHAPES = [name for name, kind in FAULT_KINDS.items() if "contact" in (kind.operations or ())]


@pytest.mark.parametrize("name", SHAPES)
def test_a_strange_answer_is_an_answer_or_an_error(onec: OneCSimulator, name: str) -> None:
    one = client(onec)
    onec.fault = Fault(name)
    try:
        answer = one.lookup(NUMBER)
    except OneCError as error:
        assert error.kind in ("not-understood", "not-1c", "reported", "too-large")
        assert "чиж" not in error.message
    else:
        assert len(answer.title) <= 500
        assert name not in ("plain-text", "json", "other-tags", "not-a-name") or name == "json"
    one.close()
