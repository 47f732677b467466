"""The simulated base with our own extension: a row a call, however it is told; and one without."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import requests

from fs_1c.simulator.onec import OneCSimulator
from fs_1c.simulator.onec.calls import Document
from tests.simulator.support import NUMBER, TEXT_XML, envelope, returned, simulator

LINE = "74951234567"
TALKED: dict[str, Any] = {"duration": 61, "callstatus": "ANSWER", "recordUrl": "https://pbx.example/1.wav"}


def event(state: str, who: str = "", at: int = 0, *, outgoing: bool = False, **more: Any) -> str:
    sides = {"from": who, "to": NUMBER} if outgoing else {"from": NUMBER, "to": who}
    when = {"time": 1795426350 + at, "began": 1795426350, "line": "" if outgoing else LINE}
    way = "external" if outgoing else "incoming"
    return json.dumps({"uuid": "call-1", "state": state, "direction": way, **sides, **when, **more})


def tell(onec: OneCSimulator, data: str) -> tuple[int, str]:
    answer = requests.post(onec.url, envelope("CallEvent", Data=data), headers=TEXT_XML, timeout=5)
    return answer.status_code, returned(answer.content) if answer.ok else answer.text


ANSWERED = [
    event("START"),
    event("ANSWER", "244", 5),
    event("ANSWER", "012", 20),
    event("END", "012", 66, **TALKED),
]
MISSED = [event("START"), event("END", "244", 9, duration=0, owner="244")]
OUTGOING = [event("START", "244", outgoing=True), event("END", "244", 9, outgoing=True, duration=0)]
CALLS = {
    "answered": (ANSWERED, "012", [], True, False, 61, TALKED["recordUrl"]),
    "missed": (MISSED, "", ["244"], False, True, 0, ""),
    "outgoing": (OUTGOING, "244", [], False, False, 0, ""),
}


def made(call: Document) -> tuple[Any, ...]:
    return call.who, call.owners, call.answered, call.missed, call.seconds, call.link


@pytest.mark.parametrize("name", CALLS)
def test_a_row_a_call_in_whatever_order_it_is_told(name: str) -> None:
    words, *expected = CALLS[name]
    with simulator() as onec:
        for number, order in enumerate(itertools.permutations(words)):
            for said in (*order, order[0]):
                named = json.dumps({**json.loads(said), "uuid": f"call-{number}"})
                assert tell(onec, named) == (200, "1")
        assert len(onec.calls) == number + 1
        for call in onec.calls:
            assert made(call) == tuple(expected), call.states
            assert (call.number, call.began) == (NUMBER, 1795426350)
        assert onec.cards == ()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "1",
        "{}",
        json.dumps({"uuid": "call-1"}),
        event("START", uuid=""),
        event("START", uuid="u" * 51),
        event("START", direction="Incoming"),
        event("START", "2" * 10_000),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_comes_of_it(data: str) -> None:
    with simulator() as onec:
        assert tell(onec, data) == (200, "0")
        assert onec.calls == ()


def test_a_base_without_our_extension() -> None:
    with simulator(call_event=False) as onec:
        status, text = tell(onec, ANSWERED[0])
        assert status == 500
        assert "Неизвестная операция веб-сервиса" in text
        described = requests.get(f"{onec.url}?wsdl", timeout=5).text
        assert "IncomingCall" in described and "CallEvent" not in described
        assert onec.calls == ()
    with simulator() as onec:
        assert "CallEvent" in requests.get(f"{onec.url}?wsdl", timeout=5).text
