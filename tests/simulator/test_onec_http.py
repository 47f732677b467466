"""The web server of the simulated 1C: authentication, the log, hostile HTTP."""

import base64
import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest
import requests
from requests.auth import HTTPBasicAuth

from fs_1c.simulator.onec import (
    OneCSimulator,
)
from tests.simulator.support import (
    POST,
    SEED_REQUEST,
    TEXT_XML,
    envelope,
    post,
    raw,
    say_name,
    simulator,
)
from tests.support import KEY, SOON


@pytest.fixture
def guarded() -> Iterator[OneCSimulator]:
    with simulator(username="Оператор АТС", password="пароль:1") as running:
        yield running


def test_basic_authentication_in_utf_8(guarded: OneCSimulator) -> None:
    def status(login: bytes, password: bytes) -> int:
        auth = HTTPBasicAuth(login, password) if login else None
        answer = requests.post(guarded.url, SEED_REQUEST.encode(), headers=TEXT_XML, auth=auth, timeout=SOON)
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
    assert len(guarded.requests) == 1
    assert requests.get(guarded.url + "?wsdl", timeout=SOON).status_code == 401
    assert (
        requests.get(guarded.url.replace("/telephony/ws/VATS", "/simulator/log"), timeout=SOON).status_code
        == 200
    )


def test_no_other_authorization_header_gets_in() -> None:
    token = base64.b64encode(b"SOAP:123").decode()
    with simulator(username="SOAP", password="123") as onec:
        for header in ("", "Basic", "Basic SOAP:123", f"Bearer {token}", token, f"Basic {token}="):
            assert post(onec, headers={"Authorization": header}).status_code == 401
        assert post(onec, headers={"Authorization": f"basic {token}"}).status_code == 200


def test_wrong_places_and_methods_get_html(onec: OneCSimulator) -> None:
    base = onec.url.removesuffix("/telephony/ws/VATS")
    for method, url, status in [
        ("GET", onec.url, 405),
        ("HEAD", onec.url, 501),
        ("GET", onec.url + "?singleWsdl", 405),
        ("PUT", onec.url, 501),
        ("POST", base + "/telephony/ws/vats", 404),
        ("GET", base + "/", 404),
        ("POST", base + "/simulator/log", 404),
    ]:
        answer = requests.request(method, url, data=b"x" if method != "HEAD" else None, timeout=SOON)
        assert answer.status_code == status, (method, url)
        assert answer.headers["Content-Type"].startswith("text/html")
    assert onec.requests == ()


def test_the_log_is_json_and_keeps_cyrillic_and_keys(onec: OneCSimulator) -> None:
    before = time.time()
    request = envelope("IncomingCall", NumFrom="89235292926", Key="ключ")
    requests.post(onec.url, request, headers=TEXT_XML, timeout=SOON)
    answer = requests.get(f"http://127.0.0.1:{onec.port}/simulator/log", timeout=SOON)
    assert "ключ".encode() in answer.content
    (entry,) = json.loads(answer.content)
    assert before <= entry.pop("time") <= time.time()
    assert entry == {
        "operation": "IncomingCall",
        "parameters": {"NumFrom": "89235292926", "Key": "ключ"},
        "soap_version": "1.1",
    }


def test_a_key_is_never_logged(onec: OneCSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (envelope("IncomingCall", NumFrom="89235292926", Key=KEY), envelope("Nothing", Key=KEY)):
        requests.post(onec.url, body, headers=TEXT_XML, timeout=SOON)
    onec.stop()
    assert "89235292926" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Content-Length: -1\r\n", 413),
        (b"Content-Length: ten\r\n", 413),
        (b"Content-Length: \xc2\xb2\r\n", 413),
        (b"Content-Length: 1048577\r\n", 413),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", 413),
    ],
)
def test_a_body_that_cannot_be_framed_is_refused(onec: OneCSimulator, headers: bytes, status: int) -> None:
    answer = raw(onec, POST + headers + b"\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer
    assert "чиж" in say_name(onec, "89235292926")


def test_expect_100_continue_is_answered_before_the_body(onec: OneCSimulator) -> None:
    body = SEED_REQUEST.encode()
    with socket.create_connection(("127.0.0.1", onec.port), timeout=SOON) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_slow_client_blocks_nobody_and_a_vanished_one_is_no_error(
    onec: OneCSimulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    slow = [socket.create_connection(("127.0.0.1", onec.port), timeout=SOON) for _ in range(20)]
    for connection in slow:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n<")
    assert "чиж" in say_name(onec, "89235292926")
    for connection in slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        connection.close()
    assert "чиж" in say_name(onec, "89235292926")
    onec.stop()
    assert "Traceback" not in caplog.text + capfd.readouterr().err
