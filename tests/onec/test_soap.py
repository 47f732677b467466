"""The envelope is the one in Mobilon's description; a response is read, and trusted in nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.onec import Answer
from fs_1c.onec.dialects import answer
from fs_1c.onec.dialects.soap import envelope, read_return
from fs_1c.onec.errors import MAX_MESSAGE, OneCError, Reached
from tests.onec.support import (
    FAULT_1_1,
    FAULT_1_2,
    SEED_ACCEPTED,
    SEED_INCOMING_CALL,
    SEED_NAME,
    SEED_SAY_NAME,
)
from tests.support import KEY, inner, soap_answer


def tree(element: etree._Element) -> tuple[Any, ...]:
    """An element as a value: its qualified name, attributes, text without indentation, children in order."""
    return (
        element.tag,
        dict(element.attrib),
        (element.text or "").strip(),
        [tree(child) for child in element],
    )


def failed(status: int, body: bytes | str, operation: str = "SayName") -> OneCError:
    with pytest.raises(OneCError) as caught:
        read_return(status, body.encode() if isinstance(body, str) else body, operation)
    assert "\n" not in caught.value.message
    return caught.value


def told(body: bytes) -> str:
    """Whatever a reader of this answer, or of the complaint about it, would see."""
    try:
        return read_return(200, body, "SayName")
    except OneCError as error:
        return error.message


def returning(element: str, prologue: str = "") -> bytes:
    return (
        f'{prologue}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<m:SayNameResponse xmlns:m="http://VATS">{element}</m:SayNameResponse></s:Body></s:Envelope>'
    ).encode()


@pytest.mark.parametrize(
    ("operation", "parameters", "seed"),
    [
        ("SayName", {"Number": "89235292926"}, SEED_SAY_NAME),
        ("IncomingCall", {"NumFrom": "89235292926", "Key": KEY}, SEED_INCOMING_CALL),
    ],
)
def test_the_requests_of_the_description_are_built_element_for_element(
    operation: str, parameters: dict[str, str], seed: str
) -> None:
    sent = envelope("http://VATS", operation, parameters)
    assert tree(etree.fromstring(sent)) == tree(etree.fromstring(seed.encode()))
    assert sent.decode() == seed


def test_the_answers_of_the_description_are_understood() -> None:
    client = answer.read(read_return(200, SEED_NAME.encode(), "SayName"))
    assert client == Answer("Фэйковый чиж", "0", "244")
    assert read_return(200, SEED_ACCEPTED.encode(), "IncomingCall") == "1"


@given(st.text(st.characters()))
def test_no_value_breaks_or_extends_the_envelope(value: str) -> None:
    root = etree.fromstring(envelope("http://VATS", "SayName", {"Number": value}))
    *_, number = root.iter()
    assert [etree.QName(e).localname for e in root.iter()] == ["Envelope", "Body", "SayName", "Number"]
    kept = "".join(c for c in value if _in_xml(c))
    assert (number.text or "").replace("\n", "") == kept.replace("\n", "")


def _in_xml(character: str) -> bool:
    """XML 1.0 can carry it. (A carriage return arrives as a line feed; both are left out by the caller.)"""
    return character in "\t\n" or (
        character >= " " and not re.match("[\ud800-\udfff\ufffe\uffff]", character)
    )


def test_a_value_that_looks_like_xml_stays_text() -> None:
    hostile = "</Number></SayName><IncomingCall>&x;<![CDATA["
    root = etree.fromstring(envelope("http://V?A&T=S", "SayName", {"Number": hostile}))
    (number,) = root.iter("{http://V?A&T=S}Number")
    assert number.text == hostile


@pytest.mark.parametrize(
    "element",
    [
        "<m:return/>",
        "<m:return></m:return>",
        "<m:return>\n  </m:return>",
        '<m:return xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>',
        "",
    ],
)
def test_an_empty_return_is_empty_text(element: str) -> None:
    assert read_return(200, returning(element), "SayName") == ""


@pytest.mark.parametrize(
    "body",
    [
        soap_answer(inner("Чиж", "0", "244")),
        b"\xef\xbb\xbf" + soap_answer(inner("Чиж", "0", "244")),
        b"\r\n " + soap_answer(inner("Чиж", "0", "244")) + b"\r\n",
        returning(f"<m:return><![CDATA[{inner('Чиж', '0', '244')}]]></m:return>"),
        returning(f"<m:return>\n<![CDATA[{inner('Чиж', '0', '244')}]]>\n</m:return>"),
        returning(f"<return><![CDATA[{inner('Чиж', '0', '244')}]]></return>"),
        soap_answer(inner("Чиж", "0", "244")).replace(b"\n", b"\r\n"),
        soap_answer(inner("Чиж", "0", "244")).replace(
            b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
        ),
        b'<?xml version="1.0" encoding="UTF-8"?>' + soap_answer(inner("Чиж", "0", "244")),
        b'\xef\xbb\xbf\r\n<?xml version="1.0"?>' + soap_answer(inner("Чиж", "0", "244")),
        soap_answer(inner("Чиж", "0", "244")).decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="windows-1251"?>'
        + soap_answer(inner("Чиж", "0", "244")).decode().encode("cp1251"),
    ],
)
def test_an_answer_is_read_however_it_is_packed(body: bytes) -> None:
    assert answer.read(read_return(200, body, "SayName")) == Answer("Чиж", "0", "244")


@pytest.mark.parametrize("status", [200, 500])
def test_a_fault_is_told_in_1cs_own_words(status: int) -> None:
    error = failed(status, FAULT_1_1)
    assert (error.kind, error.reached, error.base_down) == ("fault", Reached.YES, False)
    assert "{ОбщийМодуль.VATS.Модуль(12)}: Поле объекта не обнаружено (Контакт)" in error.message
    assert "soap:Client" not in error.message
    assert "Деление на 0" in failed(status, FAULT_1_2).message


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (
            400,
            "Не указан заголовок управления сеансами",
            "session",
            "Не указан заголовок управления сеансами",
        ),
        (401, "", "unauthorized", "wrong user name or password"),
        (401, "<html><body><h1>401&nbsp;Unauthorized</h1></body></html>", "unauthorized", "401 Unauthorized"),
        (402, "Не обнаружено свободной лицензии!", "no-licence", "Не обнаружено свободной лицензии!"),
        (
            403,
            '\ufeff{"exception": {"descr": "Начало сеанса с информационной базой запрещено."}}',
            "maintenance",
            "Начало сеанса с информационной базой запрещено.",
        ),
        (
            404,
            "<html><head><title>x</title></head><body>Not Found</body></html>",
            "not-published",
            ": Not Found",
        ),
        (
            406,
            '<exception reason="406">Истекло время ожидания сеанса</exception>',
            "pool-full",
            "Истекло время",
        ),
        (
            500,
            "<head><style>b{}</style></head><body><h2>Ошибка 1С:Предприятия</h2>\r\n<p>СУБД</p></body>",
            "base-down",
            "HTTP 500, 1C itself failed: Ошибка 1С:Предприятия СУБД",
        ),
        (502, "<h1>Bad Gateway</h1>", "proxy", "502"),
        (503, "", "proxy", "503"),
        (504, "", "proxy", "504"),
        (418, "", "http", "HTTP 418"),
        (302, "", "http", "HTTP 302"),
        (500, soap_answer("1").decode(), "base-down", "HTTP 500"),
    ],
)
def test_any_other_status_is_an_error_with_1cs_words_in_it(
    status: int, body: str, kind: str, said: str
) -> None:
    error = failed(status, body)
    assert error.kind == kind
    assert said in error.message
    assert f"HTTP {status}" in error.message
    assert "<" not in error.message
    assert error.reached is (Reached.MAYBE if status >= 500 else Reached.NO)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><body>Вход в систему</body></html>",
        "<html><body><p>Не закрыт</body></html>",
        soap_answer("1", "IncomingCall").decode(),
        "{}",
        "\x00\x01\x02",
    ],
)
def test_what_is_no_answer_to_the_operation_is_no_soap(body: str) -> None:
    error = failed(200, body)
    assert error.kind == "not-soap"
    assert error.base_down


def test_long_and_binary_words_are_bounded() -> None:
    message = failed(500, b"\xff\xfe\x00\x1b" + b"a" * 100_000).message
    assert len(message) < MAX_MESSAGE + 50
    assert message.isprintable()


def test_no_file_is_ever_read_for_an_answer(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3kr1t")
    uri = secret.as_uri()
    doctypes = [
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "{uri}">]>',
        f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{uri}"> %p;]>',
        f'<!DOCTYPE a SYSTEM "{uri}" [<!ENTITY x "boom">]>',
    ]
    for doctype in doctypes:
        for element in ("<m:return>&x;</m:return>", '<m:return a="&x;">b</m:return>'):
            assert "s3kr1t" not in told(returning(element, doctype))
    include = f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{uri}"/>'
    assert "s3kr1t" not in told(returning(f"<m:return>{include}</m:return>"))


def test_an_entity_bomb_does_not_go_off() -> None:
    entities = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(12))
    bomb = f'<!DOCTYPE a [<!ENTITY a0 "ha">{entities}]>'
    for element in ("<m:return>&a1;</m:return>", "<m:return>&a12;</m:return>", '<m:return a="&a12;"/>'):
        assert "haha" not in told(returning(element, bomb))


@given(
    st.binary() | st.integers(0, 700).map(lambda cut: SEED_NAME.encode()[:cut]), st.sampled_from([200, 500])
)
def test_whatever_comes_there_is_a_text_or_a_onec_error(body: bytes, status: int) -> None:
    try:
        assert read_return(status, body, "SayName") is not None
    except OneCError as error:
        assert error.message.isprintable()
