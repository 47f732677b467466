"""What is sent in each of Mobilon's dialects, and what is made of the answer to what is told of a call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from fs_1c.onec import PRESETS, CallState, Card, OneCError, Reached
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.settings import DialectName
from tests.support import soap_answer

CARD = Card("89235292926", "hush-hush", "244", "606dfbfe-f7c4-4413-9edc-90005f17d347", 1795426355.9)


def sent(request: Request) -> tuple[str, dict[str, str]]:
    """The operation and the parameters in a request's envelope."""
    assert (request.method, request.path) == ("POST", "")
    operation = etree.fromstring(request.body or b"")[0][0]
    assert etree.QName(operation).localname == request.operation
    return request.operation, {etree.QName(one).localname: one.text or "" for one in operation}


def test_lookups() -> None:
    asked = {name.value: sent(PRESETS[name].lookup("8923")) for name in PRESETS}
    assert asked == {
        "mobilon-1": ("SayName", {"number": "8923"}),
        "mobilon-2": ("SayName", {"Number": "8923"}),
        "mobilon-3": ("SayName", {"Number": "8923"}),
    }


def test_a_pop_is_an_operation_of_its_own() -> None:
    expected = ("IncomingCall", {"NumFrom": "89235292926", "Key": "hush-hush"})
    assert sent(PRESETS[DialectName.MOBILON_2].card(CARD)) == expected


def test_or_an_event_as_the_1c_side_in_the_field_reads_it() -> None:
    operation, parameters = sent(PRESETS[DialectName.MOBILON_3].card(CARD))
    assert (operation, list(parameters)) == ("Event", ["Data"])
    assert json.loads(parameters["Data"]) == {
        "state": "PREANSWER",
        "direction": "incoming",
        "from": "89235292926",
        "to": "244",
        "userkey": "hush-hush",
        "uuid": CARD.call,
        "baseid": CARD.call,
        "subid": CARD.call,
        "time": 1795426355,
    }


def test_who_is_not_to_own_a_missed_call_comes_without_his_key() -> None:
    _, parameters = sent(PRESETS[DialectName.MOBILON_3].card(replace(CARD, owner=False)))
    assert "userkey" not in json.loads(parameters["Data"])


def test_a_key_is_not_in_the_repr() -> None:
    assert "hush" not in repr(CARD)
    assert "hush" not in repr(CALL)


UUID = CARD.call
CALL = CallState(
    "START",
    UUID,
    "89235292926",
    destination="74951234567",
    extension="244",
    key="hush-hush",
    when=1795426355.9,
    began=1795426350.0,
    seconds=61,
    answered=True,
    link="https://pbx.example/r/1.wav?a=1&b=2",
)
ALWAYS = {"uuid": UUID, "baseid": UUID, "subid": UUID, "time": 1795426355}
IN = {"direction": "incoming", "from": "89235292926", "to": "244", **ALWAYS}
STATES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("START", {"extension": "74951234567"}, {**IN, "to": "74951234567"}),
    ("START", {"extension": ""}, {**IN, "to": "74951234567"}),
    ("PREANSWER", {"owner": True}, {**IN, "userkey": "hush-hush"}),
    ("PREANSWER", {"owner": True, "key": ""}, IN),
    ("PREANSWER", {}, IN),
    ("ANSWER", {}, IN),
    ("HANGUP", {}, {**IN, "duration": 61, "callstatus": "ANSWER", "recordUrl": CALL.link}),
    ("HANGUP", {"answered": False, "seconds": 0, "link": ""}, {**IN, "duration": 0}),
    ("HANGUP", {"answered": False, "seconds": 10**7, "link": ""}, {**IN, "duration": 99_999}),
    ("HANGUP", {"answered": False, "seconds": -5, "link": ""}, {**IN, "duration": 0}),
    ("END", {}, {**IN, "recordUrl": CALL.link}),
    ("END", {"link": ""}, IN),
    ("ANSWER", {"outgoing": True}, {**IN, "direction": "external", "from": "244", "to": "89235292926"}),
    ("ANSWER", {"call": "u" * 99}, {**IN, **dict.fromkeys(("uuid", "baseid", "subid"), "u" * 50)}),
]


def event(dialect: DialectName, operation: str, call: CallState) -> dict[str, Any]:
    """What stands in the Data of the operation by which this dialect tells of a call."""
    request = PRESETS[dialect].state(call)
    assert request is not None
    asked, parameters = sent(request)
    assert (asked, list(parameters)) == (operation, ["Data"])
    told: dict[str, Any] = json.loads(parameters["Data"])
    return told


@pytest.mark.parametrize(("state", "changed", "told"), STATES)
def test_a_state_of_a_call(state: str, changed: dict[str, Any], told: dict[str, Any]) -> None:
    call = replace(CALL, state=state, **changed)
    assert event(DialectName.MOBILON_3, "Event", call) == {"state": state, **told}


OURS = {
    "uuid": UUID,
    "direction": "incoming",
    "from": "89235292926",
    "to": "244",
    "time": 1795426355,
    "began": 1795426350,
    "line": "74951234567",
}
TO_OUR_EXTENSION: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("START", {"extension": ""}, {**OURS, "to": ""}),
    ("ANSWER", {}, OURS),
    ("ANSWER", {"began": 0.0}, {**OURS, "began": 1795426355}),
    ("END", {}, {**OURS, "duration": 61, "callstatus": "ANSWER", "recordUrl": CALL.link}),
    (
        "END",
        {"answered": False, "seconds": -5, "link": "", "owner": True},
        {**OURS, "duration": 0, "owner": "244"},
    ),
    ("END", {"answered": False, "seconds": 10**7, "link": ""}, {**OURS, "duration": 99_999}),
    (
        "ANSWER",
        {"outgoing": True},
        {**OURS, "direction": "external", "from": "244", "to": "89235292926", "line": ""},
    ),
    ("ANSWER", {"call": "u" * 99}, {**OURS, "uuid": "u" * 50}),
]


@pytest.mark.parametrize(("state", "changed", "told"), TO_OUR_EXTENSION)
def test_a_state_of_a_call_for_our_extension(
    state: str, changed: dict[str, Any], told: dict[str, Any]
) -> None:
    """Each tells all that is known; keys stay here."""
    call = replace(CALL, state=state, **changed)
    assert event(DialectName.MOBILON_2, "CallEvent", call) == {"state": state, **told}


def test_the_oldest_dialect_has_no_words_for_a_call() -> None:
    oldest = PRESETS[DialectName.MOBILON_1]
    assert oldest.state(CALL) is None
    assert [preset.tells for preset in PRESETS.values()] == ["", "register", "mobilon"]


def faulted(text: str) -> Response:
    namespace = "http://schemas.xmlsoap.org/soap/envelope/"
    body = f"<faultcode>soap:Client</faultcode><faultstring>{text}</faultstring>"
    envelope = f'<e:Envelope xmlns:e="{namespace}"><e:Body><e:Fault>{body}</e:Fault></e:Body></e:Envelope>'
    return Response(500, envelope.encode())


# The answer → kind, whether it reached 1C's code; empty: 1C has taken it.
TAKEN: dict[str, tuple[Response, str, Reached | None]] = {
    "1": (Response(200, soap_answer("1", "CallEvent")), "", None),
    "another": (Response(200, soap_answer("0", "CallEvent")), "rejected", Reached.YES),
    "nothing": (Response(200, soap_answer("", "CallEvent")), "rejected", Reached.YES),
    "unknown": (
        faulted("Неизвестная операция веб-сервиса: {http://VATS}CallEvent"),
        "no-history",
        Reached.NO,
    ),
    "not found": (faulted("Операция CallEvent не найдена"), "no-history", Reached.NO),
    "in English": (faulted("Unknown operation {http://VATS}CallEvent"), "no-history", Reached.NO),
    "in other words": (faulted("Недопустимо: {http://VATS}CallEvent"), "no-history", Reached.NO),
    "code ran and names it": (faulted("{ВебСервис.VATS.Модуль(7)}: CallEvent"), "fault", Reached.YES),
    "code ran": (faulted("{ВебСервис.VATS.Модуль(7)}: Неизвестная операция"), "fault", Reached.YES),
    "failed": (faulted("Деление на 0"), "fault", Reached.YES),
    "down": (Response(502, b""), "proxy", Reached.MAYBE),
}


@pytest.mark.parametrize("name", TAKEN)
def test_whether_1c_has_taken_it(name: str) -> None:
    response, kind, reached = TAKEN[name]
    dialect = PRESETS[DialectName.MOBILON_2]
    if not kind:
        dialect.taken(response, CALL)
        return
    with pytest.raises(OneCError) as refused:
        dialect.taken(response, CALL)
    assert (refused.value.kind, refused.value.reached) == (kind, reached)
