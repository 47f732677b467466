"""A client is erased, wherever anything is kept of him."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fs_1c import channel, numbers
from fs_1c.integration.bases import Bases
from fs_1c.integration.lasting import Lasting
from fs_1c.journal import ErasedRows, JournalError, LastTalkers
from fs_1c.numbers import NumberPlan, in_e164, read
from fs_1c.talk import Observer

ERASE_WITHIN = 30.0
"""Seconds that the journal, and the history, may take to erase a client: a file is written anew."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one client.

    Attributes:
        calls, cards, talks: The journal's rows.
        answers: What was remembered here of 1C's answers.
        words: That 1C was to be told of his calls.
        left: What could not be erased, and why; a line each.
        recordings: Files that stay, for they are the switch's.
    """

    calls: int
    cards: int
    talks: int
    answers: int
    words: int
    left: tuple[str, ...]
    recordings: tuple[str, ...] = ()


def erase(
    received: str,
    plan: NumberPlan,
    bases: Bases,
    lasting: Lasting,
    talkers: LastTalkers | None,
    observers: Sequence[Observer],
) -> Erased:
    """`Integration.erase`."""
    number = in_e164(received.strip(), plan)
    if getattr(read(number, plan), "reason", "") == "withheld":
        raise ValueError("no number: nothing is kept by it")
    done = [base.directory.erase(number) for base in bases.by_name.values()]
    channel.forget()
    numbers.forget()

    def is_his(text: str) -> bool:
        return bool(text) and in_e164(text, plan) == number

    for observer in observers:
        observer.erased(is_his)
    rows, left = ErasedRows(), []
    words, why = lasting.history.erase(is_his, ERASE_WITHIN) if lasting.history else (0, "")
    if why:
        left.append(f"history: {why}")
    try:
        rows = lasting.journal.erase(number, ERASE_WITHIN) if lasting.journal else rows
    except JournalError as error:
        left.append(f"journal: {error}")
    if rows.left:
        left.append(f"journal: {rows.left}")
    talkers_told = talkers is None or talkers.erase(number)
    if not (talkers_told and all(one.told for one in done)):
        left.append("Redis: away, not erased")
    answers = sum(one.count for one in done)
    return Erased(rows.calls, rows.pops, rows.talks, answers, words, tuple(left), rows.recordings)
