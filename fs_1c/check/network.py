"""The way to a base, below HTTP: its name, its port, its certificate."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fs_1c.onec import dialects
from fs_1c.settings import OneCSettings

CONNECT_WITHIN = 3.0
"""Seconds for one address."""
TLS_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to connect to.

    Attributes:
        host: A name or an address.
        tls: Whether TLS is to be spoken there, straight away.
        proxy: It is the proxy, which then connects to the base.
    """

    host: str
    port: int
    tls: bool
    proxy: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """An address that a name stands for, as `socket` wants it."""

    family: socket.AddressFamily
    address: Any

    def __str__(self) -> str:
        return str(self.address[0])


def target(settings: OneCSettings) -> Target:
    """Where a base's requests go first."""
    proxy, _ = settings.through()
    url = urlsplit(proxy or dialects.address(settings))
    secure = url.scheme == "https"
    port = url.port if url.port is not None else 443 if secure else 80
    return Target(url.hostname or "", port, secure and not proxy, bool(proxy))


def resolve(host: str, port: int) -> tuple[Place, ...]:
    """The addresses of a name, in the order in which they are tried. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(Place(family, address) for family, _, _, _, address in found))


def is_own(place: Place) -> bool:
    """Is it an address of this machine? Raises OSError."""
    with socket.socket(place.family, socket.SOCK_DGRAM) as end:
        end.connect(place.address)  # nothing is sent
        return str(end.getsockname()[0]) == str(place)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of connecting to one address. `error` is None if it went well; seconds it took."""

    place: Place
    error: OSError | None
    took: float


def connect(places: tuple[Place, ...]) -> list[Attempt]:
    """Tries one address after another, up to the first that answers."""
    attempts: list[Attempt] = []
    for place in places:
        started = time.monotonic()
        error: OSError | None = None
        try:
            reach(place).close()
        except OSError as failed:
            error = failed
        attempts.append(Attempt(place, error, time.monotonic() - started))
        if error is None:
            break
    return attempts


def answering(places: tuple[Place, ...]) -> Place:
    """The first address that answers. Raises the OSError of the last one."""
    last = connect(places)[-1]
    if last.error is not None:
        raise last.error
    return last.place


def reach(place: Place) -> socket.socket:
    """A connection. Raises OSError."""
    connection = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_WITHIN)
        connection.connect(place.address)
    except BaseException:
        connection.close()
        raise
    return connection


def reason(error: BaseException) -> str:
    """Why a connection failed, in a word or two: `refused`, `no answer`, or the system's own."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "no route"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "hung up"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def handshake(place: Place, host: str, trust: ssl.SSLContext) -> dict[str, Any]:
    """The certificate of whoever is there, if it can be trusted. Raises OSError (ssl.SSLError is one)."""
    with reach(place) as connection:
        connection.settimeout(TLS_WITHIN)
        with trust.wrap_socket(connection, server_hostname=host) as secured:
            return dict(secured.getpeercert() or {})


def speaks_tls(place: Place, host: str) -> bool:
    """Does it answer a TLS greeting? Nothing is sent to it but that."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, ValueError):
        handshake(place, host, anybody)
        return True
    return False


def speaks_http(place: Place, host: str) -> bool:
    """Does it answer a plain HTTP request? It is asked for nothing but its headers."""
    with contextlib.suppress(OSError, UnicodeError), reach(place) as connection:
        connection.sendall(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("ascii"))
        return connection.recv(5).startswith(b"HTTP/")
    return False
