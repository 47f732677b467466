"""The calls of one stretch of time, for who asks the journal by its date."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from fs_1c.journal.entries import CallEntry, JournalError, _entry, _reader, _tables
from fs_1c.sqlite_file import Newer


def between(path: Path, begins: float, ends: float, limit: int) -> list[CallEntry]:
    """The calls that were first heard of then, in the order of time.

    Args:
        begins, ends: Seconds since the epoch; `ends` is not in it.
        limit: Calls at the most, the first ones.

    Raises JournalError.
    """
    try:
        with contextlib.closing(_reader(path)) as connection:
            connection.execute("BEGIN")  # one view of it all, which keeps no writer waiting
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
    except (sqlite3.Error, OSError, Newer) as error:
        raise JournalError(f"{path}: cannot be read: {error}") from None
    return [entry for entry in found if entry.at >= begins]
