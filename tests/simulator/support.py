"""What the tests of the simulated 1C share: the requests of the description, and ways to send them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

import requests
from lxml import etree

from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.onec.support import SEED_NAME, SEED_SAY_NAME
from tests.support import KEY, SOON

SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_1_2 = "http://www.w3.org/2003/05/soap-envelope"
TEXT_XML = {"Content-Type": "text/xml"}
SOAP_XML = {"Content-Type": "application/soap+xml; charset=utf-8"}
SEED_REQUEST, SEED_ANSWER = SEED_SAY_NAME, SEED_NAME
NUMBER = "89235292926"
POST = b"POST /telephony/ws/VATS HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"


def envelope(
    operation: str, soap: str = SOAP_1_1, namespace: str = "http://VATS", **parameters: str
) -> bytes:
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parameters.items())
    return (
        f'<s:Envelope xmlns:s="{soap}"><s:Header/><s:Body>'
        f'<{operation} xmlns="{namespace}">{inside}</{operation}></s:Body></s:Envelope>'
    ).encode()


def returned(answer: bytes) -> str:
    """The text of m:return."""
    (element,) = etree.fromstring(answer).iter("{http://VATS}return")
    return element.text or ""


def say_name(onec: OneCSimulator, number: str) -> str:
    answer = requests.post(onec.url, envelope("SayName", Number=number), headers=TEXT_XML, timeout=SOON)
    assert answer.status_code == 200
    return returned(answer.content)


def raw(onec: OneCSimulator, sent: bytes) -> bytes:
    """Sends bytes as they are and reads until the simulator closes the connection."""
    with socket.create_connection(("127.0.0.1", onec.port), timeout=SOON) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def simulator(**settings: Any) -> OneCSimulator:
    return OneCSimulator(OneCSimulatorSettings(port=0, **settings))


def post(
    onec: OneCSimulator,
    body: bytes = SEED_REQUEST.encode(),
    session: requests.Session | None = None,
    timeout: float = 5,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """Sends an operation, by default the description's SayName, following no redirects."""
    return (session or requests.Session()).post(
        onec.url, body, headers={**TEXT_XML, **(headers or {})}, timeout=timeout, allow_redirects=False
    )


def pop(number: str = NUMBER, key: str = KEY) -> bytes:
    """The request IncomingCall."""
    return envelope("IncomingCall", NumFrom=number, Key=key)


def until(happened: Callable[[], bool], within: float = SOON) -> None:
    """Waits for a condition, and fails loudly when it does not come."""
    ends = time.monotonic() + within
    while not happened():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.002)
