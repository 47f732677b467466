"""Events: headers and a body, from bytes and to bytes as FreeSWITCH writes them. Pure.

This is a reader and writer of its own, apart from the one the project's services use, so that a
misunderstanding in one is not hidden by the same in the other.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_UNSAFE = frozenset(b'\r\n #%&+:;<=>?@[\\]^`{|}"')
_UPPER_HEX = frozenset(b"0123456789ABCDEF")

EVENT_NAMES = frozenset(
    "CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER"
    " CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD"
    " CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA"
    " CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID"
    " API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN PUBLISH UNPUBLISH TALK NOTALK SESSION_CRASH"
    " MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN PRESENCE_OUT PRESENCE_PROBE"
    " MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE"
    " PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE RE_SCHEDULE RELOADXML"
    " NOTIFY PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE REQUEST_PARAMS"
    " CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO"
    " RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE NAT RECORD_START RECORD_STOP"
    " PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP"
    " CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE"
    " TEXT SHUTDOWN_REQUESTED CERT_RELOAD ALL".split()
)
"""Every event of FreeSWITCH 1.11 (source: EVENT_NAMES in switch_event.c)."""

MY_EVENTS = frozenset(
    "CHANNEL_ANSWER CHANNEL_APPLICATION CHANNEL_BRIDGE CHANNEL_CREATE CHANNEL_DATA CHANNEL_DESTROY"
    " CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_ORIGINATE"
    " CHANNEL_UUID CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_STATE"
    " CHANNEL_UNBRIDGE CHANNEL_UNPARK DETECTED_SPEECH DTMF NOTALK TALK".split()
)
"""What ``myevents`` subscribes to (source: parse_command in mod_event_socket.c)."""


def encode(value: str) -> str:
    """Percent-encodes as switch_url_encode does: capital hex, and a ``%`` that already begins ``%XX`` stays.

    So encoding loses information: a display name ``%0A`` arrives at the service as a newline.
    """
    raw = value.encode("utf-8", "surrogateescape")
    out = bytearray()
    for at, byte in enumerate(raw):
        ready = byte == 0x25 and len(raw) - at > 2 and raw[at + 1] in _UPPER_HEX and raw[at + 2] in _UPPER_HEX
        if ready or (0x20 <= byte <= 0x7E and byte not in _UNSAFE):
            out.append(byte)
        else:
            out += b"%%%02X" % byte
    return out.decode("ascii")


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        headers: names and decoded values, in order.
        body: text after the headers (BACKGROUND_JOB has one), None without.
    """

    headers: tuple[tuple[str, str], ...]
    body: str | None = None

    @property
    def name(self) -> str:
        """``Event-Name``."""
        return self.get("Event-Name") or ""

    def get(self, name: str) -> str | None:
        """A header's decoded value, None when it is not there; names in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def variables(self) -> dict[str, str]:
        """The channel's variables, without ``variable_``."""
        return {key[9:]: value for key, value in self.headers if key.startswith("variable_")}

    def plain(self, encoded: bool = True) -> bytes:
        """As switch_event_serialize writes it, blank line or body included; an empty value is ``_undef_``."""
        lines = [
            f"{key}: {(encode(value) if encoded else f'[{value}]') or '_undef_'}\n"
            for key, value in self.headers
        ]
        body = (self.body or "").encode("utf-8", "surrogateescape")
        head = "".join(lines).encode("utf-8", "surrogateescape")
        return head + b"Content-Length: %d\n\n" % len(body) + body if body else head + b"\n"

    def json(self) -> bytes:
        """As switch_event_serialize_json writes it."""
        fields = dict(self.headers)
        if self.body is not None:
            fields |= {
                "Content-Length": str(len(self.body.encode("utf-8", "surrogateescape"))),
                "_body": self.body,
            }
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")

    def framed(self, encoding: str = "plain") -> bytes:
        """The message a subscriber gets, ``encoding`` being ``plain`` or ``json``."""
        content = self.json() if encoding == "json" else self.plain()
        return (
            b"Content-Length: %d\nContent-Type: text/event-%s\n\n" % (len(content), encoding.encode())
            + content
        )


def parse_event(content: bytes) -> Event:
    """An event out of its plain form; values are decoded, a body is left aside."""
    head = content.partition(b"\n\n")[0]
    headers = []
    for line in head.split(b"\n"):
        key, colon, value = line.partition(b": ")
        if colon:
            decoded = unquote_to_bytes(value).decode("utf-8", "surrogateescape")
            headers.append((key.decode("ascii", "replace"), "" if decoded == "_undef_" else decoded))
    return Event(tuple(headers))


def event_messages(stream: bytes) -> list[bytes]:
    """The ``text/event-plain`` messages of what FreeSWITCH sent, each whole with its outer headers."""
    messages = []
    for found in re.finditer(rb"Content-Length: (\d+)\nContent-Type: text/event-plain\n\n", stream):
        messages.append(stream[found.start() : found.end() + int(found[1])])
    return messages


def now_us() -> int:
    """Now in microseconds since 1970, FreeSWITCH's unit of time."""
    return time.time_ns() // 1000


def dates(moment: int) -> dict[str, str]:
    """The three ``Event-Date-*`` headers of a moment in µs."""
    seconds = moment // 1_000_000
    return {
        "Event-Date-Local": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)),
        "Event-Date-GMT": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds)),
        "Event-Date-Timestamp": str(moment),
    }


def with_headers(
    headers: Iterable[tuple[str, str]], changes: dict[str, str | None]
) -> tuple[tuple[str, str], ...]:
    """Headers with some replaced in place, removed (None) or, when absent, added at the end."""
    left = dict(changes)
    out: list[tuple[str, str]] = []
    for key, value in headers:
        if key in changes:
            new = left.pop(key, None)
            if new is not None:
                out.append((key, new))
        else:
            out.append((key, value))
    out += [(key, value) for key, value in left.items() if value is not None]
    return tuple(out)
