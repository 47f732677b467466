"""What is written into a channel cannot be code, syntax or a second header line, whatever 1C says."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fs_1c import channel

FORBIDDEN = set("${}[]<>\\|^~'`,=;%\"/:@&()*?!#")
NASTY = [*sorted(FORBIDDEN), *"_ \n\r\0\u0301\u0338\u037e\u1fef\u2028\u202eaé"]
ANY_TEXT = st.text(st.characters()) | st.lists(st.sampled_from(NASTY), max_size=30).map("".join)

NAMES = [
    ("Фэйковый чиж", "Фэйковый чиж"),
    (" Фэйковый чиж\n", "Фэйковый чиж"),
    ('ООО "Рога & Копыта"', "ООО «Рога + Копыта»"),
    ('АО "Рога" и "Копыта"', "АО «Рога» и «Копыта»"),
    ("ИП Лебедева А. В., Бердск", "ИП Лебедева А. В. Бердск"),
    ("${system(rm -rf /)}", "‹system‹rm –rf –››"),
    ("$${domain}", "‹domain›"),
    ("\\${uuid}", "–‹uuid›"),
    ("A < B > C", "A ‹ B › C"),
    ("O'Brien [VIP]", "O’Brien ‹VIP›"),
    ("скидка 10%; код=5", "скидка 10 код-5"),
    ("a|b^^,c", "a-b c"),
    ("user/100:_:user/101", "user-100 _ user-101"),
    ("Склад: Москва / Бердск @ дом", "Склад Москва – Бердск дом"),
    ("_undef_", "undef"),
    ("_UNDEF_", "UNDEF"),
    ("ООО\u00a0Ромашка\tи\r\nпартнёры", "ООО Ромашка и партнёры"),
    ("Ромашка\u202egnp.exe", "Ромашка gnp.exe"),
    ("Cafe\u0301 и И\u0306од", "Café и Йод"),
    ("Клиент 😀", "Клиент 😀"),
    ("Иванов (СПб) - VIP!", "Иванов ‹СПб› – VIP"),
    ("Магазин #5 *новый* кто?", "Магазин №5 новый кто"),
    ("--option -x а-б", "–option –x а-б"),
    ("\ufeffООО", "ООО"),
    ("\x00\x1b[31m", "‹31m"),
    ("", ""),
    (" \n ", ""),
    ("$$$", ""),
]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_names_stay_readable(name: str, shown: str) -> None:
    assert channel.text(name) == shown


@given(ANY_TEXT, st.integers(1, 120))
@example("e$\u0301", 100)  # what stood between two characters that compose is taken out
@example("=\u0338;\u037e`\u1fef", 100)  # characters whose normal form is a forbidden one
@example("::__::_:", 100)
def test_a_text_is_harmless_on_one_line_bounded_and_stable(value: str, limit: int) -> None:
    shown = channel.text(value, limit)
    assert not FORBIDDEN & set(shown)
    assert not [c for c in shown if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
    assert ":_:" not in shown
    assert shown.strip() == shown
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= limit
    assert not re.search(r"(^|\s)-", shown)
    assert "_undef_" not in {shown, shown.lower()}
    assert channel.text(shown, limit) == shown
    shown.encode()  # no half of a surrogate pair


@given(st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюя АБВ.«»№+0123456789", max_size=100))
def test_ordinary_names_are_left_as_they_are(name: str) -> None:
    assert channel.text(name) == " ".join(name.split())


def test_what_is_cut_is_marked() -> None:
    assert channel.text("Общество с ограниченной", 11) == "Общество с…"
    assert channel.text("а" * 100, 100) == "а" * 100
    assert len(channel.text("а" * 101)) == channel.MAX_TEXT
    assert len(channel.text("а" * 10_000_000)) == channel.MAX_TEXT


@pytest.mark.parametrize("value", ["244", "+79235292926", "ivan.petrov-2_x", "a" * 64])
def test_a_plain_word_is_let_through(value: str) -> None:
    assert channel.word(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "2 44",
        "244\n",
        "244,user/1",
        "244|1",
        "${x}",
        "244@evil",
        "user/244",
        "Иван",
        "٢٤٤",
        "a" * 65,
        "-n",
    ]
    + [f"24{c}4" for c in sorted(FORBIDDEN)],
)
def test_a_word_with_anything_else_in_it_is_refused(value: str) -> None:
    assert channel.word(value) is None


@given(ANY_TEXT)
def test_a_word_is_plain_or_nothing(value: str) -> None:
    if (word := channel.word(value)) is not None:
        assert word == value
        assert all(c.isascii() and (c.isalnum() or c in "_+.-") for c in word)
        assert word[0] != "-"


@pytest.mark.parametrize(
    "value", ["pbx.example", "10.0.0.1", "10.0.0.1:5060", "[::1]", "[2001:db8::1]:5060", "my_pbx-1"]
)
def test_a_host_is_let_through(value: str) -> None:
    assert channel.host(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("", "pbx.example\n", "pbx,user/1@x", "pbx|x", "[leg_timeout=1]", "${domain}", "pbx:port", "[::1"),
        *("a b", "пбх.рф", "pbx:123456", "a" * 256, "[]", "x@y"),
    ],
)
def test_what_is_no_host_is_refused(value: str) -> None:
    assert channel.host(value) is None


@given(ANY_TEXT)
def test_a_host_holds_no_dial_string_syntax(value: str) -> None:
    if (host := channel.host(value)) is not None:
        assert host == value
        assert not set("$,|{}<>'\"\\ =^~@/") & set(host)
        assert host.isascii()


def test_a_header_line_stays_one() -> None:
    assert channel.line("a\r\nexecute-app-name: system\x00") == "a  execute-app-name: system "
    assert channel.line("Фэйковый чиж 😀") == "Фэйковый чиж 😀"


@given(ANY_TEXT)
def test_a_line_keeps_its_length_and_everything_but_controls(value: str) -> None:
    line = channel.line(value)
    assert len(line) == len(value)
    assert all(b == (" " if a < " " or a == "\x7f" else a) for a, b in zip(value, line, strict=True))
    assert channel.line(line) == line
