"""Who talked to a client last, as services tell each other by Redis; what they think of what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Began, Conversation, HungUp, LastTalk, TalksInside
from fs_1c.journal import LastTalkers
from fs_1c.journal.last.shared import read, written
from fs_1c.numbers import NumberPlan
from fs_1c.settings import RedisSettings
from fs_1c.talk import Stories
from tests.journal.conftest import E164
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.support import SOON, until

KEY = f"fs-1c:last-talker:{E164}"
DAY = 86400.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@contextmanager
def service(server: RedisServer, folder: Path) -> Iterator[LastTalkers]:
    """Of a switch whose own journal has nothing."""
    redis = RedisSettings(url=server.url, timeout=5.0)
    made = LastTalkers(folder / "journal.db", 7 * DAY, 10.0, NumberPlan(), redis)
    try:
        yield made
    finally:
        made.close()


def talks(here: LastTalkers, extension: str, seconds: float, ago: float = 100.0) -> float:
    """A client has talked to that subscriber; when that began."""
    at, stories = time.time() - ago, Stories()
    for event in (
        Began("call", "call", "8 (923) 529-29-26", at=at - 5),
        Conversation("call", "leg", "8 (923) 529-29-26", extension, at=at),
        HungUp("call", at + seconds),
    ):
        here.heard(event, stories.heard(event, "sw"))
    return at


@needs_redis
def test_another_service_knows_it_for_as_long_as_it_is_of_use(server: RedisServer, tmp_path: Path) -> None:
    with service(server, tmp_path) as one, service(server, tmp_path) as other:
        assert other.ask(E164).wait(SOON) is None
        at = talks(one, "244", 60)
        until(lambda: other.ask(E164).wait(SOON) == LastTalk("244", round(at, 3)))
        assert 7 * DAY - 200 < server.client.ttl(KEY) <= 7 * DAY - 100
        talks(one, "245", 5)  # too short
        talks(one, "ivanov", 60)
        at = talks(one, "246", 60, ago=90.0)
        until(lambda: other.ask(E164).wait(SOON) == LastTalk("246", round(at, 3)))
        assert one.erase(E164) and server.client.get(KEY) is None
        assert other.ask(E164).wait(SOON) is None


@needs_redis
def test_calls_among_subscribers_are_nobodys_affair(server: RedisServer, tmp_path: Path) -> None:
    with service(server, tmp_path) as here:
        stories, at = Stories(), time.time() - 100
        for event in (
            Began("in", "in", "244", extension="245", at=at, internal=True),
            TalksInside("in", "leg", "244", at=at),
            HungUp("in", at + 60),
        ):
            here.heard(event, stories.heard(event, "sw"))
        at = talks(here, "244", 60)
        until(lambda: here.ask(E164).wait(SOON) is not None)
        assert server.client.keys("*last-talker*") == [KEY.encode()]
        here.erase(E164)


@needs_redis
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff" * 10,
        b"244",
        b"1 244",
        b"99999999999.0 244",
        b"1.0 244",
        b"nan 244",
        b"{time} ${{x}}",
        b"x" * 10_000_000,
    ],
)
def test_what_is_not_ours_is_nothing(server: RedisServer, tmp_path: Path, value: bytes) -> None:
    with service(server, tmp_path) as here:
        server.client.set(KEY, value.replace(b"{time}", b"%.3f" % time.time()))
        assert here.ask(E164).wait(SOON) is None
        server.client.delete(KEY)
        server.client.rpush(KEY, "244")  # no text at all
        assert here.ask(E164).wait(SOON) is None
        server.client.delete(KEY)
        server.client.set(KEY, b"%.3f 244" % (time.time() - 5))
        until(lambda: here.ask(E164).wait(SOON) is not None)
        server.client.delete(KEY)


@needs_redis
def test_redis_is_away_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs_1c.redis_client.FIRST_PAUSE", 0.02)
    with redis_server() as server, service(server, tmp_path) as here:
        server.kill()
        assert here.ask(E164).wait(SOON) is None
        talks(here, "244", 60)
        assert not here.erase(E164)
        server.start()

        def known() -> Any:
            talks(here, "244", 60)
            return here.ask(E164).wait(SOON)

        until(known)


@given(st.from_regex(rb"[0-9]{1,10}\.[0-9]{3}", fullmatch=True), st.from_regex("[0-9]{1,9}", fullmatch=True))
def test_what_is_written_is_read(at: bytes, extension: str) -> None:
    talk = LastTalk(extension, float(at))
    assert read(written(talk)) == talk


@given(st.one_of(st.binary(max_size=200), st.text().map(str.encode), st.integers(), st.none()))
def test_whatever_is_read_is_a_talk_or_nothing(raw: object) -> None:
    talk = read(raw)
    assert talk is None or (talk.extension.isdigit() and talk.at >= 0)
