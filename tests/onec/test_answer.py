"""What 1C puts inside SayName's `return` is understood the way 1C writes it, not the way XML wants it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fs_1c.onec import MAX_PHONE, MAX_TITLE, Answer
from fs_1c.onec.dialects.answer import read
from tests.support import inner, unhurried

SEED = Answer("Фэйковый чиж", "0", "244")
NOBODY = Answer()

ANSWERS = {
    "the seed": (inner(" Фэйковый чиж", "0", "244"), SEED),
    "the seed's commented example": (
        '<?xml version="1.0"?>\n<data>\n    <title>Фэйковый чиж</title>    //название клиента\n'
        "    <category>0</category>         //категория клиента\n    <manager> \n"
        "        <phone>244</phone>         //телефон ответственного менеджера\n    </manager>\n</data>",
        SEED,
    ),
    "on one line": (
        "<data><title>Фэйковый чиж</title><category>0</category><manager><phone>244</phone></manager></data>",
        SEED,
    ),
    "CRLF": (inner(" Фэйковый чиж", "0", "244").replace("\n", "\r\n"), SEED),
    "a BOM": ("\ufeff" + inner("Фэйковый чиж", "0", "244"), SEED),
    "line breaks before the declaration": ("\r\n\n  " + inner("Фэйковый чиж", "0", "244"), SEED),
    "a BOM after a line break": ("\n\ufeff" + inner("Фэйковый чиж", "0", "244"), SEED),
    "an untrue encoding": (
        inner("Фэйковый чиж", "0", "244").replace('"1.0"', '"1.0" encoding="windows-1251"'),
        SEED,
    ),
    "no declaration": (inner("Фэйковый чиж", "0", "244").partition("\n")[2], SEED),
    "all in CDATA": ("<![CDATA[" + inner("Фэйковый чиж", "0", "244") + "]]>", SEED),
    "a title in CDATA": (inner("<![CDATA[ Рога & <b>Копыта</b> ]]>"), Answer("Рога & <b>Копыта</b>")),
    "CDATA with entities, which are none": (inner("\n<![CDATA[A &amp; B]]>\n"), Answer("A &amp; B")),
    "escaped": (
        inner("ООО &quot;Рога &amp; Копыта&quot;", "VIP", "241"),
        Answer('ООО "Рога & Копыта"', "VIP", "241"),
    ),
    "unescaped quotes and ampersand": (
        inner('ООО "Рога & Копыта"', "VIP", "241"),
        Answer('ООО "Рога & Копыта"', "VIP", "241"),
    ),
    "unescaped less-than": (inner("A < B", "", "241"), Answer("A < B", "", "241")),
    "unescaped greater-than": (inner("A > B", "", "241"), Answer("A > B", "", "241")),
    "an unescaped tag in a title": (inner("<b>Рога</b>", "", "1"), Answer("<b>Рога</b>", "", "1")),
    "an ampersand before a word": (inner("Рога&copy;Ко&nbsp", "", "1"), Answer("Рога&copy;Ко&nbsp", "", "1")),
    "character references": (inner("Рога&#32;&#x26;&#160;Копыта"), Answer("Рога & Копыта")),
    "references to no character": (inner("A&#0;&#xD800;&#9999999;B"), Answer("A\ufffd\ufffd\ufffdB")),
    "entities only once": (inner("A &amp;lt; B"), Answer("A &lt; B")),
    "a no-break space in the phone": (inner("Чиж", "0", "1\u00a0244"), Answer("Чиж", "0", "1\u00a0244")),
    "a no-break space as an entity": (inner("Чиж", "0", "1&nbsp;244"), Answer("Чиж", "0", "1\u00a0244")),
    "a formatted phone": (inner("Чиж", "", "+7 (916) 123-45-67"), Answer("Чиж", "", "+7 (916) 123-45-67")),
    "line breaks in a title": (inner("ООО\r\n  Рога\n\tи копыта\n"), Answer("ООО Рога и копыта")),
    "attributes": (
        '<data><title xml:lang="ru">Чиж</title><category\nid="1">0</category>'
        '<manager name="Иван"><phone type="work">244</phone></manager></data>',
        Answer("Чиж", "0", "244"),
    ),
    "upper case tags": (inner("чиж", "0", "244").upper(), Answer("ЧИЖ", "0", "244")),
    "spaces in end tags": (
        "<data><title>Чиж</title ><manager><phone>244</phone\n></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "another order": (
        "<data><manager><phone>244</phone></manager><category>0</category><title>Чиж</title></data>",
        Answer("Чиж", "0", "244"),
    ),
    "no manager's tag around the phone": ("<title>Чиж</title><phone>244</phone>", Answer("Чиж", "", "244")),
    "the client's own phone before the manager's": (
        "<data><phone>89235292926</phone><title>Чиж</title><manager><phone>244</phone></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "the client's own phone and a manager without one": (
        "<data><phone>89235292926</phone><title>Чиж</title><manager></manager></data>",
        Answer("Чиж"),
    ),
    "a title without its end": (
        "<data><title>Чиж<manager><phone>244</phone></manager>",
        Answer("Чиж", "", "244"),
    ),
    "a manager without its end": (
        "<title>Чиж</title><manager><phone>244</phone></data>",
        Answer("Чиж", "", "244"),
    ),
    "cut off": ("<data><title>Чиж</title><category>0</category><manager><phone>24", Answer("Чиж", "0")),
    "tags of similar names": ("<titles>x</titles><title2>y</title2><title>Чиж</title>", Answer("Чиж")),
    "empty tags": (inner(), NOBODY),
    "tags of blanks": (inner(" \u00a0", "\n", " "), NOBODY),
    "self-closed tags": ("<data><title/><category/><manager><phone/></manager></data>", NOBODY),
    "self-closed tags with a space": ("<data><title /><manager><phone /></manager></data>", NOBODY),
    "nothing": ("", NOBODY),
    "blanks": (" \r\n\ufeff ", NOBODY),
    "plain text": ("VIP:Ренессанс Капитал", Answer("Ренессанс Капитал", "VIP")),
    "plain text without a category": (" Ренессанс Капитал\n", Answer("Ренессанс Капитал")),
    "plain text with a colon in the name": ("Склад № 1: Москва", Answer("Склад № 1: Москва")),
    "a page": ("<html><body>Вход</body></html>", Answer(strange="XML with the tags html, body")),
    "several phones": (
        "<title>Чиж</title><manager><phone></phone><phone>244</phone><phone>+79161234567</phone></manager>",
        Answer("Чиж", "", "244, +79161234567"),
    ),
    "a manager that is the phone itself": (
        "<title>Чиж</title><manager>244</manager>",
        Answer("Чиж", "", "244"),
    ),
    "prefixed tags": (
        "<m:data><m:title>Чиж</m:title><m:manager><m:phone>244</m:phone></m:manager></m:data>",
        Answer("Чиж", "", "244"),
    ),
    "escaped twice": (
        "&lt;data&gt;&lt;title&gt;Чиж&lt;/title&gt;&lt;manager&gt;&lt;phone&gt;244&lt;/phone&gt;&lt;/manager&gt;",
        Answer("Чиж", "", "244"),
    ),
    "a phone cut off at the end of an element": (
        "<title>Чиж</title><manager><phone>244</manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "a manager's tags in upper case, the rest not": (
        "<title>Чиж</title><MANAGER><Phone>244</Phone></MANAGER>",
        Answer("Чиж", "", "244"),
    ),
    "an empty manager that is closed at once": (
        "<title>Чиж</title><manager/><phone>8923</phone>",
        Answer("Чиж"),
    ),
    "an escaped angle in an unescaped name": (
        inner("A &lt; B & C", "", "241"),
        Answer("A < B & C", "", "241"),
    ),
    "emoji": (inner("Кафе ☕😀", "0", "244"), Answer("Кафе ☕😀", "0", "244")),
    "a zero for a phone": (inner("Чиж", "0", "0"), Answer("Чиж", "0", "0")),
    "leading zeros": (inner("Чиж", "0", "0244"), Answer("Чиж", "0", "0244")),
    "a false UTF-16": (
        inner("Чиж", "0", "244").replace('"1.0"', '"1.0" encoding="UTF-16"'),
        Answer("Чиж", "0", "244"),
    ),
    "a comment in between": (
        "<data><!-- клиент --><title>Чиж</title><manager><!-- он --><phone>244</phone></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "an error with a title": (
        "<data><title></title><error>Нет прав</error></data>",
        Answer(error="Нет прав"),
    ),
    "a failure": (
        "<data><error>Поле объекта не обнаружено (Контакт)\n{Модуль(12)}</error></data>",
        Answer(error="Поле объекта не обнаружено (Контакт) {Модуль(12)}"),
    ),
    "an empty error beside an answer": (
        inner("Чиж").replace("<data>", "<data><error></error>"),
        Answer("Чиж"),
    ),
}


@pytest.mark.parametrize(("text", "answer"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_understood(text: str, answer: Answer) -> None:
    assert read(text) == answer


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (SEED, True),
        (Answer("Чиж"), True),
        (Answer(manager="244"), True),
        (Answer(category="0"), False),
        (Answer(manager="0"), False),  # 1C may write an empty phone as 0
        (NOBODY, False),
        (Answer(error="x"), False),
    ],
)
def test_a_client_is_known_by_a_title_or_a_manager(answer: Answer, known: bool) -> None:
    assert answer.known is known


TAGS = re.compile("</?(?:title|category|manager|phone|error)", re.IGNORECASE)
REFERENCES = re.compile(r"&\w+;|&#\w+;|<!\[CDATA\[")


def as_typed(text: str) -> bool:
    """Not one of ours: a tag of the answer itself; what looks like an entity, of which nobody could say
    whether a person typed it or a program escaped it.
    """
    return not TAGS.search(text) and not REFERENCES.search(text)


TYPED = st.text() | st.text("ООО «Рога» \"&<>/'!-[]=;#\n\r\t\u00a0\u2028", max_size=40)


@given(TYPED, TYPED, TYPED)
@unhurried
def test_whatever_people_typed_comes_out_trimmed_and_on_one_line(
    title: str, category: str, phone: str
) -> None:
    assume(as_typed(f"{title}\0{category}\0{phone}"))
    answer = read(inner(title, category, phone))
    assert (answer.title, answer.category) == (" ".join(title.split()), " ".join(category.split()))
    assert " ".join(answer.manager.split()) == " ".join(phone.split()).rstrip(", ")  # which separate nothing


PIECES = re.findall(r"<[^>]*>|[^<]+", inner("x", "y", "z"))


@given(st.text(st.characters()) | st.lists(st.sampled_from(PIECES)).map("".join))
@unhurried
def test_reading_never_raises_and_gives_trimmed_lines(text: str) -> None:
    answer = read(text)
    for value in (answer.title, answer.category, answer.manager, answer.error):
        assert value == value.strip()
        assert not set(value) & set("\n\r\t\v\f")


def test_endless_texts_are_cut() -> None:
    answer = read(inner("т " * 1_000, "к" * 1_000, "2" * 1_000))
    assert len(answer.title) == MAX_TITLE - 1  # the 500th character was a space
    assert len(answer.category) == len(answer.manager) == MAX_PHONE
    assert read(inner("т" * 1_000_000, "0", "244")).manager == ""


@pytest.mark.parametrize(
    "hostile", ["<title>", "<title ", "</title ", "<title>x</title", "<manager><phone>", "&#"]
)
def test_an_answer_made_to_be_slow_is_read_in_no_time(hostile: str) -> None:
    """Within pytest's own limit even many times over; searched anew from every tag, one took six seconds."""
    for _ in range(100):
        assert not read(hostile * 20_000).error
