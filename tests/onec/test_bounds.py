"""What 1C answers costs no more than its length, however it is made: see tests/fuzz/test_clock.py, too."""

from __future__ import annotations

import base64
import encodings
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from fs_1c import wsdl
from fs_1c.onec.client import Client
from fs_1c.onec.dialects import answer
from fs_1c.onec.dialects.mobilon import Mobilon
from fs_1c.onec.dialects.soap import document, read_return
from fs_1c.onec.errors import OneCError, Reached
from tests.onec.test_client import HEAD, error_at, error_of
from tests.support import SEED, Part, RawServer, base, http_answer, inner, says, soap_answer

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def endless(before: bytes, piece: bytes) -> Part:
    def part(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(before)
        many = piece * (1 + (1 << 14) // len(piece))
        while not ended.is_set():
            connection.sendall(many)

    return part


@pytest.mark.parametrize(
    "part",
    [
        endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(b"HTTP/1.1 100 Continue\r\n", b"A: b\r\n"),
        endless(HEAD, b"A: " + b"b" * 60_000 + b"\r\n"),
        endless(HEAD, b"A: b\r\n"),
        endless(CHUNKED, b"1\r\n \r\n"),
        endless(CHUNKED, b"1;" + b"a" * 60_000 + b"\r\n \r\n"),
        endless(CHUNKED + b"0\r\n", b"A: " + b"b" * 60_000 + b"\r\n"),
        endless(CHUNKED + b"0\r\n", b"A: b\r\n"),
    ],
    ids=[
        *("interim answers", "continuing", "an interim head", "long headers", "headers"),
        *("small chunks", "chunks' extensions", "long trailers", "trailers"),
    ],
)
def test_what_has_no_end_is_not_read_until_the_time_is_over(part: Part) -> None:
    error = error_of(part)
    assert error.kind in ("too-large", "broken")  # and no time-out
    assert error.reached is Reached.MAYBE


BODY = soap_answer(inner("Чиж"))
TWICE = {
    "two lengths": b"Content-Length: %d\r\nContent-Length: 9\r\n" % len(BODY),
    "two lengths in one line": b"Content-Length: %d, 9\r\n" % len(BODY),
    "a length with a sign": b"Content-Length: +%d\r\n" % len(BODY),
    "a length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(BODY),
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
}


@pytest.mark.parametrize("operation", ["SayName", "IncomingCall"])
@pytest.mark.parametrize("told", TWICE.values(), ids=TWICE.keys())
def test_an_answer_whose_end_is_told_in_two_ways_is_none(told: bytes, operation: str) -> None:
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    framed = chunks if b"chunked" in told else BODY
    error = error_of(says(HEAD + told + b"\r\n" + framed), operation)
    assert (error.kind, error.reached, error.base_down) == ("broken", Reached.MAYBE, True)
    assert error.message.startswith("nobody can say where the answer ends: ")


def test_what_is_read_after_the_time_is_a_time_out_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mobilon._returned

    def slowly(self: Mobilon, *given: Any) -> str:
        time.sleep(0.5)
        return read(self, *given)

    monkeypatch.setattr(Mobilon, "_returned", slowly)
    good, refused = http_answer(soap_answer(inner("Чиж"))), http_answer(b"", "401 Unauthorized")
    for octets in (good, refused):
        with RawServer(says(octets)) as server:
            for operation in ("SayName", "IncomingCall"):
                error = error_at(server.url, operation, timeout=0.2)
                assert (error.kind, error.reached) == ("timeout", Reached.MAYBE)
                assert not error.passing


def test_namespaces_are_not_written_for_each_child() -> None:
    namespaces = "".join(f" xmlns:a{number}='b'" for number in range(800))
    body = f"<SayNameResponse><return{namespaces}>{'<x/>' * 4000}</return></SayNameResponse>".encode()
    told = read_return(200, body, "SayName")
    assert told == "<x></x>" * 4000  # 35 000 octets made 56 million


def test_markup_that_stands_unescaped_is_read_as_it_was() -> None:
    body = (
        b"<SayNameResponse xmlns:i='u'><return>a&amp;b<!-- c -->d<m:data xmlns:m='n'><title a='&quot;&lt;' "
        b"i:nil='1'>A &lt; B<?p i?>&amp;amp; C</title>tail</m:data></return></SayNameResponse>"
    )
    told = read_return(200, body, "SayName")
    assert told == ("a&amp;bd<m:data><title a='\"&lt;'>A &lt; B&amp;amp; C</title>tail</m:data>")
    assert answer.read(told).title == "A < B&amp; C"


def test_a_character_with_five_thousand_digits_is_none() -> None:
    digits = "&#" + "9" * 5000 + ";"
    assert answer.read(f"&lt;title&gt;Чиж{digits}&lt;/title&gt;").title.startswith("Чиж&#999")
    assert answer.read(f"<title>Чиж{digits}</title>").title.startswith("Чиж&#999")


def test_no_name_of_an_encoding_is_looked_for_that_nobody_uses() -> None:
    known = len(encodings._cache)
    for number in range(5):
        body = f'<?xml version="1.0" encoding="iso-{number}-invented"?><a>\xff\xfe\xfd</a>'.encode("latin-1")
        with pytest.raises(OneCError):
            read_return(200, body, "SayName")
    assert len(encodings._cache) <= known + 1


DESCRIBED = "<definitions targetNamespace='http://VATS'/>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_wherever_it_stands(encoding: str) -> None:
    for before in ("", f"<!--{'x' * 5000}-->", "\n" * 5000):
        typed = f"{before}<!DOCTYPE definitions [<!ENTITY a 'b'>]>{DESCRIBED}".encode(encoding)
        assert wsdl.read(typed) is None
        assert document(typed) is None
    assert wsdl.read(f"<!--{'x' * 5000}-->{DESCRIBED}".encode(encoding)) is not None


PROXY = "http://SO%40P:s3kr1t-%D1%8F@{}"
LOGIN = b"Proxy-Authorization: Basic " + base64.b64encode("SO@P:s3kr1t-я".encode()) + b"\r\n"


def test_a_proxy_is_told_its_password_and_nobody_else() -> None:
    with RawServer(says(http_answer(soap_answer(inner("Чиж"))))) as proxy:
        place = urlsplit(proxy.url).netloc
        one = Client(base("http://1c.invalid/ws/VATS", proxy=PROXY.format(place)))
        assert one.lookup(SEED).title == "Чиж"
        one.close()
        asked = proxy.requests[0]
    assert asked.startswith(b"POST http://1c.invalid/ws/VATS HTTP/1.1\r\n")
    assert LOGIN in asked


@pytest.mark.parametrize("url", ["http://1c.invalid/ws/VATS", "https://1c.invalid/ws/VATS"])
@pytest.mark.parametrize(
    "part", [says(b""), says(b"HTTP/1.1 407 \x1b[31m\r\n\r\n"), says(b"220 mail\r\n"), None]
)
def test_no_error_about_a_proxy_holds_its_password(url: str, part: Part | None) -> None:
    with RawServer(part or says(b"")) as proxy:
        place = urlsplit(proxy.url).netloc if part else "127.0.0.1:1"
        error = error_at(url, proxy=PROXY.format(place))
        if part:
            assert LOGIN in proxy.requests[0]
    assert "s3kr1t" not in f"{error!r}{error}{error.failure()}"
    assert error.message.isprintable()
