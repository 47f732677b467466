"""One click is one call, no more than the limits allow, and the truth about it when a connection is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Presence, PresenceState
from fs_1c.calls import Desk, Placed, Policy, Refusal, Result, Stage, Step, What, Why
from fs_1c.calls import desk as desks
from fs_1c.calls.limits import Limits
from fs_1c.calls.progress import Progress
from fs_1c.numbers import NumberPlan
from fs_1c.settings import CallsSettings, RoutingSettings

NUMBER, OTHER = "89235292926", "89235292927"


class Line:
    """A switch that does what the test says."""

    def __init__(self) -> None:
        self.up = True
        self.users_of: set[str] = set()
        self.states: dict[str, PresenceState] = {}
        self.told: list[tuple[str, str]] = []
        self.ended: list[str] = []
        self.desk: Desk | None = None
        self.rings = True

    def is_up(self) -> bool:
        return self.up

    def knows(self, extension: str) -> bool:
        return extension in self.users_of

    def state(self, extension: str, domain: str) -> Presence:
        return Presence(self.states.get(extension, PresenceState.UNKNOWN))

    def place(self, call_id: str, command: str) -> bool:
        if not self.up:
            return False
        self.told.append((call_id, command))
        if self.rings and self.desk:
            for what in (What.PLACED, What.RINGS):
                self.desk.step(call_id, Step(what))
        return True

    def end(self, call_id: str) -> bool:
        self.ended.append(call_id)
        return True

    def users(self) -> Future[str]:
        return Future()


def desk(
    *lines: Line,
    name: Callable[[], Awaitable[str]] | None = None,
    busy: Callable[[], bool] = lambda: False,
    **calls: Any,
) -> Desk:
    settings = CallsSettings(dial="sofia/gateway/trunk/{number}", **calls)
    policy = Policy(settings, RoutingSettings(), NumberPlan())

    async def name_of(number: str, base: str) -> str:
        return await name() if name else "Чиж"

    made = Desk(lambda: policy, name_of, busy)
    made.lines = lines
    for line in lines:
        line.desk = made
    return made


def why(said: Placed | Refusal) -> Why | None:
    return said.why if isinstance(said, Refusal) else None


def test_names_are_asked_for_one_at_a_time_and_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many calls are asked for: 1C's sessions are for callers."""
    monkeypatch.setattr(desks, "NAMED_WITHIN", 0.05)

    async def story() -> None:
        asking, most = 0, 0

        async def never() -> str:
            nonlocal asking, most
            asking += 1
            most = max(most, asking)
            try:
                await asyncio.Event().wait()
            finally:
                asking -= 1
            return ""

        line = Line()
        made = desk(line, name=never, at_once=20, per_minute=20)
        said = await asyncio.gather(*(made.ask(f"892352929{n:02}", ("244",)) for n in range(9)))
        assert all(isinstance(one, Placed) for one in said)
        assert len(line.told) == 9 and most == 1

    asyncio.run(story())


def test_a_click_is_one_call_however_often_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "SAME", 600.0)

    async def story() -> None:
        line = Line()
        here = desk(line, at_once=10)
        first = await asyncio.gather(*(here.ask(NUMBER, ("244",)) for _ in range(20)))
        assert len({id(one) for one in first}) == 1 == len(line.told)
        assert await here.ask("+7 923 529-29-26", ("244",)) is first[0]
        assert await here.ask(NUMBER, ("245",)) is not first[0]
        assert await here.ask(OTHER, ("244",)) is not first[0]

    asyncio.run(story())


def test_after_two_seconds_it_is_another_click() -> None:
    line = Line()
    here = desk(line, at_once=10)

    async def story() -> None:
        with freeze_time("2026-11-28 10:00:00", real_asyncio=True) as clock:
            first = await here.ask(NUMBER, ("244",))
            clock.tick(1.9)
            assert await here.ask(NUMBER, ("244",)) is first
            clock.tick(0.2)
            assert await here.ask(NUMBER, ("244",)) is not first

    asyncio.run(story())
    assert len(line.told) == 2


def test_limits_of_one_of_all_and_at_once() -> None:
    numbers = [f"89{n:09}" for n in range(230000000, 230000100)]

    async def many(here: Desk, extension: str, count: int) -> list[Why | None]:
        asked = [here.ask(number, (extension,)) for number in numbers[:count]]
        return [why(said) for said in await asyncio.gather(*asked)]

    def over(here: Desk) -> None:
        for call in list(here._calls.values()):
            here.step(call.id, Step(What.GONE, "NORMAL_CLEARING"))

    async def hour(clock: Any) -> None:
        line = Line()
        here = desk(line, per_minute=5, at_once=3, per_day=12)
        assert (await many(here, "244", 50)).count(None) == 3
        assert len(line.told) == 3
        over(here)
        clock.tick(3)
        assert (await many(here, "244", 50)).count(None) == 2  # of the minute
        assert (await many(here, "245", 50)).count(None) == 3  # of somebody else
        over(here)
        clock.tick(60)
        assert (await many(here, "244", 3)).count(None) == 3
        assert (await many(here, "246", 3)).count(None) == 1  # of the day
        over(here)
        clock.tick(3600)
        assert await many(here, "247", 3) == [Why.TOO_MANY] * 3
        clock.tick(86400)
        assert await many(here, "247", 1) == [None]

    with freeze_time("2026-11-28 10:00:00", real_asyncio=True) as clock:
        asyncio.run(hour(clock))  # a desk is of one loop: in another all of it would wait


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_no_window_of_a_minute_has_more_than_that(asked: list[tuple[str, float]]) -> None:
    limits, now = Limits(), 0.0
    counted: dict[str, list[float]] = {}
    for who, pause in asked:
        now += pause
        if not limits.full(who, now, 3, 10):
            limits.count(who, now)
            counted.setdefault(who, []).append(now)
    for times in counted.values():
        assert all(sum(1 for t in times if end - 60 < t <= end) <= 3 for end in times)
    assert sum(map(len, counted.values())) <= 10


def test_who_is_registered_where_is_called_there() -> None:
    async def story() -> None:
        first, second, away = Line(), Line(), Line()
        away.up, second.users_of, away.users_of = False, {"244"}, {"245"}
        here = desk(first, second, away)
        await here.ask(NUMBER, ("244",))
        await here.ask(NUMBER, ("245",))
        assert (len(first.told), len(second.told), len(away.told)) == (1, 1, 0)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("states", "settings", "refused"),
    [
        ({"244": PresenceState.AWAY}, {}, Why.NOT_REGISTERED),
        ({"244": PresenceState.AWAY}, {"refuse_away": False}, None),
        ({"244": PresenceState.AWAY, "245": PresenceState.AWAY}, {}, Why.NOT_REGISTERED),
        ({"244": PresenceState.AWAY, "245": PresenceState.FREE}, {}, None),
        ({"244": PresenceState.AWAY, "245": PresenceState.UNKNOWN}, {}, None),
        ({"244": PresenceState.UNKNOWN}, {}, None),
        ({"244": PresenceState.BUSY}, {}, None),
        ({"244": PresenceState.FREE}, {}, None),
    ],
)
def test_who_is_known_to_be_away_is_not_rung(
    states: dict[str, PresenceState], settings: dict[str, Any], refused: Why | None
) -> None:
    async def story() -> None:
        line = Line()
        line.states = states
        here = desk(line, per_minute=1, **settings)
        assert why(await here.ask(NUMBER, tuple(states))) is refused
        assert len(line.told) == (0 if refused else 1)
        if refused:  # nor is it counted
            line.states = {}
            assert why(await here.ask(NUMBER, tuple(states))) is None

    asyncio.run(story())


def test_the_switch_that_he_is_called_at_is_asked() -> None:
    async def story() -> None:
        first, second = Line(), Line()
        first.states, second.users_of = {"244": PresenceState.AWAY}, {"244"}
        assert why(await desk(first, second).ask(NUMBER, ("244",))) is None
        assert (len(first.told), len(second.told)) == (0, 1)

    asyncio.run(story())


def test_no_switch_is_said_and_nothing_is_counted() -> None:
    async def story() -> None:
        line = Line()
        here = desk(line, per_minute=1)
        line.up = False
        assert why(await here.ask(NUMBER, ("244",))) is Why.NO_SWITCH
        line.up = True
        assert why(await here.ask(NUMBER, ("244",))) is None

    asyncio.run(story())


def test_the_connection_is_lost_while_the_name_is_asked_for() -> None:
    """Nothing was sent: it was not placed, and that is known."""

    async def story() -> None:
        line = Line()

        async def slow() -> str:
            line.up = False
            return ""

        placed = await desk(line, name=slow).ask(NUMBER, ("244",))
        assert isinstance(placed, Placed) and placed.progress.result is Result.NOT_PLACED
        assert not line.told

    asyncio.run(story())


def test_a_name_that_cannot_be_told_costs_no_call_for_ever() -> None:
    async def story() -> None:
        async def broken() -> str:
            raise RuntimeError

        placed = await desk(Line(), name=broken).ask(NUMBER, ("244",))
        assert isinstance(placed, Placed) and placed.progress.result is Result.NOT_PLACED

    asyncio.run(story())


async def _cut(here: Desk, line: Line) -> asyncio.Task[Placed | Refusal]:
    """A call whose command has left, and then the connection is lost."""
    line.rings = False
    asked = asyncio.get_running_loop().create_task(here.ask(NUMBER, ("244",)))
    while not line.told:  # noqa: ASYNC110
        await asyncio.sleep(0)
    line.up = False
    here.lost(line)
    return asked


def test_lost_between_the_command_and_its_answer_nobody_knows(monkeypatch: Any) -> None:
    monkeypatch.setattr(desks, "SETTLED", 0.0)

    async def story() -> None:
        line = Line()
        here = desk(line)
        asked = await _cut(here, line)
        (call,) = here._calls.values()
        assert call.progress.is_unknown and not asked.done()
        line.up = True
        here.found(line)
        placed = await asked
        assert placed is call and call.progress.result is Result.UNKNOWN
        assert len(line.told) == 1, "it was told once more"
        here.step(call.id, Step(What.ANSWERS))  # and then it is there after all
        assert call.progress == Progress(Stage.ANSWERED)

    asyncio.run(story())


def test_found_again_it_was_placed() -> None:
    async def story() -> None:
        line = Line()
        here = desk(line)
        asked = await _cut(here, line)
        line.up = True
        here.found(line)
        (call,) = here._calls.values()
        here.step(call.id, Step(What.RINGS))
        placed = await asked
        assert placed is call and call.progress == Progress(Stage.RINGING)

    asyncio.run(story())


@given(st.lists(st.tuples(st.sampled_from(What), st.sampled_from(["", "USER_BUSY", "NORMAL_CLEARING"]))))
def test_it_ends_once_and_never_goes_back(steps: list[tuple[What, str]]) -> None:
    progress = Progress()
    for what, cause in steps:
        after = progress.after(Step(what, cause))
        assert after.stage >= progress.stage
        if progress.result not in (None, Result.UNKNOWN):
            assert after == progress
        assert (after.stage is Stage.ENDED) <= (after.result is not None)
        progress = after
