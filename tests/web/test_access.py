"""Who may read the status page, in which language, and what is hidden of a number."""

from __future__ import annotations

import re
import string
import time

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.settings.types import Address
from fs_1c.web.status import html
from fs_1c.web.status.access import COOKIE_FOR, Cookies, bearer, host_is_ours, same
from fs_1c.web.status.masking import HIDDEN, masked, masked_values
from fs_1c.web.status.stream import UNMASKED
from tests.web.http_client import TOKEN


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LocalHost:9184", True),
        ("127.0.0.1:9184", True),
        ("127.3.2.1", True),
        ("[::1]:9184", True),
        ("[::1]", True),
        ("::1", False),
        ("pbx.example:9184", True),
        ("", False),
        (":", False),
        ("evil.example", False),
        ("evil.example:9184", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost@evil.example", False),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(host: str, ours: bool) -> None:
    assert host_is_ours(host, Address("pbx.example", 9184)) is ours


def test_a_cookie_is_good_until_it_expires_or_the_token_changes_and_never_tells_the_token() -> None:
    cookies = Cookies()
    with freeze_time("2026-01-01") as clock:
        cookie = cookies.make(TOKEN)
        assert TOKEN not in cookie
        assert cookies.good(cookie, TOKEN)
        assert not cookies.good(cookie, TOKEN + "2")
        assert not cookies.good(cookie, "")
        assert not Cookies().good(cookie, TOKEN)
        expires, _, signature = cookie.partition(".")
        assert not cookies.good(f"{int(expires) + 1}.{signature}", TOKEN)
        clock.tick(COOKIE_FOR - 1)
        assert cookies.good(cookie, TOKEN)
        clock.tick(2)
        assert not cookies.good(cookie, TOKEN)


@given(
    st.text() | st.builds("{}.{}".format, st.text("0123456789²٣", max_size=14), st.text(string.hexdigits)),
)
def test_no_other_cookie_is_good(cookie: str) -> None:
    assert not Cookies().good(cookie, TOKEN)


def test_a_program_shows_the_token_itself() -> None:
    assert bearer({"Authorization": f"bearer  {TOKEN}"}, TOKEN)
    for shown in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer \udcff€"):
        assert not bearer({"Authorization": shown}, TOKEN)
    assert not bearer({"Authorization": "Bearer "}, "")
    assert not same(b"", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+79235292926", "+7923•••2926"),
        ("89235292926", "8923•••2926"),
        ("9235292926", "923•••2926"),
        ("+7 (923) 529-29-26", "+7923•••2926"),
        ("2292926", "22•••26"),
        ("+380441234567", "+38044•••4567"),
        ("810380441234567", "81038•••4567"),
        ("sofia/gateway/trunk/89139990011|user/101@pbx", "sofia/gateway/trunk/8913•••0011|user/101@pbx"),
        ("[leg_timeout=20]user/244@192.168.100.200", "[leg_timeout=20]user/244@192.168.100.200"),
        ("192.168.100.200:5060, 10.0.0.1", "192.168.100.200:5060, 10.0.0.1"),
        ("8.923.529.29.26", "8923•••2926"),
        ("+7\u202f923\u202f529\u201129\u201126", "+7923•••2926"),
        ("8 (923) – 529/29/26", "8923•••2926"),
        ("8\u00ad923\u200b529−29−26", "8923•••2926"),
        ("274.50.00", "27•••00"),
        ("244", "244"),
        ("244, 245", "244, 245"),
        ("", ""),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.lists(st.text(string.digits, min_size=7, max_size=20), min_size=1), st.text("abc|@;", min_size=1))
def test_no_number_stays_whole_in_any_text(numbers: list[str], between: str) -> None:
    text = masked(between.join(numbers))
    assert not re.search(r"\d{7}", text)
    assert text.count(HIDDEN) == len(numbers)
    assert masked(text) == text


BETWEEN = " \t\u00a0\u2007\u2009\u202f\u3000-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d()[].·/\\_"
BETWEEN += "\u00ad\u200b\u200e\u202a\u2060"
KNOWN = ("89235292926", "79235292926", "9235292926", "375291234567", "81037529123456", "2745000")


@given(
    st.sampled_from(KNOWN),
    st.lists(st.text(BETWEEN, max_size=3), min_size=14, max_size=14),
    st.sampled_from(["", "+", "тел. ", "sofia/gateway/t/", "{x=1}", '"', "number="]),
    st.sampled_from(["", "@pbx", ":5060", " доб. 244", ", Иванов", '"']),
)
def test_no_number_stays_whole_in_any_writing(
    number: str, between: list[str], before: str, after: str
) -> None:
    written = "".join(digit + gap for digit, gap in zip(number[:-1], between, strict=False)) + number[-1]
    shown = masked(before + written + after)
    assert HIDDEN in shown
    for part in shown.split(HIDDEN):
        digits = re.sub(r"\D", "", part)
        assert not any(number[at : at + 7] in digits for at in range(len(number) - 6))


def test_masking_takes_as_long_as_the_text_is() -> None:
    for text in ("1" + " " * 100_000, "1.2.3." * 20_000, "12345 " * 20_000, "(" * 100_000, "1....." * 20_000):
        before = time.process_time()
        masked(text)
        assert time.process_time() - before < 2, "a fiftieth of it is usual"


def test_times_and_uuids_are_no_numbers() -> None:
    told = {
        "since": "2026-11-23T17:00:00+07:00",
        "when": "2026-11-23T17:00:00.123+07:00",
        "call": "12345678-1",
    }
    assert masked_values(told, UNMASKED) == told


def test_masked_values_reach_everything_but_what_is_kept() -> None:
    given = {"call": "1234567890", "rows": [{"to": "89235292926", "n": 12345678901, "no": None}], "ok": True}
    assert masked_values(given, frozenset({"call"})) == {
        "call": "1234567890",
        "rows": [{"to": "8923•••2926", "n": 12345678901, "no": None}],
        "ok": True,
    }


@pytest.mark.parametrize(
    ("asked", "accepted", "shown"),
    [
        ("", "", "en"),
        ("", "ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("", "en-US,en;q=0.9,ru;q=0.8", "en"),
        ("", "de,ru;q=0.5,en;q=0.3", "ru"),
        ("", "ru;q=0,en;q=0.1", "en"),
        ("", "fr;q=x, *;q=-1, ,;q=", "en"),
        ("ru", "en", "ru"),
        ("xx", "ru", "ru"),
    ],
)
def test_language(asked: str, accepted: str, shown: str) -> None:
    assert html.language(asked, accepted) == shown


@given(st.text())
def test_any_wish_for_a_language_is_granted_or_not(accepted: str) -> None:
    assert html.language("", accepted) in html.LANGUAGES


@pytest.mark.parametrize("lang", html.LANGUAGES)
def test_documents_are_whole_and_need_nobody_else(lang: str) -> None:
    for document in (html.page(lang), html.sign_in(lang, True), html.sign_in(lang, False)):
        assert f'<html lang="{lang}">' in document.text
        assert not re.search(r"%[a-z]+%", document.text)
        outside = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", document.text))
        assert outside <= {"http://www.w3.org/2000/svg"}
        assert "innerHTML" not in document.text
        assert "unsafe" not in document.policy


def test_both_languages_have_the_same_words() -> None:
    script = html.page("en").text
    english, russian = re.findall(r"^  (?:en|ru): \{\n(.*?)^  \},", script, re.DOTALL | re.MULTILINE)
    keys = [re.findall(r'(?:^|, |    )("[^"]+"|\w+): "', words, re.MULTILINE) for words in (english, russian)]
    assert keys[0] == keys[1]
    assert len(keys[0]) > 80
