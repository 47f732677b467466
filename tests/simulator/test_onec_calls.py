"""What the simulated 1C makes of calls: the documents of dialect 3 and of stock 1С:УНФ."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
import requests

from fs_1c.simulator.onec import Client, OneCSimulator
from fs_1c.simulator.onec.calls import Calls, Document
from tests.simulator.support import simulator
from tests.support import SOON

CLIENT = Client("+7 (923) 529-29-26", "Фэйковый чиж", "VIP", "244")
NUMBER, LINE = "89235292926", "74951234567"


def told(*events: tuple[str, str, dict[str, Any]], outgoing: bool = False, at_answer: bool = False) -> Calls:
    """A base of dialect 3 that has been told so: state, the other side than the client's, more."""
    calls = Calls(at_answer=at_answer)
    for state, person, more in events:
        sides = {"from": person, "to": NUMBER} if outgoing else {"from": NUMBER, "to": person}
        event = {"uuid": "call-1", "state": state, "direction": "external" if outgoing else "incoming"}
        calls.event({"Data": json.dumps({**event, **sides, "time": 1, **more})})
    return calls


Event = tuple[str, str, dict[str, Any]]
START: Event = ("START", LINE, {})
RINGS: Event = ("PREANSWER", "244", {"userkey": "k"})
TALKS: Event = ("ANSWER", "244", {})
END: Event = ("END", "244", {})


def over(seconds: int, *, answered: bool, extension: str = "244") -> tuple[str, str, dict[str, Any]]:
    return ("HANGUP", extension, {"duration": seconds, **({"callstatus": "ANSWER"} if answered else {})})


def test_a_document_is_made_at_the_end_and_once() -> None:
    assert told(START, RINGS, TALKS, over(61, answered=True)).documents == []
    (call,) = told(START, RINGS, TALKS, over(61, answered=True), END, END).documents
    assert (call.number, call.line, call.who, call.owners) == (NUMBER, LINE, "244", ["244"])
    assert (call.answered, call.missed, call.seconds, call.reminders) == (True, False, 61, 0)


def test_a_missed_call_reminds_its_owner_once_an_end() -> None:
    (call,) = told(START, RINGS, over(0, answered=False), END).documents
    assert (call.missed, call.owners, call.reminders) == (True, ["244"], 1)
    (call,) = told(START, RINGS, over(0, answered=False), END, END).documents
    assert call.reminders == 2
    (call,) = told(START, over(0, answered=False), END).documents
    assert (call.missed, call.owners, call.reminders) == (True, [], 0)


def test_an_owner_is_who_came_with_a_key() -> None:
    (call,) = told(START, RINGS, ("PREANSWER", "245", {}), over(0, answered=False), END).documents
    assert call.owners == ["244"]


def test_who_answered_last_is_responsible_and_so_is_a_leg_that_lost_after_him() -> None:
    (call,) = told(
        START, TALKS, ("ANSWER", "245", {}), over(9, answered=True, extension="245"), END
    ).documents[-1:]
    assert call.who == "244"  # the END said so
    (call,) = told(START, TALKS, ("PREANSWER", "246", {}), ("END", LINE, {})).documents
    assert call.who == "246"


def test_an_outgoing_call_is_never_missed() -> None:
    (call,) = told(("START", "244", {}), over(0, answered=False), END, outgoing=True).documents
    assert (call.number, call.outgoing, call.missed, call.reminders) == (NUMBER, True, False, 0)
    assert (call.who, call.line) == ("244", "")


def test_a_card_may_open_by_the_answer_instead() -> None:
    with simulator(dialect="mobilon-3", cards_at_answer=True) as onec:
        for state in ("PREANSWER", "ANSWER"):
            onec.execute(
                onec.settings.spoken.operations["Event"],
                {
                    "Data": json.dumps(
                        {
                            "uuid": "1",
                            "state": state,
                            "direction": "incoming",
                            "from": NUMBER,
                            "to": "244",
                            "time": 1,
                        }
                    )
                },
            )
            assert len(onec.cards) == (state == "ANSWER")


# --- Stock 1С:УНФ -----------------------------------------------------------------------------------------


def form(
    onec: OneCSimulator, cmd: str | None, token: str | None = "rehearsal", **more: str
) -> tuple[int, str]:
    given = {"cmd": cmd, "crm_token": token, **more}
    body = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value is not None)
    answer = requests.post(onec.url, body.encode(), timeout=SOON)
    return answer.status_code, answer.content.decode("utf-8-sig")


def event(onec: OneCSimulator, kind: str, ext: str = "244", callid: str = "1", **more: str) -> int:
    return form(onec, "event", type=kind, callid=callid, phone="79235292926", ext=ext, **more)[0]


def history(onec: OneCSimulator, status: str = "Success", callid: str = "1", **more: str) -> int:
    return form(onec, "history", callid=callid, status=status, duration="61", **more)[0]


def test_unf_names_a_client_and_is_silent_about_others() -> None:
    nobody = Client("84951234567", "Рога")
    with simulator(dialect="itoolabs", clients=(CLIENT, nobody)) as onec:
        assert onec.url.endswith("/hs/telephony/itoolabs/")
        assert form(onec, "contact", phone="79235292926") == (
            200,
            '{"contact_name": "Фэйковый чиж", "responsible": "244"}',
        )
        assert form(onec, "contact", phone="74951234567") == (200, '{"contact_name": "Рога"}')
        assert form(onec, "contact", phone="79990000000") == (200, "")
        assert requests.get(f"{onec.url}ping", timeout=SOON).text == "ok"
        assert requests.get(f"{onec.url}?wsdl", timeout=SOON).status_code == 405


def test_unf_makes_a_document_and_opens_the_card() -> None:
    with simulator(dialect="itoolabs") as onec:
        assert event(onec, "INCOMING", diversion=LINE) == 200
        assert event(onec, "ACCEPTED", "245") == 200
        assert event(onec, "COMPLETED", "245") == 200
        assert history(onec, link="https://pbx/1.wav") == 200
        (call,) = onec.calls
        assert (call.call, call.number, call.line, call.who) == ("1", "79235292926", LINE, "245")
        assert (call.answered, call.missed, call.seconds, call.link) == (True, False, 61, "https://pbx/1.wav")
        assert call.states == ["INCOMING", "ACCEPTED", "COMPLETED", "history"]
        assert [(card.num_from, card.extension) for card in onec.cards] == [("79235292926", "245")]
        assert requests.get(f"{onec.address}/simulator/calls", timeout=SOON).json()[0]["who"] == "245"


def test_unf_makes_nothing_of_numbers_that_it_ignores() -> None:
    with simulator(dialect="itoolabs", ignored=("+7 923 529-29-26",)) as onec:
        assert [event(onec, "INCOMING"), event(onec, "ACCEPTED"), history(onec)] == [200] * 3
        assert (onec.calls, onec.cards) == ((), ())


def test_unf_misses_what_was_cancelled_and_drops_what_it_does_not_know() -> None:
    with simulator(dialect="itoolabs") as onec:
        assert [event(onec, "ACCEPTED"), event(onec, "CANCELLED"), history(onec)] == [200] * 3
        assert (onec.calls, onec.cards) == ((), ())
        event(onec, "INCOMING")
        event(onec, "CANCELLED")
        assert history(onec, "missed") == 200
        event(onec, "OUTGOING", callid="2")
        event(onec, "CANCELLED", callid="2")
        history(onec, "missed", callid="2")
        assert [(call.missed, call.outgoing) for call in onec.calls] == [(True, False), (False, True)]
        event(onec, "INCOMING")  # harmful twice
        assert len(onec.calls) == 3


@pytest.mark.parametrize(
    ("cmd", "token", "more", "status"),
    [
        ("contact", "wrong", {"phone": "7"}, 400),
        ("contact", None, {"phone": "7"}, 500),
        ("contact", "rehearsal", {}, 400),
        ("event", "rehearsal", {"type": "INCOMING", "callid": "1", "phone": "7"}, 400),
        ("history", "rehearsal", {"callid": "1", "status": "Success"}, 500),
        ("rating", "rehearsal", {}, 501),
        ("ping", "rehearsal", {}, 501),
        (None, "rehearsal", {}, 501),
    ],
)
def test_unf_refuses(cmd: str | None, token: str | None, more: dict[str, str], status: int) -> None:
    with simulator(dialect="itoolabs") as onec:
        assert form(onec, cmd, token, **more)[0] == status
        assert onec.calls == ()


def test_unf_decodes_the_body_before_it_splits_it() -> None:
    with simulator(dialect="itoolabs") as onec:
        event(onec, "INCOMING", "244&type=OUTGOING", "a+b")
        (call,) = onec.calls
        assert (call.outgoing, call.who, call.call) == (True, "244", "a+b")  # a plus is no space
        event(onec, "INCOMING", 'a"b', "c d")
        assert (onec.calls[-1].who, onec.calls[-1].call) == ("a", "c d")


def test_what_is_told_later_does_not_change_what_was_asked() -> None:
    with simulator(dialect="itoolabs") as onec:
        event(onec, "INCOMING")
        (before,) = onec.calls
        event(onec, "CANCELLED")
        assert (before.missed, onec.calls[0].missed) == (False, True)
        assert isinstance(before, Document)
