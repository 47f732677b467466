"""Own service and reserve without threads, with a clock that only the test moves: the relay and the tables of
the outbox are the real ones, so is Redis; the switch and 1C are lists. A word goes in steps, between which
its service may be killed or frozen.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from fs_1c.call import CallEvent, HungUp
from fs_1c.history import kept
from fs_1c.history.history import LEARNS_WITHIN
from fs_1c.history.kept import Word
from fs_1c.history.pace import ELSEWHERE
from fs_1c.history.relay import hands, part, relay, rows, scripts
from fs_1c.history.relay.part import Part
from fs_1c.history.relay.relay import Relay
from fs_1c.history.relay.shared import HERE, SAME
from fs_1c.history.stories import as_json, of_json
from fs_1c.history.tables import Policy, Table, itoolabs, mobilon
from fs_1c.onec import OneCError
from fs_1c.redis_client import Away
from fs_1c.settings import RedisSettings
from fs_1c.talk import Stories, Story
from tests.history.conftest import answered
from tests.redis_server import RedisServer

SWITCH = "sw"
TABLES: dict[str, Table] = {"mobilon": mobilon, "itoolabs": itoolabs}
ORDER = {
    "mobilon": ["START", "ANSWER", "HANGUP", "END"],
    "itoolabs": ["INCOMING", "COMPLETED", "CANCELLED", "history"],
}
LAST = {"mobilon": ({"HANGUP"}, {"END"}), "itoolabs": ({"COMPLETED", "CANCELLED"}, {"history"})}


_REST = ("1", "2", False, 0.0, 0.0, 0, True, "")


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


class Late(Future[Any]):
    """An answer; who waits for it gets it, however slow its line is."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self._line.comes()
        return super().result(timeout)


class Line:
    """One service's way to Redis, in place of `BoundedRedis`; it can be cut, and slow.

    Attributes:
        cut: Nothing passes.
        slow: What is put there waits on its way, for the next thing that is asked.
        cut_after: So many words pass before it is cut; the answer to the last of them is lost.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.cut = self.slow = False
        self.cut_after: int | None = None
        self._waits: list[tuple[tuple[Any, ...], Future[Any]]] = []

    def comes(self) -> None:
        """What waits on its way has its answer."""
        while self._waits:
            command, told = self._waits.pop(0)
            self._pass(command, told)

    def begin(self, command: tuple[Any, ...], may_probe: bool = True) -> Future[Any]:
        told = Late(self)
        if self.slow and command[1] == scripts.PUT:
            self._waits.append((command, told))
        else:
            self.comes()
            self._pass(command, told)
        return told

    def _pass(self, command: tuple[Any, ...], told: Future[Any]) -> None:
        if self.cut:
            told.set_exception(Away())
        else:
            answer = self._server.client.execute_command(*command)
            if self.cut_after is not None:
                self.cut_after -= 1
                self.cut = self.cut_after <= 0
            if self.cut:
                self.cut_after = None
                told.set_exception(Away())
            else:
                told.set_result(answer)

    def send(self, *commands: tuple[Any, ...]) -> Any:
        return self.begin(commands[-1]).result()

    def lied(self) -> Away:
        raise AssertionError("Redis has answered what we do not understand")

    def close(self) -> None:
        pass


@dataclass
class World:
    """What is there beside the services.

    Attributes:
        told: What 1C has heard.
        unknown: Harmful words that a service has given up, for 1C may have them, or nobody knows.
        owner_seen: When the own service was in Redis last.
        feed: What the switch has told.
    """

    redis: RedisServer
    dialect: str
    clock: Clock = field(default_factory=Clock)
    told: list[tuple[str, str]] = field(default_factory=list)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    owner_seen: float | None = None
    feed: list[CallEvent] = field(default_factory=list)
    onec_down: bool = False
    lives: int = 0
    here: dict[str, float] = field(default_factory=dict)

    def forgets(self) -> None:
        """Redis lets go what has had its time, by the test's clock."""
        for me, at in self.here.items():
            if self.clock.now - at > HERE:
                self.redis.client.delete(f"fs-1c:history:here:{me}")


def moves(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The relay's clock is this one, and nobody waits by another."""
    patch.setattr(relay, "ANSWERS_WITHIN", 0.0)
    for module in (relay, part, hands):
        patch.setattr(module, "time", clock)


def passes(clock: Clock, seconds: int, *services: Service) -> None:
    """So long, with what each service does once a second."""
    for _ in range(seconds):
        clock.now += 1.0
        for service in services:
            service.world.forgets()
        for service in services:
            service.presence()
        for service in services:
            service.look()


def disk() -> sqlite3.Connection:
    """A new one."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    for statement in kept.SCHEMA:
        made.execute(statement)
    return made


class Service:
    """One of the two.

    Attributes:
        disk: What survives a death.
        running: It is neither dead nor frozen.
    """

    def __init__(self, world: World, *, reserve: bool) -> None:
        self.world, self.reserve = world, reserve
        self.disk = disk()
        self.line = Line(world.redis)
        self.dead = self.frozen = False
        self.other: Service | None = None
        self.start()

    @property
    def running(self) -> bool:
        return not (self.dead or self.frozen)

    def start(self) -> None:
        """A new process, which learns what is up."""
        clock = self.world.clock
        self.dead = self.frozen = False
        self.reserved, self.owner_words, self.owner_came = False, 0, 0
        self.ended: list[Callable[[], None]] = []
        self.world.lives += 1
        self.life, self.owner = f"life-{self.world.lives}", ""
        self.connected_at = self.quiet_from = clock.now
        self.last_word = 0.0
        self.present_since: float | None = None
        self.owner_at: float | None = None
        self.buffer: deque[CallEvent] = deque()
        self.stories = Stories()
        self.before: dict[str, Story] = {}
        self.under_way: Word | None = None
        self.up_before: set[str] = set()
        self.born = clock.now
        self.relay = Relay(RedisSettings(url=SecretStr("redis://127.0.0.1:9/0")), 3600.0, self)
        self.relay._redis = self.relay._shared._redis = self.line  # type: ignore[assignment]
        _virtual(self.relay, self)
        self.relay.attend(SWITCH, self, reserve=self.reserve)
        self.part: Part = self.relay._parts[SWITCH]
        self.part.born = self.part.born_at = self.part.at = clock.now
        for word in kept.begin(self.disk, 0.0):
            self.world.unknown.add((word.call, word.state))
            self.relay.settled(word)
        restored = [of_json(text) for text, _ in kept.stories(self.disk)]
        self.stories.restore(restored)
        self.before = {story.call_uuid: story for story in restored}
        self.up_before, self.born = set(self.before), clock.now - 0.001
        over = {event.leg_uuid for event in self.world.feed if isinstance(event, HungUp)}
        for event in self.world.feed:
            if not isinstance(event, HungUp) and getattr(event, "leg_uuid", "") not in over:
                self.hear(event)
        for leg in sorted(self.stories.legs("") & over):
            self.hear(HungUp(leg, 1010.0))

    # What the switch tells.

    def hear(self, event: CallEvent) -> None:
        if self.frozen:
            self.buffer.append(event)
        elif not self.dead:
            self._hear(event)

    def _hear(self, event: CallEvent) -> None:
        story = self.stories.heard(event, "")
        if story is None:
            return
        now = self.world.clock.now
        old = story.call_uuid in self.up_before and now - self.born < LEARNS_WITHIN
        if old and story.ended is not None and self.relay.hears_out(SWITCH):
            self.ended.append(partial(self._happened, event, story, self.born))
        else:
            self._happened(event, story, self.born if old else now)

    def heard_out(self, switch: str) -> None:
        ended, self.ended = self.ended, []
        for one in ended:
            one()

    def _happened(self, event: CallEvent, story: Story, made: float) -> None:
        call, now = story.call_uuid, self.world.clock.now
        at = getattr(event, "at", 0.0) or now
        said = TABLES[self.world.dialect](self.before.get(call), event, story, Policy(), "")
        words = [
            Word(0, "b", call, one.state, one.extension, one.owner, one.once, *_REST, made, switch=SWITCH)
            for one in said
        ]
        words = [replace(word, at=at) for word in words]
        stands_by = self.reserve and self.relay.keeps(SWITCH, words, "", over=story.ended is not None)
        if words and not stands_by and (written := kept.put(self.disk, words)):
            placed = [replace(word, id=place) for place, word in written]
            self.relay.put(placed, "", over=story.ended is not None)
        if story.ended is None:
            self.before[call] = story
            if not stands_by:
                kept.keep_stories(self.disk, [(call, story.number, "", as_json(story), now)])
        else:
            self.before.pop(call, None)
            kept.drop_stories(self.disk, [call])

    def presence(self) -> None:
        """A second of it: what is said at the switch, then a look at Redis."""
        now, other = self.world.clock.now, self.other
        if not self.running or other is None:
            return
        if not self.reserve and (self.present_since is None or now - self.last_word > 1.9):
            self.present_since = now
        self.last_word = now
        if other.frozen or other.dead:
            return
        if self.reserve:
            other.reserved = True
        else:
            other.owner_at, other.quiet_from = now, now
            if other.owner != self.life:
                other.owner, other.owner_came = self.life, other.owner_words
            other.owner_words += 1

    def look(self) -> None:
        if self.running:
            self.relay.look(self.part)

    def alone_for(self) -> float | None:
        now = self.world.clock.now
        if not self.reserve:
            fresh = self.present_since is not None and now - self.last_word <= 1.9
            return now - (self.present_since or 0.0) if fresh else None
        since = max(self.quiet_from + 4.0, self.connected_at + 11.0)
        return now - since if now >= since else None

    def owner_away(self) -> float | None:
        return None if self.owner_at is None else self.world.clock.now - self.owner_at

    # What 1C is told.

    def takes(self) -> None:
        """The first word of the oldest call is about to leave."""
        if not self.running or self.under_way is not None or self.world.onec_down:
            return
        flying: set[str] = set()
        for word in kept.next_words(self.disk, "b", self.world.clock.now, 10, flying):
            try:
                self.relay.may_leave(word)
                if word.once:
                    kept.leaves(self.disk, word)
                self.under_way = word
                return
            except OneCError as error:
                if error.kind == ELSEWHERE:
                    self._drop(word)

    def says(self, how: str) -> None:
        """It arrives, or not, and the answer does, or not."""
        word = self.under_way
        if word is None or not self.running:
            return
        if how in ("told", "answer-lost"):
            self.world.told.append((word.call, word.state))
        self.under_way = None
        if how == "refused":
            kept.again(self.disk, word, "", 0.0, 1)
            if word.once:
                self.relay.back(word)
            return
        if how != "told":
            if not word.once:
                return
            self.world.unknown.add((word.call, word.state))
        kept.over(self.disk, word)
        self.relay.settled(word)

    def arrives_and_dies(self) -> None:
        if self.under_way is not None and self.running:
            self.world.told.append((self.under_way.call, self.under_way.state))
            self.kill()

    # What happens to it.

    def kill(self) -> None:
        self.dead, self.frozen = True, False
        self.buffer.clear()

    def freeze(self) -> None:
        self.frozen = not self.dead

    def thaw(self) -> None:
        if not self.frozen:
            return
        self.frozen = False
        now, other = self.world.clock.now, self.other
        self.quiet_from = now
        if (
            self.reserve
            and other is not None
            and self.owner_at is not None
            and other.last_word > self.owner_at
        ):
            if self.owner != other.life:
                self.owner, self.owner_came = other.life, self.owner_words
            self.owner_at = now
            self.owner_words += max(1, round(now - other.last_word))
        while self.buffer:
            self._hear(self.buffer.popleft())

    # `relay.Host`.

    def ask(self, what: Callable[[sqlite3.Connection], Any]) -> Any:
        return what(self.disk)

    def is_flying(self, base: str, call: str) -> bool:
        return self.under_way is not None and self.under_way.call == call

    def adopted(self, managers: dict[str, str]) -> None:
        pass

    def said(self, words: list[Word]) -> None:
        for word in words:
            if self.under_way is None or word.id != self.under_way.id:
                self._drop(word)

    def _drop(self, word: Word) -> None:
        kept.is_anothers(self.disk, word)
        self.relay.dropped(word)

    def unknowable(self, switch: str, before: float) -> int:
        lost = [
            word
            for word in rows.unsure(self.disk, switch, before)
            if self.under_way is None or word.id != self.under_way.id
        ]
        for word in lost:
            kept.over(self.disk, word)
            self.world.unknown.add((word.call, word.state))
            self.relay.settled(word)
        return len(lost)


def _virtual(relay: Relay, service: Service) -> None:
    """Redis' own clock is the test's, too, where it is looked at."""
    shared, world = relay._shared, service.world
    attach, alive = shared.attach, shared.alive

    def attached(switch: str, fresh: str, *, reserve: bool) -> Any:
        there = attach(switch, fresh, reserve=reserve)
        silent = None if there.silent is None else world.clock.now - (world.owner_seen or 0.0)
        return replace(there, silent=silent)

    def seen(switch: str, life: str, *, own: bool) -> None:
        alive(switch, life, own=own)
        world.here[shared.me] = world.clock.now
        if own:
            world.owner_seen = world.clock.now

    shared.attach, shared.alive = attached, seen  # type: ignore[method-assign]


def calls(many: int) -> list[list[CallEvent]]:
    return [answered(f"call-{i}") for i in range(many)]


def disordered(world: World) -> list[tuple[str, list[str]]]:
    """Calls of which 1C has heard something before what comes before it."""
    told: dict[str, list[str]] = {}
    for call, state in world.told:
        told.setdefault(call, []).append(state)
    order = ORDER[world.dialect]
    firsts = ((call, list(dict.fromkeys(states))) for call, states in told.items())
    return [(call, states) for call, states in firsts if states != sorted(states, key=order.index)]


def twice(world: World, harmful: frozenset[str]) -> list[tuple[str, str]]:
    told = Counter((call, SAME.get(state, state)) for call, state in world.told)
    return [one for one, times in told.items() if times > 1 and one[1] in harmful]
