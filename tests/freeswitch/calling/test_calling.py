"""Calls that 1C asks for, on a real switch: in each of the forms, with all that may become of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from fs_1c.calls import Placed, Result, Stage
from fs_1c.esl import inbound
from fs_1c.simulator.onec import Client
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import Manner, State

pytestmark = pytest.mark.freeswitch

TOKEN = "t0ken-of-the-base"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
COMPANY = "73832745000"
WAITS = 30.0
"""Seconds for what takes milliseconds on a machine that has time."""
FORMS = ("subscriber", "key", "simple-calls", "itoolabs", "own")
NUMBERS = {form: f"8923529292{digit}" for digit, form in enumerate(FORMS, 1)}
CLIENTS = tuple(Client(number, f"Чиж {form}", "0", "") for form, number in NUMBERS.items())


@pytest.fixture(autouse=True)
def all_the_time_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """One click is one call however slow this machine is, and 1C waits for it."""
    monkeypatch.setattr("fs_1c.calls.desk.SAME", 600.0)
    monkeypatch.setattr("fs_1c.calls.desk.ANSWER_WITHIN", WAITS)


@pytest.fixture
def there_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has just come looks again for what is up; it may see that a call is over and not hear why."""
    monkeypatch.setattr(inbound, "LOOK_AGAIN", ())


def open_for(company: Company, port: int, **calls: Any) -> Company:
    company.serve(
        inbound=True,
        clients=CLIENTS,
        lookup={"deadline": "30s"},
        screenpop={"outgoing": True},
        calls={
            "listen": "127.0.0.1:0",
            "token": TOKEN,
            "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{port}",
            "caller_id": COMPANY,
            "per_minute": 100,
            "at_once": 20,
            "ring_for": "20s",
            **calls,
        },
    )
    return company


def url(company: Company) -> str:
    assert company.running is not None and company.running.service.calling is not None
    return f"http://{company.running.service.calling.address}"


def ask(company: Company, form: str, number: str, extension: str = "244", **more: Any) -> requests.Response:
    """Asks in that form, as its base does."""
    here, key = url(company), f"KEY{extension}"
    match form:
        case "subscriber":
            asked = {"key": key, "outboundNumber": number}
            return requests.get(f"{here}/api/call/CallToSubscriber", asked, timeout=WAITS, **more)
        case "key":
            return requests.get(f"{here}/call/{key}/{number}", timeout=WAITS, **more)
        case "simple-calls":
            asked = {"event": "1", "password": TOKEN, "src_num": extension, "dst_num": number}
            return requests.get(f"{here}/simple-calls/call/", asked, timeout=WAITS, **more)
        case "itoolabs":
            asked = {"cmd": "makeCall", "phone": number, "user": extension, "token": TOKEN}
            return requests.post(f"{here}/", asked, timeout=WAITS, **more)
    told = {"number": number, "extension": extension}
    return requests.post(f"{here}/calls", json=told, headers=SHOWN, timeout=WAITS, **more)


def calls(company: Company) -> list[Placed]:
    assert company.running is not None
    return list(company.running.service.desk._calls.values())


def told(company: Company, form: str, answer: requests.Response, status: int, code: str) -> None:
    """It is what that form's base understands."""
    if form in ("subscriber", "key"):
        said = answer.json()
        assert answer.status_code == 200 and said["description"]
        assert (said["result"], str(said["code"])) == ("FAIL" if code else "SUCCESS", code or "0"), said
        assert ("message" in said) is bool(code)
    elif form == "own":
        assert answer.status_code == (status if status != 200 else 201), answer.text
        assert answer.json()["message"]
    else:
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("form", FORMS)
def test_one_click_rings_the_subscriber_and_then_the_client(company: Company, form: str) -> None:
    open_for(company, company.agents_port)
    number = NUMBERS[form]
    desk, client = company.phone("244", Manner.RINGS), company.phone(number, Manner.RINGS)

    told(company, form, ask(company, form, number), 200, "")
    rings = desk.rings(within=WAITS)
    assert rings.name == f"Чиж {form}"
    assert f"sip:{number}@" in rings.from_header
    assert not client.legs
    rings.answer()
    called = client.rings(within=WAITS)
    assert f"sip:{COMPANY}@" in called.from_header and "Чиж" not in called.from_header
    called.answer()
    company.card_opens()
    (call,) = calls(company)
    company.until(lambda: call.progress.stage is Stage.TALKING, "they do not talk", WAITS)
    rings.hang_up()
    called.to_be(State.OVER, WAITS)
    company.until(lambda: call.progress.result is Result.TALKED, "it does not end", WAITS)
    assert company.all_cards() == [(number, "KEY244")]


FAILURES: dict[str, tuple[Manner | None, Manner | None, Result, int, str]] = {
    "busy": (Manner.BUSY, None, Result.BUSY, 409, "4"),
    "not registered": (None, None, Result.NOT_REGISTERED, 409, "1"),
    "not answered": (Manner.RINGS, None, Result.NO_ANSWER, 409, "4"),
    "client busy": (Manner.ANSWERS, Manner.BUSY, Result.CLIENT_BUSY, 409, "4"),
}


@pytest.mark.usefixtures("there_for_long")
@pytest.mark.parametrize("case", FAILURES)
def test_1c_is_told_why_a_call_came_to_nothing(company: Company, case: str) -> None:
    subscriber, client, result, status, code = FAILURES[case]
    # Only where somebody is to ring in vain: a telephone that is busy may be slow to say so.
    ring_for = "1s" if subscriber is Manner.RINGS else "2m"
    open_for(company, company.agents_port, answer_at="talk", ring_for=ring_for)
    extension = "248" if subscriber is None else "244"
    if subscriber is not None:
        company.phone("244", subscriber)
    for number in NUMBERS.values():
        company.phone(number, client or Manner.RINGS)
    answers: dict[str, requests.Response] = {}

    def one(form: str) -> None:
        answers[form] = ask(company, form, NUMBERS[form], extension)

    asking = [threading.Thread(target=one, args=(form,)) for form in FORMS]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    for form in FORMS:
        told(company, form, answers[form], status, code)
    assert answers["own"].json()["error"] == result
    assert [call.progress.result for call in calls(company)] == [result] * len(FORMS)


@pytest.mark.usefixtures("there_for_long")
def test_two_telephones_of_one_subscriber_ring_and_the_call_is_one(company: Company) -> None:
    """His desk phone and his softphone have one key: with an `origination_uuid` the second would not ring."""
    open_for(company, company.agents_port)
    company.running.stop() if company.running else None
    company._settings["subscribers"] = {"keys": {"244": "SHARED", "245": "SHARED"}}
    company.serve_again()
    first, second = company.phone("244", Manner.RINGS), company.phone("245", Manner.RINGS)
    client = company.phone(NUMBERS["key"], Manner.RINGS)
    answer = requests.get(f"{url(company)}/call/SHARED/{NUMBERS['key']}", timeout=WAITS)
    assert answer.json()["result"] == "SUCCESS", answer.text
    first.rings(within=WAITS)
    second.rings(within=WAITS).answer()
    first.legs[0].to_be(State.OVER, WAITS)
    client.rings(within=WAITS)
    (call,) = calls(company)
    assert call.is_up
    ended = requests.delete(f"{url(company)}/calls/{call.id}", headers=SHOWN, timeout=WAITS)
    assert ended.status_code == 202
    client.legs[0].to_be(State.OVER, WAITS)
    company.until(lambda: not call.is_up, "it does not end", WAITS)
    assert call.progress.result is Result.CANCELLED


@pytest.mark.usefixtures("there_for_long")
def test_a_telephone_that_rings_is_ended_by_delete(company: Company) -> None:
    open_for(company, company.agents_port)
    desk = company.phone("244", Manner.RINGS)
    call = ask(company, "own", NUMBERS["own"]).json()
    assert call["state"] == "ringing" and call["result"] is None
    where = f"{url(company)}/calls/{call['id']}"
    assert requests.get(where, headers=SHOWN, timeout=WAITS).json()["state"] == "ringing"
    assert (
        requests.delete(where, headers={"Authorization": "Bearer KEY245"}, timeout=WAITS).status_code == 404
    )
    assert (
        requests.delete(where, headers={"Authorization": "Bearer KEY244"}, timeout=WAITS).status_code == 202
    )
    desk.rings(within=WAITS).to_be(State.OVER, WAITS)
    (made,) = calls(company)
    company.until(lambda: made.progress.result is Result.CANCELLED, "it does not end", WAITS)


def test_the_telephone_is_told_to_answer_by_itself(company: Company) -> None:
    open_for(company, company.agents_port, auto_answer=True)
    desk = company.phone("244", Manner.RINGS)
    ask(company, "own", NUMBERS["own"])
    invite = desk.rings(within=WAITS).invite
    assert invite is not None and "answer-after=0" in invite.get("Call-Info")


Cut = Callable[[Company], None]


def test_what_became_of_a_call_while_the_connection_was_lost(company: Company) -> None:
    """It is placed, the connection is cut, and it is found again as it is by then."""
    open_for(company, company.agents_port)
    desk, client = company.phone("244", Manner.RINGS), company.phone(NUMBERS["own"], Manner.RINGS)
    ask(company, "own", NUMBERS["own"])
    (call,) = calls(company)
    assert company.running is not None
    company.running.cut_off()
    assert call.progress.unheard and not call.progress.is_unknown
    desk.rings(within=WAITS).answer()
    client.rings(within=WAITS).answer()
    company.running.listens_again()
    company.until(lambda: call.progress.stage is Stage.TALKING, "it is not found", WAITS)
    desk.legs[0].hang_up()
    company.until(lambda: call.progress.result is Result.TALKED, "its end is not heard", WAITS)


def test_without_a_connection_nothing_is_placed_and_that_is_said(company: Company) -> None:
    open_for(company, company.agents_port)
    desk = company.phone("244", Manner.RINGS)
    assert company.running is not None
    company.running.cut_off()
    answer = ask(company, "own", NUMBERS["own"])
    assert (answer.status_code, answer.json()["error"]) == (503, "no-switch")
    assert ask(company, "subscriber", NUMBERS["own"]).json()["code"] == "4"
    company.running.listens_again()
    assert not desk.legs


def test_one_click_is_one_call(company: Company) -> None:
    """Ten at once, and again: a double click, and a proxy that repeats what it was asked."""
    open_for(company, company.agents_port)
    desk = company.phone("244", Manner.RINGS)
    answers: list[str] = []

    def one() -> None:
        answers.append(ask(company, "own", NUMBERS["own"]).json()["id"])

    asking = [threading.Thread(target=one) for _ in range(10)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    (call,) = calls(company)
    assert set(answers) == {call.id}
    assert len(desk.legs) == 1
