"""Many rows by few statements: each statement is two changes of threads, in which those wait who decide
calls.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from itertools import chain
from typing import Any

VALUES = 900
"""Of one statement; SQLite has taken 999 since ever."""


def together(
    connection: sqlite3.Connection, before: str, rows: Collection[tuple[Any, ...]], after: str = ""
) -> list[tuple[Any, ...]]:
    """Does something to several rows, by as few statements as that takes. Returns what they return.

    Args:
        before, after: The statement, without the rows in it.
    """
    found: list[tuple[Any, ...]] = []
    rest = list(rows)
    while rest:
        # Of few sizes, so that SQLite knows each statement again.
        most = VALUES // len(rest[0])
        size = most if len(rest) >= most else 1 << (len(rest).bit_length() - 1)
        some, rest = rest[:size], rest[size:]
        row = f"({', '.join('?' * len(some[0]))})"
        statement = f"{before} {', '.join([row] * size)}{after}"
        found += connection.execute(statement, list(chain.from_iterable(some))).fetchall()
    return found
