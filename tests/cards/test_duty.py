"""Own service and reserve at one switch, as pure machines: what the reserve takes for gone, and what becomes
of cards whatever is lost, killed, frozen or late. Nothing here waits: time is a number.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import CallEvent, Conversation, HungUp, Unidentified
from fs_1c.cards.claims import Taken, card_key, standing
from fs_1c.cards.duty import EVERY, GONE_AFTER, LATE, LEARNS_FOR, MAX_HELD, PATIENCE, Duty, Word
from fs_1c.settings import Role
from tests.support import EXAMPLES

USEFUL = 30.0
OWN, RESERVE = Role.OWN, Role.RESERVE


def talk(call: str = "call-1", age: float = 0.0) -> Conversation:
    return Conversation(call, f"{call}-244", "89235292926", "244", age=age)


def alone(duty: Duty, times: int, now: float) -> float:
    """So many of its words come back; nobody else says any."""
    for _ in range(times):
        word = duty.say(now)
        assert word is not None
        duty.heard(word, now + 0.02)
        now += EVERY
    return now


def test_the_own_service_acts_at_once_whatever_it_has_heard() -> None:
    duty = Duty(OWN, "a")
    assert duty.passed(talk(), 0.0) == (talk(),)
    duty.connected()
    duty.heard(Word(OWN, "another", 1), 0.0)
    assert duty.passed(talk(), 0.0) == (talk(),)
    assert duty.owner == "another"  # for the log


def test_a_reserve_keeps_talks_until_the_own_one_is_gone_and_stops_when_it_is_back() -> None:
    duty = Duty(RESERVE, "b")
    duty.connected()
    duty.heard(Word(OWN, "a", 1), 0.0)
    now = alone(duty, GONE_AFTER - 1, 0.0)
    assert duty.passed(talk(), now) == () and duty.due(now, USEFUL) == ()
    duty.heard(Word(OWN, "a", 2), now)
    now = alone(duty, GONE_AFTER - 1, now)
    assert not duty.acts and duty.due(now, USEFUL) == ()
    now = alone(duty, 1, now)
    (taken,) = duty.due(now, USEFUL)
    assert isinstance(taken, Conversation) and taken.age == pytest.approx(GONE_AFTER * EVERY)
    assert duty.due(now, USEFUL) == () and duty.passed(talk("call-2"), now) == (talk("call-2"),)
    duty.heard(Word(OWN, "a2", 1), now)
    assert duty.passed(talk("call-3"), now) == ()


def test_an_own_service_that_says_farewell_is_gone_at_once() -> None:
    own, duty = Duty(OWN, "a"), Duty(RESERVE, "b")
    duty.connected()
    word = own.say(0.0)
    assert word is not None
    duty.heard(word, 0.0)
    assert duty.passed(talk(), 0.1) == ()
    duty.heard(own.farewell(), 0.2)
    assert [one.call_uuid for one in duty.due(0.2, USEFUL) if isinstance(one, Conversation)] == ["call-1"]


def test_a_reserve_that_was_frozen_takes_nobody_for_gone() -> None:
    """However long: what it reads when it is thawed are the other's words, and none of its own."""
    duty = Duty(RESERVE, "b")
    duty.connected()
    now = alone(duty, 1, 0.0) + 3600.0
    for number in range(3600):
        duty.heard(Word(OWN, "a", number), now)
    assert not duty.acts


def test_a_new_connection_counts_anew() -> None:
    duty = Duty(RESERVE, "b")
    duty.connected()
    alone(duty, GONE_AFTER, 0.0)
    assert duty.acts
    duty.connected()
    assert not duty.acts


def test_of_what_is_over_or_of_no_use_any_more_nothing_is_kept() -> None:
    duty = Duty(RESERVE, "b")
    for i in range(5):
        duty.passed(talk(f"call-{i}"), 0.0)
    duty.passed(Unidentified("call-9", "leg-9", "1", "", "why"), 0.0)
    for leg in ("call-0", "call-1-244", "nobody"):
        assert duty.passed(HungUp(leg), 1.0) == (HungUp(leg),)
    assert duty.held == 4
    duty.passed(talk("late"), 20.0)
    now = alone(duty, GONE_AFTER, 31.0 - GONE_AFTER * EVERY)
    assert [one.call_uuid for one in duty.due(now, USEFUL) if isinstance(one, Conversation)] == ["late"]


def test_what_is_kept_is_bounded() -> None:
    duty = Duty(RESERVE, "b")
    for i in range(MAX_HELD + 10):
        duty.passed(talk(f"call-{i}"), 0.0)
    assert duty.held == MAX_HELD


def test_one_word_at_a_time_and_a_switch_that_hands_none_on_is_noticed() -> None:
    duty = Duty(RESERVE, "b")
    duty.connected()
    assert duty.say(0.0) and duty.say(EVERY) is None and not duty.deaf
    assert duty.say(PATIENCE) and duty.deaf
    alone(duty, 0, 0.0)
    duty.heard(Word(RESERVE, "b", 2), PATIENCE)
    assert not duty.deaf


def test_what_is_read_late_is_as_old_as_it_may_be() -> None:
    duty = Duty(OWN, "a")
    duty.connected()
    assert duty.passed(talk(), 100.0) == (talk(),)  # nothing is known yet
    now = alone(duty, 1, 100.0)
    assert duty.passed(talk(), now) == (talk(),)
    (read,) = duty.passed(talk(), 106.0)  # frozen
    assert isinstance(read, Conversation) and read.age == 6.0 > LATE
    (read,) = duty.passed(talk(age=9.0), 106.0)
    assert isinstance(read, Conversation) and read.age == 9.0
    assert duty.say(106.0)
    duty.heard(Word(OWN, "a", 2), 106.1)
    assert duty.passed(talk(), 106.1) == (talk(),)


# The world: a switch, its two services, 1C. Steps of a tenth of a second.

STEP = 0.1


@dataclass
class Switch:
    """Hands events to whoever listens, in order, and keeps the first value of a key."""

    up: set[str] = field(default_factory=set)
    hash: dict[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)

    def tell(self, event: CallEvent | Word) -> None:
        for service in self.services:
            if service.listens:
                service.inbox.append(event)

    def take(self, key: str, leg: str, token: str) -> Taken:
        holder = self.hash.setdefault(key, token)
        return Taken(holder, holder == token, leg in self.up)


@dataclass
class Service:
    """One process at the switch: what comes and goes is on its way for as long as the line is cut.

    Attributes:
        clock: Ahead of the true time by that much; monotonic clocks agree in nothing but their pace.
        opening: Cards that wait for a worker.
    """

    switch: Switch
    role: Role
    clock: float
    cards: list[str]
    token: str = ""
    started: int = 0
    listens: bool = False
    frozen: bool = False
    cut: bool = False
    slow: bool = False
    inbox: deque[CallEvent | Word] = field(default_factory=deque)
    outbox: deque[Word] = field(default_factory=deque)
    opening: deque[Conversation] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    next_word: float = 0.0

    def start(self, now: float) -> None:
        if self.listens:
            return
        self.started += 1
        self.token = f"{self.role}:{self.started}:x"
        self.duty = Duty(self.role, self.token)
        self.listens, self.frozen, self.next_word = True, False, 0.0
        self.duty.connected()
        self.seen.clear()
        for call in sorted(self.switch.up):  # what `uuid_dump` tells
            if not call.endswith("-244"):
                self.inbox.append(talk(call, age=0.5))

    def kill(self) -> None:
        self.listens = False
        for queue in (self.inbox, self.outbox, self.opening):
            queue.clear()

    def step(self, now: float) -> None:
        if not self.listens or self.frozen:
            return
        mine = now + self.clock
        if not self.cut:
            while self.outbox:
                self.switch.tell(self.outbox.popleft())
            while self.inbox:
                self.read(self.inbox.popleft(), mine)
        if mine >= self.next_word:
            self.next_word = mine + EVERY
            if word := self.duty.say(mine):
                self.outbox.append(word)
        for event in self.duty.due(mine, USEFUL):
            self.act(event)
        # A worker claims and sends; with the line cut there is no answer, and it is tried again.
        while self.opening and not self.cut and not self.slow:
            event = self.opening.popleft()
            claim = standing(self.switch.take(card_key(event.call_uuid, "244"), event.leg_uuid, self.token))
            if claim and claim.mine and event.age < USEFUL:
                self.cards.append(event.call_uuid)

    def read(self, event: CallEvent | Word, mine: float) -> None:
        if isinstance(event, Word):
            self.duty.heard(event, mine)
            return
        for one in self.duty.passed(event, mine):
            self.act(one)

    def act(self, event: CallEvent) -> None:
        if isinstance(event, Conversation) and event.call_uuid not in self.seen:
            self.seen.add(event.call_uuid)  # as `Claims.claim` does
            self.opening.append(event)


FAULTS = "kill start freeze thaw cut heal slow quick".split()
does = st.tuples(st.sampled_from(["own", "reserve"]), st.sampled_from(FAULTS))
does |= st.tuples(st.just("switch"), st.sampled_from(["call", "call", "call", "hang up"]))
scripts = st.lists(st.tuples(st.integers(0, 80), does), max_size=40)


def run(script: list[tuple[int, tuple[str, str]]], clocks: tuple[float, float]) -> World:
    world = World(clocks)
    for pause, (who, what) in script:
        world.do(who, what)
        world.wait(pause * STEP)
    for service in world.services.values():
        if service.listens:
            service.frozen = service.cut = service.slow = False
    world.wait(10.0)
    return world


class World:
    def __init__(self, clocks: tuple[float, float]) -> None:
        self.now = 0.0
        self.cards: list[str] = []
        self.switch = Switch()
        self.services = {
            "own": Service(self.switch, OWN, clocks[0], self.cards),
            "reserve": Service(self.switch, RESERVE, clocks[1], self.cards),
        }
        self.switch.services = list(self.services.values())
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.own_was_away = False
        for service in self.switch.services:
            service.start(0.0)
        self.wait(1.0)

    def do(self, who: str, what: str) -> None:
        if who == "switch":
            self._call(what)
            return
        service = self.services[who]
        match what:
            case "kill":
                service.kill()
            case "start":
                service.start(self.now)
            case "freeze" | "thaw":
                service.frozen = what == "freeze"
            case "cut" | "heal":
                service.cut = what == "cut"
            case "slow" | "quick":
                service.slow = what == "slow"
        if who == "own" and what in ("kill", "freeze", "cut", "slow"):
            self.own_was_away = True

    def _call(self, what: str) -> None:
        if what == "call":
            call = f"call-{len(self.began)}"
            self.began[call] = self.now
            self.switch.up |= {call, f"{call}-244"}
            self.switch.tell(talk(call))
        elif up := sorted(self.began.keys() - self.ended.keys()):
            self.ended[up[0]] = self.now
            self.switch.up -= {up[0], f"{up[0]}-244"}
            for leg in (f"{up[0]}-244", up[0]):
                self.switch.tell(HungUp(leg))

    def wait(self, seconds: float) -> None:
        ends = self.now + seconds
        while self.now < ends:
            self.now += STEP
            for service in self.switch.services:
                service.step(self.now)


@given(scripts, st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)))
@settings(max_examples=150 * EXAMPLES, deadline=None)
def test_whatever_happens_there_is_one_card_at_most_and_one_if_the_own_service_lives(
    script: list[tuple[int, tuple[str, str]]], clocks: tuple[float, float]
) -> None:
    world = run(script, clocks)
    assert len(world.cards) == len(set(world.cards)), "a second card"
    if not world.own_was_away:
        late = {call for call, ended in world.ended.items() if ended - world.began[call] < 2 * STEP}
        assert world.began.keys() - late <= set(world.cards), "no card"


@given(scripts, st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)))
@settings(max_examples=150 * EXAMPLES, deadline=None)
def test_while_one_of_the_two_lives_throughout_what_goes_on_for_ten_seconds_has_its_card(
    script: list[tuple[int, tuple[str, str]]], clocks: tuple[float, float]
) -> None:
    """But for a claim that died with its holder: who is killed between that and the request costs a card, for
    nobody can tell whether it was sent. And but for a card that waits for a 1C which is slow until it is of
    no use: it is the own service's for so long, and what the reserve finds then is too late, too."""
    calm = [(pause, does) for pause, does in script if does[0] != "reserve" and does[1] != "slow"]
    world = run(calm, clocks)
    missing = world.began.keys() - world.ended.keys() - set(world.cards)
    assert not missing or all(world.now - world.began[call] < 10.0 for call in missing)


def test_an_own_service_is_alone_since_its_words_come_back_without_a_gap() -> None:
    """Longer than a reserve would need to take it for gone, and it begins anew."""
    duty = Duty(OWN, "a")
    duty.connected(0.0)
    assert duty.alone_for(0.0) is None
    now = alone(duty, 5, 0.0)
    assert duty.alone_for(now - EVERY + 0.02) == pytest.approx(4 * EVERY)
    assert duty.alone_for(now + 2.0) is None  # frozen, or the switch hands nothing on
    now = alone(duty, 1, now + 2.0)
    assert duty.alone_for(now - EVERY + 0.02) == pytest.approx(0.0)
    duty.connected(now)
    assert duty.alone_for(now) is None


def test_a_reserve_is_alone_since_the_own_service_is_gone_and_it_has_learnt_what_was_up() -> None:
    duty = Duty(RESERVE, "b")
    duty.connected(0.0)
    duty.heard(Word(OWN, "a", 1), 0.0)
    now = alone(duty, GONE_AFTER, 0.0)
    assert duty.acts and duty.alone_for(now) is None and duty.owner_away(now) == pytest.approx(now)
    assert duty.alone_for(LEARNS_FOR) == pytest.approx(0.0)
    duty.heard(Word(OWN, "a2", 1), LEARNS_FOR)
    assert duty.alone_for(LEARNS_FOR) is None and duty.owner == "a2" and duty.owner_words == 2
    now = alone(duty, GONE_AFTER, 20.0)
    assert duty.alone_for(now) == pytest.approx(now - (20.0 + (GONE_AFTER - 1) * EVERY + 0.02))
    duty.connected(now)
    assert duty.alone_for(now + 60.0) is None and duty.owner_away(now + 60.0) is None


def test_an_own_service_knows_whether_there_is_a_reserve() -> None:
    duty = Duty(OWN, "a")
    duty.connected(0.0)
    alone(duty, 2, 0.0)
    assert not duty.reserved
    duty.heard(Word(RESERVE, "b", 1), 2.0)
    assert duty.reserved


@pytest.mark.parametrize("who", ["a", "a2"])
def test_an_own_service_that_comes_anew_is_known_for_it(who: str) -> None:
    """Started again, or on another connection: both know it by one name, and what was heard before."""
    own, reserve = Duty(OWN, "a"), Duty(RESERVE, "b")

    def says(times: int) -> None:
        for _ in range(times):
            word = own.say(0.0)
            assert word is not None
            own.heard(word, 0.0)
            reserve.heard(word, 0.0)

    own.connected()
    says(3)
    first = own.life
    assert reserve.owner_life == first and reserve.owner_came == 0
    if who != "a":
        own = Duty(OWN, who)
    own.connected()
    says(2)
    assert reserve.owner_life == own.life != first and reserve.owner_came == 3
    reserve.heard(own.farewell(), 0.0)
    assert reserve.owner_life == own.life


def test_an_own_service_that_was_there_before_us_has_not_come_anew() -> None:
    reserve = Duty(RESERVE, "b")
    reserve.heard(Word(OWN, "a", 7), 0.0)
    assert reserve.owner_came == -1
