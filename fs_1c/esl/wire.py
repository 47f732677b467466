r"""Bytes of the event socket → messages. No I/O.

A message is header lines `Name: value\n`, an empty line, and, if there is a Content-Length, that many octets
of body. Events come as a body that is itself header lines, an empty line and perhaps a body. Values of events
are percent-encoded UTF-8.

The strategy: the reader finds where a message ends and nothing more. An event has 150 headers and a listener
wants ten of them, so a header is searched for when it is asked for, in the octets as they came, and only its
value is decoded. Lines are split before anything is decoded: a caller's `%0A` stays inside its value and
forges no header.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

MAX_HEADERS = 256 * 1024
"""Octets of header lines; a channel with 150 variables has 6 000."""
MAX_BODY = 16 * 1024 * 1024
"""Octets of body; `show channels as json` has about 1 000 a channel."""


VARIABLE = b"\nvariable_"
_OF_CHANNEL = b"Event-Name: CHANNEL_"
_CHANNEL_DATA = b"\nEvent-Name: CHANNEL_DATA\n"
"""How the answer to `connect` begins."""
_NEWLINES = re.compile(b"\n+")
_PLAIN_EVENT = "text/event-plain"
_EVENT = re.compile(b"(Content-Length: ([0-9]{1,18})\nContent-Type: text/event-plain)\n\n")
"""How FreeSWITCH begins an event; whatever else begins one is read like any other message."""


@lru_cache(1024)
def _begins(name: str) -> tuple[bytes, int, bool]:
    """How the line of a header begins, with the newline before it; how long that is; is it a variable's?"""
    begins = b"\n" + name.encode() + b":"
    return begins, len(begins), begins.startswith(VARIABLE)


@lru_cache(64)
def _all_begin(names: tuple[str, ...]) -> list[tuple[str, bytes]]:
    return [(name, _begins(name)[0]) for name in names]


@lru_cache(64)
def _variables(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(VARIABLE + b"(" + "|".join(map(re.escape, names)).encode() + b"):([^\n]*)")


@lru_cache(64)
def _going_on(beginning: str, names: frozenset[str]) -> tuple[bytes, re.Pattern[bytes]]:
    """How the lines of such headers begin, and one of them: how its name goes on, and its value."""
    begins = _begins(beginning)[0][:-1]
    either = "|".join(map(re.escape, sorted(names))).encode()
    return begins, re.compile(re.escape(begins) + b"(" + either + b"):([^\n]*)")


def _decoded(value: bytes) -> str:
    """The text of a value as it came. Octets that are not UTF-8 become U+FFFD."""
    value = value.strip()
    if 0x25 in value:  # a percent sign; asked for as octets it costs five times as much
        value = unquote_to_bytes(value)
    try:
        return value.decode()  # which takes half as long as to tell what is to be done about others
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")


class WireError(Exception):
    """What came is not the event socket's protocol. The connection is of no use any more."""


class Headers:
    """Header lines, searched when asked; the first of a name counts.

    Args:
        lines: The octets of the lines, without the empty line that ends them.
    """

    __slots__ = ("_lines", "_variables")

    def __init__(self, lines: bytes) -> None:
        self._lines = b"\n" + lines  # so that every name follows a newline
        self._variables = -1

    def raw(self, name: str) -> bytes | None:
        """The octets of a value as they came, space around them and all, or None. Names are exact, as
        FreeSWITCH always writes them.
        """
        lines, (begins, length, is_variable) = self._lines, _begins(name)
        start = lines.find(begins, self._from() if is_variable else 0)
        if start < 0:
            return None
        start += length
        end = lines.find(b"\n", start)
        return lines[start:end] if end >= 0 else lines[start:]

    def _from(self) -> int:
        """Where the channel's variables begin: FreeSWITCH writes them after a channel's own headers."""
        if self._variables < 0:
            at = self._lines.find(VARIABLE)
            self._variables = at if at >= 0 else len(self._lines)
        return self._variables

    def get(self, name: str, /) -> str | None:
        """The decoded value of a header, or None. Octets that are not UTF-8 become U+FFFD."""
        # As `raw` and `_decoded` have it, and not by them: an event is asked for ten headers.
        lines, (begins, length, is_variable) = self._lines, _begins(name)
        start = lines.find(begins, self._from() if is_variable else 0)
        if start < 0:
            return None
        start += length
        end = lines.find(b"\n", start)
        value = (lines[start:end] if end >= 0 else lines[start:]).strip()
        if 0x25 in value:
            value = unquote_to_bytes(value)
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace")

    def only(self, names: tuple[str, ...]) -> dict[str, str]:
        """The decoded values of those of these headers that are there. Quicker than one `get` after the
        other if `names` are in the order in which FreeSWITCH writes them; of a name that comes twice, and
        FreeSWITCH sends none, it is the first after the one before it.
        """
        lines, at, found = self._lines, 0, {}
        for name, begins in _all_begin(names):
            start = lines.find(begins, at)
            if start < 0 and (start := lines.find(begins, 0, at + len(begins))) < 0:
                continue
            start += len(begins)
            at = lines.find(b"\n", start)
            if at < 0:
                at = len(lines)
            found[name] = _decoded(lines[start:at])
        return found

    def beginning_with(self, beginning: str, names: frozenset[str]) -> dict[str, str]:
        """Of all headers whose names begin like that the decoded values of those that go on by one of
        `names`; in one go, since to look for a header that is not there takes longest.
        """
        lines, (begins, one) = self._lines, _going_on(beginning, names)
        at = lines.find(begins, self._from() if begins.startswith(VARIABLE) else 0)
        found: dict[str, str] = {}
        if at >= 0:
            for name, value in one.findall(lines, at):
                found.setdefault(name.decode(), _decoded(value))
        return found

    def variables(self, names: tuple[str, ...]) -> dict[str, str]:
        """The decoded values of those of these channel variables that are there, by their headers' names;
        quicker than to look for each of several that are mostly not there.
        """
        found: dict[str, str] = {}
        for match in _variables(names).finditer(self._lines, self._from()):
            found.setdefault(f"variable_{match[1].decode()}", _decoded(match[2]))
        return found

    def names(self) -> list[str]:
        """The names of all headers, in their order."""
        lines = self._lines[1:].split(b"\n")
        return [
            name.decode("utf-8", "replace")
            for name, colon, _ in (line.partition(b":") for line in lines)
            if colon
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._lines[1:60]!r}>"


class Message(Headers):
    """One message as it came over the wire.

    Attributes:
        content_type: `command/reply`, `text/event-plain`, `auth/request`, …; the reader lets none pass
            without it.
        body: Its octets after the empty line; empty when there is no Content-Length.
    """

    __slots__ = ("body", "content_type")

    def __init__(self, lines: bytes, body: bytes = b"", content_type: str | None = None) -> None:
        self._lines = b"\n" + lines
        self._variables = -1
        self.content_type = (self.get("Content-Type") or "") if content_type is None else content_type
        self.body = body

    @property
    def reply(self) -> str:
        """The text of a reply: `+OK …` or `-ERR …`; empty when this is none."""
        return (self.get("Reply-Text") or "").strip()

    @property
    def is_of_channel(self) -> bool:
        """It carries an event whose name begins with `CHANNEL_`, as FreeSWITCH writes them."""
        return self.body.startswith(_OF_CHANNEL)

    def event(self) -> Headers:
        """The event that a `text/event-plain` message carries; an event without any header when it carries
        none.
        """
        body = self.body
        # Those of channels have no body of their own, and to look for its beginning takes a while.
        if body.startswith(_OF_CHANNEL) and body.endswith(b"\n\n"):
            return Headers(body)
        return Headers(body.partition(b"\n\n")[0])

    @property
    def event_body(self) -> bytes:
        """The body of the event that it carries, such as a background job's result; mostly empty."""
        return self.body.partition(b"\n\n")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and super().__eq__(other) and self.body == other.body

    def __hash__(self) -> int:
        return hash((self._lines, self.body))


class Reader:
    """Messages out of octets that arrive in any slicing.

    Args:
        max_headers: Octets of header lines beyond which a message is refused.
        max_body: Octets of body beyond which a message is refused.
        skip: A body beyond that is not refused but passed over; the message comes without it.
    """

    def __init__(
        self, max_headers: int = MAX_HEADERS, max_body: int = MAX_BODY, *, skip: bool = False
    ) -> None:
        self._max_headers = max_headers
        self._max_body = max_body
        self._skip = skip
        self._to_skip = 0  # octets of a body that nobody wants
        self._buffer: bytes | bytearray = b""
        self._at = 0  # octets of the buffer that are done with
        self._searched = 0  # octets after those that hold no empty line
        self._head: Message | None = None  # its body is on its way
        self._missing = 0  # octets of that body, in all

    @property
    def held(self) -> int:
        """Octets that are kept, of a message that has begun or of several that nobody has asked for yet."""
        kept = len(self._buffer) - self._at
        return kept if self._head is None else kept + len(self._head._lines)

    def feed(self, octets: bytes) -> None:
        """Takes what a `recv` gave."""
        if self._to_skip:
            skipped = min(self._to_skip, len(octets))
            self._to_skip -= skipped
            octets = octets[skipped:]
            if not octets:
                return
        rest = self._buffer
        if not rest:  # mostly a `recv` gives whole messages, which are read where they are
            self._buffer = octets
            return
        if isinstance(rest, bytes):
            rest = rest[self._at :]
            if len(rest) > len(octets):  # else to copy it costs no more than to read what has come
                rest = bytearray(rest)
        else:
            del rest[: self._at]
        rest += octets
        self._buffer, self._at = rest, 0

    def next(self) -> Message | None:
        """The next whole message, or None: more octets are needed. Raises `WireError`."""
        if not self._buffer:
            return None
        message = self._next_event()
        if message is not None:
            return message
        if self._head is not None or self._read_head():
            body_ends = self._at + self._missing
            if body_ends <= len(self._buffer):
                message, self._head = self._head, None
                if message is not None and self._missing:
                    message.body = bytes(self._buffer[self._at : body_ends])
                self._at, self._missing = body_ends, 0
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0
        elif message is None and self._at:  # what was read already is not kept until the rest comes
            self._buffer, self._at = self._buffer[self._at :], 0
        return message

    def _next_event(self) -> Message | None:
        """What comes next, if it is an event that is there as a whole."""
        buffer, at = self._buffer, self._at
        if self._head is not None or (found := _EVENT.match(buffer, at)) is None:
            return None
        begins, length = found.end(), int(found[2])
        ends = begins + length
        if ends > len(buffer) or length > self._max_body or begins - at - 2 > self._max_headers:
            return None
        self._searched = 0
        if ends == len(buffer):
            self._buffer, self._at = b"", 0
        else:
            self._at = ends
        return Message(found[1], bytes(buffer[begins:ends]), _PLAIN_EVENT)

    def _read_head(self) -> bool:
        buffer, at = self._buffer, self._at
        # Stray newlines between messages mean nothing; they are passed by, and what follows is not copied.
        if not self._searched and buffer[at : at + 1] == b"\n" and (stray := _NEWLINES.match(buffer, at)):
            self._at = at = stray.end()
        end = buffer.find(b"\n\n", at + max(0, self._searched - 1))
        # A newline at the end may be the first half of the empty line, and does not count then.
        if (end if end >= 0 else len(buffer) - buffer.endswith(b"\n")) - at > self._max_headers:
            raise WireError(f"header lines over {self._max_headers} octets: {bytes(buffer[at : at + 40])!r}…")
        if end < 0:
            self._searched = len(buffer) - at
            return False
        head = Message(bytes(buffer[at:end]))
        length = self._content_length(head)
        self._at, self._searched = end + 2, 0
        if length > self._max_body:
            here = min(length, len(buffer) - self._at)
            self._at += here
            self._to_skip, length = length - here, 0
        self._head, self._missing = head, length
        return True

    def _content_length(self, head: Message) -> int:
        if not head.content_type:
            raise WireError(f"a message without Content-Type: {head._lines[1:41]!r}…")
        if head._lines.startswith(_CHANNEL_DATA):  # which never has a body, and 150 lines to look for it in
            return 0
        value = head.raw("Content-Length")
        if value is None:
            return 0
        value = value.strip()
        if not value.isdigit():
            raise WireError(f"Content-Length is not a number: {value[:40]!r}")
        if len(value) > 18 or (int(value) > self._max_body and not self._skip):
            raise WireError(f"Content-Length over {self._max_body}: {value[:40]!r}")
        return int(value)
