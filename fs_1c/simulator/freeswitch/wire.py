"""The event socket's octets: commands as FreeSWITCH reads them, replies and events as it writes them. No I/O.

A reader and writer of its own, so that a misunderstanding in `fs_1c.esl` is not hidden by the same one here.

Commands are read as `read_packet` in mod_event_socket.c does: up to a blank line; cut into lines at the first
CR *anywhere* in what is left, else at the first LF; values as they are, nothing percent-decoded, apart from
leading blanks; `Content-Length` octets of body follow. So a stray CR in a value swallows the lines before it,
and a newline begins a new header. Our client must never send either: nothing is forgiven here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from fs_1c.simulator.freeswitch.values import atoi

MAX_BLOCK = 64 * 1024  # octets of header block; FreeSWITCH takes 10 MiB, no honest command comes near
MAX_BODY = 16 * 1024 * 1024  # octets of body (source: MAX_CONTENT_LENGTH)
REPLY_ROOM = 511  # octets of a reply's text: FreeSWITCH has a buffer of 512 and cuts the rest silently
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

_BLANK_LINE = re.compile(rb"\n\r*\n")
_UNSAFE = re.compile(rb"%(?![0-9A-F]{2})|[^\x20-\x7e]|[ #&+:;<=>?@\[\\\]^`{|}\"]")
_EVENT_MESSAGE = re.compile(rb"Content-Length: (\d+)\nContent-Type: text/event-plain\n\n")


class BadCommandError(Exception):
    """Input at which FreeSWITCH (or this simulator, for the bounds) closes the connection."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Names and values in order; of one name the first counts, and its case does not."""

    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Command(Headers):
    """One command: its line, e.g. `event plain ALL`, the octets as they came without blank line, its body."""

    line: str
    raw: bytes
    body: bytes = b""

    def starts(self, word: str) -> bool:
        """FreeSWITCH compares commands by prefix and without case: `EXITED` is `exit`."""
        return self.line[: len(word)].lower() == word


class CommandReader:
    """Takes octets in any slicing and gives whole commands."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def partial(self) -> bool:
        """Part of a command has come: FreeSWITCH delivers no event until it has the rest."""
        return bool(self._buffer)

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    def take(self) -> Command | None:
        """The next whole command, or None: more octets are needed. Raises BadCommandError."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        blank = _BLANK_LINE.search(self._buffer)
        if (blank.end() if blank else len(self._buffer)) > MAX_BLOCK:
            raise BadCommandError(f"header block longer than {MAX_BLOCK} octets")
        if blank is None:
            return None
        block, rest = self._buffer[: blank.end()], self._buffer[blank.end() :]
        line, *others = _lines(block.decode("utf-8", "surrogateescape"))
        headers: list[tuple[str, str]] = []
        for name, colon, value in (other.partition(":") for other in others):
            if colon and value.strip(" "):
                headers.append((name, value.lstrip(" ")))
            elif colon:  # an empty value deletes the header, see switch_event_base_add_header
                headers = [pair for pair in headers if pair[0].lower() != name.lower()]
        length = atoi(next((value for name, value in headers[::-1] if name.lower() == "content-length"), "0"))
        if not 0 <= length <= MAX_BODY:
            raise BadCommandError(f"Content-Length {length} is out of range")
        if len(rest) < length:
            return None
        body, self._buffer = rest[:length], rest[length:]
        raw = block.rstrip(b"\r\n")
        return Command(tuple(headers), line, raw + b"\n\n" + body if body else raw, body)


def _lines(block: str) -> Iterator[str]:
    while block:
        at = block.find("\r" if "\r" in block else "\n")
        yield block[:at]
        block = block[at:].lstrip("\r\n")


def reply(text: str) -> bytes:
    """A `command/reply`. An empty text is what FreeSWITCH takes for an unknown command."""
    raw = (text or "-ERR command not found").encode("utf-8", "surrogateescape")[:REPLY_ROOM]
    # A tilde is FreeSWITCH's own mark for ready-made headers: a value can forge them.
    head = raw[1:] if raw.startswith(b"~") else b"Reply-Text: " + raw + b"\n\n"
    return b"Content-Type: command/reply\n" + head


def api_response(text: str) -> bytes:
    """An `api/response`; an API that writes nothing is answered `-ERR no reply`."""
    body = text.encode("utf-8", "surrogateescape") or b"-ERR no reply\n"
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def disconnect_notice(uuid: str | None, linger: str = "") -> bytes:
    """The last notice before FreeSWITCH closes; `uuid` of the controlled call, None on the event socket.

    linger: Further headers of one that says only that the call is over and the connection stays.
    """
    kind, goodbye = ("linger", "") if linger else ("disconnect", GOODBYE)
    whose = f"Controlled-Session-UUID: {uuid}\nContent-Disposition: {kind}\n{linger}" if uuid else ""
    head = f"Content-Type: text/disconnect-notice\n{whose}Content-Length: {len(goodbye)}\n\n"
    return (head + goodbye).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Event(Headers):
    """One event, its values decoded; BACKGROUND_JOB has a text after the headers."""

    body: str = ""

    @property
    def name(self) -> str:
        return self.get("Event-Name") or ""

    def plain(self) -> bytes:
        """As switch_event_serialize writes it, blank line or body included; an empty value is `_undef_`."""
        body = self.body.encode("utf-8", "surrogateescape")
        head = "".join(f"{key}: {encode(value) or '_undef_'}\n" for key, value in self.headers)
        head += f"Content-Length: {len(body)}\n" if body else ""
        return head.encode("utf-8", "surrogateescape") + b"\n" + body

    def framed(self) -> bytes:
        content = self.plain()
        return b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(content) + content

    def changed(self, changes: Mapping[str, str | None]) -> Event:
        """With some headers replaced in place, removed (None) or, when absent, added at the end."""
        told = {key for key, _ in self.headers}
        kept = ((key, changes.get(key, value)) for key, value in self.headers)
        added = ((key, value) for key, value in changes.items() if key not in told)
        return Event(tuple((key, value) for key, value in (*kept, *added) if value is not None), self.body)


def encode(value: str) -> str:
    """As switch_url_encode does: a `%` that begins a `%XX` stays, so a name `%0A` arrives as a newline."""
    octets = value.encode("utf-8", "surrogateescape")
    return _UNSAFE.sub(lambda unsafe: b"%%%02X" % unsafe[0][0], octets).decode("ascii")


def parse_event(content: bytes) -> Event:
    """An event out of its plain form; values are decoded, a body is left aside."""
    lines = (line.partition(b": ") for line in content.partition(b"\n\n")[0].split(b"\n"))
    raw = ((key.decode("ascii", "replace"), unquote_to_bytes(value)) for key, colon, value in lines if colon)
    values = ((key, value.decode("utf-8", "surrogateescape")) for key, value in raw)
    return Event(tuple((key, "" if value == "_undef_" else value) for key, value in values))


def event_messages(stream: bytes) -> list[bytes]:
    """The `text/event-plain` messages of what FreeSWITCH sent, each whole with its outer headers."""
    found = _EVENT_MESSAGE.finditer(stream)
    return [stream[head.start() : head.end() + int(head[1])] for head in found]


def now() -> int:
    """Microseconds since 1970, FreeSWITCH's unit of time."""
    return time.time_ns() // 1000
