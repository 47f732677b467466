"""The journal's rows: how they come from calls and pops, how SQLite keeps them, how they are read again."""

from __future__ import annotations

import contextlib
import heapq
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fs_1c.call import Conversation, Decision, Failure, ScreenPop
from fs_1c.journal import ends
from fs_1c.journal.ends import EndEntry, ToldEntry, not_called_back
from fs_1c.journal.texts import MAX_TEXT, fit
from fs_1c.numbers import Number, NumberPlan, read
from fs_1c.sqlite_file import BUSY, Newer, version_of

VERSION = 6
"""Of the file's tables."""
NOT_ALLOWED = "not-allowed"
"""The `error_kind` of a decision whose manager's phone must not be rung."""
MAX_ROWS = 100
"""Rows of one call that are read: no call has more to tell."""

R = TypeVar("R", "PopEntry", "TalkEntry", EndEntry)

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, at REAL, call TEXT, number TEXT, asked_as
    TEXT, destination TEXT, base TEXT, result TEXT, source TEXT, error_kind TEXT, error TEXT, title TEXT,
    category TEXT, manager TEXT, target TEXT, took REAL, onec_took REAL, why TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE IF NOT EXISTS pops (id INTEGER PRIMARY KEY, at REAL, call TEXT, leg TEXT, number TEXT,
    extension TEXT, outcome TEXT, error_kind TEXT, error TEXT, took REAL, age REAL, outgoing INTEGER,
    ringing INTEGER, switch TEXT NOT NULL DEFAULT '', told_by TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE IF NOT EXISTS talks (id INTEGER PRIMARY KEY, at REAL, call TEXT, leg TEXT, number TEXT,
    extension TEXT, how TEXT, by TEXT, outgoing INTEGER, switch TEXT NOT NULL DEFAULT '')""",  # since 2
    *(
        f"CREATE INDEX IF NOT EXISTS {table}_{name} ON {table} ({columns})"
        for table in ("calls", "pops", "talks")
        for name, columns in (("by_time", "at"), ("by_number", "number, at"), ("by_call", "call, at"))
    ),
    *ends.SCHEMA,
    f"PRAGMA user_version = {VERSION}",
)
ADDED = {
    "calls": {"why": 5},
    "pops": {"switch": 3, "told_by": 3},
    "talks": {"switch": 3},
    "ends": {"recording": 6},
}
"""Columns that files from before a version are given; texts that are empty where nothing is known."""


class JournalError(Exception):
    """The journal cannot be read, in one line for an engineer."""


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


def with_addresses(entry: CallEntry, address: Callable[[str, str], str]) -> CallEntry:
    """The same with the addresses of its recordings in place of their files.

    Args:
        address: Gives it, by the file and the switch; empty: there is none.
    """
    if not any(end.recording for end in entry.ends):
        return entry
    ends = (end._replace(recording=address(end.recording, end.switch)) for end in entry.ends)
    return replace(entry, ends=tuple(ends))


Row = DecisionEntry | PopEntry | TalkEntry | EndEntry | ToldEntry
TABLES: dict[type[Row], str] = {
    DecisionEntry: "calls",
    PopEntry: "pops",
    TalkEntry: "talks",
    EndEntry: "ends",
    ToldEntry: "told",
}
SINCE: dict[type[Row], int] = {TalkEntry: 2, EndEntry: 4, ToldEntry: 4}
"""The version of the file that has a table first, of those that not all have."""
NAMELESS = (ToldEntry,)
"""Of which a row names no client."""


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


def calls(
    path: Path,
    *,
    number: str | None = None,
    call: str | None = None,
    limit: int = 20,
    missed: bool = False,
) -> list[CallEntry]:
    """What the journal says, the latest call first.

    Args:
        number: Only calls of this client, E.164 (or as received, if it is none).
        call: Only the call with this uuid; goes before `number`.
        limit: Calls at the most.
        missed: Only those that nobody answered and nobody has called back; goes before `number`, too.

    Raises JournalError.
    """
    try:
        with contextlib.closing(_reader(path)) as connection:
            connection.execute("BEGIN")  # one view of it all, which keeps no writer waiting
            if call is not None:
                uuids = [fit(call)]
            elif missed:
                uuids = _missed(connection, limit)
            else:
                uuids = _latest(connection, number, limit)
            found = [entry for uuid in uuids if (entry := _entry(connection, uuid)) is not None]
    except (sqlite3.Error, OSError, Newer) as error:
        raise JournalError(f"{path}: cannot be read: {error}") from None
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _reader(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise JournalError(f"{path}: there is no journal yet")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if not os.path.exists(f"{path}-wal"):
        # Nobody has it open. Whoever may only read could not make the files that SQLite has beside it then,
        # and whoever could would make them his own, in the way of the service.
        uri += "&immutable=1"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)
    try:
        connection.text_factory = lambda octets: octets.decode("utf-8", "replace")
        if not version_of(connection, VERSION):
            raise JournalError(f"{path}: there is nothing in it yet")
    except BaseException:
        connection.close()
        raise
    return connection


def _latest(connection: sqlite3.Connection, number: str | None, limit: int) -> list[str]:
    """The uuids of the calls of which something was heard last."""
    tables_there = _tables(connection)
    where, given = ("", ()) if number is None else (" WHERE number = ?", (fit(number),))
    tables: list[Iterator[tuple[float, str]]] = [
        connection.execute(f"SELECT at, call FROM {table}{where} ORDER BY at DESC", given)  # noqa: S608
        for kind, table in tables_there.items()
        if kind not in NAMELESS
    ]
    uuids: dict[str, None] = {}
    for _, uuid in heapq.merge(*tables, reverse=True):
        if len(uuids) >= limit:
            break
        uuids[uuid] = None
    return list(uuids)


def _missed(connection: sqlite3.Connection, limit: int) -> list[str]:
    return not_called_back(connection, limit) if EndEntry in _tables(connection) else []


def _entry(connection: sqlite3.Connection, uuid: str) -> CallEntry | None:
    version = version_of(connection, VERSION)
    found: dict[type[Row], list[tuple[Any, ...]]] = {
        kind: connection.execute(
            f"SELECT {_columns(kind, version)} FROM {table} WHERE call = ? ORDER BY at LIMIT {MAX_ROWS}",  # noqa: S608
            (uuid,),
        ).fetchall()
        for kind, table in _tables(connection).items()
    }
    decided = tuple(DecisionEntry(*row) for row in found[DecisionEntry])
    popped = tuple(_with_flags(PopEntry(*row)) for row in found[PopEntry])
    talked = tuple(_with_flag(TalkEntry._make(row)) for row in found.get(TalkEntry, ()))
    ended = tuple(_with_both(EndEntry(*row)) for row in found.get(EndEntry, ()))
    told = tuple(ToldEntry(*row) for row in found.get(ToldEntry, ()))
    rows: list[Row] = [*decided, *popped, *talked, *ended, *told]
    if not rows:
        return None
    first = min(rows, key=lambda row: row.at)
    number = next((row.number for row in rows if not isinstance(row, ToldEntry) and row.number), "")
    if not isinstance(first, ToldEntry):
        number = first.number
    return CallEntry(first.at, first.call, number, decided, popped, talked, ended, told)


def _tables(connection: sqlite3.Connection) -> dict[type[Row], str]:
    """The tables that a file has: one that no service of this version has opened yet lacks the latest."""
    version = version_of(connection, VERSION)
    return {kind: table for kind, table in TABLES.items() if version >= SINCE.get(kind, 1)}


def _columns(kind: type[Row], version: int) -> str:
    """What is selected of a table; of one that no service of this version has opened yet, what it has."""
    lacks = [name for name, since in ADDED.get(TABLES[kind], {}).items() if version < since]
    return ", ".join(f"'' AS {name}" if name in lacks else name for name in kind._fields)


def _with_flag(talk: TalkEntry) -> TalkEntry:
    return talk._replace(outgoing=bool(talk.outgoing))


def _with_both(end: EndEntry) -> EndEntry:
    return end._replace(outgoing=bool(end.outgoing), answered=bool(end.answered))


def _with_flags(pop: PopEntry) -> PopEntry:
    """SQLite has no truth values, but numbers."""
    return pop._replace(outgoing=bool(pop.outgoing), ringing=bool(pop.ringing))
