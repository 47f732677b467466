"""One base over HTTP: what reaches 1C, what comes back, and what is said when nothing does."""

from __future__ import annotations

import base64
import gzip
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.onec import Answer, Card
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.reading import MAX_RESPONSE
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests import certificates
from tests.onec.pretend import http
from tests.support import (
    KEY,
    SEED,
    Part,
    RawServer,
    base,
    http_answer,
    inner,
    mute,
    read_request,
    says,
    soap_answer,
)

PASSWORD = "пароль-s3kr1t"
TIMEOUT = 0.5
SURELY = 60.0
"""Seconds: far above that time-out; nobody waits for as long."""


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, username="Оператор", password=PASSWORD)) as running:
        yield running


def client(url: str, **given: Any) -> Client:
    return Client(base(url, **{"timeout": SURELY, **given}))


def error_of(part: Part, operation: str = "SayName", **given: Any) -> OneCError:
    """What a lookup or a pop at such a server ends with, while the server is still at it."""
    with RawServer(part) as server:
        return error_at(server.url, operation, **given)


def error_at(url: str, operation: str = "SayName", **given: Any) -> OneCError:
    one = client(url, **given)
    with pytest.raises(OneCError) as caught:
        one.lookup(SEED) if operation == "SayName" else one.open_card(Card(SEED, KEY))
    one.close()
    assert "\n" not in caught.value.message
    return caught.value


def sent(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    """A request as its line, its headers (names in lower case) and its body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")
    return line, {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}, body


def test_the_request_carries_what_the_description_asks_for() -> None:
    with RawServer(says(http_answer(soap_answer(inner("Чиж"))))) as server:
        client(server.url, username="SOAP", password="123").lookup(SEED)
    line, headers, body = sent(server.requests[0])
    assert line == "POST /telephony/ws/VATS HTTP/1.1"
    assert headers["content-type"] == "text/xml; charset=utf-8"
    assert headers["authorization"] == "Basic U09BUDoxMjM="  # the description's own: SOAP:123
    assert headers["content-length"] == str(len(body))
    assert f"<Number>{SEED}</Number>" in body.decode()


def test_a_question_leaves_in_one_piece() -> None:
    """Each word with the network lets other threads have their turn, and then waits for its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = client(f"http://127.0.0.1:{server.getsockname()[1]}/ws")
        asking = threading.Thread(target=lambda: [one.lookup(SEED) for _ in range(2)])
        asking.start()
        with server.accept()[0] as connection:
            for _ in range(2):
                assert connection.recv(65536).rstrip().endswith(b"Envelope>")
                connection.sendall(http(soap_answer(inner("Чиж"))))
            asking.join(SURELY)
    one.close()


def test_a_cyrillic_login_is_sent_in_utf8_and_none_without_a_user() -> None:
    with RawServer(says(http_answer(soap_answer("")))) as server:
        client(server.url, username="Оператор", password=PASSWORD).lookup(SEED)
        client(server.url, password=PASSWORD).lookup(SEED)
    given = sent(server.requests[0])[1]["authorization"]
    assert base64.b64decode(given.removeprefix("Basic ")).decode() == f"Оператор:{PASSWORD}"
    assert "authorization" not in sent(server.requests[1])[1]


def test_a_client_is_found_an_unknown_one_is_not(onec: OneCSimulator) -> None:
    one = client(onec.url, username="Оператор", password=PASSWORD)
    assert one.lookup(SEED) == Answer("Фэйковый чиж", "0", "244")
    assert one.lookup("84951234567") == Answer('ООО "Рога & Копыта"', "VIP", "241")
    assert one.lookup("89990000000") == Answer()
    assert [request.operation for request in onec.requests] == ["SayName"] * 3
    one.close()


def test_a_card_is_opened(onec: OneCSimulator) -> None:
    one = client(onec.url, username="Оператор", password=PASSWORD)
    assert one.open_card(Card(SEED, KEY))
    assert [(card.num_from, card.key) for card in onec.cards] == [(SEED, KEY)]
    one.close()


@pytest.mark.parametrize(("returned", "accepted"), [("1", True), (" 1\n", True), ("0", False), ("", False)])
def test_only_a_1_means_accepted(returned: str, accepted: bool) -> None:
    with RawServer(says(http_answer(soap_answer(returned, "IncomingCall")))) as server:
        assert client(server.url).open_card(Card(SEED, KEY)) is accepted


def test_requests_share_one_connection() -> None:
    ports: set[int] = set()

    def two_answers(connection: socket.socket, ended: threading.Event) -> None:
        ports.add(connection.getpeername()[1])
        connection.sendall(http_answer(soap_answer(inner("Чиж")), closes=False))
        read_request(connection)
        connection.sendall(http_answer(soap_answer(inner("Ёж"))))

    with RawServer(two_answers) as server:
        one = client(server.url)
        assert [one.lookup(SEED).title, one.lookup(SEED).title] == ["Чиж", "Ёж"]
        assert len(ports) == 1


def test_the_password_is_read_from_its_file(onec: OneCSimulator, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xef\xbb\xbf" + f"{PASSWORD}\r\n".encode())
    one = client(onec.url, username="Оператор", password_file=file)
    assert one.lookup(SEED).manager == "244"
    file.write_bytes(b"\xff\xfe")
    for _ in ("not UTF-8", "gone"):
        with pytest.raises(OneCError, match="password_file") as caught:
            one.lookup(SEED)
        assert (caught.value.kind, caught.value.reached) == ("settings", Reached.NO)
        file.unlink(missing_ok=True)
    one.close()


def test_a_wrong_password_is_told_and_never_shown(
    onec: OneCSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = error_at(onec.url, username="Оператор", password="n0t-it")
    assert (error.kind, error.reached, error.base_down) == ("unauthorized", Reached.NO, True)
    coded = base64.b64encode("Оператор:n0t-it".encode()).decode()
    for secret in ("n0t-it", coded):
        assert secret not in f"{error}{error!r}{error.failure()}{caplog.text}"


def test_a_wrong_namespace_is_a_fault_of_the_request_not_of_the_base(onec: OneCSimulator) -> None:
    error = error_at(onec.url, username="Оператор", password=PASSWORD, namespace="http://test")
    assert (error.kind, error.reached, error.base_down) == ("fault", Reached.YES, False)
    assert "{http://test}SayName" in error.message


def test_a_wrong_path_is_not_published(onec: OneCSimulator) -> None:
    assert error_at(onec.url + "2", username="Оператор", password=PASSWORD).kind == "not-published"


def test_1cs_own_report_of_failure_is_an_error() -> None:
    error = error_of(says(http_answer(soap_answer("<error>Нет прав\nна чтение</error>"))))
    assert (error.kind, error.reached, error.base_down) == ("reported", Reached.YES, False)
    assert "Нет прав на чтение" in error.message


def test_nobody_listening_is_surely_not_reached(onec: OneCSimulator) -> None:
    onec.stop()
    error = error_at(onec.url)
    assert (error.kind, error.reached, error.base_down) == ("unreachable", Reached.NO, True)
    assert "Connection refused" in error.message
    assert "0x" not in error.message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1, its key beside it, as 1C's servers often have one."""
    return certificates.certificate(tmp_path_factory.mktemp("tls"))


def test_a_self_signed_certificate_is_trusted_only_where_the_settings_say_so(certificate: Path) -> None:
    context = certificates.tls(certificate)
    with RawServer(says(http_answer(soap_answer(inner("Чиж")))), context) as server:
        error = error_at(server.url, username="SOAP", password=PASSWORD)
        assert (error.kind, error.reached, error.base_down) == ("tls", Reached.NO, True)
        assert "certificate" in error.message
        assert not server.requests
        assert client(server.url, ca_file=certificate).lookup(SEED).title == "Чиж"


def test_https_where_http_is_spoken_is_surely_not_reached(onec: OneCSimulator) -> None:
    error = error_at(onec.url.replace("http:", "https:"))
    assert (error.kind, error.reached) == ("tls", Reached.NO)


def reset(connection: socket.socket, ended: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drips(head: bytes, drop: bytes, drops: int) -> Part:
    """A server that says `head` and then one drop every 50 ms."""

    def part(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(head)
        for _ in range(drops):
            if ended.wait(0.05):
                return
            connection.sendall(drop)

    return part


def then_mute(octets: bytes) -> Part:
    def part(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(octets)
        ended.wait()

    return part


HEAD = b"HTTP/1.1 200 OK\r\n"
CUT_SHORT: dict[str, tuple[Part, str]] = {
    "closes at once": (says(b""), "broken"),
    "resets": (reset, "broken"),
    "is mute": (mute, "timeout"),
    "speaks no HTTP": (says(b"220 mail.example ESMTP\r\n"), "broken"),
    "closes within the head": (says(b"HTTP/1.1 200 OK\r\nContent-Le"), "not-soap"),
    "closes within the body": (says(HEAD + b"Content-Length: 1000\r\n\r\n<soap"), "broken"),
    "stops within the body": (then_mute(HEAD + b"Content-Length: 1000\r\n\r\n<soap"), "timeout"),
    "drips a body": (drips(HEAD + b"Content-Length: 1000\r\n\r\n", b" ", 1000), "timeout"),
    "drips an endless body": (drips(HEAD + b"Connection: close\r\n\r\n", b" ", 1000), "timeout"),
    "drips chunks": (drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 1000), "timeout"),
    "counts chunks wrongly": (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc"), "broken"),
    "packs wrongly": (says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"), "broken"),
}


@pytest.mark.parametrize("operation", ["SayName", "IncomingCall"])
@pytest.mark.parametrize(("part", "kind"), CUT_SHORT.values(), ids=CUT_SHORT.keys())
def test_an_answer_that_never_came_whole_ends_in_time_and_may_have_reached_1c(
    part: Part, kind: str, operation: str
) -> None:
    error = error_of(part, operation, timeout=TIMEOUT if kind == "timeout" else SURELY)
    assert error.kind == kind
    assert error.reached is not Reached.NO
    assert error.base_down
    if kind != "not-soap":
        assert error.reached is Reached.MAYBE


def test_a_head_that_drips_ends_in_time() -> None:
    assert error_of(drips(HEAD + b"X-Long: ", b"a", 1000), timeout=0.2).kind == "timeout"  # not of each octet


def floods(connection: socket.socket, ended: threading.Event) -> None:
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while not ended.is_set():
        connection.sendall(b" " * 65536)


BOMB = gzip.compress(b" " * (64 * MAX_RESPONSE))


@pytest.mark.parametrize(
    "part",
    [
        floods,
        says(http_answer(b" " * (MAX_RESPONSE + 1))),
        says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
    ],
    ids=["endless", "just over", "packed"],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(part: Part) -> None:
    assert error_of(part).kind == "too-large"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "what answers speaks no HTTP: 'SSH-2.0-OpenSSH_9.2\\r\\n'"),
        (reset, "Connection reset by peer"),
    ],
    ids=["not HTTP", "reset"],
)
def test_what_broke_is_told_without_the_words_around_it(part: Part, message: str) -> None:
    error = error_of(part)
    assert (error.kind, error.message) == ("broken", message)


def test_a_redirect_is_not_followed() -> None:
    with RawServer(says(http_answer(soap_answer(inner("Чиж"))))) as other:
        moved = HEAD.replace(b"200 OK", b"302 Found") + f"Location: {other.url}\r\n\r\n".encode()
        assert error_of(says(moved), username="SOAP", password=PASSWORD).kind == "http"
        assert not other.requests


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch, onec: OneCSimulator) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    one = client(onec.url, username="Оператор", password=PASSWORD)
    assert one.lookup(SEED).title == "Фэйковый чиж"
    one.close()


def test_a_key_that_1c_repeats_in_its_words_is_masked() -> None:
    fault = f"<Fault><faultstring>Ключ {KEY} не найден</faultstring></Fault>"
    for body in (fault, f"Ключ {KEY} не найден"):
        error = error_of(says(http_answer(body.encode(), "500 Internal Server Error")), "IncomingCall")
        assert KEY not in f"{error}{error!r}{error.failure()}"
        assert "***" in error.message
