"""What a failure is taken for, by its status and by the words in it; and that it names no client."""

from __future__ import annotations

import pytest

from fs_1c.onec import errors
from fs_1c.onec.dialects import answer, soap
from fs_1c.onec.errors import OneCError, Reached
from tests.support import soap_answer

NO, MAYBE, YES = Reached.NO, Reached.MAYBE, Reached.YES
PROXYS = ("WWW-Authenticate", 'Basic realm="Restricted"')
REFUSED = '{"exception": {"descr": "HTTP: Forbidden", "inner": {"descr": "Нет права"}}}'
BASIC, NTLM = ("WWW-Authenticate", 'Basic realm="1C:Enterprise 8.3"'), ("WWW-Authenticate", "NTLM, Negotiate")

BY_STATUS = [
    (202, "", (), "http", MAYBE, ()),
    (204, "", (), "http", MAYBE, ()),
    (301, "", (("Location", "https://a.example/ws?token=1"),), "http", NO, ("https://a.example/ws",)),
    (401, "", (BASIC,), "unauthorized", NO, ("wrong user",)),
    (401, "", (NTLM,), "no-basic", NO, ("NTLM, Negotiate only",)),
    (
        401,
        "",
        (PROXYS,),
        "unauthorized",
        NO,
        ('"Restricted"', "before 1C"),
    ),
    (401, "", (("WWW-Authenticate", "Negotiate, " + BASIC[1]),), "unauthorized", NO, ()),
    (403, "<h1>403 Forbidden</h1><hr>nginx/1.24.0", (), "web-server", NO, ("not 1C",)),
    (403, "<h2>403 — запрещено: доступ запрещен.</h2>", (), "web-server", NO, ()),
    (403, "<p>Недостаточно прав</p>", (), "forbidden", NO, ()),
    (
        403,
        '{"exception": {"descr": "HTTP: Forbidden", "inner": {"descr": "Нет права"}}}',
        (),
        "forbidden",
        NO,
        (),
    ),
    (503, "<h1>Ведутся технические работы</h1>", (), "maintenance", MAYBE, ()),
    (504, "<h1>Ведутся технические работы</h1>", (), "maintenance", MAYBE, ()),
    (500, "<h1>Ведутся технические работы</h1>", (), "maintenance", NO, ()),
    (409, "Различаются версии клиента и сервера (8.3.24 - 8.3.25)", (), "version", NO, ("8.3.24",)),
    (500, "Различаются версии клиента и сервера", (), "version", NO, ()),
    (429, "", (), "throttled", NO, ()),
    (500, "There are no free licenses", (), "no-licence", NO, ()),
    (500, "No free license found", (), "no-licence", NO, ()),
    (500, "Лицензия не обнаружена", (), "no-licence", NO, ()),
    (500, "{Модуль(7)}: Не обнаружено свободной лицензии", (), "no-licence", MAYBE, ()),
    (400, '{"odata.error": {"message": {"value": "Сеанс удален"}}}', (), "session", NO, ("Сеанс удален",)),
    (404, '{"title": "Тестов Т.Т."}', (), "not-published", NO, ("JSON",)),
]


@pytest.mark.parametrize(("status", "body", "told", "kind", "reached", "words"), BY_STATUS)
def test_a_status_and_its_words(
    status: int,
    body: str,
    told: tuple[tuple[str, str], ...],
    kind: str,
    reached: Reached,
    words: tuple[str, ...],
) -> None:
    error = errors.by_status(status, body.encode(), told)
    assert (error.kind, error.reached) == (kind, reached)
    for word in words:
        assert word in error.message
    assert "token" not in error.message
    assert "Тестов" not in error.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-16-le", "utf-16-be"])
def test_words_in_any_encoding(encoding: str) -> None:
    body = "<html><body>Не обнаружено свободной лицензии!</body></html>".encode(encoding)
    assert errors.by_status(500, body).kind == "no-licence"


def test_a_text_with_a_damaged_octet_is_still_utf_8() -> None:
    assert errors.decode("Клиент Тестов".encode() + b"\xd0") == "Клиент Тестов\ufffd"
    assert errors.decode("Ёж".encode("cp1251")) == "Ёж"


FAULTS = [
    ("{ОбщийМодуль.ВАТС.Модуль(9)}: Деление на 0", "fault", YES),
    ("{ОбщийМодуль.ВАТС.Модуль(9)}: Не обнаружено свободной лицензии", "fault", YES),
    ("{ОбщийМодуль.ВАТС.Модуль(9)}: Сеанс отсутствует или удален", "fault", YES),
    ("Не обнаружено свободной лицензии", "no-licence", MAYBE),
    ("Сеанс отсутствует или удален", "session", MAYBE),
    ("", "fault", YES),
]


@pytest.mark.parametrize(("text", "kind", "reached"), FAULTS)
def test_after_a_fault_nothing_is_sent_again(text: str, kind: str, reached: Reached) -> None:
    error = errors.fault(text, 500)
    assert (error.kind, error.reached) == (kind, reached)


SESSION = [
    (400, "", True),
    (404, "", True),
    (403, "", False),
    (400, "Bad Request", False),
    (400, "Не указан заголовок управления сеансами или куки с идентификатором сеанса", True),
    (400, "Session management header or session ID cookie is not specified", True),
    (500, "Сеанс работы завершен администратором.", True),
    (410, "Session is terminated", True),
    (200, "Сеанс отсутствует или удален", False),
]


@pytest.mark.parametrize(("status", "text", "about"), SESSION)
def test_whether_1cs_words_are_about_a_session(status: int, text: str, about: bool) -> None:
    assert errors.about_session(status, text.encode()) is about


STRANGE = [
    "0", "false", "null", "Неопределено", '""', "[]", "{}", '{"a": 1}', '{"title": {"name": "Тестов"}}',
    '{"title"',
    "<data><Наименование>Тестов</Наименование></data>", '<data title="Тестов"/>', '<title value="Тестов"/>',
    '<data><title v="Тестов"/><manager phone="244"/></data>', "<html><body>Тестов</body></html>",
    '<Property name="title"><Value>Тестов</Value></Property>', "<data>Тестов</data>", "<Тестов/><a/>",
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_not_understood_is_neither_unknown_nor_a_name(text: str) -> None:
    found = answer.read(text)
    assert not found.known
    assert found.strange
    with pytest.raises(OneCError, match="1C answers something that is not understood: ") as caught:
        answer.checked(found)
    assert (caught.value.kind, caught.value.reached, caught.value.base_down) == ("not-understood", YES, False)
    if text != "<Тестов/><a/>":  # a tag is no client
        assert "Тестов" not in caught.value.message


NOBODY = ["", " \n", "<data/>", "<data></data>", "<?xml version='1.0'?><data/>", '<d xmlns="http://x"></d>',
          "<Объект не найден> (94:8f4d)", "<title><Объект не найден> (1:2)</title>", '{"title": null}',
          '{"title": "", "manager": {"phone": ""}}']  # fmt: skip


@pytest.mark.parametrize("text", NOBODY)
def test_nobody(text: str) -> None:
    found = answer.read(text)
    assert not found.known
    assert not found.strange


JSON = [
    ('{"title": "Чиж", "category": 1, "manager": {"phone": 244}}', "Чиж", "1", "244"),
    ('\ufeff{"Title": "Чиж", "MANAGER": {"Phone": "1\u00a0244"}}', "Чиж", "", "1\u00a0244"),
    ('{"name": "Чиж", "responsible": "244"}', "Чиж", "", "244"),
    ('{"title": "Чиж", "manager": "244"}', "Чиж", "", "244"),
    ('{"title": "<Объект не найден> (1:2)", "manager": {"phone": "244"}}', "", "", "244"),
]


@pytest.mark.parametrize(("text", "title", "category", "manager"), JSON)
def test_json(text: str, title: str, category: str, manager: str) -> None:
    found = answer.read(text)
    assert (found.title, found.category, found.manager, found.strange) == (title, category, manager, "")


NAMES_NOBODY = [
    (200, b'{"title": "\xd0\xa2\xd0\xb5\xd1\x81\xd1\x82\xd0\xbe\xd0\xb2"}'),
    (200, "VIP:Тестов".encode()),
    (200, "<data><title>Тестов</title></data>".encode()),
    (201, "<data><title>Тестов</title></data>".encode()),
    (404, "<data><title>Тестов</title></data>".encode()),
    (500, soap_answer("<title>Тестов</title>")),
    (404, soap_answer("<title>Тестов")[:-20]),
]


@pytest.mark.parametrize(("status", "body"), NAMES_NOBODY)
def test_no_client_in_an_errors_text(status: int, body: bytes) -> None:
    with pytest.raises(OneCError) as caught:
        soap.read_return(status, body, "SayName")
    assert "Тестов" not in caught.value.message
