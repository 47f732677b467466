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
from fs_1c.numbers import Number, NumberFormat, NumberPlan, read
from fs_1c.onec.desk import Desk, Urgency
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.subscribers import Subscribers

log = logging.getLogger(__name__)

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
    """

    def __init__(
        self,
        base: Callable[[Conversation], tuple[Desk, NumberFormat]],
        subscribers: Subscribers,
        plan: NumberPlan,
        claims: Claims,
    ) -> None:
        self._base = base
        self._subscribers = subscribers
        self._plan = plan
        self.claims = claims

    def conversation(self, conversation: Conversation) -> Future[ScreenPop] | None:
        """A conversation has begun. Returns at once: what became of the pop, or None if it is already
        claimed.
        """
        if not self.claims.claim(conversation.call_uuid, conversation.extension):
            return None
        started = time.monotonic()
        number = read(conversation.number, self._plan)
        key = self._subscribers.key(conversation.extension, conversation.key)
        if not isinstance(number, Number):
            return self._over(conversation, Outcome.SKIPPED, Failure("skipped", number.reason))
        if not key:
            why = Failure("no-key", f"extension {conversation.extension} has no key in the settings")
            return self._over(conversation, Outcome.NO_KEY, why)
        desk, form = self._base(conversation)
        told: Future[ScreenPop] = Future()

        def ended(accepted: Future[bool]) -> None:
            pop = outcome(accepted, time.monotonic() - started)
            _log(conversation, pop)
            told.set_result(pop)

        send(desk, number.written(form), key).add_done_callback(ended)
        return told

    def _over(self, conversation: Conversation, outcome: Outcome, why: Failure) -> Future[ScreenPop]:
        pop = ScreenPop(outcome, error=why)
        _log(conversation, pop)
        told: Future[ScreenPop] = Future()
        told.set_result(pop)
        return told


def send(desk: Desk, number: str, key: str) -> Future[bool]:
    """One IncomingCall, at the desk's next free worker."""
    return desk.submit(Urgency.POP, lambda client: client.incoming_call(number, key))


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
    match error.reached:
        case Reached.NO:
            return ScreenPop(Outcome.FAILED, took, error.failure())
        case Reached.MAYBE:
            return ScreenPop(Outcome.UNKNOWN, took, error.failure())
        case _:
            return ScreenPop(Outcome.REJECTED, took, error.failure())


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
