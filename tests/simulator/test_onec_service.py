"""The simulated 1C does what the description says, and refuses the rest as 1C does."""

from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.simulator.onec import (
    Client,
    OneCSimulator,
)
from fs_1c.simulator.onec.dialects import Refused, inner_xml, parse_operation, write_response
from tests.simulator.support import (
    SEED_ANSWER,
    SEED_REQUEST,
    SOAP_1_1,
    SOAP_1_2,
    SOAP_XML,
    TEXT_XML,
    envelope,
    returned,
    say_name,
)
from tests.support import KEY, SOON

# --- The two operations ---------------------------------------------------------------------------------


def test_answers_the_seeds_request_byte_for_byte(onec: OneCSimulator) -> None:
    answer = requests.post(onec.url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=SOON)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.content.decode() == SEED_ANSWER


@pytest.mark.parametrize(
    "number", ["79235292926", "+79235292926", "9235292926", "8 (923) 529-29-26", " 89235292926\n"]
)
def test_finds_a_client_by_the_last_ten_digits(onec: OneCSimulator, number: str) -> None:
    assert " Фэйковый чиж" in say_name(onec, number)


@pytest.mark.parametrize("number", ["89990000000", "", "anonymous", "5292926", "244"])
def test_an_unknown_number_gets_empty_tags(onec: OneCSimulator, number: str) -> None:
    data = etree.fromstring(say_name(onec, number).encode())
    assert [data.findtext(tag) for tag in ("title", "category", "manager/phone")] == ["", "", ""]


def test_a_title_with_markup_is_escaped_twice(onec: OneCSimulator) -> None:
    data = etree.fromstring(say_name(onec, "84951234567").encode())
    assert data.findtext("title") == 'ООО "Рога & Копыта"'
    assert data.findtext("category") == "VIP"


def test_soap_1_2_is_answered_in_kind(onec: OneCSimulator) -> None:
    request = envelope("SayName", SOAP_1_2, Number="89235292926")
    answer = requests.post(onec.url, request, headers=SOAP_XML, timeout=SOON)
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert answer.text == SEED_ANSWER.replace(SOAP_1_1, SOAP_1_2)
    assert onec.requests[0].soap_version == "1.2"


@pytest.mark.parametrize("key", [KEY, "nobody has it", ""])
def test_incoming_call_is_always_accepted(onec: OneCSimulator, key: str) -> None:
    request = envelope("IncomingCall", NumFrom="89235292926", Key=key)
    answer = requests.post(onec.url, request, headers=TEXT_XML, timeout=SOON)
    assert returned(answer.content) == "1"
    (card,) = onec.cards
    assert (card.num_from, card.key) == ("89235292926", key)
    assert not key or key not in repr(card)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))
)
def test_any_title_survives_both_escapings(title: str) -> None:
    operation = parse_operation(SEED_REQUEST.encode(), "text/xml")
    inner = returned(write_response(operation, inner_xml(Client("1", title))))
    assert (etree.fromstring(inner.encode()).findtext("title") or "") == title


# --- What 1C refuses ------------------------------------------------------------------------------------

MALFORMED = [
    b"",
    b"not XML",
    b"<a>",
    b"<a/>",
    b"\xff\xfe\x00",
    b'<?xml version="1.0" encoding="no-such"?><a/>',
    f'<s:Envelope xmlns:s="{SOAP_1_1}"/>'.encode(),
    f'<s:Envelope xmlns:s="{SOAP_1_1}"><s:Body/></s:Envelope>'.encode(),
    f'<s:Envelope xmlns:s="{SOAP_1_1}"><s:Body><a/><b/></s:Body></s:Envelope>'.encode(),
]
WRONG = [
    envelope("sayname", Number="1"),
    envelope("SayName", namespace="http://vats", Number="1"),
    envelope("SayName"),
    envelope("SayName", number="1"),
    envelope("SayName", Number="1", Extra="2"),
    envelope("IncomingCall", NumFrom="1"),
    envelope("IncomingCall", NumFrom="1", key="2"),
    SEED_REQUEST.replace("<Number>", '<Number xmlns="">').encode(),
    SEED_REQUEST.replace("<Number>", "<Number>1</Number><Number>").encode(),
    SEED_REQUEST.replace("89235292926", "<b>1</b>").encode(),
]


@pytest.mark.parametrize("body", MALFORMED + WRONG)
def test_what_1c_does_not_understand_is_a_russian_fault(onec: OneCSimulator, body: bytes) -> None:
    answer = requests.post(onec.url, body, headers=TEXT_XML, timeout=SOON)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    reason = etree.fromstring(answer.content).findtext(f"{{{SOAP_1_1}}}Body/{{{SOAP_1_1}}}Fault/faultstring")
    assert reason is not None
    assert any("а" <= letter <= "я" for letter in reason)
    assert onec.cards == ()


def test_a_fault_names_the_missing_parameter_in_its_case(onec: OneCSimulator) -> None:
    answer = requests.post(onec.url, envelope("SayName", number="1"), headers=TEXT_XML, timeout=SOON)
    assert "'Number'" in answer.text


@pytest.mark.parametrize("body", [b"<a>", envelope("sayname", SOAP_1_2)])
def test_a_fault_in_soap_1_2(onec: OneCSimulator, body: bytes) -> None:
    answer = requests.post(onec.url, body, headers=SOAP_XML, timeout=SOON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, SOAP_XML["Content-Type"])
    fault = etree.fromstring(answer.content).find(f"{{{SOAP_1_2}}}Body/{{{SOAP_1_2}}}Fault")
    assert fault is not None
    assert fault.findtext(f"{{{SOAP_1_2}}}Code/{{{SOAP_1_2}}}Value") == "soap:Sender"


def test_entities_are_neither_read_nor_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOP SECRET")
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    for declaration, entity in [
        (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', "&x;"),
        (f'<!ENTITY e0 "ha">{levels}', "&e11;"),
        ('<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;', "1"),
    ]:
        body = f"<!DOCTYPE s [{declaration}]>" + envelope("SayName", Number="N").decode().replace(
            "N<", entity + "<"
        )
        for encoding in ("utf-8", "utf-16"):
            with pytest.raises(Refused) as refused:
                parse_operation(body.encode(encoding), "text/xml")
            assert "SECRET" not in refused.value.reason


@given(
    st.binary(max_size=300) | st.text(alphabet="<>/&;![]-\"'=?: sxmlnEBoNumber", max_size=200).map(str.encode)
)
def test_no_body_can_upset_the_parser(body: bytes) -> None:
    with pytest.raises(Refused):
        parse_operation(body, "")


@pytest.mark.parametrize("declaration", ["<!DOCTYPE s>", '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_a_document_type_is_refused_even_when_it_is_empty(declaration: str) -> None:
    with pytest.raises(Refused, match="DOCTYPE"):
        parse_operation(declaration.encode() + envelope("SayName", Number="1"), "text/xml")
