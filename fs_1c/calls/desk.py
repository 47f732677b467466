"""Where calls are asked for: checked, counted, handed to a switch, and followed until they end.

One click is one call: what is asked again within `SAME` seconds is the call that is under way, and what may
have reached a switch is never sent again. It lives on the event loop that calls are decided on, and does
nothing slow there.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fs_1c.call import Presence, PresenceState
from fs_1c.calls.limits import Limits
from fs_1c.calls.pace import Pace
from fs_1c.calls.plan import Plan, Refusal, Why, command, planned
from fs_1c.calls.progress import Progress, Stage, Step, What
from fs_1c.numbers import NumberPlan
from fs_1c.settings import AnswerAt, CallsSettings, RoutingSettings
from fs_1c.talk import Observer

log = logging.getLogger(__name__)

SAME = 2.0
"""Seconds in which the same client for the same subscriber is the same click."""
ANSWER_WITHIN = 15.0
"""Seconds after which whoever asks is told how far it is; 1C waits for 20."""
NAMED_WITHIN = 2.0
"""Seconds that a call waits for the client's name, others' names included."""
SETTLED = 4.0
"""Seconds after a reconnect by which a switch has told of all calls that are up (see `esl.listening`)."""
KEPT_FOR = 86400.0
"""Seconds for which it is remembered what became of a call; one that nobody hears the end of ends then."""
MAX_KEPT = 20_000
LINES, PAUSE = 10, 10.0
"""Refusals that the log is told of, in so many seconds: who has a token could cause any number of them."""

_FAR = {AnswerAt.RING: Stage.RINGING, AnswerAt.ANSWER: Stage.ANSWERED, AnswerAt.TALK: Stage.TALKING}


class Line(Protocol):
    """A switch."""

    def is_up(self) -> bool:
        """Are we connected to it?"""

    def knows(self, extension: str) -> bool:
        """Is that subscriber registered there, as far as it has told?"""

    def state(self, extension: str, domain: str) -> Presence:
        """How is it with that subscriber there? No domain: whatever his is."""

    def place(self, call_id: str, command: str) -> bool:
        """Tells it the command; False: it was not told."""

    def end(self, call_id: str) -> bool:
        """Tells it to end the call; False: it was not told."""

    def users(self) -> Future[str]:
        """Asks whom its directory lists, a table; it may never end."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that are in force."""

    calls: CallsSettings
    routing: RoutingSettings
    plan: NumberPlan


@dataclass(slots=True)
class Placed:
    """A call that was asked for.

    Attributes:
        id: A uuid of ours.
        plan: Who calls whom.
        at: When it was asked for; seconds since the epoch.
        progress: How far it is.
    """

    id: str
    plan: Plan
    at: float
    since: float
    progress: Progress = field(default_factory=Progress)
    line: Line | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_up(self) -> bool:
        return self.progress.result is None


class Desk(Observer):
    """Has calls made.

    Args:
        policy: Gives the settings of now.
        name_of: Who a client is, by his number and base, as a telephone shall show him; may take as long as a
            caller would wait. Must not raise.
        busy: Is a call being decided? Those who call in do not wait for those who click.

    Attributes:
        lines: The switches, the one that is asked first first.
        pace: Gives the turns of all that is done for a call that is asked for.
    """

    def __init__(
        self,
        policy: Callable[[], Policy],
        name_of: Callable[[str, str], Awaitable[str]],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.lines: Sequence[Line] = ()
        self.pace = Pace(busy)
        self._policy = policy
        self._name_of = name_of
        self._limits = Limits()
        self._calls: OrderedDict[str, Placed] = OrderedDict()
        self._up: dict[str, Placed] = {}  # those of them that have not ended
        self._making: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._naming = asyncio.Semaphore()
        self._lines: list[float] = []  # when the log was told of refusals

    def find(self, call_id: str) -> Placed | None:
        """What became of a call."""
        return self._calls.get(call_id)

    async def ask(
        self, number: str, extensions: tuple[str, ...], base: str = "", by: str = ""
    ) -> Placed | Refusal:
        """Has a client called by a subscriber; ends when 1C is to be answered (`calls.answer_at`).

        Args:
            number: The client's, any text.
            extensions: The subscriber's, any texts.
            base: Which 1C base asks, one of the settings'; empty: the first.
            by: Who asks, for the log.
        """
        policy, self._loop = self._policy(), asyncio.get_running_loop()
        made = self._begun(number, extensions, base, policy, by)
        if isinstance(made, Placed):
            await self._far_enough(made, policy.calls.answer_at)
        return made

    def _begun(
        self, number: str, extensions: tuple[str, ...], base: str, policy: Policy, by: str
    ) -> Placed | Refusal:
        plan = planned(number, extensions, policy.calls, policy.routing, policy.plan)
        who = ",".join(extensions)[:64]
        if isinstance(plan, Refusal):
            return self._said(plan, who, by)
        now, same = time.monotonic(), self._same(plan)
        if same is not None:
            return same
        refused = self._refused(plan, policy, now)
        if refused is not None:
            return self._said(refused, who, by)
        placed = Placed(str(uuid.uuid4()), plan, time.time(), now)
        self._limits.count(plan.extensions[0], now)
        self._calls[placed.id] = self._up[placed.id] = placed
        self._prune(now)
        task = asyncio.get_running_loop().create_task(self._make(placed, base, policy))
        self._making.add(task)  # the loop keeps none
        task.add_done_callback(self._making.discard)
        log.info("click=%s extension=%s number=%s by=%s asked", placed.id, who, plan.number.e164, by or "-")
        return placed

    def _said(self, refusal: Refusal, who: str, by: str) -> Refusal:
        """The refusal, of which the log is told, unless it has been told of many just now."""
        now = time.monotonic()
        self._lines = [told for told in self._lines if now - told < PAUSE]
        if len(self._lines) < LINES:
            self._lines.append(now)
            log.warning("click-to-call extension=%r by=%s refused: %s", who, by or "-", refusal.message)
        return refusal

    def _same(self, plan: Plan) -> Placed | None:
        for placed in reversed(self._calls.values()):
            if time.monotonic() - placed.since > SAME:
                return None
            if placed.plan.extensions == plan.extensions and placed.plan.number.e164 == plan.number.e164:
                return placed
        return None

    def _refused(self, plan: Plan, policy: Policy, now: float) -> Refusal | None:
        who, calls = plan.extensions[0], policy.calls
        if full := self._limits.full(who, now, calls.per_minute, calls.per_day):
            return Refusal(Why.TOO_MANY, f"too many calls ({full})")
        up = sum(1 for placed in self._up.values() if placed.plan.extensions[0] == who)
        if up >= calls.at_once:
            return Refusal(Why.TOO_MANY, f"too many calls at a time (calls.at_once: {calls.at_once})")
        line = self._line(plan)
        if line is None:
            return Refusal(Why.NO_SWITCH, "there is no connection to a switch: the call was not made")
        states = (line.state(one, policy.routing.domain).state for one in plan.extensions)
        if calls.refuse_away and all(state is PresenceState.AWAY for state in states):
            return Refusal(Why.NOT_REGISTERED, "none of his telephones is registered (calls.refuse_away)")
        return None

    def _line(self, plan: Plan) -> Line | None:
        up = [line for line in self.lines if line.is_up()]
        knows = (line for line in up if any(line.knows(one) for one in plan.extensions))
        return next(knows, up[0] if up else None)

    async def _make(self, placed: Placed, base: str, policy: Policy) -> None:
        told = False
        try:
            title = await self._name(placed.plan.number.e164, base)
            await self.pace.turn()
            words = command(
                placed.id,
                placed.plan,
                title,
                base,
                policy.calls,
                policy.routing,
                datetime.now().astimezone().date(),
            )
            line = placed.line = self._line(placed.plan)
            told = line is not None and line.place(placed.id, words)
        except Exception:
            log.exception("click=%s", placed.id)
        if not told:
            placed.line = None
            self.step(placed.id, Step(What.REFUSED))

    async def _name(self, number: str, base: str) -> str:
        """Who is called; nothing, if it takes too long. One is asked about at a time, however many calls are
        asked for: 1C's sessions are for those who wait with the telephone at their ear.
        """
        try:
            async with asyncio.timeout(NAMED_WITHIN), self._naming:
                await self.pace.turn()
                return await self._name_of(number, base)
        except TimeoutError:
            return ""

    async def _far_enough(self, placed: Placed, far: AnswerAt) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                while placed.is_up and placed.progress.stage < _FAR[far]:
                    placed.changed.clear()
                    await placed.changed.wait()
        except TimeoutError:
            return

    def end(self, call_id: str) -> Placed | None:
        """Ends a call that is up; the call, or None if nobody has asked for it."""
        placed = self._calls.get(call_id)
        if placed is not None and placed.is_up and placed.line is not None:
            placed.line.end(call_id)
        return placed

    # What the switch tells.

    def step(self, call_id: str, step: Step) -> None:
        """Something is told of a call."""
        placed = self._calls.get(call_id)
        if placed is None:
            return
        before, placed.progress = placed.progress, placed.progress.after(step)
        if placed.progress == before:
            return
        if placed.is_up:  # again, perhaps: one of which nobody knew
            self._up[call_id] = placed
        else:
            self._up.pop(call_id, None)
        placed.changed.set()
        if (result := placed.progress.result) is not None:
            log.info("click=%s %s after %.1fs %s", call_id, result, time.time() - placed.at, step.cause)

    def lost(self, line: Line) -> None:
        """The connection to a switch is lost."""
        for placed in self._of(line):
            self.step(placed.id, Step(What.LOST))

    def found(self, line: Line) -> None:
        """It is there again; what it has not told of by `SETTLED` is not there."""
        asyncio.get_running_loop().call_later(SETTLED, self._settled, line)

    def _settled(self, line: Line) -> None:
        for placed in self._of(line):
            self.step(placed.id, Step(What.UNHEARD))

    def erased(self, is_his: Callable[[str], bool]) -> None:
        """What is kept of a client's calls goes, but for one that is up; from any thread."""

        def erase() -> None:
            for placed in [one for one in self._calls.values() if is_his(one.plan.number.e164)]:
                if not placed.is_up:
                    del self._calls[placed.id]

        if self._loop is not None:
            self._loop.call_soon_threadsafe(erase)

    def _of(self, line: Line) -> list[Placed]:
        return [placed for placed in self._up.values() if placed.line is line]

    def _prune(self, now: float) -> None:
        while self._calls:
            oldest = next(iter(self._calls.values()))
            if now - oldest.since < KEPT_FOR and len(self._calls) <= MAX_KEPT:
                return
            del self._calls[oldest.id]
            self._up.pop(oldest.id, None)
