"""What waits for 1C, call by call; has it tried at once, or dropped. What is done with SQLite's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from fs_1c.history.kept import HELD, PORTION, Word, first_word, over, words

MOST_STATES = 20
"""Words of one call that are named."""


@dataclass(frozen=True, slots=True)
class CallWaits:
    """A call of which 1C has not been told all.

    Attributes:
        number: The client's, any form; or empty.
        words: How many wait.
        states: Which, in order, the first `MOST_STATES`.
        since: When the first was written down, seconds since the epoch.
        tries: How often the first was sent in vain.
        error: Why it has not been taken, or empty.
        next_in: Seconds until the call has its turn again; 0: it has it, and waits for others; None: not
            before the disk is there again.
    """

    base: str
    call: str
    number: str
    words: int
    states: tuple[str, ...]
    since: float
    tries: int
    error: str
    next_in: float | None


def calls(
    connection: sqlite3.Connection, base: str, call: str, limit: int, now: float | None
) -> list[CallWaits]:
    """The calls that wait, the oldest first.

    Args:
        base: Only of this base; empty: of every one.
        call: Only this one; empty: all.
        now: On the monotonic clock of the process that has the tables; None: that is another one.
    """
    where, given = _chosen(base, call)
    rows = connection.execute(
        f"SELECT base, call, next_at FROM calls{where} ORDER BY first LIMIT ?",  # noqa: S608
        (*given, limit),
    ).fetchall()
    found = []
    for of_base, of_call, next_at in rows:
        first = first_word(connection, of_base, of_call)
        if first is None:
            continue
        key = (of_base, of_call)
        (count,) = connection.execute(
            "SELECT count(*) FROM words WHERE base = ? AND call = ?", key
        ).fetchone()
        states = connection.execute(
            "SELECT state FROM words WHERE base = ? AND call = ? ORDER BY id LIMIT ?", (*key, MOST_STATES)
        ).fetchall()
        next_in = max(0.0, next_at - now) if now is not None and next_at else 0.0
        found.append(
            CallWaits(
                of_base,
                of_call,
                first.number,
                count,
                tuple(state for (state,) in states),
                first.made,
                first.tries,
                first.error,
                None if next_at >= HELD else next_in,
            )
        )
    return found


def retry(connection: sqlite3.Connection, base: str, call: str) -> int:
    """No call pauses any more. Returns how many calls have something to be told."""
    where, given = _chosen(base, call)
    more = " AND" if where else " WHERE"
    connection.execute(
        f"UPDATE calls SET next_at = 0{where}{more} next_at > 0 AND next_at < ?",  # noqa: S608
        (*given, HELD),
    )
    (count,) = connection.execute(f"SELECT count(*) FROM calls{where}", given).fetchone()  # noqa: S608
    return int(count)


def drop(
    connection: sqlite3.Connection, base: str, call: str, flying: Collection[tuple[str, str]]
) -> list[Word]:
    """Deletes a portion of the words that wait; not the first of a call of which one is under way, for that
    is the one. Returns them; none: nothing is left that could go.
    """
    where, given = _chosen(base, call)
    dropped: list[Word] = []
    left: set[tuple[str, str]] = set()
    # Those that cannot go stand among the rest: there are no more of them than sessions.
    for word in words(connection, where, (*given, PORTION + len(flying))):
        key = (word.base, word.call)
        if key in flying and key not in left:
            first = first_word(connection, *key)
            left.add(key)
            if first is not None and first.id == word.id:
                continue
        over(connection, word)
        dropped.append(word)
    return dropped


def _chosen(base: str, call: str) -> tuple[str, tuple[str, ...]]:
    """The condition, and what is given to it."""
    chosen = [(name, value) for name, value in (("base", base), ("call", call)) if value]
    where = " AND ".join(f"{name} = ?" for name, _ in chosen)
    return (f" WHERE {where}" if where else ""), tuple(value for _, value in chosen)
