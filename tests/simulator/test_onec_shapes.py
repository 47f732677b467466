"""What SayName answers when it is not what the description shows, and what a reader makes of it."""

from __future__ import annotations

import re

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.simulator.onec import FAULT_KINDS, Client, Fault, OneCSimulator
from fs_1c.simulator.onec.dialects import DIALECTS, Operation, parse_operation
from fs_1c.simulator.onec.fault_table import Stage
from fs_1c.simulator.onec.saying import Saying
from tests.simulator.support import (
    NUMBER,
    SEED_ANSWER,
    SEED_REQUEST,
    envelope,
    pop,
    post,
    returned,
)
from tests.support import SOON

SHAPES = [name for name, kind in FAULT_KINDS.items() if kind.stage is Stage.SHAPE and name != "pop-answer"]
DIALECT = DIALECTS["mobilon-2"]
SAY_NAME = DIALECT.operations["SayName"]
OPERATION = parse_operation(SEED_REQUEST.encode(), "")


def inner(onec: OneCSimulator, fault: Fault | None, number: str = NUMBER) -> str:
    """The text in m:return, as a strict reader has it."""
    onec.fault = fault
    answer = post(onec, envelope("SayName", Number=number))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    return returned(answer.content)


def test_the_inner_xml_as_cdata(onec: OneCSimulator) -> None:
    well = inner(onec, None)
    assert inner(onec, Fault("cdata")) == well
    assert b"<![CDATA[<?xml" in post(onec).content


@given(st.text("]>a"))
def test_cdata_survives_its_own_end(title: str) -> None:
    body = Fault("cdata").strike(Saying(DIALECT, OPERATION, SAY_NAME, Client("1", title)))
    assert returned(body) == SAY_NAME.answer(Client("1", title))


def test_joined_strings_are_no_xml_but_say_everything(onec: OneCSimulator) -> None:
    text = inner(onec, Fault("unescaped-title"))
    assert '<title>ООО "Рога & Копыта", A < B</title>' in text
    assert "<phone>244</phone>" in text
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(text.encode())


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("plain-text"), "VIP:Ренессанс Капитал"),
        (Fault("plain-text", text="a<b"), "a<b"),
        (Fault("error", text="a<b"), '<?xml version="1.0"?>\n<error>a&lt;b</error>\n'),
        (Fault("empty-return"), ""),
    ],
)
def test_other_texts(onec: OneCSimulator, fault: Fault, text: str) -> None:
    assert inner(onec, fault) == text


def test_nothing_in_three_ways(onec: OneCSimulator) -> None:
    markup = {}
    for name in ("nil", "self-closed", "empty-return"):
        assert inner(onec, Fault(name)) == ""
        found = re.search(r"<m:return.*?(/>|</m:return>)", post(onec).text, re.DOTALL)
        assert found
        markup[name] = found[0]
    assert markup["self-closed"] == "<m:return/>"
    assert 'xsi:nil="true"/>' in markup["nil"]
    assert markup["empty-return"].endswith("></m:return>")


def test_a_bom(onec: OneCSimulator) -> None:
    assert inner(onec, Fault("bom")).startswith('\ufeff<?xml version="1.0"?>')
    onec.fault = Fault("bom", part="outer")
    assert post(onec).content == b"\xef\xbb\xbf" + SEED_ANSWER.encode()


def test_line_ends(onec: OneCSimulator) -> None:
    well = inner(onec, None)
    assert inner(onec, Fault("crlf")) == well.replace("\n", "\r\n")
    assert post(onec).content.count(b"\n") == post(onec).content.count(b"\r\n")
    assert inner(onec, Fault("leading-line-break")).lstrip("\n") == well


@pytest.mark.parametrize("encoding", ["windows-1251", "UTF-16"])
def test_a_false_encoding(onec: OneCSimulator, encoding: str) -> None:
    text = inner(onec, Fault("false-encoding", text=encoding))
    assert text.startswith(f'<?xml version="1.0" encoding="{encoding}"?>\n<data>')
    onec.fault = Fault("false-encoding", text=encoding, part="outer")
    content = post(onec).content
    assert content.startswith(f'<?xml version="1.0" encoding="{encoding}"?>\n<soap:Envelope'.encode())
    assert "чиж" in content.decode()


@pytest.mark.parametrize(
    ("fault", "phone"),
    [
        (Fault("no-break-space"), "1\u00a0244"),
        (Fault("zero-phone"), "0"),
        (Fault("several-phones"), "241, 242; +7 (923) 111-22-33"),
    ],
)
def test_phones(onec: OneCSimulator, fault: Fault, phone: str) -> None:
    assert etree.fromstring(inner(onec, fault).encode()).findtext("manager/phone") == phone
    assert etree.fromstring(inner(onec, fault, "89990000000").encode()).findtext("manager/phone") == ""


def test_titles(onec: OneCSimulator) -> None:
    data = etree.fromstring(inner(onec, Fault("title-line-breaks")).encode())
    assert (data.findtext("title") or "").splitlines() == ["ООО «Рога»", "и «Копыта»", "\tфилиал"]
    huge = inner(onec, Fault("huge-title"))
    assert huge.count("Ж") == 2_000_000


@pytest.mark.parametrize("part", ["inner", "outer"])
@pytest.mark.parametrize("number", [NUMBER, "89990000000"])
def test_entities(onec: OneCSimulator, part: str, number: str) -> None:
    root = {"inner": "data", "outer": "soap:Envelope"}[part]
    for name, entity in (("entity-bomb", "e9"), ("external-entity", "x")):
        onec.fault = Fault(name, part=part)
        content = post(onec, envelope("SayName", Number=number)).content
        xml = content.decode() if part == "outer" else returned(content)
        assert xml.startswith(f'<?xml version="1.0"?>\n<!DOCTYPE {root} [<!ENTITY ')
        assert xml.count(f"&{entity};") == 1
        assert ("amplification" in _refusal(xml)) == (name == "entity-bomb")
    assert '<!ENTITY x SYSTEM "file:///etc/hostname">' in xml


def _refusal(xml: str) -> str:
    try:
        etree.fromstring(xml.encode(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("text", ["0", "", "true"])
def test_a_pop_that_is_not_answered_1(onec: OneCSimulator, text: str) -> None:
    onec.fault = Fault("pop-answer", text=text)
    assert returned(post(onec, pop()).content) == text
    assert len(onec.cards) == 1
    assert post(onec).text == SEED_ANSWER


@pytest.mark.parametrize("dialect", ["mobilon-1", "mobilon-3"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_in_every_dialect_answers(name: str, dialect: str) -> None:
    signature = DIALECTS[dialect].operations["SayName"]
    for client in (None, Client("1", "Имя", "VIP", "244")):
        operation = Operation(OPERATION.version, DIALECTS[dialect].namespace, "SayName", {})
        assert b"Envelope" in Fault(name).strike(Saying(DIALECTS[dialect], operation, signature, client))


def test_shapes_leave_the_request_recorded(onec: OneCSimulator) -> None:
    for name in SHAPES:
        onec.fault = Fault(name, times=1)
        assert post(onec).status_code == 200
    assert len(onec.requests) == len(SHAPES)
    assert onec.stats.faults == dict.fromkeys(SHAPES, 1)
    assert requests.get(onec.address + "/simulator/fault", timeout=SOON).json() is None
