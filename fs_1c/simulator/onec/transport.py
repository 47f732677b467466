"""How an answer leaves: as it should, or as a fault has it."""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from fs_1c.simulator.onec.faults import Fault

BLOCK = b" " * (64 * 1024)
GARBAGE = b"\x15\x03\x01\x00\x02\x02\x50 not HTTP at all \xff\xfe\x00\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class End(Enum):
    """What becomes of the connection."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Head:
    """A response's head. headers: all of them, but for the body's length, which `encode` is given."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def encode(self, *more: tuple[str, str]) -> bytes:
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{k}: {v}" for k, v in (*self.headers, *more))]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1", "replace")


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection, and the event that the simulator stops."""

    connection: socket.socket
    stopping: threading.Event

    def hang(self) -> None:
        """Says nothing and reads nothing, until the other side leaves or the simulator is stopped."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        while not self.stopping.is_set():
            # A stop shuts the connection down, which wakes this; the second is for what nobody thought of.
            if poll.poll(1000):
                return

    def drip(self, octets: bytes, seconds: float) -> None:
        for octet in octets:
            self.connection.sendall(bytes((octet,)))
            if self.stopping.wait(seconds):
                return

    def flood(self, pieces: Iterable[bytes], seconds: float = 0.0) -> None:
        for piece in pieces:
            self.connection.sendall(piece)
            if self.stopping.wait(seconds) if seconds else self.stopping.is_set():
                return


def send(wire: Wire, head: Head, body: bytes, fault: Fault | None, *, length: int) -> End:
    """Sends an answer, spoilt by a fault of the stage `WIRE`.

    length: the true Content-Length; an answer to HEAD has one and no body. Raises OSError when the other side
    has gone.
    """
    true_length = ("Content-Length", str(length))
    if fault is None:
        wire.connection.sendall(head.encode(true_length) + body)
        return End.KEEP
    wire.connection.settimeout(None)  # nothing ends a fault but the other side and a stop
    seconds, size = fault.seconds or 0.0, fault.size
    close = ("Connection", "close")
    match fault.name:
        case "cut-in-answer":
            wire.connection.sendall(
                head.encode(true_length) + body[: len(body) // 2 if size is None else size]
            )
            return end_of(fault)
        case "slow-first-byte":
            if not wire.stopping.wait(seconds):
                wire.connection.sendall(head.encode(true_length) + body)
            return End.KEEP
        case "drip":
            slow_head, slow_body = (seconds if fault.part in (part, "both") else 0.0 for part in _PARTS)
            for octets, pace in ((head.encode(true_length), slow_head), (body, slow_body)):
                wire.drip(octets, pace) if pace else wire.connection.sendall(octets)
            return End.KEEP
        case "endless-body":
            wire.connection.sendall(head.encode(close) + body)
            wire.flood(iter(lambda: BLOCK, b""), seconds)
        case "endless-headers":
            wire.connection.sendall(head.encode().removesuffix(b"\r\n"))
            wire.flood((b"X-Endless: " + BLOCK[:50] + b"1\r\n" for _ in iter(int, 1)), seconds)
        case "huge-body":
            spaces = size or 0
            wire.connection.sendall(head.encode(("Content-Length", str(length + spaces))) + body)
            wire.flood(BLOCK[: spaces - sent] for sent in range(0, spaces, len(BLOCK)))
            return End.KEEP
        case "wrong-length":
            claimed = max(0, length + (size or 0))
            wire.connection.sendall(head.encode(("Content-Length", str(claimed))) + body)
            how = fault.how or ("hang" if claimed > length else "keep")
            if how == "hang":
                wire.hang()
            return {"keep": End.KEEP, "reset": End.RESET}.get(how, End.CLOSE)
        case "garbage":
            wire.connection.sendall(GARBAGE)
        case "broken-chunk":
            chunked = head.encode(("Transfer-Encoding", "chunked"))
            wire.connection.sendall(chunked + b"%x\r\n%s\r\nno size\r\n" % (len(body), body))
        case "close-every-time":
            wire.connection.sendall(head.encode(true_length, close) + body)
    return End.CLOSE


_PARTS = ("headers", "body")


def end_of(fault: Fault) -> End:
    """What a fault's `how` does to the connection."""
    return End.RESET if fault.how == "reset" else End.CLOSE


def reset(connection: socket.socket) -> None:
    """Has the connection end with a RST once it is closed, so that whatever was on its way is lost."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def to_be_reset(connection: socket.socket) -> bool:
    """Whether `reset` was asked for."""
    try:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET
    except OSError:
        return False
