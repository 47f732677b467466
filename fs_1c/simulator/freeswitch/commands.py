"""Commands as FreeSWITCH reads them from a socket, and replies as it writes them.

The strategy is that of ``read_packet`` in mod_event_socket.c: bytes are gathered up to a blank line; the
block is cut into lines at the first CR *anywhere* in what is left, else at the first LF; header values are
taken as they are (no percent-decoding in this direction) apart from leading blanks; ``Content-Length`` says
how many bytes of body follow. So a stray CR in a value swallows the lines before it and a newline begins a
new header. Our client must never send either, which is why the simulator forgives nothing here.

No I/O: feed bytes, take commands.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_BLOCK = 64 * 1024
"""Bytes of header block accepted (FreeSWITCH takes 10 MiB; no honest command of ours comes near this)."""

MAX_BODY = 16 * 1024 * 1024
"""Bytes of body accepted (source: MAX_CONTENT_LENGTH in mod_event_socket.c)."""

REPLY_ROOM = 511
"""Bytes a reply text may have: FreeSWITCH writes it into a 512-byte buffer and cuts the rest silently."""

GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class BadCommandError(Exception):
    """Input at which FreeSWITCH (or this simulator, for the bounds) closes the connection."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        line: the command line, e.g. ``sendmsg`` or ``event plain ALL``.
        headers: names and values of the lines after it, in order.
        body: the body, empty without ``Content-Length``.
        raw: the bytes as they came, without the blank line.
    """

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    def get(self, name: str) -> str | None:
        """The value of a header (any case); of several the first, as switch_event_get_header gives it."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def starts(self, word: str) -> bool:
        """FreeSWITCH compares commands by prefix and without case: ``EXITED`` is ``exit``."""
        return self.line[: len(word)].lower() == word


class CommandReader:
    """Gathers bytes and gives whole commands, whatever the slicing."""

    __slots__ = ("_body_left", "_buffer", "_head")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[bytes, str, tuple[tuple[str, str], ...]] | None = None
        self._body_left = 0

    @property
    def partial(self) -> bool:
        """Part of a command has come: FreeSWITCH delivers no event until it has the rest."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> None:
        """Adds bytes as received."""
        self._buffer += data

    def take(self) -> Command | None:
        """The next whole command, or None when more bytes are needed.

        Raises:
            BadCommandError: the block is too long or ``Content-Length`` is out of range.
        """
        if self._head is None and not self._take_head():
            return None
        if self._head is None or len(self._buffer) < self._body_left:
            return None
        raw, line, headers = self._head
        body = bytes(self._buffer[: self._body_left])
        del self._buffer[: self._body_left]
        self._head, self._body_left = None, 0
        return Command(line, headers, body, raw + b"\n\n" + body if body else raw)

    def _take_head(self) -> bool:
        blank = 0
        while blank < len(self._buffer) and self._buffer[blank] in b"\r\n":
            blank += 1
        del self._buffer[:blank]
        end = _end_of_block(self._buffer)
        if end > MAX_BLOCK or (end < 0 and len(self._buffer) > MAX_BLOCK):
            raise BadCommandError(f"header block longer than {MAX_BLOCK} bytes")
        if end < 0:
            return False
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        line, headers = _parse_block(raw.decode("utf-8", "surrogateescape"))
        for name, value in headers:
            if name.lower() == "content-length":
                self._body_left = _atoi(value)
        if not 0 <= self._body_left <= MAX_BODY:
            raise BadCommandError(f"Content-Length {self._body_left} is out of range")
        self._head = (raw.rstrip(b"\r\n"), line, headers)
        return True


def _end_of_block(data: bytearray) -> int:
    """Length of the first block with its blank line, -1 when it is not whole. CRs between the two LFs don't
    count."""
    at = data.find(b"\n")
    while at >= 0:
        after = at + 1
        while after < len(data) and data[after] == 0x0D:
            after += 1
        if after < len(data) and data[after] == 0x0A:
            return after + 1
        at = data.find(b"\n", at + 1)
    return -1


def _parse_block(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    headers: list[tuple[str, str]] = []
    command, rest = _cut(text)
    while rest:
        line, rest = _cut(rest)
        name, colon, value = line.partition(":")
        value = value.lstrip(" ")
        if not colon:
            continue
        if value:
            headers.append((name, value))
        else:  # an empty value deletes the header, see switch_event_base_add_header
            headers = [pair for pair in headers if pair[0].lower() != name.lower()]
    return command, tuple(headers)


def _cut(text: str) -> tuple[str, str]:
    at = text.find("\r")
    if at < 0:
        at = text.find("\n")
    return (text, "") if at < 0 else (text[:at], text[at:].lstrip("\r\n"))


def _atoi(text: str) -> int:
    """C's atoi: leading blanks, a sign, digits; anything else ends the number."""
    text = text.lstrip(" \t")
    digits = text[1:] if text[:1] in ("+", "-") else text
    count = 0
    while count < len(digits) and digits[count] in "0123456789":
        count += 1
    number = int(digits[: min(count, 18)] or "0")
    return -number if text.startswith("-") else number


def reply(text: str) -> bytes:
    """A ``command/reply``. An empty text is what FreeSWITCH takes for an unknown command."""
    raw = (text or "-ERR command not found").encode("utf-8", "surrogateescape")[:REPLY_ROOM]
    if raw.startswith(b"~"):  # FreeSWITCH's own mark for ready-made headers: a value can forge them
        return b"Content-Type: command/reply\n" + raw[1:]
    return b"Content-Type: command/reply\nReply-Text: " + raw + b"\n\n"


def api_response(text: str) -> bytes:
    """An ``api/response``; an API that writes nothing is answered ``-ERR no reply``."""
    body = text.encode("utf-8", "surrogateescape") or b"-ERR no reply\n"
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def disconnect_notice(uuid: str | None) -> bytes:
    """The last notice before FreeSWITCH closes; ``uuid`` of the controlled call, None on the event socket."""
    controlled = f"Controlled-Session-UUID: {uuid}\nContent-Disposition: disconnect\n" if uuid else ""
    head = f"Content-Type: text/disconnect-notice\n{controlled}Content-Length: {len(GOODBYE)}\n\n"
    return head.encode() + GOODBYE


def linger_notice(uuid: str, channel_name: str, seconds: int) -> bytes:
    """The call is over, the connection stays; -1 seconds means until the service leaves. No body."""
    return (
        f"Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\n"
        "Content-Disposition: linger\n"
        f"Channel-Name: {channel_name}\nLinger-Time: {seconds}\nContent-Length: 0\n\n"
    ).encode("utf-8", "surrogateescape")
