"""Work that must not make a caller wait: step by step, and none while a call is being decided."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

APART = 0.001
"""Seconds from one step to the next, at the least: the loop serves callers between the two."""
PATIENCE = 5
"""Looks, one in `APART`, for which a step waits for callers. A 1C that takes long must not stop it for good,
and while that is waited for nobody needs the loop.
"""


class Pace:
    """Has steps done in the order in which they were asked for, the first one at once. For one event loop.

    A step is short, half a millisecond or so: a caller who comes meanwhile waits for its end.

    Args:
        busy: Is a call being decided?
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._busy = busy
        self._steps: deque[Callable[[], None]] = deque()
        self._waits = False  # for the next look
        self._looked = 0

    def step(self, does: Callable[[], None]) -> None:
        """Has `does` called when it is its turn; now, perhaps."""
        self._steps.append(does)
        if not self._waits:
            self._look()

    async def turn(self) -> None:
        """Ends when it is one's turn."""
        turn = asyncio.get_running_loop().create_future()
        self.step(lambda: turn.done() or turn.set_result(None))
        await turn

    def _look(self) -> None:
        self._waits = bool(self._steps)
        if not self._steps:
            return
        asyncio.get_running_loop().call_later(APART, self._look)
        if self._busy() and self._looked < PATIENCE:
            self._looked += 1
            return
        self._looked = 0
        self._steps.popleft()()
