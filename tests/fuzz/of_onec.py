"""Harnesses for what 1C says, or whatever stands in its place."""

from __future__ import annotations

import re

from fs_1c.onec import MAX_PHONE, MAX_TITLE, errors
from fs_1c.onec.dialects import answer
from fs_1c.onec.dialects.soap import read_return
from fs_1c.onec.errors import OneCError
from tests.fuzz.engine import Harness
from tests.fuzz.values import Taken, text
from tests.onec.support import ANSWERS, FAULT_1_1, FAULT_1_2, SEED_NAME
from tests.support import inner, soap_answer

STATUSES = (200, 500, 400, 401, 404, 406, 503, 202, 999)
MAX_COMPLAINT = 500

_TAGS = tuple(
    tag.encode()
    for tag in (
        *("<title>", "</title>", "<category>", "</category>", "<manager>", "</manager>", "<manager/>"),
        *("<phone>", "</phone>", "<error>", "</error>", "<phone ", "</phone", "<m:title>", "&lt;title&gt;"),
        *("&#xD800;", "&nbsp;", "&#99999999;", "&amp;lt;", "<!--", "-->", "VIP:", "0", "\ufeff", "{"),
    )
)
_XML = tuple(
    token.encode()
    for token in (
        *("<return>", "</return>", "<m:return>", "</m:return>", "<m:SayNameResponse>", "SayNameResponse"),
        *(
            "<soap:Fault>",
            "</soap:Fault>",
            "<faultstring>",
            "<Text>",
            "<?xml version='1.0'?>",
            "<!DOCTYPE a>",
        ),
        *('<?xml version="1.0" encoding="windows-1251"?>', 'encoding="utf-16"', 'encoding="idna"', "<html>"),
        *('encoding="undefined"', 'encoding="punycode"', 'encoding="unicode_escape"', 'encoding="utf-7"'),
        *("<a>", "</a>", "<script>", "<br>", "xsi:nil='true'", "&lt;", "<!ENTITY a 'b'>", "&a;", "<?", "?>"),
    )
)
_JSON = tuple(
    token.encode()
    for token in (
        *('{"exception": ', '{"descr": ', '{"inner": ', '"\\ud83d"', "[", "{}", '""', "1e999", "NaN"),
        *("начало сеанса запрещено", "не обнаружено свободной лицензии", "licence not found", "<style>"),
    )
)


def soap(octets: bytes) -> None:
    """A response is a text or a `OneCError` in one printable line; and the text an answer."""
    status = STATUSES[0] if len(octets) % 3 else STATUSES[len(octets) % len(STATUSES)]
    for operation in ("SayName", "IncomingCall"):
        try:
            returned = read_return(status, octets, operation)
        except OneCError as error:
            _one_line(error)
        else:
            assert status == 200
            assert returned == returned.strip()
            returned.encode()  # it goes into a channel, a cache and a log
            answer_of(returned)


def inner_answer(octets: bytes) -> None:
    answer_of(text(octets))


def answer_of(returned: str) -> None:
    """Every part is one trimmed line of bounded length."""
    found = answer.read(returned)
    limits = (MAX_TITLE, MAX_PHONE, MAX_PHONE, MAX_TITLE)
    for value, limit in zip((found.title, found.category, found.manager, found.error), limits, strict=True):
        assert value == value.strip()
        assert len(value) <= limit
        assert not re.search(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", value), value
    assert found.known == bool(found.title or found.manager.strip("0"))


def failures(octets: bytes) -> None:
    """Under any status an answer has a meaning, told in one printable line."""
    taken = Taken(octets[:1])
    status = taken.one(STATUSES)
    body = octets[1:]
    said = errors.words(errors.decode(body))
    assert len(said) <= errors.MAX_MESSAGE
    assert said == " ".join(said.split())
    assert said.isprintable()
    _one_line(errors.by_status(status, body))
    _one_line(errors.fault(text(body), status))
    if (known := errors.by_words(text(body[:1000]))) is not None:
        assert known.kind in ("no-licence", "maintenance", "session", "version")
    if errors.about_session(status, body):
        assert not 200 <= status < 300


def _one_line(error: OneCError) -> None:
    assert error.message.isprintable(), error.message
    assert 0 < len(error.message) < MAX_COMPLAINT
    str(error).encode()
    assert error.failure().kind == error.kind


PAGES = (
    *("<html><head><title>t</title></head><body><p>Ошибка <b>1</b></p></body></html>", "Не найдено", "{}"),
    '\ufeff{"exception": {"descr": "a", "inner": {"descr": "Недостаточно прав", "inner": null}}}',
    "<?xml version='1.0'?><exception><descr>Начало сеанса с базой запрещено.</descr></exception>",
)


def harnesses() -> tuple[Harness, ...]:
    texts = tuple(told.encode("utf-8", "surrogatepass") for told, _ in ANSWERS.values())
    returned = inner("Фэйковый чиж", "0", "244")
    responses = (
        *(SEED_NAME.encode(), FAULT_1_1.encode(), FAULT_1_2.encode(), soap_answer(returned)),
        soap_answer("1", "IncomingCall"),
        SEED_NAME.encode("cp1251"),
        b'<?xml version="1.0" encoding="windows-1251"?>' + SEED_NAME.encode("cp1251"),
        SEED_NAME.encode("utf-16"),
        soap_answer("#").replace(b"#", returned.encode()),
        soap_answer("#").replace(b"#", f"<![CDATA[{returned}]]>".encode()),
    )
    pages = tuple(page.encode() for page in PAGES)
    return (
        Harness("soap", soap, (*responses, *pages), (*_XML, *_TAGS, *_JSON), longest=1 << 18),
        Harness("answer", inner_answer, texts, _TAGS, longest=1 << 17),
        Harness(
            "errors",
            failures,
            tuple(b"\1" + one for one in (*pages, *responses)),
            (*_JSON, *_XML),
            longest=1 << 18,
        ),
    )
