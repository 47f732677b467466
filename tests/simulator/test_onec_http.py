"""The web server of the simulated 1C: authentication, the log, hostile HTTP."""

import base64
import io
import json
import logging
import socket
import time
from collections.abc import Iterator
from email.message import Message

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import HTTPBasicAuth

from fs_1c.simulator.onec import (
    OneCSimulator,
)
from fs_1c.simulator.onec.server import BodyRefused, read_body
from fs_1c.simulator.onec.service import credentials_match
from tests.simulator.support import (
    KEY,
    POST,
    SEED_ANSWER,
    SEED_REQUEST,
    TEXT_XML,
    envelope,
    raw,
    say_name,
    simulator,
)
from tests.support import unhurried


@pytest.fixture
def guarded() -> Iterator[OneCSimulator]:
    with simulator(username="Оператор АТС", password="пароль:1") as running:
        yield running


def test_basic_authentication_in_utf_8(guarded: OneCSimulator) -> None:
    def status(login: bytes, password: bytes) -> int:
        auth = HTTPBasicAuth(login, password) if login else None
        answer = requests.post(guarded.url, SEED_REQUEST.encode(), headers=TEXT_XML, auth=auth, timeout=5)
        if answer.status_code == 401:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="1C:Enterprise"'
            assert answer.headers["Content-Type"].startswith("text/html")
            assert "<html>" in answer.text
        return answer.status_code

    login, password = "Оператор АТС", "пароль:1"
    assert status(login.encode(), password.encode()) == 200
    assert status(login.encode("cp1251"), password.encode("cp1251")) == 401
    assert status(login.encode(), b"wrong") == 401
    assert status(b"", b"") == 401
    assert [request.authorized_as for request in guarded.requests] == [login]
    assert requests.get(guarded.url + "?wsdl", timeout=5).status_code == 401
    assert (
        requests.get(guarded.url.replace("/telephony/ws/VATS", "/simulator/log"), timeout=5).status_code
        == 200
    )


@unhurried
@given(st.text(st.characters(max_codepoint=255)))
def test_no_authorization_header_gets_in_by_chance(header: str) -> None:
    assert not credentials_match(header, "SOAP", "123")
    assert not credentials_match(f"Basic {header}", "SOAP", "123")
    token = base64.b64encode(b"SOAP:123").decode()
    assert credentials_match(f"basic {token}", "SOAP", "123")


def test_wrong_places_and_methods_get_html(onec: OneCSimulator) -> None:
    base = onec.url.removesuffix("/telephony/ws/VATS")
    for method, url, status in [
        ("GET", onec.url, 405),
        ("HEAD", onec.url, 405),
        ("GET", onec.url + "?singleWsdl", 405),
        ("PUT", onec.url, 501),
        ("POST", base + "/telephony/ws/vats", 404),
        ("GET", base + "/", 404),
        ("POST", base + "/simulator/log", 404),
    ]:
        answer = requests.request(method, url, data=b"x" if method != "HEAD" else None, timeout=5)
        assert answer.status_code == status, (method, url)
        assert answer.headers["Content-Type"].startswith("text/html")
    assert onec.requests == ()


def test_the_log_is_json_and_keeps_cyrillic_and_keys(onec: OneCSimulator) -> None:
    before = time.time()
    request = envelope("IncomingCall", NumFrom="89235292926", Key="ключ")
    requests.post(onec.url, request, headers=TEXT_XML, timeout=5)
    answer = requests.get(f"http://127.0.0.1:{onec.port}/simulator/log", timeout=5)
    assert "ключ".encode() in answer.content
    (entry,) = json.loads(answer.content)
    assert before <= entry.pop("time") <= time.time()
    assert entry == {
        "operation": "IncomingCall",
        "parameters": {"NumFrom": "89235292926", "Key": "ключ"},
        "soap_version": "1.1",
        "authorized_as": None,
    }
    onec.clear()
    assert (onec.requests, onec.cards) == ((), ())


def test_a_key_is_never_logged(onec: OneCSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (envelope("IncomingCall", NumFrom="89235292926", Key=KEY), envelope("Nothing", Key=KEY)):
        requests.post(onec.url, body, headers=TEXT_XML, timeout=5)
    onec.stop()
    assert "89235292926" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: +1\r\n", 400),
        (b"Content-Length: ten\r\n", 400),
        (b"Content-Length: \xc2\xb2\r\n", 400),
        (b"Content-Length: 1048577\r\n", 413),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", 413),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n", 501),
    ],
)
def test_a_body_that_cannot_be_framed_is_refused(onec: OneCSimulator, headers: bytes, status: int) -> None:
    answer = raw(onec, POST + headers + b"\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer
    assert "чиж" in say_name(onec, "89235292926")


def test_a_client_that_sends_too_much_reads_why(onec: OneCSimulator) -> None:
    assert requests.post(onec.url, b"x" * 5_000_000, headers=TEXT_XML, timeout=10).status_code == 413
    chunks = (b"x" * 100_000 for _ in range(20))
    assert requests.post(onec.url, chunks, headers=TEXT_XML, timeout=10).status_code == 413
    largest = SEED_REQUEST.encode().ljust(1024 * 1024)
    assert requests.post(onec.url, largest, headers=TEXT_XML, timeout=10).status_code == 200


def test_a_chunked_request_is_answered(onec: OneCSimulator) -> None:
    body = SEED_REQUEST.encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = requests.post(onec.url, pieces, headers=TEXT_XML, timeout=5)
    assert answer.content.decode() == SEED_ANSWER


def test_expect_100_continue_is_answered_before_the_body(onec: OneCSimulator) -> None:
    body = SEED_REQUEST.encode()
    with socket.create_connection(("127.0.0.1", onec.port), timeout=5) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def headers_of(**headers: str) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


@unhurried
@given(st.binary(max_size=400), st.integers(1, 50))
def test_chunks_give_what_was_cut(content: bytes, size: int) -> None:
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    sent = (
        b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: 1\r\n\r\n"
    )
    stream = io.BytesIO(sent + b"next")
    assert read_body(headers_of(Transfer_Encoding="chunked"), stream) == content
    assert stream.read() == b"next"


@unhurried
@given(st.binary(max_size=200) | st.text("0123456789abcdefAX-+; \r\n", max_size=200).map(str.encode))
def test_hostile_chunks_are_refused_or_bounded(sent: bytes) -> None:
    try:
        content = read_body(headers_of(Transfer_Encoding="chunked"), io.BytesIO(sent), limit=20)
    except BodyRefused:
        return
    assert content is not None
    assert len(content) <= 20


def test_a_slow_client_blocks_nobody_and_a_vanished_one_is_no_error(
    onec: OneCSimulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    slow = [socket.create_connection(("127.0.0.1", onec.port), timeout=5) for _ in range(20)]
    for connection in slow:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n<")
    assert "чиж" in say_name(onec, "89235292926")
    for connection in slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        connection.close()
    assert "чиж" in say_name(onec, "89235292926")
    onec.stop()
    assert "Traceback" not in caplog.text + capfd.readouterr().err
