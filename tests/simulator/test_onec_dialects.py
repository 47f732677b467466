"""The other two dialects, and the search that drops the first character."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.calls import Calls
from fs_1c.simulator.onec.clients import ClientBook, Search
from fs_1c.simulator.onec.dialects import inner_xml, parse_operation
from tests.simulator.support import envelope, post, simulator

CLIENT = Client("+7 (923) 529-29-26", "Фэйковый чиж", "VIP", "244")


def say(onec: OneCSimulator, operation: str, **parameters: str) -> str:
    """What the operation answers."""
    body = envelope(operation, namespace=onec.settings.service_namespace, **parameters)
    answer = post(onec, body)
    assert answer.status_code == 200, answer.text
    return str(parse_operation(answer.content, "").parameters["return"])


def test_the_first_dialect_answers_in_plain_text() -> None:
    with simulator(dialect="mobilon-1", clients=(CLIENT,)) as onec:
        assert onec.url.endswith("/ws/ImportTasks")
        assert say(onec, "SayName", number="89235292926") == "VIP:Фэйковый чиж"
        assert say(onec, "SayName", number="89990000000") == ""
        for wrong in (
            envelope("SayName", namespace="http://test", Number="1"),
            envelope("IncomingCall", namespace="http://test", NumFrom="1", Key="2"),
            envelope("SayName", number="1"),
        ):
            assert post(onec, wrong).status_code == 500
        assert onec.cards == ()


RINGS: dict[str, Any] = {
    "state": "PREANSWER",
    "direction": "incoming",
    "from": "89235292926",
    "to": "244",
    "userkey": "k1",
}
RINGS |= {"uuid": "call-1", "time": 1}


def test_the_third_dialect_has_events() -> None:
    events: list[dict[str, Any]] = [
        {**RINGS, "state": "START"},
        RINGS,
        {**RINGS, "direction": "external"},
        {**RINGS, "to": "74951234567"},  # no subscriber
        {**RINGS, "from": "89235"},  # nobody's number
        {**RINGS, "state": 5},
    ]
    with simulator(dialect="mobilon-3", clients=(CLIENT,)) as onec:
        assert onec.url.endswith("/ws/VATScalls")
        assert say(onec, "SayName", Number="89235292926") == inner_xml(CLIENT)
        for event in events:
            assert say(onec, "Event", Data=json.dumps(event)) == "1"
        assert [json.loads(one.parameters["Data"]) for one in onec.requests[1:]] == events
        assert [(card.num_from, card.key, card.extension) for card in onec.cards] == [
            ("89235292926", "k1", "244")
        ]


@pytest.mark.parametrize("field", ["uuid", "state", "direction", "from", "to", "time", "duration"])
def test_an_event_without_what_it_needs_is_a_fault(field: str) -> None:
    event = {**RINGS, "state": "HANGUP", "duration": 5}
    del event[field]
    with simulator(dialect="mobilon-3") as onec:
        answer = post(onec, envelope("Event", namespace="http://VATSCalls", Data=json.dumps(event)))
        assert (answer.status_code, field in answer.text) == (500, True)
        assert not onec.calls


@pytest.mark.parametrize("data", ["", "{", "[]", "1", '"text"', "[" * 60_000])
def test_an_event_that_is_no_json_object_is_a_fault(data: str) -> None:
    with simulator(dialect="mobilon-3") as onec:
        answer = post(onec, envelope("Event", namespace="http://VATSCalls", Data=data))
        assert answer.status_code == 500
        assert "Ошибка чтения JSON" in answer.text
        assert onec.cards == ()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_no_event_upsets_the_cards(value: Any) -> None:
    for name in RINGS:
        for state in ("PREANSWER", "HANGUP", "END"):
            event = {**RINGS, "state": state, "duration": value, name: value}
            parameters: Mapping[str, str] = {"Data": json.dumps(event)}
            with contextlib.suppress(ValueError):  # which 1C answers with a fault
                pop = Calls().event(parameters)
                assert pop is None or isinstance("".join(pop), str)


def test_path_and_namespace_of_ones_own() -> None:
    with simulator(dialect="mobilon-1", path="/base/ws/alias.1cws", namespace="http://mine") as onec:
        assert onec.url.endswith("/base/ws/alias.1cws")
        assert say(onec, "SayName", number="1") == ""
    settings = OneCSimulatorSettings()
    assert (settings.service_path, settings.service_namespace) == ("/telephony/ws/VATS", "http://VATS")


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("89235292926", True),
        ("79235292926", True),
        ("+79235292926", False),
        ("9235292926", False),
        ("244", False),
        ("", False),
        ("anonymous", False),
        ("+7 (923) 529-29-26", True),  # as typed
    ],
)
def test_the_search_that_drops_the_first_character(number: str, found: bool) -> None:
    with simulator(search="drop-first-substring", clients=(Client("84951234567", "x"), CLIENT)) as onec:
        assert ("чиж" in say(onec, "SayName", Number=number)) == found


@given(st.text(max_size=20))
def test_any_number_may_be_searched(number: str) -> None:
    searches: tuple[Search, ...] = ("last-ten", "drop-first-substring")
    for search in searches:
        found = ClientBook((CLIENT,), search).find(number)
        assert found in (None, CLIENT)
