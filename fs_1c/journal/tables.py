"""How SQLite keeps the journal's rows: tables, indexes, and what files of older versions lack."""

from __future__ import annotations

from fs_1c.journal import ends
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.entries import DecisionEntry, PopEntry, Row, TalkEntry

VERSION = 7
"""Of the file's tables."""
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
    "ends": {"recording": 6, "unheard": 7},
}
"""Columns that files from before a version are given: texts that are empty where nothing is known, and truth
values (`FLAGS`).
"""
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
FLAGS: dict[type[Row], tuple[str, ...]] = {
    PopEntry: ("outgoing", "ringing"),
    TalkEntry: ("outgoing",),
    EndEntry: ("outgoing", "answered", "unheard"),
}
"""Truth values, for which SQLite has numbers."""
