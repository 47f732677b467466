"""A service written with genesis, on uvloop as its own command line runs it. `PORT sync|async URL`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import sys

from genesis import Outbound, Session, use_uvloop

from tests.bench.peers.services.outbound_lookup import Client, Lookup

lookup = Lookup(sys.argv[3])


async def find(session: Session) -> Client:
    number = session.context["Caller-Caller-ID-Number"]
    client = lookup.remembered(number)
    if client is None:
        client = await asyncio.to_thread(lookup.find, number)
    return client


async def route(session: Session) -> None:
    client = await find(session)
    await session.sendmsg("execute", "multiset", client.variables())
    await session.send("exit")


async def bridge(session: Session) -> None:
    client = await find(session)
    await session.sendmsg("execute", "multiset", client.variables())
    await session.sendmsg("execute", "bridge", client.target(), block=True)


port, held = int(sys.argv[1]), sys.argv[2] == "async"
app = Outbound(bridge if held else route, "127.0.0.1", port, events=held, linger=held)
use_uvloop()
asyncio.run(app.start())
