"""Answers shared through Redis: what is kept for how long, and what is no answer."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.directory import turn
from fs_1c.directory.shared import SharedAnswers
from fs_1c.onec import Answer
from fs_1c.settings import RedisSettings
from tests.directory.conftest import KEY, KNOWN, LOOKUP, NUMBER, TITLE, Open, never
from tests.redis_server import NEEDED, RedisServer, needs_redis
from tests.support import until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


def test_an_answer_is_shared(switch: Open) -> None:
    before = time.time()
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert switch().ask(NUMBER, never) == (KNOWN, True)
    remembered = switch().have(NUMBER)
    assert remembered is not None and remembered.answer == KNOWN
    assert before - 0.1 <= remembered.asked_at <= time.time() + 0.1
    assert switch().have("+79990000000") is None
    assert switch("service").have(NUMBER) is None


@pytest.mark.parametrize(("answer", "kept"), [(KNOWN, 1300), (Answer(), 60), (Answer(category="x"), 60)])
def test_an_entry_is_kept_as_long_as_it_is_good(
    switch: Open, server: RedisServer, answer: Answer, kept: int
) -> None:
    switch().ask(NUMBER, lambda: answer)
    assert kept - 5 < server.client.pttl(KEY) / 1000 <= kept
    assert not server.client.exists(f"{KEY}:claim")


def test_what_1c_reports_as_its_own_failure_is_no_answer(switch: Open, server: RedisServer) -> None:
    assert switch().ask(NUMBER, lambda: Answer(error="Индекс вне границ")) == (
        Answer(error="Индекс вне границ"),
        False,
    )
    assert server.client.keys("*") == []


def entry(age: float = 0.0, **told: Any) -> bytes:
    told = {"title": TITLE, "category": "", "manager": "244", "asked_at": time.time() - age, **told}
    return json.dumps(told).encode()


def test_a_stale_answer_is_got_but_asked_anew(switch: Open, server: RedisServer) -> None:
    server.client.set(KEY, entry(age=400))
    remembered = switch().have(NUMBER)
    assert remembered is not None and 395 < time.time() - remembered.asked_at < 405
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert switch().ask(NUMBER, never) == (KNOWN, True)
    assert switch().ask(NUMBER, lambda: KNOWN, max_age=0) == (KNOWN, False)


def test_a_clock_a_little_ahead_is_no_lie(switch: Open, server: RedisServer) -> None:
    server.client.set(KEY, entry(age=1 - turn.MAX_AHEAD))
    remembered = switch().have(NUMBER)
    assert remembered is not None and abs(time.time() - remembered.asked_at) < 1
    assert switch().ask(NUMBER, never)[0].title == TITLE


def test_a_clock_that_ran_ahead_keeps_nobody_young(switch: Open, server: RedisServer) -> None:
    server.client.set(KEY, entry(age=-3600))
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    remembered = switch().have(NUMBER)
    assert remembered is not None and abs(time.time() - remembered.asked_at) < 5


NOW = 1_800_000_000
OFFLINE = SharedAnswers(RedisSettings(url="redis://127.0.0.1:1"), "default", LOOKUP, claim_for=1.0)


@given(
    ahead=st.floats(-2000, 2000) | st.floats(allow_nan=False, allow_infinity=False),
    later=st.integers(0, 3000),
    title=st.sampled_from([TITLE, ""]),
)
def test_whatever_redis_holds_it_is_fresh_for_no_longer_than_the_settings_say(
    ahead: float, later: int, title: str
) -> None:
    """But for `MAX_AHEAD` seconds; from the first look at it on, in a Redis that never lets it go."""
    asked_at = NOW + ahead
    raw = entry(title=title, manager="", asked_at=asked_at)

    def age(now: int) -> float | None:
        with mock.patch.object(OFFLINE._place.redis, "begin"):  # garbage would be deleted
            found = OFFLINE._place.understood(NUMBER, [raw, b"%d" % now, b"0", 0]).shared
        return None if found is None else found.age

    first, second = age(NOW), age(NOW + later)
    fresh_for, kept = (300, 1300) if title else (60, 60)
    if first is None:
        assert asked_at > NOW + turn.MAX_AHEAD or asked_at <= NOW - kept
    else:
        assert 0 <= first < kept
        assert later < fresh_for + turn.MAX_AHEAD or second is None or second >= fresh_for


TIMES: list[Any] = [float("nan"), float("inf"), None, "", "soon", [], 10**400, 1e300, time.time() + 1e6]
GARBAGE = [
    *(b"\xff\xfe", b"null", b"[]", b"{}", b"17", b"[" * 5000, b'{"title": "a"}', b"x" * 100_000, b"1" * 8000),
    *(entry(title=None), entry(title=["a"]), entry(title="a" * 501), entry(manager="1" * 201)),
    *(entry(asked_at=asked) for asked in TIMES),
    entry(title="\ud800"),
]


def test_garbage_is_nothing_and_goes(switch: Open, server: RedisServer) -> None:
    one = switch()
    for garbage in GARBAGE:
        server.client.set(KEY, garbage)
        assert one.have(NUMBER) is None, garbage[:50]
        until(lambda: not server.client.exists(KEY))
        server.client.set(KEY, garbage)
        assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False), garbage[:50]
    server.client.delete(KEY)
    server.client.lpush(KEY, "a list")
    server.client.lpush(f"{KEY}:claim", "another")
    server.client.pexpire(f"{KEY}:claim", 50)
    assert one.have(NUMBER) is None
    assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
