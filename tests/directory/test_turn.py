"""Several services that ask about a number over one Redis, in a time of our own: words are slow or lost,
services freeze and die. Redis itself is played here; its scripts are tried in `test_shared_together`.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fs_1c.directory import turn as turn_module
from fs_1c.directory.shared import WAIT_FOR
from fs_1c.directory.turn import CLAIM_FOR, Place, Shared, Turn
from fs_1c.onec import Answer
from fs_1c.redis_client import Away
from tests.directory.conftest import LOOKUP, NUMBER
from tests.support import EXAMPLES

TIMEOUT = 0.1
KNOWN = Answer("Чиж", "", "244")


@dataclass
class World:
    """Time, and the keys of a Redis."""

    now: float = 1000.0
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    keys: dict[str, tuple[str | bytes, float]] = field(default_factory=dict)  # until when
    order: Iterator[int] = field(default_factory=itertools.count)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.order), action))

    def run(self) -> None:
        while self.events:
            self.now, _, action = heapq.heappop(self.events)
            action()

    def get(self, key: str) -> str | bytes | None:
        there = self.keys.get(key)
        return there[0] if there and there[1] > self.now else None

    def reply(self, command: tuple[Any, ...]) -> Any:
        """As the scripts do it."""
        _, script, _, *rest = command
        if script == turn_module._TURN:
            answer, claim, _, seen, token, life = rest
            raw, mine = self.get(answer) or b"", 0
            if raw == seen and self.get(claim) is None:
                self.keys[claim] = token, self.now + life / 1000
                mine = 1
            return [raw, b"%d" % int(self.now), b"%d" % (self.now % 1 * 1e6), mine]
        if script == turn_module._RENEW:
            claim, token, life = rest
            if self.get(claim) != token:
                return 0
            self.keys[claim] = token, self.now + life / 1000
            return 1
        assert script == turn_module._SETTLE
        answer, claim, token, body, age, left = rest
        if self.get(claim) != token:
            return 0
        del self.keys[claim]
        if body:
            raw = b'{"asked_at":%.3f' % (self.now - age) + body
            assert json.loads(raw)
            self.keys[answer] = raw, self.now + left / 1000
        return 1


@dataclass(frozen=True)
class Trip:
    """What becomes of one word: seconds there and back; what is lost."""

    there: float
    back: float
    lost: str = ""


class Service:
    """One that asks about the number.

    Args:
        trips: Of its words, in their order; the last one again and again.
        onec_takes: Seconds.
        dies: Seconds after it has begun to ask 1C; it may only be frozen, which looks the same from outside.
    """

    def __init__(
        self, world: World, begins: float, trips: list[Trip], onec_takes: float, dies: float
    ) -> None:
        self.world = world
        self.trips = trips
        self.onec_takes, self.dies = onec_takes, dies
        self.up = True
        self.dead = False
        self.began = self.came = self.asked = self.told = 0.0
        self.claimed = False
        world.after(begins, self.begin)

    def begin_word(self, command: tuple[Any, ...], *, may_probe: bool = True) -> Future[Any]:
        """A `BoundedRedis` in this world: always ends within `TIMEOUT`."""
        told: Future[Any] = Future()
        if self.dead:
            return told
        trip = self.trips.pop(0) if len(self.trips) > 1 else self.trips[0]

        def end(reply: Any, error: Exception | None = None) -> None:
            if not told.done() and not self.dead:
                told.set_exception(error) if error else told.set_result(reply)

        def arrives() -> None:
            reply = self.world.reply(command)
            if trip.lost != "back":
                self.world.after(trip.back, lambda: end(reply))

        if trip.lost != "there":
            self.world.after(trip.there, arrives)
        self.world.after(TIMEOUT, lambda: end(None, Away(late=True)))
        return told

    def begin(self) -> None:
        redis = cast(Any, SimpleNamespace(begin=self.begin_word, up=True, lied=Away))
        self.began = self.world.now
        turn = Turn(Place(redis, "fs-1c:", LOOKUP, 25.0), NUMBER, None, WAIT_FOR, lambda: True)
        turn.came.add_done_callback(lambda ended: self.go_on(ended.result()))
        turn.begin()

    def go_on(self, came: Shared | Turn) -> None:
        self.came = self.world.now
        if isinstance(came, Shared):
            assert came.answer == KNOWN
            self.told = self.world.now
            return
        self.asked, self.claimed = self.world.now, came._claimed
        if self.dies < self.onec_takes:
            self.world.after(self.dies, lambda: setattr(self, "dead", True))

        def answered() -> None:
            if not self.dead:
                self.told = self.world.now
                came.settle(KNOWN, self.onec_takes)

        self.world.after(self.onec_takes, answered)


@contextmanager
def time_of(world: World) -> Iterator[None]:
    with (
        mock.patch.object(turn_module, "TIMERS", SimpleNamespace(after=world.after)),
        mock.patch.object(turn_module, "time", SimpleNamespace(monotonic=lambda: world.now)),
    ):
        yield


def run(*services: tuple[float, list[Trip], float, float]) -> list[Service]:
    world = World()
    with time_of(world):
        running = [Service(world, *service) for service in services]
        world.run()
    return running


HOLDS = 1e9
swift = st.builds(Trip, st.floats(0.0005, 0.01), st.floats(0.0005, 0.01))
any_trip = st.one_of(
    swift,
    st.builds(Trip, st.floats(0, 0.3), st.floats(0, 0.3), st.sampled_from(["", "there", "back"])),
)


def services(trip: st.SearchStrategy[Trip], dies: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    one = st.tuples(st.floats(0, 3), st.lists(trip, min_size=1, max_size=8), st.floats(0.01, 6.0), dies)
    return st.lists(one, min_size=1, max_size=6)


@given(services(any_trip, st.one_of(st.just(HOLDS), st.floats(0, 3))))
@hypothesis_settings(max_examples=150 * EXAMPLES, deadline=None)
def test_everybody_is_told_or_asks_himself_in_time(given: Any) -> None:
    """Whatever becomes of the words and of the others."""
    for service in run(*given):
        assert service.came, "it waits for ever"
        assert service.came - service.began <= WAIT_FOR + 2 * TIMEOUT + 1e-6


@given(services(swift, st.just(HOLDS)))
@hypothesis_settings(max_examples=150 * EXAMPLES, deadline=None)
def test_while_redis_works_one_has_the_claim_however_long_1c_takes(given: Any) -> None:
    asked = [one for one in run(*given) if one.asked]
    claimed = sorted((one for one in asked if one.claimed), key=lambda one: one.asked)
    for one, next_one in itertools.pairwise(claimed):
        assert next_one.asked >= one.told  # no two at a time
    for one in asked:
        if not one.claimed:  # he has waited for somebody who was slow
            assert one.asked - one.began >= WAIT_FOR
            assert any(other.asked < one.asked and other.told > one.asked - 0.2 for other in claimed)


@given(services(swift, st.just(HOLDS)))
@hypothesis_settings(max_examples=100 * EXAMPLES, deadline=None)
def test_while_redis_works_and_1c_is_swift_one_asks(given: Any) -> None:
    swiftly = [(begins, trips, min(takes, 0.15), dies) for begins, trips, takes, dies in given]
    assert sum(1 for one in run(*swiftly) if one.asked) == 1


def test_a_frozen_one_has_no_claim_after_two_seconds() -> None:
    trip = [Trip(0.001, 0.001)]
    frozen, early, late = run((0.0, trip, 5.0, 0.5), (1.0, trip, 0.1, HOLDS), (2.6, trip, 0.1, HOLDS))
    assert not frozen.told and frozen.claimed
    assert not early.claimed and early.asked - early.began <= WAIT_FOR + 2 * TIMEOUT
    assert late.claimed and late.asked - late.began < 0.01 and 0.5 + CLAIM_FOR < 2.6


def test_a_slow_one_keeps_it() -> None:
    trip = [Trip(0.001, 0.001)]
    slow, other = run((0.0, trip, 6.0, HOLDS), (5.5, trip, 0.1, HOLDS))
    assert slow.claimed and not other.claimed
