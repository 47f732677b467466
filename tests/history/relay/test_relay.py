"""Own service and reserve, in one process, with a real Redis: who says what, and that nothing harmful is said
twice.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.history.kept import Word
from fs_1c.history.relay import relay
from fs_1c.onec import CallState, OneCError, Reached
from tests.history.conftest import HARMFUL, Ear, answered
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.relay.shared import SWITCH, are_there, two
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.support import until

pytestmark = needs_redis
DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as one:
        yield one


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "EVERY", 0.02)


def down(state: CallState) -> None:
    raise DOWN


def twice(ear: Ear) -> list[tuple[str, str]]:
    with ear.lock:
        return [one for one, times in Counter(ear.told).items() if times > 1 and one[1] in HARMFUL]


def test_a_reserve_says_nothing_while_the_own_service_is_there(
    ear: Ear, tmp_path: Path, redis: RedisServer
) -> None:
    calls = [answered(f"call-{i}") for i in range(20)]
    with two(tmp_path, redis) as (own, reserve):
        until(lambda: are_there(redis, own, reserve))
        own.hears(*calls)
        reserve.hears(*calls)
        until(lambda: len(ear.told) == 80)
        assert all(ear.states(f"call-{i}") == ALL for i in range(20))
        assert reserve.history.waiting() == {}
        until(lambda: redis.client.zcard(f"fs-1c:history:{SWITCH}:calls") == 0)


def test_a_reserve_goes_on_where_the_own_service_has_gone(
    ear: Ear, tmp_path: Path, redis: RedisServer
) -> None:
    """1C is away, the own service dies, 1C comes back: what waited, and what the reserve alone heard."""
    calls = [answered(f"call-{i}") for i in range(20)]
    ear.before = down
    ear.awake = DOWN
    with two(tmp_path, redis) as (own, reserve):
        until(lambda: are_there(redis, own, reserve))
        for call in calls[:10]:
            own.hears(call[:3])
            reserve.hears(call[:3])
        until(lambda: redis.client.zcard(f"fs-1c:history:{SWITCH}:calls") == 10)
        own.dies()
        reserve.hears(*(call[3:] for call in calls[:10]), calls[10])
        reserve.post.away, reserve.post.alone = 3600.0, 0.0
        until(lambda: reserve.part.acts)
        reserve.hears(*calls[11:])
        ear.before, ear.awake = (lambda state: None), None
        until(lambda: all(list(dict.fromkeys(ear.states(f"call-{i}"))) == ALL for i in range(20)))
        assert not twice(ear)
        until(lambda: redis.client.zcard(f"fs-1c:history:{SWITCH}:calls") == 0)


def test_what_was_leaving_when_the_own_service_died_is_not_said(
    ear: Ear, tmp_path: Path, redis: RedisServer
) -> None:
    hangs, left = threading.Event(), threading.Event()

    def after(state: CallState) -> None:
        if state.state == "END":
            left.set()
            assert hangs.wait(60)

    ear.after = after
    call = answered("call-1")
    with two(tmp_path, redis) as (own, reserve):
        until(lambda: are_there(redis, own, reserve))
        own.hears(call)
        reserve.hears(call)
        assert left.wait(60)
        reserve.post.away, reserve.post.alone = 3600.0, 0.0
        reserve.hears(answered("call-2"))
        ear.after = lambda state: None
        until(lambda: ear.states("call-2") == ALL)
        assert ear.states("call-1") == ALL
        hangs.set()


def test_what_is_unknown_is_in_the_log_before_other_services_forget_it(
    ear: Ear,
    tmp_path: Path,
    redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else nobody says so if the service is killed between the two."""
    logged: list[bool] = []

    def after(state: CallState) -> None:
        if state.state == "END":
            raise OneCError("broken", "cut", Reached.MAYBE, base_down=False)

    ear.after = after
    with two(tmp_path, redis) as (own, _), caplog.at_level(logging.WARNING):
        until(lambda: own.part.life != "")
        sharing = own.history._sharing
        assert sharing is not None
        settled = sharing.settled

        def forgets(word: Word) -> None:
            if word.state == "END":
                logged.append("history END extension=244 base=default unknown" in caplog.text)
            settled(word)

        monkeypatch.setattr(sharing, "settled", forgets)
        own.hears(answered("call-1"))
        until(lambda: logged != [])
    assert logged == [True]
