"""A SIP message as it came, and what goes into one."""

from __future__ import annotations

import re
import uuid


class Sip:
    """A SIP message: start line and header lines in their order; bodies mean nothing here."""

    def __init__(self, octets: bytes) -> None:
        head = octets.decode("utf-8", "replace").partition("\r\n\r\n")[0]
        self.start, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        self.headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def method(self) -> str:
        return self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """Of a response; 0 when this is a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0


def new_branch() -> str:
    return f"z9hG4bK{uuid.uuid4().hex}"


def uri_of(header: str) -> str:
    """The URI of a Contact."""
    match = re.search(r"<([^>]+)>", header)
    return match[1] if match else header


def tag_of(header: str) -> str:
    """The tag of a From or To."""
    return header.rpartition("tag=")[2]


def display_name(header: str) -> str:
    """The name in a From header, as a phone shows it."""
    match = re.match(r'\s*"((?:[^"\\]|\\.)*)"', header)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else ""


def quoted(name: str) -> str:
    """A name as it stands before the address in a From header."""
    return '"{}" '.format(re.sub(r'(["\\])', r"\\\1", name)) if name else ""


def sdp(port: int) -> str:
    """Offers, or accepts, PCMU at that port of loopback."""
    origin = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    return f"{origin}m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
