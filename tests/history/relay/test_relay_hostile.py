"""What stands in Redis among the calls that wait there may be anybody's: it costs no call of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.history.kept import Word
from fs_1c.history.relay import relay
from fs_1c.history.relay.shared import Waiting, _waiting
from fs_1c.onec import OneCError, Reached
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import Ear, answered
from tests.history.relay.shared import SWITCH, are_there, two
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.support import until

PREFIX = f"fs-1c:history:{SWITCH}"
GOOD = Word(
    id=1,
    base="onec",
    call="stranger",
    state="START",
    extension="",
    owner=False,
    once=False,
    number="+79235292926",
    destination="100",
    outgoing=False,
    at=1.7e9,
    began=1.7e9,
    seconds=0,
    answered=False,
    link="",
    made=1.7e9,
)
DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)


def written(word: Word, **other: Any) -> bytes:
    return json.dumps([*astuple(replace(word, **other)), "somebody"]).encode()


NONSENSE = {
    "no JSON": b"[",
    "a text": b'["x"]',
    "deep": b"[" * 7000,
    "too long": b"[" + b" " * 9000 + written(GOOD)[1:],
    "other types": json.dumps([[] for _ in astuple(GOOD)] + [""]).encode(),
    "no base of ours": written(GOOD, base="nobody's"),
    "no state that there is": written(GOOD, state="DROP TABLE words; --"),
    "a time that is none": written(GOOD, at=float("nan")),
    "an endless time": written(GOOD, at=float("inf"), began=float("-inf"), made=float("inf")),
    "a number beyond all": written(GOOD).replace(b"1700000000.0", b"1" + b"0" * 400),
    "a huge place": written(GOOD, id=10**30),
    "octets": b"[\xff\xfe]",
    "a surrogate": written(GOOD, number="\ud800"),
    "a zero": written(GOOD, number="\0", destination="\0"),
}


@needs_redis
def test_nonsense_in_redis_costs_no_call(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """1C is away and the own service dies: the reserve goes on with what waits, whatever stands beside it."""
    monkeypatch.setattr(relay, "EVERY", 0.02)
    calls = [answered(f"call-{i}") for i in range(3)]
    ear.before, ear.awake = _away, DOWN
    with redis_server() as redis, two(tmp_path, redis) as (own, reserve):
        until(lambda: are_there(redis, own, reserve))
        for call in calls:
            own.hears(call[:3])
            reserve.hears(call[:3])
        until(lambda: redis.client.zcard(f"{PREFIX}:calls") == 3)
        for place, (name, value) in enumerate(NONSENSE.items()):
            member = f"onec:stranger-{place}"
            redis.client.zadd(f"{PREFIX}:calls", {member: place})
            value = value.replace(b'"stranger"', f'"stranger-{place}"'.encode())
            redis.client.hset(f"{PREFIX}:call:{member}", mapping={b"START::1700000000.000": value, name: "!"})
        redis.client.zadd(f"{PREFIX}:calls", {b"\xff\xfe": 0, "no colon": 0, "onec:text": 0, "nobody's:x": 0})
        redis.client.set(f"{PREFIX}:call:onec:text", "no hash")
        redis.client.hset(f"{PREFIX}:call:nobody's:x", "START::1", written(GOOD, base="nobody's", call="x"))
        own.dies()
        reserve.hears(*(call[3:] for call in calls))
        reserve.post.away, reserve.post.alone = 3600.0, 0.0
        until(lambda: reserve.part.acts)
        ear.before, ear.awake = (lambda state: None), None
        until(lambda: all(list(dict.fromkeys(ear.states(f"call-{i}"))) == ALL for i in range(3)))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@needs_redis
@pytest.mark.parametrize("key", ["call:default:call-0", "calls", "own", "owner", "said", "reserve"])
def test_a_key_that_is_something_else_costs_no_call(
    key: str, ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While 1C is away one of ours becomes what none of ours is; all calls are told, and Redis is no liar."""
    monkeypatch.setattr(relay, "EVERY", 0.02)
    first, other = answered("call-0"), answered("call-1")
    ear.before, ear.awake = _away, DOWN
    with redis_server() as redis, two(tmp_path, redis) as (own, reserve):
        until(lambda: are_there(redis, own, reserve))
        own.hears(first[:3])
        reserve.hears(first[:3])
        until(lambda: redis.client.zcard(f"{PREFIX}:calls") == 1)
        with redis.client.pipeline() as at_once:
            at_once.delete(f"{PREFIX}:{key}")
            at_once.rpush(f"{PREFIX}:{key}", "somebody else's")
            at_once.execute()
        for service in own, reserve:
            service.hears(first[3:], other)
        until(lambda: _waiting_there(redis) == 2)
        if key not in ("said", "reserve"):  # at which nobody looks now
            until(lambda: redis.client.type(f"{PREFIX}:{key}") != b"list")
        ear.before, ear.awake = (lambda state: None), None
        until(lambda: ear.states("call-0") == ALL and ear.states("call-1") == ALL)
        until(lambda: own.part.life != "" and reserve.part.life != "" and _waiting_there(redis) == 0)
        own.dies()
        reserve.post.away, reserve.post.alone = 3600.0, 0.0
        until(lambda: reserve.part.acts)
    assert ear.states("call-0") == ear.states("call-1") == ALL
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert sum("going on without it" in record.message for record in caplog.records) <= 2


def _waiting_there(redis: RedisServer) -> int:
    """How many calls."""
    return (
        int(redis.client.zcard(f"{PREFIX}:calls")) if redis.client.type(f"{PREFIX}:calls") == b"zset" else 0
    )


def _away(state: object) -> None:
    raise DOWN


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, logger="fs_1c")
    yield


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.lists(
        st.binary(max_size=40)
        | st.none()
        | st.lists(_LEAF, min_size=15, max_size=20).map(lambda one: json.dumps(one).encode()),
        max_size=8,
    )
    | st.integers(),
    st.text(max_size=10),
)
def test_whatever_stands_there_is_read_or_nothing(all_: Any, member: str) -> None:
    found = _waiting(SWITCH, member, all_)
    assert isinstance(found, Waiting) and all(isinstance(word, Word) for word, _ in found.words)
