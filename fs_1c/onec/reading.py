"""The octets of an answer, bounded however they come: heads without end, a million chunks, trailers, bombs.

A timer bounds them in time (see `connection`); what is bounded here is what is read and kept within it, and
so the work that it makes. http.client bounds a line and the number of headers, and nothing else.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

import requests
import urllib3

from fs_1c.onec.errors import OneCError, Reached

MAX_HEAD = 1 << 16
"""Octets before the body: interim answers, the status line, headers. A few of the body may count, too."""
MAX_RESPONSE = 1 << 18
"""Octets of a response that are read; 1C's answer has some hundreds."""
MAX_FRAMING = 1 << 16
"""Octets that the sizes of chunks, what stands behind these, and trailers may add."""
MAX_PIECES = 4096
"""Chunks or packets of a body; each costs as much as a thousand octets."""
MAX_HEARD = 1 << 20
"""Octets that are written down for who wants to see what came."""


class Octets(io.RawIOBase):
    """What comes on a socket, counted, and written down for who wants to see it.

    Attributes:
        left: Octets that may still come; with more than that `OneCError` is raised.
        ended: No more is read: what is behind the answer is nobody's.
    """

    def __init__(self, raw: io.RawIOBase, heard: bytearray | None) -> None:
        self._raw, self._heard = raw, heard
        self.left = MAX_HEAD
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return None
        count = self._raw.readinto(buffer)
        if count:
            self.left -= count
            if self._heard is not None and len(self._heard) < MAX_HEARD:
                self._heard += bytes(buffer[:count])
            if self.left < 0:
                raise _too_large("an answer whose head or chunks have no end")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def body_of(response: requests.Response) -> bytes:
    """The body, unpacked. Raises `OneCError` if there is too much of it."""
    body = bytearray()
    pieces = 0
    # read1 gives what has arrived; read would wait for a whole block, however slowly it comes.
    while chunk := response.raw.read1(16 * 1024, decode_content=False):
        body += chunk
        pieces += 1
        if len(body) > MAX_RESPONSE or pieces > MAX_PIECES:
            raise _too_large(f"an answer over {MAX_RESPONSE} octets or {MAX_PIECES} pieces")
    packed = body[:2] == b"\x1f\x8b"  # perhaps not said so
    said = response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")
    return _unpacked(bytes(body)) if packed or (said and body) else bytes(body)


def _unpacked(body: bytes) -> bytes:
    """Out of gzip or deflate, with its header or without."""
    for wbits in (47, -15):
        unpack = zlib.decompressobj(wbits)
        try:
            unpacked = unpack.decompress(body, MAX_RESPONSE + 1)
        except zlib.error:
            continue
        if len(unpacked) > MAX_RESPONSE:
            raise _too_large(f"an answer over {MAX_RESPONSE} octets")
        if unpack.eof:
            return unpacked
    raise urllib3.exceptions.DecodeError("what is said to be packed is not")


def _too_large(what: str) -> OneCError:
    return OneCError("too-large", what, Reached.MAYBE, base_down=True)


def breaks_off(body: bytes) -> bool:
    """Does the body end before what was begun in it does? Its rest may come next, or an answer behind it."""
    body = body.strip(b"\xef\xbb\xbf \t\r\n\0")
    ends = {b"<": b">", b"{": b"}", b"[": b"]"}.get(body[:1], b"")
    return not body.endswith(ends)
