"""Why a call of a load has no card: what it was to the switch, and what logs and journals of services say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from fs_1c.simulator.freeswitch import CallResult

TABLES = ("calls", "talks", "pops", "ends")
_POP = re.compile(r" pop .*?outcome=(.*?)(?: switch=| took=)")
_ERROR = re.compile(r" error=(.*)")


def why(call: CallResult, folders: Iterable[Path]) -> tuple[str, list[str]]:
    """In a word, and everything that is known of it, a line each.

    Args:
        folders: Of the services: each has its logs (`log-1`, …) and its journal there.
    """
    known = [f"at the switch: socket {call.service_outcome}, answered by {call.answered_by or 'nobody'}"]
    said, rows = [], []
    for folder in folders:
        for log in sorted(folder.glob("log-*")):
            lines = [line for line in log.read_text("utf-8").splitlines() if f"call={call.uuid} " in line]
            said += lines
            known += [f"{folder.name}: {line}" for line in lines]
        found = _rows(folder / "journal.db", call.uuid)
        rows += found
        known += [f"{folder.name}: journal has {', '.join(found)}"] if found else []
    return _in_a_word(call, said, rows), known


def _in_a_word(call: CallResult, said: list[str], rows: list[str]) -> str:
    pops = [line for line in said if _POP.search(line)]
    if pops:
        found, error = _POP.search(pops[-1]), _ERROR.search(pops[-1])
        assert found
        return f"the service says: {found[1]}{f', {error[1]}' if error else ''}"
    if not call.answered_by:
        return f"nobody answered: {call.hangup_cause or 'the call ended before'}"
    if "talks" in rows:
        return "its talk was heard, and nothing said of its card"
    return "its talk was not heard by any service"


def _rows(journal: Path, call: str) -> list[str]:
    """The tables of the journal in which the call is."""
    if not journal.exists():
        return []
    with closing(sqlite3.connect(journal)) as connection:
        return [
            table
            for table in TABLES
            if connection.execute(f"SELECT 1 FROM {table} WHERE call = ? LIMIT 1", (call,)).fetchone()
        ]
