"""The simulated 1C plays the cases of tests/data/cases/1c, too: each such fault, through the real client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fs_1c.check.finding import Level
from fs_1c.numbers import NumberPlan
from fs_1c.onec import NOBODY, Answer, Card
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.routing.phones import candidates
from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from tests.check.conftest import base_alone, simulator, told
from tests.support import KEY, base

SEED = "89235292926"
KNOWN = Answer("Фэйковый чиж", "0", "244")
NO, MAYBE, YES = Reached.NO, Reached.MAYBE, Reached.YES


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, sessions="use")) as running:
        yield running


UNDERSTOOD: dict[str, Answer] = {
    "json": Answer("Тестов Т.Т.", "0", "244"),
    "dotnet": KNOWN,
    "object-gone": Answer("", "0", ""),
    "manager-phone": Answer("Фэйковый чиж", "0", "244.0"),
    "named-for-all": KNOWN,
    "fails-for-unknown": KNOWN,
    "interim": KNOWN,
    "surplus": KNOWN,
    "twice": KNOWN,
    "packed-unsaid": KNOWN,
    "utf-16": KNOWN,
    "other-status": KNOWN,
    "cookie": KNOWN,
    "wsdl-forbidden": KNOWN,
    "session-forgotten": KNOWN,
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_is_understood(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name)
    client = Client(base(onec.url))
    assert [client.lookup(SEED) for _ in range(3)] == 3 * [UNDERSTOOD[name]]
    onec.clear_fault()
    assert client.lookup("89990000000") == Answer()  # nobody gets what was another's
    client.close()
    assert onec.stats.sessions_now == 0


@pytest.mark.parametrize("status", [100, 102, 103])
def test_an_interim_answer(onec: OneCSimulator, status: int) -> None:
    client = Client(base(onec.url))
    onec.fault = Fault("interim", status=status, times=2, seconds=0.05)
    assert client.lookup(SEED) == KNOWN
    assert client.lookup("89990000000") == Answer()
    client.close()


WRONG: list[tuple[Fault, str, Reached]] = [
    (Fault("no-basic"), "no-basic", NO),
    (Fault("proxys-password"), "unauthorized", NO),
    (Fault("web-server-refuses"), "web-server", NO),
    (Fault("admins-words"), "maintenance", NO),
    (Fault("versions"), "version", NO),
    (Fault("throttled"), "throttled", NO),
    (Fault("fault-400"), "fault", YES),
    (Fault("fault-detail"), "fault", YES),
    (Fault("taken"), "http", MAYBE),
    (Fault("taken", status=204), "http", MAYBE),
    (Fault("other-tags"), "not-understood", YES),
    (Fault("not-a-name"), "not-understood", YES),
    (Fault("structure"), "not-understood", YES),
    (Fault("two-lengths"), "broken", MAYBE),
]


@pytest.mark.parametrize(("fault", "kind", "reached"), WRONG, ids=[row[0].name for row in WRONG])
def test_what_is_wrong(onec: OneCSimulator, fault: Fault, kind: str, reached: Reached) -> None:
    client = Client(base(onec.url))
    assert client.lookup(SEED) == KNOWN  # in a session
    onec.fault = fault
    with pytest.raises(OneCError) as caught:
        client.lookup(SEED)
    assert (caught.value.kind, caught.value.reached) == (kind, reached)
    assert "чиж" not in caught.value.message
    assert "Тестов" not in caught.value.message
    onec.clear_fault()
    assert client.lookup(SEED) == KNOWN
    client.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500])
@pytest.mark.parametrize("text", ["Сеанс работы завершен администратором.", ""])
def test_a_session_that_ends_in_any_way(onec: OneCSimulator, status: int, text: str) -> None:
    client = Client(base(onec.url))
    assert client.lookup(SEED) == KNOWN
    onec.fault = Fault("session-ended", status=status, text=text, times=1)
    assert client.lookup(SEED) == KNOWN
    assert onec.stats.sessions_started == 2
    client.close()


def test_a_fault_about_a_session(onec: OneCSimulator) -> None:
    client = Client(base(onec.url))
    assert client.lookup(SEED) == KNOWN
    onec.fault = Fault("session-fault", times=1)
    assert client.lookup(SEED) == KNOWN
    onec.fault = Fault("session-fault", times=1)
    with pytest.raises(OneCError):  # there is a Fault: a card is not sent again
        client.open_card(Card(SEED, KEY))
    assert not onec.cards
    client.close()


@pytest.mark.parametrize("fault", [Fault("fault-400"), Fault("taken"), Fault("code-error", card=True)])
def test_a_card_runs_once(onec: OneCSimulator, fault: Fault) -> None:
    client = Client(base(onec.url))
    client.lookup(SEED)
    onec.fault = fault
    with pytest.raises(OneCError) as caught:
        client.open_card(Card(SEED, KEY))
    assert caught.value.reached is not NO
    assert len(onec.cards) == 1
    client.close()


def test_a_manager_out_of_a_table_is_rung(onec: OneCSimulator) -> None:
    onec.fault = Fault("manager-phone")
    client = Client(base(onec.url))
    written = client.lookup(SEED).manager
    assert [one.written for one in candidates(written, NumberPlan())] == ["244"]
    client.close()


CHECKS: list[tuple[Fault, dict[str, Any], str, Level, str]] = [
    (Fault("named-for-all"), {}, "answer", Level.WARNING, f"{NOBODY} is Неизвестный клиент"),
    (Fault("fails-for-unknown"), {}, "service", Level.WARNING, "numbers that it does not know"),
    (Fault("wsdl-forbidden"), {}, "service", Level.SKIPPED, "HTTP 403: it is forbidden there"),
    (Fault("no-basic"), {}, "authentication", Level.PROBLEM, "Switch Basic authentication on"),
    (Fault("web-server-refuses"), {}, "authentication", Level.PROBLEM, "1C has not been asked"),
    (Fault("throttled"), {}, "http", Level.PROBLEM, "limit_req"),
    (Fault("versions"), {}, "http", Level.PROBLEM, "of the server's version"),
    (Fault("not-a-name"), {}, "service", Level.PROBLEM, "fs-1c lookup --raw"),
    (Fault("cookie"), {"session_mode": "ibsession"}, "sessions", Level.OK, "1C keeps sessions"),
]


@pytest.mark.parametrize(
    ("fault", "given", "step", "level", "words"), CHECKS, ids=[row[0].name for row in CHECKS]
)
def test_the_check(fault: Fault, given: dict[str, Any], step: str, level: Level, words: str) -> None:
    with simulator(sessions="use") as onec:
        onec.fault = fault
        assert words in told(base_alone(onec.url, SEED, sessions=2, **given), step, level)
