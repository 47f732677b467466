"""What is kept of the history: tables of SQLite, and what is done with them. No file, no thread, no clock.

`words` has what waits for 1C, in order; `calls` a row for each call with something to be told, by which it is
found without looking at all words; `said` what must not be said twice, however often the service is started;
`stories` the calls that are up. No key gets here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from fs_1c.sqlite_file import together

VERSION = 2
"""Of the tables."""
SAID_FOR = 24 * 3600.0
"""Seconds for which it is known what was said of a call, and a story is kept of which nothing is heard;
longer where words wait for longer, for then they may come back.
"""
PORTION = 1000
"""Rows that are deleted at a time."""
HELD = 1e18
"""A turn that never comes: the words before these are where we cannot get at them."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, base TEXT NOT NULL, call TEXT NOT NULL, state
    TEXT NOT NULL, extension TEXT, owner INTEGER, once INTEGER, number TEXT, destination TEXT, outgoing
    INTEGER, at REAL, began REAL, seconds INTEGER, answered INTEGER, link TEXT, made REAL NOT NULL, tries
    INTEGER NOT NULL, leaving INTEGER NOT NULL, error TEXT NOT NULL, switch TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX IF NOT EXISTS words_by_call ON words (base, call, id)",
    "CREATE INDEX IF NOT EXISTS words_by_age ON words (made)",
    "CREATE INDEX IF NOT EXISTS words_that_leave ON words (id) WHERE leaving",
    # next_at: on this process' monotonic clock, 0: at once; first: the call's place among the others.
    """CREATE TABLE IF NOT EXISTS calls (base TEXT NOT NULL, call TEXT NOT NULL, next_at REAL NOT NULL, first
    INTEGER NOT NULL, PRIMARY KEY (base, call)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS calls_by_turn ON calls (base, next_at, first)",
    """CREATE TABLE IF NOT EXISTS said (base TEXT NOT NULL, call TEXT NOT NULL, state TEXT NOT NULL, at REAL
    NOT NULL, PRIMARY KEY (base, call, state)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS said_by_age ON said (at)",
    """CREATE TABLE IF NOT EXISTS stories (call TEXT PRIMARY KEY, number TEXT, manager TEXT NOT NULL, story
    TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS stories_by_age ON stories (at)",
    # me: what this file is called among services; life:SWITCH: of the Redis that knows of its words.
    "CREATE TABLE IF NOT EXISTS cluster (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "INSERT OR IGNORE INTO cluster VALUES ('me', lower(hex(randomblob(8))))",
    f"PRAGMA user_version = {VERSION}",
)


def schema(connection: sqlite3.Connection) -> tuple[str, ...]:
    """What makes the tables of what is there."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 1:
        return ("ALTER TABLE words ADD COLUMN switch TEXT NOT NULL DEFAULT ''", *SCHEMA)
    return SCHEMA


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that waits for 1C to be told it. Times are seconds since the epoch.

    Attributes:
        id: Its place; 0: it has none yet.
        base: Whom it is for.
        call: What the call is called.
        state, extension, owner, once: As of a `Telling`.
        number: The client's, any form.
        destination: The number that was dialled.
        at: Of when it is.
        began: When the call began.
        seconds: How long the client had somebody to talk to.
        link: To the recording, or empty.
        made: When it was written down.
        tries: How often it was sent in vain.
        leaving: It was about to leave: 1C may have it.
        error: Why it has not been taken yet, or empty.
        switch: Whose call it is, by its name or address.
    """

    id: int
    base: str
    call: str
    state: str
    extension: str
    owner: bool
    once: bool
    number: str
    destination: str
    outgoing: bool
    at: float
    began: float
    seconds: int
    answered: bool
    link: str
    made: float
    tries: int = 0
    leaving: bool = False
    error: str = ""
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for one base.

    Attributes:
        words, calls: How many.
        oldest: When the oldest was written down, seconds since the epoch.
        error: Why the first of them has not been taken yet, or empty.
    """

    words: int
    calls: int
    oldest: float
    error: str


_COLUMNS = ", ".join(field.name for field in fields(Word))
_values = attrgetter(*(field.name for field in fields(Word)))
_FLAGS = tuple(i for i, field in enumerate(fields(Word)) if field.type == "bool")
# Only names of our own are put together to SQL here.
_SELECT = f"SELECT {_COLUMNS} FROM words"  # noqa: S608
_INSERT = f"INSERT INTO words ({_COLUMNS}) VALUES"


def _word(row: tuple[Any, ...]) -> Word:
    """SQLite has no truth values, but numbers."""
    values = list(row)
    for i in _FLAGS:
        values[i] = bool(values[i])
    return Word(*values)


def put(
    connection: sqlite3.Connection, words: Iterable[Word], turn: Callable[[Word], float] = lambda word: 0.0
) -> list[tuple[int, Word]]:
    """Writes words down, but for those that are harmful twice and have been said. Returns the others, each
    with its place.

    Args:
        turn: When the call of a word goes on, if nothing of it waits yet.
    """
    words = list(words)
    if not words:
        return []
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM words").fetchone()
    rows: list[tuple[Any, ...]] = []
    placed: list[tuple[int, Word]] = []
    calls: dict[tuple[str, str], tuple[str, str, float, int]] = {}
    asked = {(word.base, word.call, word.state): None for word in words if word.once}
    known = set(
        together(
            connection,
            "SELECT base, call, state FROM said WHERE (base, call, state) IN (VALUES",
            asked,
            ")",
        )
    )
    said: list[tuple[Any, ...]] = []
    for word in words:
        if word.once:
            if (once := (word.base, word.call, word.state)) in known:
                continue
            known.add(once)
            said.append((*once, word.made))
        last += 1
        rows.append((last, *_values(word)[1:]))
        placed.append((last, word))
        if (key := (word.base, word.call)) not in calls:
            calls[key] = (*key, turn(word), last)
    together(connection, "INSERT INTO said VALUES", said)
    together(connection, _INSERT, rows)
    together(connection, "INSERT OR IGNORE INTO calls VALUES", calls.values())
    return placed


def next_words(
    connection: sqlite3.Connection, base: str, now: float, limit: int, flying: set[str]
) -> list[Word]:
    """The first word of each of the oldest calls whose turn it is; none of those under way."""
    connection.execute(
        "UPDATE calls SET next_at = 0 WHERE base = ? AND next_at > 0 AND next_at <= ?", (base, now)
    )
    calls = connection.execute(
        "SELECT call FROM calls WHERE base = ? AND next_at = 0 ORDER BY first LIMIT ?",
        (base, limit + len(flying)),
    ).fetchall()
    chosen = [call for (call,) in calls if call not in flying][:limit]
    return [word for call in chosen if (word := first_word(connection, base, call)) is not None]


def next_turn(connection: sqlite3.Connection, base: str) -> float | None:
    """When the next call that pauses goes on; None: none pauses."""
    row = connection.execute(
        "SELECT next_at FROM calls WHERE base = ? AND next_at > 0 AND next_at < ? ORDER BY next_at LIMIT 1",
        (base, HELD),
    ).fetchone()
    return None if row is None else float(row[0])


def first_word(connection: sqlite3.Connection, base: str, call: str) -> Word | None:
    """What a call is to be told next."""
    row = connection.execute(
        f"{_SELECT} WHERE base = ? AND call = ? ORDER BY id LIMIT 1", (base, call)
    ).fetchone()
    return _word(row) if row else None


def words(connection: sqlite3.Connection, where: str, given: tuple[object, ...]) -> list[Word]:
    """The oldest of those for which that condition holds; the last that is given is how many at the most."""
    return [_word(row) for row in connection.execute(f"{_SELECT}{where} ORDER BY id LIMIT ?", given)]


def leaves(connection: sqlite3.Connection, word: Word) -> None:
    """It is about to be sent."""
    connection.execute("UPDATE words SET leaving = 1 WHERE id = ?", (word.id,))


def over(connection: sqlite3.Connection, word: Word) -> None:
    """1C has it, or never will: the call's next has its turn."""
    connection.execute("DELETE FROM words WHERE id = ?", (word.id,))
    _left(connection, word.base, word.call)
    connection.execute(
        "UPDATE calls SET next_at = 0 WHERE base = ? AND call = ? AND next_at > 0", (word.base, word.call)
    )


def is_anothers(connection: sqlite3.Connection, word: Word) -> None:
    """Another says it, or has said it: here it has been neither said nor given up."""
    over(connection, word)
    unsay(connection, word)


def unsay(connection: sqlite3.Connection, word: Word) -> None:
    """It was another's to say, who may give it back."""
    connection.execute(
        "DELETE FROM said WHERE base = ? AND call = ? AND state = ?", (word.base, word.call, word.state)
    )


def again(connection: sqlite3.Connection, word: Word, error: str, at: float, tries: int) -> None:
    """It has not arrived: it is sent again, not before `at`."""
    connection.execute(
        "UPDATE words SET tries = ?, leaving = 0, error = ? WHERE id = ?", (tries, error, word.id)
    )
    connection.execute("UPDATE calls SET next_at = ? WHERE base = ? AND call = ?", (at, word.base, word.call))


def begin(connection: sqlite3.Connection, turn: float) -> list[Word]:
    """Another process goes on with this: no call pauses. Takes out, and returns, what was leaving when the
    one before died: 1C may have it, or be at it still, so the call goes on at `turn`.
    """
    connection.execute("UPDATE calls SET next_at = 0 WHERE next_at > 0")
    found = [_word(row) for row in connection.execute(f"{_SELECT} WHERE leaving").fetchall()]
    for word in found:
        over(connection, word)
        connection.execute(
            "UPDATE calls SET next_at = ? WHERE base = ? AND call = ?", (turn, word.base, word.call)
        )
    return found


def silence(connection: sqlite3.Connection, base: str) -> int:
    """Nothing waits for this base any more. Returns how many words did."""
    connection.execute("DELETE FROM calls WHERE base = ?", (base,))
    return connection.execute("DELETE FROM words WHERE base = ?", (base,)).rowcount


def keep_stories(connection: sqlite3.Connection, rows: Collection[tuple[str, str, str, str, float]]) -> None:
    """Of each call that is up: its name, the client's number, the manager's extension, the story, and when
    that was so.
    """
    together(connection, "INSERT OR REPLACE INTO stories VALUES", rows)


def move(source: sqlite3.Connection, connection: sqlite3.Connection) -> None:
    """What was kept elsewhere meanwhile goes on here, behind what is here already."""
    put(connection, map(_word, source.execute(f"{_SELECT} ORDER BY id")))
    connection.executemany(
        "INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?)", source.execute("SELECT * FROM said")
    )
    connection.execute("UPDATE calls SET next_at = 0 WHERE next_at > 0")
    connection.executemany(
        "INSERT OR REPLACE INTO stories VALUES (?, ?, ?, ?, ?)", source.execute("SELECT * FROM stories")
    )


def drop_stories(connection: sqlite3.Connection, calls: Iterable[str]) -> None:
    """These calls are over."""
    together(connection, "DELETE FROM stories WHERE (call) IN (VALUES", [(call,) for call in calls], ")")


def stories(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Story and manager of each call that is up, oldest first."""
    return connection.execute("SELECT story, manager FROM stories ORDER BY at").fetchall()


def prune(
    connection: sqlite3.Connection, now: float, keep_for: float, flying: set[tuple[str, str]]
) -> list[Word]:
    """Forgets a portion of what is too old, but for the calls of which a word is under way. Returns the words
    among it, which nobody will be told.
    """
    old = now - max(SAID_FOR, keep_for)
    # A clock that was wrong has left times that have not come yet.
    connection.execute("DELETE FROM said WHERE at < ? OR at > ?", (old, now + SAID_FOR))
    connection.execute("DELETE FROM stories WHERE at < ? OR at > ?", (old, now + SAID_FOR))
    rows = connection.execute(
        f"{_SELECT} WHERE made < ? ORDER BY made LIMIT {PORTION}", (now - keep_for,)
    ).fetchall()
    given_up = [word for word in map(_word, rows) if (word.base, word.call) not in flying]
    for word in given_up:
        over(connection, word)
    return given_up


def waiting(connection: sqlite3.Connection) -> dict[str, Waits]:
    """By base, of those for which something waits."""
    counted = connection.execute("SELECT base, count(*), min(made) FROM words GROUP BY base").fetchall()
    found = {}
    for base, words, oldest in counted:
        (calls,) = connection.execute("SELECT count(*) FROM calls WHERE base = ?", (base,)).fetchone()
        first = connection.execute(
            "SELECT error FROM words WHERE base = ? AND error != '' LIMIT 1", (base,)
        ).fetchone()
        found[base] = Waits(words, calls, oldest, first[0] if first else "")
    return found


def erase(connection: sqlite3.Connection, is_his: Callable[[str], bool]) -> int:
    """Deletes what is kept of a client, whose numbers `is_his` knows. Returns how many words that were."""
    numbers = connection.execute("SELECT number FROM words UNION SELECT number FROM stories").fetchall()
    erased = 0
    for (number,) in numbers:
        if is_his(number):
            given = (number,)
            calls = connection.execute(
                "SELECT DISTINCT base, call FROM words WHERE number = ?", given
            ).fetchall()
            erased += connection.execute("DELETE FROM words WHERE number = ?", given).rowcount
            for base, call in calls:
                _left(connection, base, call)
            connection.execute("DELETE FROM stories WHERE number = ?", given)
    return erased


def _left(connection: sqlite3.Connection, base: str, call: str) -> None:
    """A call of which nothing waits any more has no turn."""
    connection.execute(
        "DELETE FROM calls WHERE base = ? AND call = ? AND NOT EXISTS"
        " (SELECT 1 FROM words WHERE words.base = calls.base AND words.call = calls.call)",
        (base, call),
    )
