"""What is read of the outbox, and written there, for other services."""

from __future__ import annotations

import sqlite3

from fs_1c.history.kept import Word, words

ALL = 1000
"""More words than a call has."""
MANY = 1_000_000


def of_call(connection: sqlite3.Connection, base: str, call: str) -> list[Word]:
    """All that a call is to be told, in order."""
    return words(connection, " WHERE base = ? AND call = ?", (base, call, ALL))


def of_switch(connection: sqlite3.Connection, *, switch: str, after: int, limit: int) -> list[Word]:
    """Words of the calls of one switch, in order, those after that place."""
    return words(connection, " WHERE id > ? AND switch = ?", (after, switch, limit))


def behind(connection: sqlite3.Connection, later: list[Word]) -> None:
    """These words, all of one call, go behind its others."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM words").fetchone()
    places = [(last + n, word.id) for n, word in enumerate(later, 1)]
    connection.executemany("UPDATE words SET id = ? WHERE id = ?", places)


def unsure(connection: sqlite3.Connection, switch: str, before: float) -> list[Word]:
    """Harmful words of the calls of one switch that were made before."""
    return words(connection, " WHERE once AND switch = ? AND made < ?", (switch, before, MANY))


def told(connection: sqlite3.Connection, limit: int) -> list[tuple[str, str, str]]:
    """The newest harmful words that have come to their end, by base, call and state."""
    return connection.execute(
        "SELECT base, call, state FROM said WHERE base != '' AND NOT EXISTS (SELECT 1 FROM words WHERE"
        " words.base = said.base AND words.call = said.call AND words.state = said.state)"
        " ORDER BY at DESC LIMIT ?",
        (limit,),
    ).fetchall()


def me(connection: sqlite3.Connection) -> str:
    """What this file is called among services."""
    return str(connection.execute("SELECT value FROM cluster WHERE name = 'me'").fetchone()[0])


def life(connection: sqlite3.Connection, switch: str) -> str:
    """Of the Redis that knows of that switch's words; empty: none ever has."""
    row = connection.execute("SELECT value FROM cluster WHERE name = ?", (f"life:{switch}",)).fetchone()
    return str(row[0]) if row else ""


def lives(connection: sqlite3.Connection, switch: str, life: str) -> None:
    """That is the Redis that does now."""
    connection.execute("INSERT OR REPLACE INTO cluster VALUES (?, ?)", (f"life:{switch}", life))
