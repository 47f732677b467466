"""An engineer opens a card, by `fs-1c pop`: of no call, and without asking for any right."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from fs_1c.call import Failure, Outcome, ScreenPop
from fs_1c.cards.screenpop import no_key, open_card
from fs_1c.numbers import NotANumber, Number, NumberFormat
from fs_1c.onec import CallState, Card, OneCError, Urgency, WorkerPool

WITHIN = 1.0
"""Seconds in which the card must open."""


def open_by_hand(
    pool: WorkerPool, form: NumberFormat, number: Number | NotANumber, extension: str, key: str
) -> ScreenPop:
    """Opens the card; waits for the outcome. A 1C that opens cards only of calls that it has been told of is
    told of one, of no length, which stays there.
    """
    if (unknown := no_key(pool, extension, key)) is not None:
        return unknown
    if isinstance(number, NotANumber):
        return ScreenPop(Outcome.SKIPPED, error=Failure("skipped", number.reason))
    call, written, now = str(uuid.uuid4()), number.written(form), time.time()
    card = Card(written, key, extension, call, now)
    if not pool.card_needs_call:
        return open_card(pool, card, WITHIN).result()
    of = CallState("INCOMING", call, written, extension=extension, when=now, began=now, once=True)
    try:
        _tell(pool, of)
        popped = open_card(pool, card, WITHIN).result()
        _tell(pool, replace(of, state="COMPLETED"), replace(of, state="history", answered=True))
    except OneCError as error:
        return ScreenPop(Outcome.FAILED, time.time() - now, error.failure())
    return popped


def _tell(pool: WorkerPool, *calls: CallState) -> None:
    for call in calls:
        pool.submit(Urgency.CARD, lambda client, call=call: client.tell(call)).result()  # type: ignore[misc]
