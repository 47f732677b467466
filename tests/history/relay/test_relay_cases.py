"""What keeps two services from saying a harmful word twice, one by one, in the model of `cluster_model`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fs_1c.history.relay import shared
from tests.history.conftest import HARMFUL
from tests.history.relay.cluster_model import Service, World, calls, moves, passes, twice
from tests.redis_server import RedisServer, needs_redis, redis_server

pytestmark = needs_redis
ALL = ["START", "ANSWER", "HANGUP", "END"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as one:
        yield one


class Both:
    """Own service and reserve, who know of each other."""

    def __init__(self, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        server.client.flushall()
        monkeypatch.setattr(shared, "TAKES", 0.0)
        self.server, self.world = server, World(server, "mobilon")
        moves(monkeypatch, self.world.clock)
        self.own, self.reserve = Service(self.world, reserve=False), Service(self.world, reserve=True)
        self.own.other, self.reserve.other = self.reserve, self.own
        self.pass_(20)

    def pass_(self, seconds: int) -> None:
        passes(self.world.clock, seconds, self.own, self.reserve)

    def call(self, number: int, upto: int = 4, since: int = 0) -> str:
        for event in calls(number + 1)[number][since:upto]:
            self.world.feed.append(event)
            self.own.hear(event)
            self.reserve.hear(event)
        return f"call-{number}"

    def says(self, *services: Service) -> None:
        for service in services or (self.own, self.reserve):
            for _ in range(30):
                service.takes()
                service.says("told")

    def told(self, call: str) -> list[str]:
        return [state for one, state in self.world.told if one == call]


@pytest.fixture
def both(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    one = Both(server, monkeypatch)
    yield one
    assert not twice(one.world, HARMFUL)


def test_what_the_own_service_has_said_without_redis_the_reserve_does_not_say(both: Both) -> None:
    both.own.line.cut = True
    both.pass_(12)
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ALL  # nobody waits for Redis for longer
    both.own.kill()
    both.pass_(6)
    both.says()
    assert both.told(call).count("END") == 1


def test_before_that_it_waits_lest_the_reserve_trusts_redis(both: Both) -> None:
    both.own.line.cut = True
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ["START", "ANSWER", "HANGUP"]
    both.own.kill()
    both.pass_(6)
    both.says()
    assert both.told(call).count("END") == 1  # the reserve has: nobody else can


def test_a_thawed_service_without_redis_says_nothing_of_before(both: Both) -> None:
    call = both.call(0)
    both.own.freeze()
    both.pass_(6)
    both.says(both.reserve)
    assert both.told(call) == ALL
    both.own.line.cut = True
    both.own.thaw()
    both.pass_(30)
    both.says(both.own)
    assert both.told(call).count("END") == 1
    new = both.call(1)
    both.says(both.own)
    assert both.told(new) == ALL  # of now it does
    both.own.line.cut = False
    both.pass_(3)
    both.says()
    assert both.told(call).count("END") == 1


def test_a_service_that_is_frozen_while_it_says_a_word_keeps_it(both: Both) -> None:
    call = both.call(0)
    for _ in range(3):
        both.own.takes()
        both.own.says("told")
    both.own.takes()
    assert both.own.under_way is not None and both.own.under_way.state == "END"
    both.own.freeze()
    both.pass_(6)
    both.says(both.reserve)
    assert "END" not in both.told(call)
    both.own.thaw()
    both.own.says("told")
    assert both.told(call).count("END") == 1


def test_what_surely_did_not_arrive_is_anybodys_again(both: Both) -> None:
    call = both.call(0)
    for _ in range(3):
        both.own.takes()
        both.own.says("told")
    both.own.takes()
    both.own.says("refused")
    both.own.kill()
    both.pass_(6)
    both.says(both.reserve)
    assert both.told(call).count("END") == 1


def test_when_redis_has_lost_all_what_the_reserve_has_said_is_not_said_by_the_own_one(both: Both) -> None:
    call = both.call(0)
    both.own.kill()
    both.pass_(6)
    both.says(both.reserve)
    assert both.told(call) == ALL
    both.server.client.flushall()
    both.reserve.kill()
    both.own.start()
    both.pass_(40)
    both.says(both.own)
    assert both.told(call).count("END") == 1
    assert (call, "END") in both.world.unknown


def test_when_redis_has_lost_all_who_was_always_there_goes_on(both: Both) -> None:
    both.world.onec_down = True
    call = both.call(0)
    both.server.client.flushall()
    both.pass_(5)
    both.world.onec_down = False
    both.says()
    assert both.told(call) == ALL and not both.world.unknown
    both.own.kill()
    both.pass_(6)
    both.says()
    assert both.told(call).count("END") == 1


def test_what_was_said_just_before_redis_lost_all_is_told_it_again(both: Both) -> None:
    call = both.call(0)
    both.says(both.own)
    both.server.client.flushall()
    both.pass_(3)
    both.own.kill()
    both.pass_(6)
    both.says()
    assert both.told(call) == ALL


def test_a_call_that_was_there_while_nobody_spoke_is_told_by_who_has_heard_it(both: Both) -> None:
    """The own service is started again before it is missed; and Redis is away for the reserve while it is."""
    both.own.kill()
    call = both.call(0)
    both.own.start()
    both.pass_(3)
    both.says()
    assert both.told(call) == ALL
    both.own.kill()
    both.reserve.line.cut = True
    both.pass_(6)
    another = both.call(1)
    both.own.start()
    both.pass_(100)
    both.reserve.line.cut = False
    both.pass_(3)
    both.says()
    both.says(both.own)  # how it ended, for the reserve does not know any more whether that has been said
    assert both.told(another) == ALL


def test_who_comes_later_does_not_end_a_call_otherwise(both: Both) -> None:
    """The own service has not heard that somebody answered, and takes the call for a missed one."""
    both.world.dialect = "itoolabs"
    ring = both.call(0, upto=1)
    both.own.kill()
    both.pass_(6)
    both.call(0, since=1)
    both.says(both.reserve)
    assert both.told(ring)[-2:] == ["COMPLETED", "history"]
    both.own.start()
    both.pass_(20)
    both.says()
    assert both.told(ring)[-2:] == ["COMPLETED", "history"]


def test_what_waits_when_there_is_no_room_goes_on_in_the_file(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MAX_CALLS", 3)
    both.world.onec_down = True
    names = [both.call(i) for i in range(6)]
    assert both.server.client.zcard("fs-1c:history:sw:calls") == 3
    both.world.onec_down = False
    both.says(both.own)
    assert all(both.told(name) == ALL for name in names)


def test_what_is_kept_in_redis_ends_by_itself(both: Both) -> None:
    both.call(0)
    client = both.server.client
    keys = set(client.keys("fs-1c:history:*")) - {b"fs-1c:history:life"}
    assert {key for key in keys if b":call:" in key}
    assert all(0 < client.ttl(key) <= 3600 for key in keys)
    both.says(both.own)
    (key,) = client.keys("fs-1c:history:sw:call:*")
    assert 0 < client.ttl(key) <= shared.REMEMBERED
    assert set(client.hgetall(key).values()) <= {b"-", both.own.relay._shared.me.encode()}


def test_what_is_left_to_the_own_service_it_says_when_it_is_back(both: Both) -> None:
    """The reserve cannot know, so it says the harmless word of the end alone; that does not end the call."""
    both.world.dialect = "itoolabs"
    both.own.line.cut = True
    ring = both.call(0, upto=2)
    both.own.freeze()
    both.reserve.kill()
    both.reserve.start()
    both.call(0, since=2)
    both.pass_(40)
    both.says(both.reserve)
    both.own.line.cut = False
    both.own.thaw()
    both.pass_(30)
    both.says()
    assert {"INCOMING", "COMPLETED", "history"} <= set(both.told(ring))


def test_who_is_started_again_asks_whether_there_is_a_reserve_before_he_says_how_a_call_ended(
    both: Both,
) -> None:
    """His presence is handed on before he has looked at Redis: the end is new to him, not to the reserve."""
    call = both.call(0, upto=2)
    both.own.kill()
    both.pass_(6)
    both.call(0, since=2)
    both.says(both.reserve)
    assert both.told(call).count("END") == 1
    both.own.start()
    both.own.presence()
    both.says(both.own)
    both.pass_(3)
    both.says()
    assert both.told(call).count("END") == 1


def test_what_ended_while_he_was_gone_is_not_safe_to_say_where_redis_has_lost_all(both: Both) -> None:
    call = both.call(0, upto=2)
    both.own.kill()
    both.pass_(6)
    both.call(0, since=2)
    both.says(both.reserve)
    both.server.client.flushall()
    both.reserve.kill()
    both.own.start()
    both.own.presence()
    both.own.look()
    both.pass_(40)
    both.says(both.own)
    assert both.told(call).count("END") == 1


def test_redis_knows_what_was_said_for_as_long_as_words_may_wait(both: Both) -> None:
    week = 7 * 86400
    for one in (both.own, both.reserve):
        one.relay._shared._keep_for = one.relay._shared._remembers = week
    both.call(0)
    both.own.kill()
    both.pass_(6)
    both.says(both.reserve)
    left = both.call(1)
    both.says(both.reserve)
    both.server.client.delete(f"fs-1c:history:sw:call:b:{left}")
    both.reserve.relay._hands.done(both.reserve.part, both.reserve.part.life, [("b", left, "END")])
    found = [both.server.client.ttl(key) for key in both.server.client.keys("fs-1c:history:sw:call:*")]
    assert len(found) == 2 and all(one > week - 60 for one in found)
