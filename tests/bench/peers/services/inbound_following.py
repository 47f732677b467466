"""Our inbound door, and behind it nothing: events are parsed and conversations followed. `PORT`"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from fs_1c.call import CallEvent, Conversation
from fs_1c.cards.subscribers import Ask
from fs_1c.esl.inbound import InboundDoor
from fs_1c.integration import Integration
from fs_1c.numbers import NumberPlan
from fs_1c.presence import Switches
from fs_1c.settings import InboundSettings
from fs_1c.settings.types import Address
from fs_1c.talk import People


class Counting:
    """In an integration's place: counts what it is told, and asks for each subscriber's key once."""

    def __init__(self) -> None:
        self.people = People(NumberPlan())
        self.switches = Switches()
        self.told = 0
        self.asked: set[str] = set()

    def legs(self, switch: str) -> set[str]:
        return set()

    def happened(self, happening: CallEvent, ask: Ask, *, switch: str) -> None:
        self.told += 1
        if not isinstance(happening, Conversation) or happening.ringing or happening.extension in self.asked:
            return
        self.asked.add(happening.extension)
        print(happening.extension, self.told, flush=True)  # noqa: T201
        ask(happening.extension, happening.domain)


async def main() -> None:
    settings = InboundSettings(address=Address("127.0.0.1", int(sys.argv[1])))
    door = InboundDoor(cast(Integration, Counting()), settings)
    door.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
