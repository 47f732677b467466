"""Reads a recorded stream with one library's own parser, without a socket.

Run as: python inbound_parsers.py PARSER FILE SECONDS OCTETS_A_PIECE… For each size it reads the file again
and again for that long, and prints a line: messages, and seconds of processor.
"""

# mypy: disable-error-code="import-not-found,no-any-return"
from __future__ import annotations

import asyncio
import io
import sys
import time
from pathlib import Path
from typing import Any

VALUES = (
    "Event-Name",
    "Unique-ID",
    "Call-Direction",
    "Caller-Destination-Number",
    "Caller-Privacy-Hide-Number",
    "Caller-Caller-ID-Number",
    "Caller-Orig-Caller-ID-Number",
    "variable_dialed_user",
    "variable_domain_name",
    "variable_fs_1c_key",
)
"""What the inbound door wants to know of a new leg."""


def messages(pieces: list[bytes]) -> int:
    """Ours: messages, and nothing about what is in them."""
    from fs_1c.esl.wire import Reader

    reader, found = Reader(), 0
    for piece in pieces:
        reader.feed(piece)
        while reader.next() is not None:
            found += 1
    return found


def events(pieces: list[bytes]) -> int:
    """Ours: and the event of each."""
    from fs_1c.esl.wire import Reader

    reader, found = Reader(), 0
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            message.event()
            found += 1
    return found


def values(pieces: list[bytes]) -> int:
    """Ours: and ten values of each event."""
    from fs_1c.esl.wire import Reader

    reader, found = Reader(), 0
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            event = message.event()
            for name in VALUES:
                event.get(name)
            found += 1
    return found


def everything(pieces: list[bytes]) -> int:
    """Ours: and all values of each event, as the peers have them."""
    from fs_1c.esl.wire import Reader

    reader, found = Reader(), 0
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            event = message.event()
            for name in event.names():
                event.get(name)
            found += 1
    return found


class _Pieces(io.RawIOBase):
    """A file of which each read gives a piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._left = iter(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = next(self._left, b"")
        buffer[: len(piece)] = piece
        return len(piece)


def greenswitch(pieces: list[bytes]) -> int:
    """It reads lines from a buffered file: here one over our pieces."""
    from greenswitch.esl import ESLProtocol

    protocol = ESLProtocol()
    protocol.sock_file = io.BufferedReader(_Pieces(pieces), max(map(len, pieces)))
    protocol.receive_events()
    return protocol._esl_event_queue.qsize()


def genesis(pieces: list[bytes]) -> int:
    """It reads lines from an asyncio.StreamReader: here one that we feed."""
    from genesis import Inbound

    async def read() -> int:
        protocol = Inbound("127.0.0.1", 8021, "ClueCon")
        protocol.is_connected = True
        protocol.reader = asyncio.StreamReader()
        reading = asyncio.create_task(protocol.handler())
        found = 0
        for piece in pieces:
            protocol.reader.feed_data(piece)
            await asyncio.sleep(0)  # it reads until it needs more
            while not protocol.events.empty():
                protocol.events.get_nowait()
                found += 1
        reading.cancel()
        return found

    return asyncio.run(read())


def main() -> None:
    parser, file, seconds, *sizes = sys.argv[1:]
    octets = Path(file).read_bytes()
    parse = globals()[parser]
    for size in map(int, sizes):
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        parse(pieces)  # once, so that everything is loaded
        found, started = 0, time.process_time()
        while time.process_time() - started < float(seconds):
            found += parse(pieces)
        print(found, time.process_time() - started)  # noqa: T201


if __name__ == "__main__":
    main()
