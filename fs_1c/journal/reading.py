"""Reads the journal: the latest calls, one of them, those of a client, those of a stretch of time."""

from __future__ import annotations

import contextlib
import heapq
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from fs_1c.journal.ends import EndEntry, ToldEntry, not_called_back
from fs_1c.journal.entries import MAX_ROWS, CallEntry, DecisionEntry, PopEntry, Row, TalkEntry
from fs_1c.journal.tables import ADDED, FLAGS, NAMELESS, SINCE, TABLES, VERSION
from fs_1c.journal.texts import fit
from fs_1c.sqlite_file import BUSY, Newer, version_of

K = TypeVar("K", DecisionEntry, PopEntry, TalkEntry, EndEntry, ToldEntry)


class JournalError(Exception):
    """The journal cannot be read, in one line for an engineer."""


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
    with _view(path) as connection:
        if call is not None:
            uuids = [fit(call)]
        elif missed:
            uuids = _missed(connection, limit)
        else:
            uuids = _latest(connection, number, limit)
        found = [entry for uuid in uuids if (entry := _entry(connection, uuid)) is not None]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def between(path: Path, begins: float, ends: float, limit: int) -> list[CallEntry]:
    """The calls that were first heard of then, in the order of time.

    Args:
        begins, ends: Seconds since the epoch; `ends` is not in it.
        limit: Calls at the most, the first ones.

    Raises JournalError.
    """
    with _view(path) as connection:
        uuids: dict[str, float] = {}
        for table in _tables(connection).values():
            rows = connection.execute(
                f"SELECT call, MIN(at) FROM {table} WHERE at >= ? AND at < ? GROUP BY call"  # noqa: S608
                " ORDER BY 2 LIMIT ?",
                (begins, ends, limit),
            )
            for call, at in rows:
                uuids[call] = min(at, uuids.get(call, at))
        first = sorted(uuids, key=lambda call: uuids[call])[:limit]
        found = [entry for call in first if (entry := _entry(connection, call)) is not None]
    return [entry for entry in found if entry.at >= begins]


@contextlib.contextmanager
def _view(path: Path) -> Iterator[sqlite3.Connection]:
    """One view of it all, which keeps no writer waiting. Raises JournalError, whatever is wrong."""
    try:
        with contextlib.closing(reader(path)) as connection:
            connection.execute("BEGIN")
            yield connection
    except (sqlite3.Error, OSError, Newer) as error:
        raise JournalError(f"{path}: cannot be read: {error}") from None


def reader(path: Path) -> sqlite3.Connection:
    """Raises JournalError if nothing has been written yet; sqlite3.Error, OSError, `Newer`."""
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
    decided = _rows(connection, DecisionEntry, uuid)
    popped = _rows(connection, PopEntry, uuid)
    talked = _rows(connection, TalkEntry, uuid)
    ended = _rows(connection, EndEntry, uuid)
    told = _rows(connection, ToldEntry, uuid)
    rows: list[Row] = [*decided, *popped, *talked, *ended, *told]
    if not rows:
        return None
    first = min(rows, key=lambda row: row.at)
    number = next((row.number for row in rows if not isinstance(row, ToldEntry) and row.number), "")
    if not isinstance(first, ToldEntry):
        number = first.number
    return CallEntry(first.at, first.call, number, decided, popped, talked, ended, told)


def _rows(connection: sqlite3.Connection, kind: type[K], uuid: str) -> tuple[K, ...]:
    """A call's rows in one table; none if the file has no such table."""
    version, table, flags = version_of(connection, VERSION), TABLES[kind], FLAGS.get(kind, ())
    if version < SINCE.get(kind, 1):
        return ()
    found = connection.execute(
        f"SELECT {_columns(kind, version)} FROM {table} WHERE call = ? ORDER BY at LIMIT {MAX_ROWS}",  # noqa: S608
        (uuid,),
    )
    named = (zip(kind._fields, row, strict=True) for row in found)
    return tuple(kind._make(bool(one) if name in flags else one for name, one in row) for row in named)


def _tables(connection: sqlite3.Connection) -> dict[type[Row], str]:
    """The tables that a file has: one that no service of this version has opened yet lacks the latest."""
    version = version_of(connection, VERSION)
    return {kind: table for kind, table in TABLES.items() if version >= SINCE.get(kind, 1)}


def _columns(kind: type[Row], version: int) -> str:
    """What is selected of a table; of one that no service of this version has opened yet, what it has."""
    lacks = [name for name, since in ADDED.get(TABLES[kind], {}).items() if version < since]
    return ", ".join(f"'' AS {name}" if name in lacks else name for name in kind._fields)
