"""Warnings that anybody could cause at will."""

from __future__ import annotations

import asyncio
import logging

PAUSE = 1.0
"""Seconds for which lines are counted together."""
LINES = 10
"""Log lines in a `PAUSE`."""


class Complaints:
    """Warnings that anybody could cause at will: `LINES` a second, and how many more there were."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told = 0

    def add(self, line: str, *values: object) -> None:
        if not self._told:
            asyncio.get_running_loop().call_later(PAUSE, self._begin_anew)
        self._told += 1
        if self._told <= LINES:
            self._log.warning(line, *values)

    def _begin_anew(self) -> None:
        if self._told > LINES:
            self._log.warning("%d more such lines in a second are left out", self._told - LINES)
        self._told = 0
