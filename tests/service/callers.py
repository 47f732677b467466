"""Callers as FreeSWITCH's `socket` brings them: one connection each, and what became of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from tests.world import CLIENT

CHANNEL = (
    "Event-Name: CHANNEL_DATA\nUnique-ID: {uuid}\nChannel-Call-State: RINGING\nCall-Direction: inbound\n"
    "Caller-Caller-ID-Number: {number}\nCaller-Destination-Number: 100\nSocket-Mode: static\n"
    "Control: full\nContent-Type: command/reply\nReply-Text: +OK\n\n"
)


@dataclass(frozen=True)
class Told:
    """What a caller was told: `words` (nothing: he was hung up on, or refused), after how many seconds."""

    words: str
    took: float

    @property
    def result(self) -> str:
        _, found, rest = self.words.partition("fs_1c_result=")
        return rest.partition("|")[0] if found else ""


async def call(port: int, uuid: str, number: str = CLIENT) -> Told:
    """Waits for the decision, or until it is hung up on."""
    began, words = time.monotonic(), b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return Told("", time.monotonic() - began)
    try:
        await reader.readuntil(b"connect\n\n")
        writer.write(CHANNEL.format(uuid=uuid, number=number).encode())
        while b"exit\n\n" not in words and (more := await reader.read(65536)):
            words += more
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
    return Told(words.decode(), time.monotonic() - began)
