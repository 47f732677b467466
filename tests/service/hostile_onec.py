"""A 1C that answers as the hostile would, by whom it is asked about; what it was asked is written down.

Known clients are answered rightly. Of the others, by the last digit of the number: one is dripped for as long
as anybody listens; the rest is sent namespaces × children, or cookies of 60 kB.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import http_answer, inner, read_request, soap_answer

SESSIONS = 4
"""What the service is granted by default."""
_NAMESPACES = "".join(f" xmlns:a{number}='b'" for number in range(800))
_TREE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    f"<m:SayNameResponse xmlns:m='http://VATS'><m:return{_NAMESPACES}>{'<x/>' * 4000}</m:return>"
    "</m:SayNameResponse></soap:Body></soap:Envelope>"
).encode()
_BOMB = http_answer(_TREE)
_COOKIE = b'Set-Cookie: ibsession="' + rb"\1" * 30_000 + b'"\r\nContent-Type'
_COOKIES = http_answer(soap_answer(inner("К", "0", "244"))).replace(b"Content-Type", _COOKIE, 1)
_PAUSE = 0.05
"""Seconds between two octets that are dripped."""


@dataclass(frozen=True, slots=True)
class Request:
    """Attributes:
    number: Whom it was asked about.
    began, ended: When, by `time.monotonic`.
    """

    number: str
    began: float
    ended: float


def withheld(requests: list[Request], number: str, began: float, ended: float) -> bool:
    """Whether 1C itself had this caller wait: it was asked about him and had not ended its answer by then, or
    was at so many other answers that it could not be asked.
    """
    meanwhile = [one for one in requests if one.began < ended and one.ended > began]
    if any(one.number == number and one.ended >= ended for one in meanwhile):
        return True
    held = [one for one in meanwhile if one.ended - one.began > (ended - began) / 2]
    return len(held) >= SESSIONS


def requests(written: Path) -> list[Request]:
    """What was written down; what has not ended, ends never."""
    began: dict[str, tuple[str, float]] = {}
    ended: list[Request] = []
    for line in written.read_text("ascii").splitlines():
        what, key, number, when = line.split()
        if what == "began":
            began[key] = number, float(when)
        elif key in began:
            ended.append(Request(began[key][0], began.pop(key)[1], float(when)))
    return [*ended, *(Request(number, when, float("inf")) for number, when in began.values())]


@contextlib.contextmanager
def hostile_onec(folder: Path, known: str) -> Iterator[tuple[str, Path]]:
    """A process of its own: its address, and where it writes down what it was asked. `known` is how the
    numbers of known clients begin.
    """
    written = folder / "asked"
    written.touch()
    listening = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening, known, written))
    process.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    try:
        yield address, written
    finally:
        process.kill()
        process.join()


def _serve(listening: socket.socket, known: str, written: Path) -> None:
    with written.open("a", encoding="ascii", buffering=1) as file:
        lock = threading.Lock()

        def note(what: str, key: int, number: str) -> None:
            with lock:
                file.write(f"{what} {key} {number} {time.monotonic()}\n")

        def serve(connection: socket.socket, key: int) -> None:
            with connection, contextlib.suppress(OSError):
                for key_ in range(key * 1_000_000, (key + 1) * 1_000_000):
                    asked = read_request(connection)
                    found = re.search(rb"\b\d{11}\b", asked.partition(b"\r\n\r\n")[2])
                    number = found[0].decode() if found else "-"
                    note("began", key_, number)
                    try:
                        _answer(connection, number, number.startswith(known))
                    finally:
                        note("ended", key_, number)

        for key in range(1_000_000):
            threading.Thread(target=serve, args=(listening.accept()[0], key), daemon=True).start()


def _answer(connection: socket.socket, number: str, known: bool) -> None:
    good = http_answer(soap_answer(inner("Клиент", "0", "244")))
    if known or number == "-":
        connection.sendall(good)
    elif number.endswith("0"):
        for octet in _BOMB:
            connection.sendall(bytes((octet,)))
            time.sleep(_PAUSE)
    else:
        connection.sendall(_COOKIES if number.endswith(("2", "6")) else _BOMB)
