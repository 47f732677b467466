"""Who talked last, as the journal's rows have it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from fs_1c.call import LastTalk
from fs_1c.journal.reading import reader

MOST_TALKS = 20
"""Talks of one client, the latest, that are looked at."""

# A talk lasts until the next one of its call, or the call's end; for no longer than somebody talked to the
# client at all. Each part of this is found by an index, so that neither the length of the journal nor how
# often the client has called makes it longer.
QUERY = f"""SELECT extension, at FROM
    (SELECT call, extension, at FROM talks WHERE number = ? AND at BETWEEN ? AND ?
     ORDER BY at DESC LIMIT {MOST_TALKS}) AS talk
    WHERE extension != '' AND extension NOT GLOB '*[^0-9]*' AND (
        SELECT MIN(ends.seconds, IFNULL((SELECT MIN(at) FROM talks AS later WHERE later.call = talk.call
            AND later.at > talk.at), ends.at) - talk.at)
        FROM ends WHERE ends.call = talk.call AND ends.at >= talk.at ORDER BY ends.at LIMIT 1) >= ?
    LIMIT 1"""  # noqa: S608


def last_talk(path: Path, number: str, since: float, until: float, at_least: float) -> LastTalk | None:
    """Who talked to a client last, in a call that is over; None: nobody.

    Args:
        number: The client's, E.164.
        since, until: Between which the talk must have begun; seconds since the epoch.
        at_least: Seconds that it must have lasted.

    Raises sqlite3.Error, OSError, `Newer`, and JournalError if nothing has been written yet.
    """
    with contextlib.closing(reader(path)) as connection:
        row = connection.execute(QUERY, (number, since, until, at_least)).fetchone()
    return LastTalk(*row) if row and isinstance(row[0], str) and isinstance(row[1], float) else None


def plan_of(connection: sqlite3.Connection) -> list[str]:
    """How SQLite finds that: a line for each table or index that it goes through."""
    found = connection.execute(f"EXPLAIN QUERY PLAN {QUERY}", ("", 0.0, 0.0, 0.0))
    return [str(row[3]) for row in found]
