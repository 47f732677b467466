"""Many conversations at once: every card opens, none twice, and nothing is remembered afterwards."""

from __future__ import annotations

import asyncio

from tests.service.load import number, play
from tests.world import until, world

CONVERSATIONS, PER_SECOND = 300, 150


def test_conversations_in_great_number() -> None:
    """The bench does it with 2 000, at 100 a second, in two processes."""

    async def story() -> None:
        async with world() as here:
            await play(here.switch, 0, CONVERSATIONS, PER_SECOND)
            await until(lambda: len(here.onec.cards) == CONVERSATIONS)
            await here.settle()
            assert sorted(here.cards()) == [(number(i), "KEY244") for i in range(CONVERSATIONS)]
            (door,) = here.service.inbound
            await until(lambda: not door._conversations.known())
            assert not here.service.integration._pops._open

    asyncio.run(story())
