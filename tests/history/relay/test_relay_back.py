"""A service that comes back hears the other out before it says how a call ended: in the model of
`cluster_model`, and with threads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Conversation
from fs_1c.history import kept
from fs_1c.history.relay import relay, shared
from tests.history.conftest import Ear, answered
from tests.history.relay.cluster_model import calls, disk
from tests.history.relay.shared import Service, are_there, two
from tests.history.relay.test_relay_cases import ALL, Both, both, server
from tests.redis_server import RedisServer, needs_redis
from tests.support import until

pytestmark = needs_redis
__all__ = ["both", "server"]


@pytest.mark.parametrize("away", [1, 3])
@pytest.mark.parametrize("redis", ["there", "away"])
def test_a_call_that_was_answered_while_the_own_service_was_away_is_not_missed(
    both: Both, away: int, redis: str
) -> None:
    """It is back before the reserve takes it for gone, with Redis or before Redis."""
    both.world.dialect = "itoolabs"
    ring = both.call(0, upto=1)
    both.own.kill()
    both.own.line.cut = both.reserve.line.cut = redis == "away"
    both.call(0, since=1)
    both.pass_(away)
    both.own.start()
    both.own.presence()
    both.own.look()
    both.says(both.own)
    both.own.line.cut = both.reserve.line.cut = False
    both.pass_(1)
    both.says(both.own)
    both.pass_(8)
    both.says()
    assert both.told(ring) == ["INCOMING", "COMPLETED", "history"]


def test_it_waits_for_a_reserve_that_is_gone_too_for_a_while_only(both: Both) -> None:
    both.world.dialect = "itoolabs"
    ring = both.call(0, upto=1)
    both.says(both.own)
    both.own.kill()
    both.reserve.kill()
    both.call(0, since=1)
    both.own.start()
    both.pass_(5)
    both.says(both.own)
    assert "CANCELLED" not in both.told(ring)
    both.pass_(15)
    both.says(both.own)
    assert both.told(ring)[-2:] == ["CANCELLED", "history"]  # nobody has heard more


def test_an_end_waits_for_its_beginning_that_the_other_has(both: Both) -> None:
    """The own service and Redis were away, and the switch has not told it yet that the call is over."""
    both.world.dialect = "itoolabs"
    ring = both.call(0, upto=2)
    both.own.kill()
    both.own.line.cut = both.reserve.line.cut = True
    for event in calls(1)[0][2:]:
        both.reserve.hear(event)
    both.own.start()
    both.pass_(2)
    both.own.line.cut = both.reserve.line.cut = False
    both.pass_(12)
    both.says(both.reserve)
    assert both.told(ring) == []
    both.says(both.own)
    both.says(both.reserve)
    assert both.told(ring) == ["INCOMING", "COMPLETED", "history"]


def test_an_end_does_not_wait_for_a_beginning_whose_service_is_gone_for_good(both: Both) -> None:
    both.world.dialect = "itoolabs"
    ring = both.call(0, upto=2)
    both.own.kill()
    both.own.line.cut = both.reserve.line.cut = True
    both.call(0, since=2)
    both.own.start()
    both.pass_(2)
    both.own.line.cut = both.reserve.line.cut = False
    both.pass_(8)
    both.own.kill()
    both.pass_(16)
    both.says(both.reserve)
    assert both.told(ring) == ["INCOMING", "COMPLETED", "history"]


def test_what_the_own_service_said_alone_for_long_a_reserve_that_owed_something_does_not_say(
    both: Both,
) -> None:
    both.own.line.cut = both.reserve.line.cut = True
    both.own.kill()
    both.pass_(1)
    both.own.start()
    both.pass_(30)
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ALL
    both.pass_(100)
    both.call(1)
    both.says(both.own)
    both.own.line.cut = both.reserve.line.cut = False
    both.pass_(12)
    both.says()
    assert both.told(call).count("END") == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_service_that_was_not_at_the_switch_does_not_say_how_a_call_ended_before_the_reserve_has(
    restart: bool, ear: Ear, tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line was cut, or it was started again: of a call that was answered meanwhile it hears the end."""
    server.client.flushall()
    monkeypatch.setattr(relay, "EVERY", 0.02)
    began, answer, *ends = answered("call-1")
    assert isinstance(answer, Conversation)
    ringing = replace(answer, ringing=True)
    with two(tmp_path, server) as (own, reserve):
        reserve.post.owner_words = 1
        until(lambda: are_there(server, own, reserve))
        for one in (own, reserve):
            one.hears([began, ringing])
        until(lambda: ear.states("call-1") == ["START"])
        if restart:
            own.dies()
            own = Service(tmp_path / "own", server, reserve=False)
        own.post.life = "own-2"
        reserve.hears([answer, *ends])
        own.hears(ends)
        own.history._outbox.ask(lambda _: None).result(60)  # it has heard them
        reserve.post.owner, reserve.post.owner_came = "own-2", 1
        until(lambda: "END" in ear.states("call-1"))
        told = ear.states("call-1")
        assert list(dict.fromkeys(told)) == ALL and told.count("END") == 1
        if restart:
            own.dies()


def test_what_follows_an_end_waits_for_the_service_that_died_while_it_was_at_that(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had claimed it, and not written down yet that it leaves: so it says it when it is back."""
    both.world.dialect = "itoolabs"
    ring = both.call(0)
    both.own.takes()
    both.own.says("told")
    both.own.takes()
    assert both.own.under_way is not None and both.own.under_way.state == "COMPLETED"
    kept.again(both.own.disk, both.own.under_way, "", 0.0, 0)  # as if that had not been written
    both.own.kill()
    monkeypatch.setattr(shared, "TAKES", 15.0)
    both.pass_(6)
    both.says(both.reserve)
    assert both.told(ring) == ["INCOMING"]
    both.own.start()
    both.pass_(3)
    both.says()
    assert list(dict.fromkeys(both.told(ring))) == ["INCOMING", "COMPLETED", "history"]


def test_what_the_reserve_has_heard_keeps_its_order_in_redis(both: Both) -> None:
    """Whoever reads it there: the own service, which is back before 1C is."""
    both.world.dialect = "itoolabs"
    both.world.onec_down = True
    both.own.kill()
    rings = [both.call(i) for i in range(10)]
    both.pass_(6)
    both.own.start()
    both.pass_(6)
    both.world.onec_down = False
    both.says(both.own)
    assert all(both.told(ring) == ["INCOMING", "COMPLETED", "history"] for ring in rings)


def test_what_the_reserve_left_to_an_own_service_that_never_heard_it_is_said(both: Both) -> None:
    """That was late to Redis when it was killed, so the reserve could not know what it had said."""
    both.own.line.cut = True
    both.pass_(7)
    both.own.kill()
    both.own.line.cut = False
    call = both.call(0)
    both.pass_(6)
    both.says(both.reserve)
    assert "END" not in both.told(call)
    both.own.start()
    both.pass_(20)
    both.says()
    assert both.told(call).count("END") == 1


@pytest.fixture
def left(both: Both) -> str:
    """A call that the own service has said without Redis and was killed then; the reserve leaves it to it."""
    both.own.line.cut = True
    both.pass_(12)
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ALL
    both.own.kill()
    both.own.line.cut = False
    both.pass_(6)
    both.says(both.reserve)
    return call


def test_what_it_had_said_without_redis_and_the_reserve_left_to_it_is_not_said_again(
    both: Both, left: str
) -> None:
    both.own.start()
    both.pass_(20)
    both.says()
    assert both.told(left).count("END") == 1


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("after", range(1, 13))
def test_redis_that_goes_away_while_the_reserve_takes_over_costs_no_word(
    both: Both, after: int, back: bool
) -> None:
    """After so many words with Redis, the answer to the last of which is lost."""
    both.own.kill()
    rings = [both.call(i) for i in range(3)]
    if back:
        both.own.start()
    both.reserve.line.cut_after = after
    both.pass_(6)
    both.reserve.line.cut, both.reserve.line.cut_after = False, None
    both.pass_(20)
    both.says()
    for ring in rings:
        told = both.told(ring)
        assert list(dict.fromkeys(told)) == ALL and told.count("END") == 1


def test_what_redis_has_and_the_disk_has_not_taken_is_taken_later(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that hangs while the reserve takes over, and the own service is back by then."""
    both.own.kill()
    ring = both.call(0)
    both.own.start()
    put, fails = kept.put, [True]

    def hangs(*given: Any, **more: Any) -> Any:
        if fails.pop() if fails else False:
            raise TimeoutError
        return put(*given, **more)

    both.own.presence()
    both.own.look()
    both.reserve.presence()
    monkeypatch.setattr(kept, "put", hangs)
    both.reserve.look()
    assert not fails
    both.pass_(20)
    both.says(both.reserve)
    both.says()
    assert list(dict.fromkeys(both.told(ring))) == ALL and both.told(ring).count("END") == 1


@pytest.mark.parametrize("away", [1, 2])
def test_what_it_had_said_without_redis_is_not_said_by_a_reserve_that_never_missed_it(
    both: Both, away: int
) -> None:
    """It was killed and is back, with Redis, before anybody takes it for gone."""
    both.world.dialect = "itoolabs"
    both.own.line.cut = True
    both.pass_(12)
    ring = both.call(0)
    both.says(both.own)
    assert both.told(ring) == ["INCOMING", "COMPLETED", "history"]
    both.own.kill()
    both.own.line.cut = False
    both.pass_(away)
    both.own.start()
    both.pass_(4)
    both.says()
    assert both.told(ring).count("INCOMING") == both.told(ring).count("COMPLETED") == 1


def test_what_was_left_to_an_own_service_whose_disk_is_another_now_counts_as_told(
    both: Both, left: str
) -> None:
    """Whether it had said it without Redis that file alone knew."""
    both.own.disk = disk()
    both.own.start()
    both.pass_(20)
    both.says()
    assert both.told(left).count("END") == 1
    both.own.kill()
    both.pass_(20)
    both.says()
    assert both.told(left).count("END") == 1


def test_who_has_another_connection_by_now_hears_the_other_out_again(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His line was cut while he asked Redis whether all was there that came before the one before."""
    both.own.kill()
    both.own.start()
    first = both.own.life

    def heard(switch: str) -> str:
        both.own.life = "another"
        return first

    monkeypatch.setattr(both.own.relay._shared, "heard", heard)
    both.own.presence()
    both.own.look()
    assert both.own.life == "another"
    assert both.own.relay.hears_out("sw")


@pytest.mark.parametrize("restart", [False, True])
def test_what_a_thawed_service_leaves_to_the_reserve_does_not_count_as_told(
    both: Both, restart: bool
) -> None:
    """1C is away, so the reserve has not said it yet when the other comes to Redis once more."""
    both.world.onec_down = True
    both.own.freeze()
    call = both.call(0)
    both.pass_(6)
    both.own.thaw()
    both.pass_(2)
    if restart:
        both.own.kill()
        both.own.start()
    else:
        both.own.line.cut = True
        both.pass_(2)
        both.own.line.cut = False
    both.pass_(3)
    both.world.onec_down = False
    both.says(both.reserve)
    both.says()
    assert list(dict.fromkeys(both.told(call))) == ALL and both.told(call).count("END") == 1


@pytest.mark.parametrize("redis", ["slow", "away"])
def test_a_thawed_service_says_nothing_of_a_call_before_it_knows_whose_that_is(
    both: Both, redis: str
) -> None:
    """The reserve has its beginning still to say, for 1C was away."""
    both.world.onec_down = True
    both.own.freeze()
    call = both.call(0, upto=3)
    both.pass_(6)
    both.own.line.slow, both.own.line.cut = redis == "slow", redis == "away"
    both.own.thaw()
    both.call(0, since=3)
    both.world.onec_down = False
    both.says(both.own)
    assert both.told(call) == []
    both.says(both.reserve)
    both.own.line.cut = False
    both.own.line.comes()
    both.pass_(8)
    both.says()
    assert list(dict.fromkeys(both.told(call))) == ALL and both.told(call).count("END") == 1
