"""What the tests of the simulated FreeSWITCH share: services that it calls, a client of its event socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, wire

QUICK = {"ring": 0.02, "talk": 0.02}
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service(talk: Talk) -> AsyncIterator[tuple[str, int]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]


def execute(application: str, argument: str, *more: str) -> bytes:
    lines = ["sendmsg", "call-command: execute", *more, f"execute-app-name: {application}"]
    return "\n".join([*lines, f"execute-app-arg: {argument}", "", ""]).encode()


async def place(talk: Talk, **script: object) -> CallResult:
    """One call from 89235292926 on a switch of its own, which lives until the service is done."""
    done = asyncio.Event()

    async def whole_talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            done.set()

    async with service(whole_talk) as address, SimulatedSwitch() as switch:
        given: dict[str, Any] = {"number": "89235292926", "service": address, **QUICK, **script}
        result = await switch.call(CallScript(**given))
        async with asyncio.timeout(30):
            await done.wait()
        return result


def says(*pieces: bytes, then: bytes | None = b"exit\n\n") -> tuple[Talk, list[bytes]]:
    """A service that connects, writes the pieces and ``exit``; and what it reads."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"connect\n\n")
        heard.append(await reader.readuntil(b"\n\n"))
        writer.write(b"".join(pieces) + (then or b""))
        if then is not None:
            heard.append(await reader.read(-1))

    return talk, heard


def shapes(stream: bytes) -> list[tuple[str, ...]]:
    """What kind of messages a stream holds, without what differs from call to call."""
    out: list[tuple[str, ...]] = []
    while b"\n\n" in stream:
        head, _, stream = stream.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\n") if ": " in line)
        body = b""
        if "Event-Name" not in fields:
            length = int(fields.get("Content-Length", 0))
            if len(stream) < length:
                break
            body, stream = stream[:length], stream[length:]
        if fields["Content-Type"] == "text/event-plain":
            event = wire.parse_event(body)
            out.append((event.name, event.get("Application") or "", event.get("Hangup-Cause") or ""))
        else:
            kept = ("Content-Type", "Reply-Text", "Content-Disposition", "Socket-Mode", "Linger-Time")
            out.append((*(fields.get(key, "") for key in kept), ",".join(fields), body.decode()))
    return out


class Client:
    """A raw client of the event socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.heard = reader, writer, b""

    @classmethod
    async def connect(cls, switch: SimulatedSwitch, *lines: str) -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", switch.event_socket_port))
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: client.writer.close())
        for line in lines:
            client.write(line)
        return client

    def write(self, line: str) -> None:
        self.writer.write(f"{line}\n\n".encode())

    async def until(self, text: str) -> bytes:
        async with asyncio.timeout(30):
            while text.encode() not in self.heard:
                data = await self.reader.read(65536)
                assert data, f"closed before {text!r}"
                self.heard += data
        return self.heard

    def events(self) -> list[wire.Event]:
        return [wire.parse_event(raw.partition(b"\n\n")[2]) for raw in wire.event_messages(self.heard)]
