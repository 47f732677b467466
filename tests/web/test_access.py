"""Who may read the status page, in which language, and what is hidden of a number."""

from __future__ import annotations

import re
import string
import time
from collections.abc import Iterator

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.numbers import HIDDEN, masked
from fs_1c.settings.types import Address
from fs_1c.web import access
from fs_1c.web.access import (
    COOKIE_FOR,
    SESSIONS,
    Sessions,
    Tries,
    bearer,
    client_of,
    host_is_ours,
    proxied,
    same,
)
from fs_1c.web.status import html
from fs_1c.web.status.masking import masked_values
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
def test_without_a_token_only_its_own_names_are_answered(host: str, ours: bool) -> None:
    assert host_is_ours(host, Address("pbx.example", 9184)) is ours


@pytest.mark.parametrize(
    ("names", "version", "through"),
    [
        (["Host", "Accept", "X-Forwarder", "Viable"], "1.1", False),
        (["Host", "Forwarded"], "1.1", True),
        (["host", "x-forwarded-for"], "1.1", True),
        (["X-FORWARDED-ANYTHING"], "1.1", True),
        (["x-real-ip"], "1.1", True),
        (["Via"], "1.1", True),
        (["Host"], "1.0", True),  # all that nginx tells of itself, if nobody says more
    ],
)
def test_a_proxy_is_known_by_what_it_adds(names: list[str], version: str, through: bool) -> None:
    assert proxied(names, version) is through


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "10.9.9.9, 203.0.113.5", "203.0.113.5"),
        ("::1", "203.0.113.5 ", "203.0.113.5"),
        ("::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "nobody", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5, ", "127.0.0.1"),
        ("198.51.100.7", "203.0.113.5", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ("somebody", "203.0.113.5", "somebody"),
    ],
)
def test_only_a_proxy_on_this_machine_says_who_is_behind_it(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert client_of(peer, forwarded_for) == client


def test_a_session_is_good_until_it_expires_it_is_ended_or_the_token_changes() -> None:
    sessions = Sessions()
    with freeze_time("2026-01-01") as clock:
        cookie, other = sessions.begin(TOKEN), sessions.begin(TOKEN)
        assert TOKEN not in cookie
        assert TOKEN.encode() not in repr(vars(sessions)).encode()
        assert cookie not in repr(vars(sessions))
        assert sessions.good(cookie, TOKEN)
        assert not sessions.good(cookie, TOKEN + "2")
        assert not sessions.good(cookie, "")
        assert not Sessions().good(cookie, TOKEN)
        clock.tick(COOKIE_FOR - 1)
        assert sessions.good(cookie, TOKEN)
        assert [sessions.end(cookie), sessions.end(cookie)] == [True, False]
        assert [sessions.good(cookie, TOKEN), sessions.good(other, TOKEN)] == [False, True]
        clock.tick(2)
        assert not sessions.good(other, TOKEN)


def test_sessions_are_bounded_and_the_oldest_goes() -> None:
    sessions = Sessions()
    cookies = [sessions.begin(TOKEN) for _ in range(SESSIONS + 3)]
    assert [sessions.good(cookie, TOKEN) for cookie in cookies] == [False] * 3 + [True] * SESSIONS


@given(st.text())
def test_no_other_cookie_is_good(cookie: str) -> None:
    sessions = Sessions()
    sessions.begin(TOKEN)
    assert not sessions.good(cookie, TOKEN)
    assert not sessions.end(cookie)


def test_a_program_shows_the_token_itself() -> None:
    def shows(header: str) -> bool:
        return same(bearer({"Authorization": header}) or b"", TOKEN)

    assert shows(f"bearer  {TOKEN}")
    for shown in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer \udcff€"):
        assert not shows(shown)
    assert not same(b"", "")


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freeze_time("2026-01-01") as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


def test_who_guesses_waits_and_nobody_else_does(clock: FrozenDateTimeFactory) -> None:
    tries = Tries()
    pauses = []
    for _ in range(access.FREE + 5):
        pauses.append(tries.pause("guesser", program=False))
        tries.ended("guesser", False, program=False)
    assert pauses[: access.FREE] == [0.0] * access.FREE
    assert pauses[access.FREE :] == [0.5, 1.0, 1.5, 1.5, 1.5]
    assert tries.pause("engineer", program=False) == 0
    clock.tick(access.FORGET_ONE * (access.FREE + 1))
    assert tries.pause("guesser", program=False) == 0


def test_from_whatever_many_addresses_guesses_come_they_become_slow(clock: FrozenDateTimeFactory) -> None:
    tries = Tries()
    tries.ended("prometheus", True, program=True)
    for number in range(10 * access.CLIENTS):
        tries.ended(f"guesser {number}", False, program=False)
    assert tries.pause("guesser of tomorrow", program=False) == access.LONGEST
    assert tries.pause("prometheus", program=True) == 0
    assert tries.pause("prometheus", program=False) == access.LONGEST
    assert len(tries._wrong) == access.CLIENTS
    clock.tick(access.FORGET_ONE_IN_ALL * (access.FREE_IN_ALL + 1))
    assert tries.pause("engineer", program=False) == 0


def test_few_may_wait() -> None:
    tries = Tries()
    assert [tries.wait("guesser") for _ in range(6)] == [True] * access.WAITING + [False] * 2
    assert tries.wait("engineer")
    tries.waited("guesser")
    assert tries.wait("guesser")
    places = access.WAITING_IN_ALL - access.WAITING - 1
    assert [tries.wait(f"guesser {n}") for n in range(places + 1)] == [True] * places + [False]
    for client in ("engineer", *["guesser"] * access.WAITING, *(f"guesser {n}" for n in range(places))):
        tries.waited(client)
    assert not tries._waiting


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
