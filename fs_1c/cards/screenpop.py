"""Tells 1C about a conversation: IncomingCall, at most once per call and subscriber, and what became of it.

1C opens a second card for a repeated IncomingCall and answers 1 to whatever it is told. So a pop is claimed
before anything is sent, and one whose answer is missing is `unknown`, never sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from fs_1c.call import Conversation, Failure, Outcome, ScreenPop
from fs_1c.cards.claims import Claims, Standing, Take, card_key
from fs_1c.cards.subscribers import Ask, Subscribers
from fs_1c.numbers import NotANumber, Number, NumberFormat, NumberPlan, read
from fs_1c.onec import Card, Client, OneCError, Reached, Urgency, WorkerPool
from fs_1c.settings import PopWhen, ScreenPopSettings
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
"""Seconds between attempts of a pop that has surely not reached 1C."""


class CallHistory(Protocol):
    """What 1C is told of a call beside its cards, as far as these must know."""

    def owns(self, call: str, extension: str) -> bool:
        """Whether a card that opens when that subscriber's telephone rings makes him the owner of the call,
        should it be missed.
        """

    def before_card(self, client: Client, base: str, call: str, seconds: float) -> None:
        """Tells 1C what it must know of a call before it takes a card; blocks, for `seconds` and a request at
        the most. Raises `OneCError` if that has surely not reached 1C.
        """


class ScreenPops:
    """Opens cards.

    Args:
        base: Conversation → the workers of its base and the form in which that base is asked.
        subscribers: Whose key is whose.
        plan: How numbers are dialled here.
        claims: What is already told; outlives the settings.
        settings: When a card opens, and for how long it is of use.
        history: What 1C is told beside cards; None: nothing.
    """

    def __init__(
        self,
        base: Callable[[Conversation], tuple[WorkerPool, NumberFormat]],
        subscribers: Subscribers,
        plan: NumberPlan,
        claims: Claims,
        settings: ScreenPopSettings,
        history: CallHistory | None = None,
    ) -> None:
        self._base = base
        self._subscribers = subscribers
        self._plan = plan
        self._settings = settings
        self.claims = claims
        self._history = history
        self._open: dict[str, list[_Open]] = {}  # by the legs of the conversation
        self._lock = threading.Lock()

    def wants(self, conversation: Conversation) -> bool:
        """Whether the settings want a card for such a conversation."""
        if conversation.ringing and self._settings.when is not PopWhen.RING:
            return False
        return self._settings.outgoing or not conversation.outgoing

    def conversation(
        self, conversation: Conversation, ask: Ask | None = None, take: Take | None = None
    ) -> Future[ScreenPop] | None:
        """A conversation has begun, or a telephone rings. Returns at once: what becomes of the pop, or None
        if there is none to be: it is claimed already, or the settings do not want it.

        Args:
            ask: Asks the directory of the conversation's switch for a key.
            take: Claims the card at that switch, if it has a name.
        """
        if not self.wants(conversation):
            return None
        if not self.claims.claim(conversation.call_uuid, conversation.extension):
            if take:  # another door has it, which may not reach the switch: the reserve must know
                take(card_key(conversation.call_uuid, conversation.extension), conversation.leg_uuid)
            return None
        opening = _Open(conversation, self._settings.useful_for, self.claims, take)
        told = opening.told
        told.add_done_callback(lambda ended: _log(conversation, ended.result()))
        number = read(conversation.number, self._plan)
        if isinstance(number, NotANumber):
            told.set_result(ScreenPop(Outcome.SKIPPED, error=Failure("skipped", number.reason)))
            return told
        with self._lock:
            for leg in opening.legs:
                self._open.setdefault(leg, []).append(opening)
        told.add_done_callback(lambda _: self._ended(opening))
        found = self._subscribers.find(conversation.extension, conversation.domain, conversation.key, ask)
        found.add_done_callback(lambda key: self._send(opening, number, key.result()))
        return told

    def hung_up(self, leg_uuid: str) -> None:
        """A leg has ended: cards of its conversations that 1C has not been asked for are not asked for."""
        with self._lock:
            for opening in self._open.get(leg_uuid, ()):
                opening.over = True

    def _send(self, opening: _Open, number: Number, key: str) -> None:
        conversation = opening.conversation
        pool, form = self._base(conversation)
        if (unknown := no_key(pool, conversation.extension, key)) is not None:
            opening.told.set_result(unknown)
            return
        line = "" if conversation.outgoing else conversation.destination
        call, extension, history = conversation.call_uuid, conversation.extension, self._history
        owner = history is None or history.owns(call, extension)
        card = Card(number.written(form), key, extension, call, time.time(), line, owner)

        def may_open(client: Client, seconds: float) -> None:
            opening.may_open()
            if history is not None:
                history.before_card(client, pool.name, call, seconds)

        open_card(pool, card, opening.useful_for, may_open, opening.told)

    def _ended(self, opening: _Open) -> None:
        with self._lock:
            for leg in opening.legs:
                if others := [one for one in self._open.pop(leg, ()) if one is not opening]:
                    self._open[leg] = others


@dataclass(eq=False, slots=True)
class _Open:
    """A card that is about to open.

    Attributes:
        useful_for: Seconds from now in which it may.
        over: One of the two has hung up.
        ours: The claim is confirmed.
    """

    conversation: Conversation
    useful_for: float
    claims: Claims
    take: Take | None = None
    told: Future[ScreenPop] = field(default_factory=Future)
    over: bool = False
    ours: bool = False

    def __post_init__(self) -> None:
        self.useful_for -= self.conversation.age

    @property
    def legs(self) -> set[str]:
        return {self.conversation.call_uuid, self.conversation.leg_uuid}

    def may_open(self) -> None:
        """Raises `OneCError` if it may not open any more. On a worker's thread, before each attempt."""
        claimed = self.conversation.call_uuid, self.conversation.extension
        if self.over:
            if not self.ours:  # a telephone that rang in vain may ring again
                self.claims.release(*claimed)
            raise _refusal("over", "the conversation had ended")
        if not self.ours:
            claim = self.claims.confirm(*claimed, self.conversation.leg_uuid, self.take)
            match claim.standing:
                case Standing.ELSEWHERE:
                    raise _Elsewhere(claim.by)
                case Standing.OVER:
                    self.claims.release(*claimed)
                    raise _refusal("over", "the conversation had ended")
                case Standing.LATER:
                    raise _refusal("switch", "the switch does not tell whose card it is", passing=True)
            self.ours = True


def _refusal(kind: str, message: str, *, passing: bool = False) -> OneCError:
    return OneCError(kind, message, Reached.NO, base_down=False, passing=passing)


class _Elsewhere(OneCError):
    """Another has opened the card: `by`, a host."""

    def __init__(self, by: str) -> None:
        why = f"1C has been told by {by}: another service, or this one before it was started anew"
        super().__init__("elsewhere", why, Reached.NO, base_down=False)
        self.by = by


def no_key(pool: WorkerPool, extension: str, key: str) -> ScreenPop | None:
    """What becomes of a card if 1C could not know whose it is; None: it can."""
    if key if pool.needs_key else extension:
        return None
    why = f"extension {extension} has no key" if extension else "1C knows people by their extensions alone"
    return ScreenPop(Outcome.NO_KEY, error=Failure("no-key", why))


def open_card(
    pool: WorkerPool,
    card: Card,
    useful_for: float,
    may_open: Callable[[Client, float], None] = lambda client, seconds: None,
    told: Future[ScreenPop] | None = None,
) -> Future[ScreenPop]:
    """Tells 1C; returns at once. Never raises; the future always ends with an outcome.

    What surely did not reach 1C is tried again for as long as it is useful: at once if a connection was cut,
    which is how an idle one ends, and after growing pauses if 1C is away. Nothing else is ever sent twice.

    Args:
        useful_for: Seconds from now in which the card may still open.
        may_open: Is given the client, and for how many seconds the card is of use still. Raises `OneCError`
            when nothing must be sent.
        told: The future, if there is one already.
    """
    started = time.monotonic()
    ends: Future[ScreenPop] = told or Future()
    why: OneCError | None = None  # it has not gone yet

    def attempt(pause: float) -> None:
        pool.submit(Urgency.CARD, do).add_done_callback(lambda accepted: ended(accepted, pause))

    def do(client: Client) -> bool:
        may_open(client, started + useful_for - time.monotonic())
        if time.monotonic() - started >= useful_for:  # it has waited for a worker all the time
            raise why or _refusal("too-late", "the conversation began too long ago")
        return client.open_card(card)

    def ended(accepted: Future[bool], pause: float) -> None:
        nonlocal why
        took = time.monotonic() - started
        error = accepted.exception()
        if isinstance(error, OneCError) and error.reached is Reached.NO and error.passing:
            why = error
            if took + pause < useful_for:
                TIMERS.after(pause, lambda: attempt(min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)))
                return
        ends.set_result(outcome(accepted, took))

    attempt(0.0)
    return ends


_UNSENT = {"too-late": Outcome.TOO_LATE, "over": Outcome.TOO_LATE, "elsewhere": Outcome.ELSEWHERE}
_ENDS = {Reached.NO: Outcome.FAILED, Reached.MAYBE: Outcome.UNKNOWN, Reached.YES: Outcome.REJECTED}


def outcome(accepted: Future[bool], took: float) -> ScreenPop:
    """What became of an IncomingCall that has ended; pure."""
    error = accepted.exception()
    if error is None:
        if accepted.result():
            return ScreenPop(Outcome.ACCEPTED, took)
        return ScreenPop(Outcome.REJECTED, took, Failure("rejected", "1C did not answer 1"))
    if not isinstance(error, OneCError):
        log.error("IncomingCall: %r", error, exc_info=error)
        return ScreenPop(Outcome.UNKNOWN, took, Failure("internal", type(error).__name__))
    by = error.by if isinstance(error, _Elsewhere) else ""
    return ScreenPop(_UNSENT.get(error.kind) or _ENDS[error.reached], took, error.failure(), by)


_LEVELS = {Outcome.ACCEPTED: logging.INFO, Outcome.ELSEWHERE: logging.DEBUG}


def _log(conversation: Conversation, pop: ScreenPop) -> None:
    log.log(
        _LEVELS.get(pop.outcome, logging.WARNING),
        "call=%s pop extension=%s outcome=%s%s%s took=%.0fms%s%s",
        conversation.call_uuid,
        conversation.extension,
        pop.outcome,
        f" by={pop.by}" if pop.by else "",
        f" switch={conversation.switch}" if conversation.switch else "",
        pop.took * 1000,
        " ringing" if conversation.ringing else "",
        f" error={pop.error.kind}: {pop.error.message}" if pop.error else "",
    )
