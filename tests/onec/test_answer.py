"""What 1C puts inside SayName's `return` is understood the way 1C writes it, not the way XML wants it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fs_1c.onec import MAX_PHONE, MAX_TITLE, Answer
from fs_1c.onec.dialects.answer import read
from tests.onec.support import ANSWERS, NOBODY, SEED
from tests.support import inner


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
def test_whatever_people_typed_comes_out_trimmed_and_on_one_line(
    title: str, category: str, phone: str
) -> None:
    assume(as_typed(f"{title}\0{category}\0{phone}"))
    answer = read(inner(title, category, phone))
    assert (answer.title, answer.category) == (" ".join(title.split()), " ".join(category.split()))
    assert " ".join(answer.manager.split()) == " ".join(phone.split()).rstrip(", ")  # which separate nothing


PIECES = re.findall(r"<[^>]*>|[^<]+", inner("x", "y", "z"))


@given(st.text(st.characters()) | st.lists(st.sampled_from(PIECES)).map("".join))
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
    """Within pytest's own limit even many times over: searched anew from every tag, one took six seconds."""
    for _ in range(25):
        assert not read(hostile * 20_000).error
