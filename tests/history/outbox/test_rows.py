"""Many rows of one transaction are written by few statements, and none of them is lost or said twice."""

from __future__ import annotations

import sqlite3

import pytest

from fs_1c.history import kept
from fs_1c.history.kept import Word


def said(call: int, state: str, *, once: bool) -> Word:
    return Word(
        *(0, "base", f"call-{call}", state, "244", False, once, "89235292926", "700", False),
        *(1.0, 1.0, 0, True, "", 5.0),
    )


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in kept.SCHEMA:
        connection.execute(statement)
    return connection


def test_three_hundred_words_are_few_statements(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    words = [said(i, state, once=state != "history") for i in range(101) for state in ("INCOMING", "history")]
    placed = kept.put(connection, words)
    assert [word for _, word in placed] == words
    assert [place for place, _ in placed] == list(range(1, 203))
    kept.keep_stories(connection, [(f"call-{i}", "", "", "[]", 5.0) for i in range(300)])
    kept.drop_stories(connection, [f"call-{i}" for i in range(299)])
    assert len(statements) < 60
    connection.set_trace_callback(None)
    assert kept.stories(connection) == [("[]", "")]
    assert kept.waiting(connection) == {"base": kept.Waits(202, 101, 5.0, "")}
    there = kept.words(connection, " WHERE call = ?", ("call-57", 9))
    assert [(word.id, word.state, word.once) for word in there] == [
        (115, "INCOMING", True),
        (116, "history", False),
    ]


def test_what_must_not_be_said_twice_is_not_in_one_transaction_either(connection: sqlite3.Connection) -> None:
    first, again, other = said(1, "END", once=True), said(1, "END", once=True), said(2, "END", once=True)
    assert [word for _, word in kept.put(connection, [first, again])] == [first]
    assert [word for _, word in kept.put(connection, [again, other])] == [other]
    assert kept.put(connection, [again]) == []
    assert kept.put(connection, []) == []
