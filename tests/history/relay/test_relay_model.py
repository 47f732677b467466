"""Whatever happens to an own service, its reserve, their ways to Redis and to Redis itself: nothing harmful
is said twice, and in the end 1C has been told all that anybody knows to be untold.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fs_1c.history.relay import shared
from tests.history.conftest import HARMFUL
from tests.history.relay.cluster_model import LAST, Service, World, calls, disordered, moves, passes, twice
from tests.redis_server import RedisServer, needs_redis, redis_server

CALLS = 4
SERVICES = st.booleans()


class Cluster(RuleBasedStateMachine):
    """See above."""

    server: RedisServer
    patch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.server.client.flushall()

    @initialize(dialect=st.sampled_from(sorted(LAST)))
    def begins(self, dialect: str) -> None:
        self.world = World(self.server, dialect)
        moves(self.patch, self.world.clock)
        self.own = Service(self.world, reserve=False)
        self.reserve = Service(self.world, reserve=True)
        self.own.other, self.reserve.other = self.reserve, self.own
        self.left = calls(CALLS)
        self.owned: set[str] = set()
        self.lost = False
        self.passes(15)

    def one(self, own: bool) -> Service:
        return self.own if own else self.reserve

    @rule(call=st.integers(0, CALLS - 1))
    def happens(self, call: int) -> None:
        if self.left[call]:
            event = self.left[call].pop(0)
            self.world.feed.append(event)
            if self.own.running:
                self.owned.add(f"call-{call}")
            for service in (self.own, self.reserve):
                service.hear(event)

    @rule(call=st.integers(0, CALLS - 1))
    def happens_whole(self, call: int) -> None:
        while self.left[call]:
            self.happens(call)

    @rule(own=SERVICES)
    def says_all(self, own: bool) -> None:
        for _ in range(5 * CALLS):
            self.one(own).takes()
            self.one(own).says("told")

    @rule(seconds=st.sampled_from([1, 1, 2, 5, 12, 40]))
    def passes(self, seconds: int) -> None:
        passes(self.world.clock, seconds, self.own, self.reserve)

    @rule(own=SERVICES)
    def takes(self, own: bool) -> None:
        self.one(own).takes()

    @rule(own=SERVICES, how=st.sampled_from(["told", "told", "told", "answer-lost", "lost", "refused"]))
    def says(self, own: bool, how: str) -> None:
        self.one(own).takes()
        self.one(own).says(how)

    @rule(own=SERVICES)
    def is_killed(self, own: bool) -> None:
        self.one(own).kill()

    @rule(own=SERVICES)
    def is_killed_when_it_has_been_heard(self, own: bool) -> None:
        self.one(own).arrives_and_dies()

    @rule(own=SERVICES)
    def is_started(self, own: bool) -> None:
        if self.one(own).dead:
            self.one(own).start()

    @rule(own=SERVICES)
    def freezes(self, own: bool) -> None:
        self.one(own).freeze()

    @rule(own=SERVICES)
    def thaws(self, own: bool) -> None:
        self.one(own).thaw()

    @rule(own=SERVICES, cut=st.booleans())
    def way_to_redis(self, own: bool, cut: bool) -> None:
        self.one(own).line.cut = cut

    @rule(own=SERVICES, slow=st.booleans())
    def is_slow(self, own: bool, slow: bool) -> None:
        self.one(own).line.slow = slow
        if not slow:
            self.one(own).line.comes()

    @rule()
    def redis_loses_all(self) -> None:
        self.server.client.flushall()
        self.lost = True

    @rule(down=st.booleans())
    def onec(self, down: bool) -> None:
        self.world.onec_down = down

    @invariant()
    def nothing_harmful_is_said_twice(self) -> None:
        if hasattr(self, "world"):
            assert not twice(self.world, HARMFUL)

    @invariant()
    def all_is_told_in_order(self) -> None:
        """But for what a Redis without its data costs when a service goes at the same time."""
        if hasattr(self, "world") and not self.lost:
            assert not disordered(self.world)

    def teardown(self) -> None:
        """All is well again, and time passes."""
        if not hasattr(self, "world"):
            return
        self.world.onec_down = False
        for service in (self.own, self.reserve):
            service.line.cut = service.line.slow = False
            service.line.comes()
            service.thaw()
            if service.dead:
                service.start()
        for number in range(CALLS):
            while self.left[number]:
                self.happens(number)
        for _ in range(12):
            self.passes(12)
            for service in (self.own, self.reserve):
                for _ in range(5 * CALLS):
                    service.says("told")
                    service.takes()
                    service.says("told")
        assert not twice(self.world, HARMFUL)
        self.all_is_told_in_order()
        told = set(self.world.told)
        for call in self.owned:
            for states in LAST[self.world.dialect]:
                assert {(call, state) for state in states} & (told | self.world.unknown), (call, states)
        for service in (self.own, self.reserve):
            (waits,) = service.disk.execute("SELECT count(*) FROM words").fetchone()
            assert waits == 0


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as one:
        yield one


@needs_redis
def test_whatever_happens(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "TAKES", 0.0)
    Cluster.server, Cluster.patch = server, monkeypatch
    run_state_machine_as_test(
        Cluster,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
