"""Reading a request's body from a stream, whatever its headers claim: bounded, and without guessing.

Framing that two readers could understand differently (two lengths, a length and chunks) is refused.
"""

import re
from email.message import Message
from http import HTTPStatus
from io import BufferedIOBase

MAX_BODY = 1024 * 1024
_MAX_LINE = 1024
_MAX_TRAILERS = 32
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?")


class BodyRefused(Exception):
    """The body cannot be read, and neither can what follows it: answer `status` and close the connection."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_body(headers: Message, stream: BufferedIOBase, limit: int = MAX_BODY) -> bytes | None:
    """The body, at most `limit` bytes; None when the headers announce none. Raises BodyRefused."""
    lengths = {value.strip() for value in headers.get_all("Content-Length", [])}
    encodings = [value.strip().lower() for value in headers.get_all("Transfer-Encoding", [])]
    if encodings:
        if lengths:
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "Content-Length together with Transfer-Encoding")
        if encodings != ["chunked"]:
            raise BodyRefused(HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding known here is chunked")
        return _read_chunks(stream, limit)
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not length.isascii() or not length.isdigit():
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number of bytes")
    if not _LENGTH.fullmatch(length) or int(length) > limit:
        raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
    return _read_exactly(stream, int(length))


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "the body is shorter than announced")
    return content


def _read_chunks(stream: BufferedIOBase, limit: int) -> bytes:
    content = bytearray()
    while True:
        size_line = _CHUNK_SIZE.fullmatch(_read_line(stream))
        if size_line is None:
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "a chunk's size is not a hexadecimal number")
        size = int(size_line[1], 16)
        if size == 0:
            break
        if len(content) + size > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
        content += _read_exactly(stream, size)
        if _read_line(stream):
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "a chunk is longer than its size")
    for _ in range(_MAX_TRAILERS):
        if not _read_line(stream):
            return bytes(content)
    raise BodyRefused(HTTPStatus.BAD_REQUEST, "too many trailers")


def _read_line(stream: BufferedIOBase) -> bytes:
    """A line without its end."""
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "a line of the chunked body is too long or cut off")
    return line.rstrip(b"\r\n")
