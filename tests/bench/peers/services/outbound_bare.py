"""What an asyncio service costs that decides nothing: `connect`, then always the same.

`protocol|streams PORT sync|async`: a Protocol, as lean as asyncio can be; or `asyncio.start_server`, as most
services are written.
"""

from __future__ import annotations

import asyncio
import sys

from tests.bench.peers.services.outbound_lookup import Client

CLIENT = Client("89235292926", "Фэйковый чиж", "0", "244")


def _execute(application: str, argument: str) -> bytes:
    lines = (
        "sendmsg",
        "call-command: execute",
        f"execute-app-name: {application}",
        f"execute-app-arg: {argument}",
    )
    return "\n".join(lines).encode() + b"\n\n"


SYNC = _execute("multiset", CLIENT.variables()) + b"exit\n\n"
ASYNC = b"linger 5\n\nmyevents plain\n\n" + _execute("multiset", CLIENT.variables())
ASYNC += _execute("bridge", CLIENT.target())


class Call(asyncio.Protocol):
    """One call's connection."""

    said = SYNC

    def __init__(self) -> None:
        self._decided = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"connect\n\n")

    def data_received(self, data: bytes) -> None:
        if not self._decided and data.endswith(b"\n\n"):
            self._decided = True
            self._transport.write(self.said)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same by streams."""
    writer.write(b"connect\n\n")
    await reader.readuntil(b"\n\n")
    writer.write(Call.said)
    await reader.read()
    writer.close()


async def main(kind: str, port: int) -> None:
    if kind == "streams":
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    else:
        server = await asyncio.get_running_loop().create_server(Call, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


_, kind, port, mode = sys.argv
Call.said = ASYNC if mode == "async" else SYNC
asyncio.run(main(kind, int(port)))
