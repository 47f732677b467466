"""One after the other, with room between them for who must not wait."""

from __future__ import annotations

import asyncio


class Pace:
    """Gives turns, the first one at once.

    Args:
        apart: Seconds from one turn to the next.
    """

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._next = 0.0  # by the loop's clock

    async def turn(self) -> None:
        """Ends when it is one's turn; in the order in which they came."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + self._apart
        if at > now:
            await asyncio.sleep(at - now)
