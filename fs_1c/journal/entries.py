"""The journal's rows, and how they come from decisions, conversations and cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from fs_1c.call import Conversation, Decision, Failure, ScreenPop
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.texts import MAX_TEXT, fit
from fs_1c.numbers import Number, NumberPlan, read

NOT_ALLOWED = "not-allowed"
"""The `error_kind` of a decision whose manager's phone must not be rung."""
MAX_ROWS = 100
"""Rows of one call that are read: no call has more to tell."""

R = TypeVar("R", "PopEntry", "TalkEntry", EndEntry)


class DecisionEntry(NamedTuple):
    """Where a call was sent and why.

    Attributes:
        at: When the call asked; seconds since the epoch, UTC.
        call: The uuid of the client's leg.
        number: E.164, or as received if 1C could not be asked about it; empty if the caller withheld it.
        asked_as: The form in which 1C was (or would be) asked.
        destination: The number that was dialled.
        base: The name of the 1C base that was, or would have been, asked.
        result, source: Values of `fs_1c.call.Result` and `Source`.
        error_kind, error: Why there is no answer, or (`NOT_ALLOWED`) why a phone that it names is not rung;
            else empty.
        title: The client's name; None: names are not kept.
        target: The dial string, or None: the dialplan's own default stayed.
        took: Seconds that the caller waited.
        onec_took: Seconds that 1C took; None: it was not asked, or had not answered by then.
        why: How it was with a manager who could not take the call, and what became of him; or empty.
    """

    at: float
    call: str
    number: str
    asked_as: str
    destination: str
    base: str
    result: str
    source: str
    error_kind: str
    error: str
    title: str | None
    category: str
    manager: str
    target: str | None
    took: float
    onec_took: float | None
    why: str = ""


class PopEntry(NamedTuple):
    """What became of a screen pop; see `fs_1c.call.Conversation` for most of it.

    Attributes:
        at: When the conversation was heard of; seconds since the epoch, UTC.
        call, leg: The uuids of the client's and of the subscriber's leg.
        number: The client's, E.164, or as received if it is none.
        outcome: A value of `fs_1c.call.Outcome`.
        error_kind, error: Why, when the card was not accepted; empty otherwise.
        took: Seconds from the conversation to 1C's answer.
        age: Seconds that the conversation had lasted when it was heard of.
        switch: The name that the switch has in the settings, or empty.
        told_by: The host that has told 1C, if that was another service; or empty.
    """

    at: float
    call: str
    leg: str
    number: str
    extension: str
    outcome: str
    error_kind: str
    error: str
    took: float
    age: float
    outgoing: bool
    ringing: bool
    switch: str = ""
    told_by: str = ""


class TalkEntry(NamedTuple):
    """A subscriber and a client hear each other, whether a card was to open or not.

    Attributes:
        at: When it began; seconds since the epoch, UTC.
        call, leg, number: As of a screen pop.
        how: A value of `fs_1c.call.How`.
        by: The extension that had to do with that, or empty.
        switch: As of a screen pop.
    """

    at: float
    call: str
    leg: str
    number: str
    extension: str
    how: str
    by: str
    outgoing: bool
    switch: str = ""


@dataclass(frozen=True, slots=True)
class CallEntry:
    """All that is known of one call.

    Attributes:
        at: When it was first heard of; seconds since the epoch, UTC.
        decisions: Mostly one; none if the call did not pass a door that asks, several if it did so again.
        pops: In the order of time.
        talks: In the order of time.
        ends: Mostly one, once it is over.
        told: What 1C was told of it, in the order in which that came to an end.
    """

    at: float
    call: str
    number: str
    decisions: tuple[DecisionEntry, ...]
    pops: tuple[PopEntry, ...]
    talks: tuple[TalkEntry, ...] = ()
    ends: tuple[EndEntry, ...] = ()
    told: tuple[ToldEntry, ...] = ()


class ErasedRows(NamedTuple):
    """What was erased of one client.

    Attributes:
        calls, pops, talks: Rows of each table.
        left: What may hold something of him still, and why; empty: nothing does.
        recordings: Files that rows named, which are the switch's and stay.
    """

    calls: int = 0
    pops: int = 0
    talks: int = 0
    left: str = ""
    recordings: tuple[str, ...] = ()


Row = DecisionEntry | PopEntry | TalkEntry | EndEntry | ToldEntry
NOBODYS: Mapping[Row, str] = {}
"""No row has a service of its own: all are of one."""


def of_decision(decision: Decision, titles: bool, told: float) -> DecisionEntry:
    """The row of a decision; all its texts are `fit`.

    Args:
        titles: Clients' names are kept.
        told: When the decision was told; seconds since the epoch.
    """
    call, caller, error = decision.call, decision.caller, decision.caller.error
    if decision.refused:  # there is an answer then, and no other error
        error = Failure(NOT_ALLOWED, decision.refused)
    # A caller who does not want to be identified is not identified here either.
    received = "" if call.private else call.number
    row = DecisionEntry(
        told - caller.took,
        call.uuid,
        caller.number.e164 if caller.number else received,
        caller.asked_as,
        call.destination,
        caller.base or call.base,
        caller.result.value,
        caller.source.value,
        error.kind if error else "",
        error.message if error else "",
        caller.title if titles else None,
        caller.category,
        caller.manager,
        decision.target,
        caller.took,
        caller.onec_took,
        decision.why,
    )
    # One look at all of them together, which mostly is all it takes.
    together = "".join(filter(None, (*row[1:-3], row.why)))
    if len(together) <= MAX_TEXT and together.isprintable():
        return row
    return DecisionEntry._make(fit(value) if isinstance(value, str) else value for value in row)


def of_pop(conversation: Conversation, pop: ScreenPop, told: float) -> PopEntry:
    """The row of a screen pop; all its texts are `fit`. `told`: when it ended, seconds since the epoch."""
    error = pop.error
    return PopEntry(
        told - pop.took,
        fit(conversation.call_uuid),
        fit(conversation.leg_uuid),
        fit(conversation.number),
        fit(conversation.extension),
        pop.outcome.value,
        fit(error.kind) if error else "",
        fit(error.message) if error else "",
        pop.took,
        conversation.age,
        conversation.outgoing,
        conversation.ringing,
        fit(conversation.switch),
        fit(pop.by),
    )


def of_talk(conversation: Conversation, told: float) -> TalkEntry:
    """The row of a conversation; all its texts are `fit`. `told`: when it was told, seconds since 1970."""
    return TalkEntry(
        told - conversation.age,
        fit(conversation.call_uuid),
        fit(conversation.leg_uuid),
        fit(conversation.number),
        fit(conversation.extension),
        conversation.how.value,
        fit(conversation.by),
        conversation.outgoing,
        fit(conversation.switch),
    )


def in_e164(row: R, plan: NumberPlan) -> R:
    """The same with its number in E.164, if it is one. That takes a while, so no call should wait for it."""
    number = read(row.number, plan)
    return row._replace(number=number.e164) if isinstance(number, Number) else row


def with_addresses(entry: CallEntry, address: Callable[[str, str], str]) -> CallEntry:
    """The same with the addresses of its recordings in place of their files.

    Args:
        address: Gives it, by the file and the switch; empty: there is none.
    """
    if not any(end.recording for end in entry.ends):
        return entry
    ends = (end._replace(recording=address(end.recording, end.switch)) for end in entry.ends)
    return replace(entry, ends=tuple(ends))
