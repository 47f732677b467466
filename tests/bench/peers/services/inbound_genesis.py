"""A listener with genesis, which counts events; on uvloop as its own command line runs it. `PORT EVENT…`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import sys
from typing import Any

from genesis import Consumer, use_uvloop

port, *names = sys.argv[1:]
app = Consumer("127.0.0.1", int(port), "ClueCon")
handled = 0
asked: set[str] = set()


async def count(event: dict[str, Any]) -> None:
    global handled
    handled += 1


async def bridged(event: dict[str, Any]) -> None:
    """Asks the directory for a subscriber's key, once."""
    await count(event)
    callee = event["variable_dialed_user"]
    if callee not in asked:
        asked.add(callee)
        print(callee, handled, flush=True)  # noqa: T201
        await app.protocol.send(f"bgapi user_data {callee} var fs_1c_key")


for name in names:
    app.handle(name)(bridged if name == "CHANNEL_BRIDGE" else count)
use_uvloop()
asyncio.run(app.start())
