"""«Универсальный itoolabs» of stock 1С:УНФ: what is sent, octet for octet, and how its answers are read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.onec import Answer, CallState, Card, OneCError, Reached, dialects
from fs_1c.onec.dialects.itoolabs import Itoolabs
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.settings import DialectName, OneCSettings

TOKEN = "0d5a8f2e-6f8e-4c1d/=+"
SPOKEN = "0d5a8f2e-6f8e-4c1d%2F%3D%2B"
UNF = Itoolabs(lambda: TOKEN)
UUID = "606dfbfe-f7c4-4413-9edc-90005f17d347"
CALL = CallState(
    "INCOMING",
    UUID,
    "79235292926",
    destination="+74951234567",
    extension="244",
    key="hush-hush",
    began=1795426350.0,
    seconds=61,
    answered=True,
    link="https://pbx.example/r/1.wav",
)
START = f"cmd=event&crm_token={SPOKEN}&type"
REST = f"callid={UUID}&phone=79235292926&ext=244"
# What is told → the body.
SENT: dict[str, tuple[Request | None, str]] = {
    "lookup": (UNF.lookup("79235292926"), f"cmd=contact&crm_token={SPOKEN}&phone=79235292926"),
    "lookup in another form": (
        UNF.lookup("+375291234567"),
        f"cmd=contact&crm_token={SPOKEN}&phone=375291234567",
    ),
    "card": (UNF.card(Card("79235292926", "", "244", UUID, 1.0)), f"{START}=ACCEPTED&{REST}"),
    "card of a line": (
        UNF.card(Card("79235292926", "KEY", "244", UUID, 1.0, "74951234567")),
        f"{START}=ACCEPTED&{REST}&diversion=74951234567",
    ),
    "incoming": (UNF.state(CALL), f"{START}=INCOMING&{REST}&diversion=74951234567"),
    "outgoing": (UNF.state(replace(CALL, state="OUTGOING", outgoing=True)), f"{START}=OUTGOING&{REST}"),
    "completed": (
        UNF.state(replace(CALL, state="COMPLETED")),
        f"{START}=COMPLETED&{REST}&diversion=74951234567",
    ),
    "history": (
        UNF.state(replace(CALL, state="history")),
        f"cmd=history&crm_token={SPOKEN}&callid={UUID}&status=Success&duration=61"
        "&link=https%3A%2F%2Fpbx.example%2Fr%2F1.wav&type=in&phone=79235292926&ext=244"
        "&start=20261123T093230Z",
    ),
    "history of a missed one": (
        UNF.state(replace(CALL, state="history", answered=False, seconds=0, link="")),
        f"cmd=history&crm_token={SPOKEN}&callid={UUID}&status=missed&duration=0"
        "&type=in&phone=79235292926&ext=244&start=20261123T093230Z",
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_a_request(name: str) -> None:
    request, body = SENT[name]
    assert request is not None
    assert (request.method, request.path) == ("POST", "")
    assert dict(request.headers)["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert (request.body or b"").decode() == body
    assert request.operation == body.partition("&")[0].removeprefix("cmd=")


def test_a_base_is_woken_and_left_by_a_ping() -> None:
    ping = Request("ping", "GET", "ping")
    assert (UNF.warm_up(), UNF.farewells()) == (ping, (ping,))
    for body in (b"ok", b"\xef\xbb\xbfok\r\n", b'"OK"'):
        UNF.awake(Response(200, body))
    for body in (b"", b"no", b"<html>ok</html>"):
        with pytest.raises(OneCError, match="no answer of"):
            UNF.awake(Response(200, body))


@pytest.mark.parametrize(
    "url",
    [
        "http://1c/unf",
        "http://1c/unf/",
        "http://1c/unf/hs/telephony/itoolabs",
        "http://1c/unf/hs/telephony/itoolabs/",
        "http://1c/unf/hs/telephony/itoolabs/ping",
        "http://1c/unf/hs/telephony/itoolabs/?x",
    ],
)
def test_the_address_or_only_the_publication(url: str) -> None:
    assert UNF.address(url) == "http://1c/unf/hs/telephony/itoolabs/"


def taken_apart(request: Request | None) -> dict[str, str]:
    """As 1C takes it apart: decoded first, then split; a second parameter of a name would count."""
    assert request is not None
    text = unquote((request.body or b"").decode("ascii"))  # a plus stays one
    assert '"' not in text
    return dict(pair.split("=", 1) for pair in text.split("&"))


anything = st.text(max_size=40) | st.sampled_from(
    ['"', "&", "%26", "%2526type=x", "a&cmd=history", "\ud800", "+ +"]
)


@given(anything, anything, anything, anything, anything)
def test_no_value_can_break_out_of_its_parameter(
    number: str, extension: str, line: str, call: str, link: str
) -> None:
    call_state = CallState("INCOMING", call, number, line, False, extension, link=link)
    told = taken_apart(UNF.state(call_state))
    assert list(told) in [
        ["cmd", "crm_token", "type", "callid", "phone", "ext"],
        ["cmd", "crm_token", "type", "callid", "phone", "ext", "diversion"],
    ]
    assert (told["cmd"], told["crm_token"], told["type"]) == ("event", TOKEN, "INCOMING")
    told = taken_apart(UNF.state(replace(call_state, state="history")))
    assert (told["cmd"], told["status"], told["duration"]) == ("history", "missed", "0")
    assert set(told) <= {*"cmd crm_token callid status duration link type phone ext start".split()}
    assert set(taken_apart(UNF.card(Card(number, "", extension, call, 0.0, line)))) - {"diversion"} == {
        *"cmd crm_token type callid phone ext".split()
    }
    assert list(taken_apart(UNF.lookup(number))) == ["cmd", "crm_token", "phone"]


def test_a_link_stays_one() -> None:
    told = taken_apart(UNF.state(replace(CALL, state="history", link='https://pbx/r 1.wav?a=1&b="2"')))
    assert told["link"] == "https://pbx/r 1.wav?a=1%26b=%222%22"


def test_a_time_that_is_none_does_no_harm() -> None:
    for began, written in (
        (-5.0, "19700101T000000Z"),
        (1e300, "20961002T070640Z"),
        (0.0, "19700101T000000Z"),
    ):
        assert taken_apart(UNF.state(replace(CALL, state="history", began=began)))["start"] == written


# --- How answers are read ---------------------------------------------------------------------------------

KNOWN = json.dumps({"contact_name": " ООО «Рога»\n", "responsible": "244"}, ensure_ascii=False)
# What came → the answer, or a word of what is strange about it.
ANSWERS: dict[str, tuple[bytes, Answer | str]] = {
    "known": (KNOWN.encode(), Answer("ООО «Рога»", "", "244")),
    "with a BOM": (KNOWN.encode("utf-8-sig"), Answer("ООО «Рога»", "", "244")),
    "in windows-1251": (KNOWN.encode("cp1251"), Answer("ООО «Рога»", "", "244")),
    "nobody responsible": ('{"contact_name":"Чиж"}'.encode(), Answer("Чиж")),
    "a number for a manager": ('{"contact_name":"Чиж","responsible":244}'.encode(), Answer("Чиж", "", "244")),
    "unknown": (b"", Answer()),
    "unknown, with a BOM": (b"\xef\xbb\xbf\r\n", Answer()),
    "unknown, as an object": (b"{}", Answer()),
    "empty fields": (b'{"contact_name":"","responsible":""}', Answer()),
    "null": (b'{"contact_name":null,"responsible":null}', Answer()),
    "cut off": (b'{"contact_name":"x', "JSON"),
    "a list": (b"[]", "no JSON"),
    "a word": (b"ok", "no JSON"),
    "other fields": (b'{"client":"x"}', "JSON with client"),
    "a name of a shape": (b'{"contact_name":{"first":"x"}}', "shape of its own"),
    "deep": (b'{"a":' * 50_000, "JSON"),
    "endless digits": (b'{"responsible":' + b"1" * 9000 + b"}", "JSON"),
    "long": (b'{"a":"' + b"x" * 70_000 + b'"}', "JSON"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer(name: str) -> None:
    body, expected = ANSWERS[name]
    read = UNF.understood(UNF.said(Response(200, body)))
    if isinstance(expected, Answer):
        assert read == expected
    else:
        assert expected in read.strange
        assert not read.known


@given(
    st.binary(max_size=300)
    | st.text(alphabet='{}[]":,contact_name responsible1é\\u0', max_size=200).map(str.encode)
)
def test_no_answer_upsets_it(body: bytes) -> None:
    for status in (200, 204, 400, 500, 501):
        try:
            UNF.understood(UNF.said(Response(status, body)))
        except OneCError as error:
            assert error.kind
            assert TOKEN not in error.message


PLACE = "{HTTPСервис.Телефония.Модуль(57)}: Поле объекта не обнаружено (crm_token)"
NO, MAYBE, YES = Reached
# Status, body → kind, reached, base_down.
REFUSED: dict[str, tuple[int, str, tuple[str, Reached, bool]]] = {
    "wrong token": (400, '{"error":"Invalid token"}', ("crm-token", NO, True)),
    "without a word": (400, "", ("crm-token", NO, True)),
    "parameter": (400, '{"error":"Invalid parameters"}', ("parameter", NO, False)),
    "by its Russian name": (400, "Не задан параметр phone", ("parameter", NO, False)),
    "a web server's 400": (400, "<html><h1>Bad Request</h1></html>", ("bad-request", NO, False)),
    "session": (400, "Не указан заголовок управления сеансами", ("session", NO, True)),
    "unknown command": (501, "", ("unknown-command", NO, False)),
    "code": (500, PLACE, ("fault", YES, False)),
    "code, under another status": (400, PLACE, ("fault", YES, False)),
    "base": (500, "1C:Enterprise 8 application error", ("base-down", MAYBE, True)),
    "password": (401, "", ("unauthorized", NO, True)),
    "not there": (404, "<html>404</html>", ("not-published", NO, True)),
    "proxy": (502, "<html>502</html>", ("proxy", MAYBE, True)),
    "a page": (200, "<!DOCTYPE html><form>", ("not-1c", MAYBE, True)),
    "XML": (200, "<data><title>Рога</title></data>", ("not-1c", MAYBE, True)),
    "licence": (200, "<html>Не обнаружено свободной лицензии!</html>", ("no-licence", MAYBE, True)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal(name: str) -> None:
    status, text, (kind, reached, base_down) = REFUSED[name]
    response = Response(status, text.encode())
    for read in (UNF.said, UNF.accepted, UNF.awake):
        with pytest.raises(OneCError) as refused:
            read(response)
        assert (refused.value.kind, refused.value.reached, refused.value.base_down) == (
            kind,
            reached,
            base_down,
        )
        assert "Рога" not in refused.value.message
    with pytest.raises(OneCError) as refused:
        UNF.taken(response, CALL)
    assert refused.value.kind == ("no-history" if kind == "unknown-command" else kind)


def test_an_event_is_taken_whatever_1c_says_of_it() -> None:
    for response in (Response(200, b""), Response(200, b"{}"), Response(204, b""), Response(200, b"x")):
        UNF.taken(response, CALL)
        assert UNF.accepted(response)


def test_1c_repeating_the_token_does_not_betray_it() -> None:
    for text in (f"token {TOKEN} unknown", f'{{"error":"{TOKEN}"}}', SPOKEN):
        for status in (400, 403, 500):
            with pytest.raises(OneCError) as refused:
                UNF.said(Response(status, text.encode()))
            assert TOKEN not in refused.value.message
            assert SPOKEN not in refused.value.message
    assert UNF.understood(UNF.said(Response(200, f'{{"error":"{TOKEN}"}}'.encode()))).error == "***"


def test_a_token_that_cannot_be_read_is_an_error_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-of-1c\n")
    dialect = dialects.of(
        OneCSettings(url="http://1c/unf", dialect=DialectName.ITOOLABS, crm_token_file=file)
    )
    assert b"crm_token=secret-of-1c&" in (dialect.lookup("7").body or b"")
    file.write_text("another\n")  # read anew, as the password is
    assert b"crm_token=another&" in (dialect.lookup("7").body or b"")
    file.unlink()
    with pytest.raises(OneCError, match="crm_token_file cannot be read"):
        dialect.lookup("7")
