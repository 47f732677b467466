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

from cachetools import TTLCache

from fs_1c.call import Conversation, Failure, Outcome, ScreenPop
from fs_1c.dialect import Pop
from fs_1c.numbers import Number, NumberFormat, NumberPlan, read
from fs_1c.onec.client import Client
from fs_1c.onec.desk import Desk, Urgency
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.subscribers import Subscribers
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
"""Seconds between attempts of a pop that has surely not reached 1C."""
CLAIMS = 100_000
CLAIM_SECONDS = 24 * 3600.0
"""A claim outlives any call: the same two may be reported by two doors, hours apart in a long conference."""


class Claims:
    """Who has the right to send a pop: whoever claims it first."""

    def __init__(self) -> None:
        # A lambda, so that the clock is looked up on each call: tests freeze it.
        self._claims: TTLCache[tuple[str, str], bool] = TTLCache(
            CLAIMS, CLAIM_SECONDS, timer=lambda: time.monotonic()
        )
        self._lock = threading.Lock()

    def claim(self, call_uuid: str, extension: str) -> bool:
        """True for the first who asks for this pair."""
        with self._lock:
            if (call_uuid, extension) in self._claims:
                return False
            self._claims[call_uuid, extension] = True
            return True


class ScreenPops:
    """Opens cards.

    Args:
        base: Conversation → the desk of its base and the form in which that base is asked.
        subscribers: Whose key is whose.
        plan: How numbers are dialled here.
        claims: What is already told; outlives the settings.
        useful_for: Seconds after which a card is of no use any more.
    """

    def __init__(
        self,
        base: Callable[[Conversation], tuple[Desk, NumberFormat]],
        subscribers: Subscribers,
        plan: NumberPlan,
        claims: Claims,
        useful_for: float,
    ) -> None:
        self._base = base
        self._subscribers = subscribers
        self._plan = plan
        self.claims = claims
        self._useful_for = useful_for

    def conversation(self, conversation: Conversation) -> Future[ScreenPop] | None:
        """A conversation has begun. Returns at once: what became of the pop, or None if it is claimed
        already.
        """
        if not self.claims.claim(conversation.call_uuid, conversation.extension):
            return None
        number = read(conversation.number, self._plan)
        key = self._subscribers.key(conversation.extension, conversation.key)
        if not isinstance(number, Number):
            return _over(conversation, Outcome.SKIPPED, Failure("skipped", number.reason))
        if not key:
            why = Failure("no-key", f"extension {conversation.extension} has no key in the settings")
            return _over(conversation, Outcome.NO_KEY, why)
        desk, form = self._base(conversation)
        pop = Pop(number.written(form), key, conversation.extension, conversation.call_uuid, time.time())
        told = send(desk, pop, self._useful_for)
        told.add_done_callback(lambda ended: _log(conversation, ended.result()))
        return told


def send(desk: Desk, pop: Pop, useful_for: float) -> Future[ScreenPop]:
    """Tells 1C. Never raises; the future always ends with an outcome.

    What surely did not reach 1C is tried again for as long as it is useful: at once if a connection was cut,
    which is how an idle one ends, and after growing pauses if 1C is away. Nothing else is ever sent twice.

    Args:
        useful_for: Seconds from now in which the card may still open.
    """
    started = time.monotonic()
    told: Future[ScreenPop] = Future()

    def attempt(pause: float) -> None:
        desk.submit(Urgency.POP, do).add_done_callback(lambda accepted: ended(accepted, pause))

    def do(client: Client) -> bool:
        if time.monotonic() - started > useful_for:  # it has waited for a worker all the time
            raise OneCError("too-late", f"not within {useful_for:g} s", Reached.NO, base_down=False)
        return client.incoming_call(pop)

    def ended(accepted: Future[bool], pause: float) -> None:
        took = time.monotonic() - started
        error = accepted.exception()
        again = isinstance(error, OneCError) and error.reached is Reached.NO and error.passing
        if again and took + pause < useful_for:
            TIMERS.after(pause, lambda: attempt(min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)))
            return
        told.set_result(outcome(accepted, took))

    attempt(0.0)
    return told


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
    if error.kind == "too-late":
        return ScreenPop(Outcome.TOO_LATE, took, error.failure())
    ends = {Reached.NO: Outcome.FAILED, Reached.MAYBE: Outcome.UNKNOWN, Reached.YES: Outcome.REJECTED}
    return ScreenPop(ends[error.reached], took, error.failure())


def _over(conversation: Conversation, outcome: Outcome, why: Failure) -> Future[ScreenPop]:
    """A pop that ends before it begins."""
    pop = ScreenPop(outcome, error=why)
    _log(conversation, pop)
    told: Future[ScreenPop] = Future()
    told.set_result(pop)
    return told


def _log(conversation: Conversation, pop: ScreenPop) -> None:
    level = logging.INFO if pop.outcome is Outcome.ACCEPTED else logging.WARNING
    log.log(
        level,
        "call=%s pop extension=%s outcome=%s took=%.0fms%s",
        conversation.call_uuid,
        conversation.extension,
        pop.outcome,
        pop.took * 1000,
        f" error={pop.error.kind}: {pop.error.message}" if pop.error else "",
    )
