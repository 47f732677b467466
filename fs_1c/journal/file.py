"""The journal's file on the disk: what is written there, and how a client is taken out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fs_1c.journal.entries import ErasedRows
from fs_1c.journal.tables import ADDED, FLAGS, NAMELESS, SCHEMA, TABLES, VERSION
from fs_1c.numbers import NumberPlan, in_e164
from fs_1c.sqlite_file import SqliteFile

MAX_NAMED = 10_000
"""Recordings of one client that are named when he is erased."""


class JournalFile:
    """The file, for one thread. Its methods raise sqlite3.Error and OSError; after that it is opened anew."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _schema, VERSION, "journal")

    def run(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        """Does them all or none. Returns the number of rows they changed. Raises `Newer` besides."""
        try:
            connection = self._file.open()
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(connection.execute(sql, values).rowcount for sql, values in statements)
            connection.execute("COMMIT")
        except BaseException as error:
            self._file.failed(error)
            raise
        return changed

    def erase(self, number: str, plan: NumberPlan) -> ErasedRows:
        """Deletes one client's rows and all others of his calls; nothing of them is in the file afterwards.
        Raises `Newer` besides.

        Args:
            number: E.164, or as received if it is none.
        """
        recordings: dict[str, None] = {}
        deleted, left = self._file.erase(lambda connection: _delete(connection, number, plan, recordings))
        rows = deleted or dict.fromkeys(TABLES.values(), 0)
        return ErasedRows(rows["calls"], rows["pops"], rows["talks"], left, tuple(recordings))

    def close(self) -> None:
        self._file.close()

    def forget_broken(self, before: float) -> None:
        """Deletes what was set aside, if it is from before that time: it is personal data as well."""
        self._file.forget_broken(before)


def _schema(connection: sqlite3.Connection) -> tuple[str, ...]:
    """What makes the tables, and gives those of an older version their new columns."""
    flags = {(TABLES[kind], name) for kind, names in FLAGS.items() for name in names}
    older = [
        f"ALTER TABLE {table} ADD COLUMN {name} "
        + ("INTEGER NOT NULL DEFAULT 0" if (table, name) in flags else "TEXT NOT NULL DEFAULT ''")
        for table, names in ADDED.items()
        for there in [{row[1] for row in connection.execute(f"PRAGMA table_info({table})")}]
        for name in names
        if there and name not in there
    ]
    return (*older, *SCHEMA)


def _delete(
    connection: sqlite3.Connection, number: str, plan: NumberPlan, recordings: dict[str, None]
) -> dict[str, int]:
    """Rows deleted, by table; to `recordings` come the files that they named, `MAX_NAMED` at the most."""
    numbers, calls = {number}, set()
    named = [table for kind, table in TABLES.items() if kind not in NAMELESS]
    for table in named:
        # What could be read when it was written stands there in E.164.
        unread = connection.execute(f"SELECT DISTINCT number FROM {table} WHERE number NOT GLOB '+[0-9]*'")  # noqa: S608
        numbers |= {text for (text,) in unread if text and in_e164(text, plan) == number}
    for table in named:
        for text in numbers:
            found = connection.execute(f"SELECT DISTINCT call FROM {table} WHERE number = ?", (text,))  # noqa: S608
            calls |= {uuid for (uuid,) in found if uuid}
    for column, wanted in (("number", numbers), ("call", calls)):
        for one in wanted:
            named_by = f"SELECT recording FROM ends WHERE {column} = ? AND recording != ''"  # noqa: S608
            for (file,) in connection.execute(named_by, (one,)):
                if len(recordings) < MAX_NAMED:
                    recordings[file] = None
    deleted = {}
    for table in TABLES.values():
        rows = 0
        columns = {"number": numbers, "call": calls} if table in named else {"call": calls}
        for column, values in columns.items():
            given = [(value,) for value in values]
            rows += connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", given).rowcount  # noqa: S608
        deleted[table] = rows
    return deleted
