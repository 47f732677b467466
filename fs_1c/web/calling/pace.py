"""One after the other, with room between them for who must not wait."""

from __future__ import annotations

import asyncio


class Pace:
    """Gives turns, the first one at once. For one event loop.

    Args:
        apart: Seconds from one turn to the next, at the least: a loop that was late does not make up for it.
    """

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._free = asyncio.Lock()

    async def turn(self) -> None:
        """Ends when it is one's turn; in the order in which they came."""
        await self._free.acquire()
        asyncio.get_running_loop().call_later(self._apart, self._free.release)
