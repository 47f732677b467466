"""The simulated 1C, over real HTTP on the loopback and, where no socket is needed, as pure functions."""

import base64
import contextlib
import io
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from requests.auth import HTTPBasicAuth

from fs_1c.simulator.onec import (
    Client,
    ClientBook,
    ClientFileError,
    OneCSimulator,
    OneCSimulatorSettings,
    load_clients,
)
from fs_1c.simulator.onec.body import BodyRefused, read_body
from fs_1c.simulator.onec.clients import example_clients, parse_clients, search_key
from fs_1c.simulator.onec.envelope import Fault, parse_operation, write_response
from fs_1c.simulator.onec.pages import credentials_match
from fs_1c.simulator.onec.received import MAX_REQUESTS, Received, received_request
from fs_1c.simulator.onec.service import inner_xml

SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_1_2 = "http://www.w3.org/2003/05/soap-envelope"
TEXT_XML = {"Content-Type": "text/xml"}
SOAP_XML = {"Content-Type": "application/soap+xml; charset=utf-8"}
KEY = "gW3cyUJAtl50PhF"

# The request and the answer as Mobilon's description of the 1C integration prints them.
SEED_REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <SayName xmlns="http://VATS">
            <Number>89235292926</Number>
        </SayName>
    </soap:Body>
</soap:Envelope>
"""
SEED_ANSWER = """\
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <m:SayNameResponse xmlns:m="http://VATS">
            <m:return xmlns:xs="http://www.w3.org/2001/XMLSchema"
                    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">&lt;?xml version="1.0"?&gt;
&lt;data&gt;
    &lt;title&gt; Фэйковый чиж&lt;/title&gt;
    &lt;category&gt;0&lt;/category&gt;
    &lt;manager&gt;
        &lt;phone&gt;244&lt;/phone&gt;
    &lt;/manager&gt;
&lt;/data&gt;
</m:return>
        </m:SayNameResponse>
    </soap:Body>
</soap:Envelope>
"""


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
    answer = requests.post(onec.url, envelope("SayName", Number=number), headers=TEXT_XML, timeout=5)
    assert answer.status_code == 200
    return returned(answer.content)


def raw(onec: OneCSimulator, sent: bytes) -> bytes:
    """Sends bytes as they are and reads until the simulator closes the connection."""
    with socket.create_connection(("127.0.0.1", onec.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def simulator(**settings: object) -> OneCSimulator:
    return OneCSimulator(OneCSimulatorSettings(port=0, **settings))  # type: ignore[arg-type]


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def guarded() -> Iterator[OneCSimulator]:
    with simulator(username="Оператор АТС", password="пароль:1") as running:
        yield running


# --- The two operations ---------------------------------------------------------------------------------


def test_answers_the_seeds_request_byte_for_byte(onec: OneCSimulator) -> None:
    answer = requests.post(onec.url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.content.decode() == SEED_ANSWER


@pytest.mark.parametrize(
    "number", ["79235292926", "+79235292926", "9235292926", "8 (923) 529-29-26", " 89235292926\n"]
)
def test_finds_a_client_by_the_last_ten_digits(onec: OneCSimulator, number: str) -> None:
    assert " Фэйковый чиж" in say_name(onec, number)


@pytest.mark.parametrize("number", ["89990000000", "", "anonymous", "5292926", "244"])
def test_an_unknown_number_gets_empty_tags(onec: OneCSimulator, number: str) -> None:
    data = etree.fromstring(say_name(onec, number).encode())
    assert [data.findtext(tag) for tag in ("title", "category", "manager/phone")] == ["", "", ""]


def test_a_title_with_markup_is_escaped_twice(onec: OneCSimulator) -> None:
    data = etree.fromstring(say_name(onec, "84951234567").encode())
    assert data.findtext("title") == 'ООО "Рога & Копыта"'
    assert data.findtext("category") == "VIP"


def test_soap_1_2_is_answered_in_kind(onec: OneCSimulator) -> None:
    request = envelope("SayName", SOAP_1_2, Number="89235292926")
    answer = requests.post(onec.url, request, headers=SOAP_XML, timeout=5)
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert answer.text == SEED_ANSWER.replace(SOAP_1_1, SOAP_1_2)
    assert onec.requests[0].soap_version == "1.2"


@pytest.mark.parametrize("key", [KEY, "nobody has it", ""])
def test_incoming_call_is_always_accepted(onec: OneCSimulator, key: str) -> None:
    request = envelope("IncomingCall", NumFrom="89235292926", Key=key)
    answer = requests.post(onec.url, request, headers=TEXT_XML, timeout=5)
    assert returned(answer.content) == "1"
    (card,) = onec.cards
    assert (card.num_from, card.key) == ("89235292926", key)
    assert not key or key not in repr(card)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))
)
def test_any_title_survives_both_escapings(title: str) -> None:
    operation = parse_operation(SEED_REQUEST.encode(), "text/xml")
    inner = returned(write_response(operation, inner_xml(Client("1", title))))
    assert (etree.fromstring(inner.encode()).findtext("title") or "") == title


# --- What 1C refuses ------------------------------------------------------------------------------------

MALFORMED = [
    b"",
    b"not XML",
    b"<a>",
    b"<a/>",
    b"\xff\xfe\x00",
    b'<?xml version="1.0" encoding="no-such"?><a/>',
    f'<s:Envelope xmlns:s="{SOAP_1_1}"/>'.encode(),
    f'<s:Envelope xmlns:s="{SOAP_1_1}"><s:Body/></s:Envelope>'.encode(),
    f'<s:Envelope xmlns:s="{SOAP_1_1}"><s:Body><a/><b/></s:Body></s:Envelope>'.encode(),
]
WRONG = [
    envelope("sayname", Number="1"),
    envelope("SayName", namespace="http://vats", Number="1"),
    envelope("SayName"),
    envelope("SayName", number="1"),
    envelope("SayName", Number="1", Extra="2"),
    envelope("IncomingCall", NumFrom="1"),
    envelope("IncomingCall", NumFrom="1", key="2"),
    SEED_REQUEST.replace("<Number>", '<Number xmlns="">').encode(),
    SEED_REQUEST.replace("<Number>", "<Number>1</Number><Number>").encode(),
    SEED_REQUEST.replace("89235292926", "<b>1</b>").encode(),
]


@pytest.mark.parametrize("body", MALFORMED + WRONG)
def test_what_1c_does_not_understand_is_a_russian_fault(onec: OneCSimulator, body: bytes) -> None:
    answer = requests.post(onec.url, body, headers=TEXT_XML, timeout=5)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    reason = etree.fromstring(answer.content).findtext(f"{{{SOAP_1_1}}}Body/{{{SOAP_1_1}}}Fault/faultstring")
    assert reason is not None
    assert any("а" <= letter <= "я" for letter in reason)
    assert onec.cards == ()


def test_a_fault_names_the_missing_parameter_in_its_case(onec: OneCSimulator) -> None:
    answer = requests.post(onec.url, envelope("SayName", number="1"), headers=TEXT_XML, timeout=5)
    assert "'Number'" in answer.text


@pytest.mark.parametrize("body", [b"<a>", envelope("sayname", SOAP_1_2)])
def test_a_fault_in_soap_1_2(onec: OneCSimulator, body: bytes) -> None:
    answer = requests.post(onec.url, body, headers=SOAP_XML, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, SOAP_XML["Content-Type"])
    fault = etree.fromstring(answer.content).find(f"{{{SOAP_1_2}}}Body/{{{SOAP_1_2}}}Fault")
    assert fault is not None
    assert fault.findtext(f"{{{SOAP_1_2}}}Code/{{{SOAP_1_2}}}Value") == "soap:Sender"


def test_entities_are_neither_read_nor_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOP SECRET")
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    for declaration, entity in [
        (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', "&x;"),
        (f'<!ENTITY e0 "ha">{levels}', "&e11;"),
        ('<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;', "1"),
    ]:
        body = f"<!DOCTYPE s [{declaration}]>" + envelope("SayName", Number="N").decode().replace(
            "N<", entity + "<"
        )
        for encoding in ("utf-8", "utf-16"):
            with pytest.raises(Fault) as refused:
                parse_operation(body.encode(encoding), "text/xml")
            assert "SECRET" not in refused.value.reason


@given(
    st.binary(max_size=300) | st.text(alphabet="<>/&;![]-\"'=?: sxmlnEBoNumber", max_size=200).map(str.encode)
)
def test_no_body_can_upset_the_parser(body: bytes) -> None:
    with pytest.raises(Fault):
        parse_operation(body, "")


@pytest.mark.parametrize("declaration", ["<!DOCTYPE s>", '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_a_document_type_is_refused_even_when_it_is_empty(declaration: str) -> None:
    with pytest.raises(Fault, match="DOCTYPE"):
        parse_operation(declaration.encode() + envelope("SayName", Number="1"), "text/xml")


# --- The web server around it ---------------------------------------------------------------------------


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


def test_memory_is_bounded() -> None:
    received = Received()
    operation = parse_operation(envelope("SayName", Number="1" * 100_000), "")
    for moment in range(MAX_REQUESTS + 5):
        received.add_request(received_request(operation, float(moment), None))
    kept = received.requests()
    assert (len(kept), kept[0].time) == (MAX_REQUESTS, 5.0)
    assert len(kept[0].parameters["Number"]) == 1000


# --- Hostile HTTP ---------------------------------------------------------------------------------------

POST = b"POST /telephony/ws/VATS HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"


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


@given(st.binary(max_size=400), st.integers(1, 50))
def test_chunks_give_what_was_cut(content: bytes, size: int) -> None:
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    sent = (
        b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: 1\r\n\r\n"
    )
    stream = io.BytesIO(sent + b"next")
    assert read_body(headers_of(Transfer_Encoding="chunked"), stream) == content
    assert stream.read() == b"next"


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


# --- Starting and stopping ------------------------------------------------------------------------------


def test_connections_are_kept_alive(onec: OneCSimulator) -> None:
    with socket.create_connection(("127.0.0.1", onec.port), timeout=5) as connection:
        body = SEED_REQUEST.encode()
        for _ in range(3):
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            answer = b""
            while not answer.endswith(SEED_ANSWER.encode()):
                answer += connection.recv(65536)
    assert len(onec.requests) == 3


def test_stop_cuts_idle_connections_and_start_takes_the_same_port(onec: OneCSimulator) -> None:
    url = onec.url
    with requests.Session() as session:
        assert session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=5).status_code == 200
        idle = socket.create_connection(("127.0.0.1", onec.port), timeout=5)
        onec.stop()
        with idle, contextlib.suppress(ConnectionResetError):  # a reset when it had not been accepted yet
            assert idle.recv(1) == b""
        with pytest.raises(requests.ConnectionError):
            session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=5)
        onec.start()
        assert onec.url == url
        assert session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=5).status_code == 200
    assert len(onec.requests) == 2


def test_stop_leaves_a_request_in_work_without_an_answer_and_without_a_card() -> None:
    with simulator(latency=30.0) as slow:
        failures: list[requests.RequestException] = []

        def call() -> None:
            try:
                request = envelope("IncomingCall", NumFrom="1", Key="2")
                requests.post(slow.url, request, headers=TEXT_XML, timeout=20)
            except requests.RequestException as failure:
                failures.append(failure)

        caller = threading.Thread(target=call)
        caller.start()
        deadline = time.monotonic() + 5
        while not slow.requests and time.monotonic() < deadline:
            time.sleep(0.005)
        started = time.monotonic()
        slow.stop()
        caller.join(5)
        assert time.monotonic() - started < 2
        assert isinstance(failures[0], requests.ConnectionError)
        assert (len(slow.requests), slow.cards) == (1, ())


def test_latency_is_kept_and_callers_do_not_wait_for_each_other() -> None:
    with simulator(latency=0.3) as slow:
        callers = [threading.Thread(target=say_name, args=(slow, "89235292926")) for _ in range(5)]
        started = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(10)
        assert 0.3 <= time.monotonic() - started < 1.4
        assert len(slow.requests) == 5


def test_a_running_simulator_cannot_be_started_and_a_stopped_one_may_be_stopped() -> None:
    idle = simulator()
    idle.stop()
    with idle:
        with pytest.raises(RuntimeError):
            idle.start()
        with pytest.raises(OSError, match="in use"):
            OneCSimulator(OneCSimulatorSettings(port=idle.port)).start()


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 65536},
        {"path": "telephony"},
        {"namespace": ""},
        {"latency": -1},
        {"latency": float("nan")},
        {"password": "x"},
        {"username": "a:b"},
    ],
)
def test_wrong_settings_are_one_clear_line(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))}: .+$"):
        OneCSimulatorSettings(**wrong)  # type: ignore[arg-type]


def test_serve_forever_ends_cleanly_at_an_interrupt() -> None:
    program = """
import logging
from fs_1c.simulator.onec import OneCSimulatorSettings, serve_forever
logging.basicConfig(level=logging.INFO, format="%(message)s")
try:
    serve_forever(OneCSimulatorSettings(port=0))
except KeyboardInterrupt:
    pass
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        assert requests.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=5).status_code == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "SayName" in said
        assert said.endswith("the simulated 1C has stopped\n")


# --- The clients ----------------------------------------------------------------------------------------

HEADER = "number,title,category,manager\n"


def test_the_shipped_example_has_what_the_documents_show() -> None:
    book = ClientBook.of(example_clients())
    assert book.find("89235292926") == Client("89235292926", " Фэйковый чиж", "0", "244")
    managers = {client.manager for client in book.by_key.values()}
    assert {"", "89161234567"} <= managers
    assert "VIP" in {client.category for client in book.by_key.values()}


def test_a_clients_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(("\ufeff" + HEADER + '+7 923 111-22-33,"ООО ""А"",\r\nфилиал",VIP,101\n\n').encode())
    assert load_clients(path) == (Client("+7 923 111-22-33", 'ООО "А",\r\nфилиал', "VIP", "101"),)
    with simulator(clients=path) as onec:
        assert "101" in say_name(onec, "89231112233")


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", 1, "first line must be"),
        (b"phone,name\n", 1, "first line must be"),
        (b"number;title;category;manager\n", 1, "commas, not semicolons"),
        (HEADER.encode() + b"1,a,,\n2,b,\n", 3, "3 columns instead of 4"),
        (HEADER.encode() + b'1,"a\nb",,\n,b,,\n', 4, "no digits"),
        (HEADER.encode() + b'1,"a" b,,\n', 2, "expected after"),
        (HEADER.encode() + b'1,"a,,\n', 2, "unexpected end"),
        (HEADER.encode() + b"1,a\x07,,\n", 2, "XML cannot carry"),
        (HEADER.encode() + b"1,a,,\n1,\xcc\xe0,,\n", 3, "not UTF-8"),
    ],
)
def test_a_broken_clients_file_is_one_line_that_says_where(content: bytes, line: int, says: str) -> None:
    with pytest.raises(ClientFileError) as broken:
        parse_clients(content, "mine.csv")
    message = str(broken.value)
    assert message.startswith(f"mine.csv:{line}: ")
    assert says in message
    assert "\n" not in message


def test_a_clients_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClientFileError, match=r"none\.csv: cannot be read: No such file"):
        simulator(clients=tmp_path / "none.csv")


def test_the_first_of_two_clients_with_one_phone_is_found(caplog: pytest.LogCaptureFixture) -> None:
    clients = parse_clients((HEADER + "89231112233,first,,\n+79231112233,second,,\n").encode(), "mine.csv")
    found = ClientBook.of(clients).find("9231112233")
    assert found is not None
    assert found.title == "first"
    assert "mine.csv:3" in caplog.text


@given(st.text())
def test_a_search_key_is_at_most_ten_ascii_digits(number: str) -> None:
    key = search_key(number)
    assert len(key) <= 10
    assert set(key) <= set("0123456789")


@given(
    st.binary(max_size=200) | st.text(alphabet='1,";\n\r а', max_size=50).map(lambda t: (HEADER + t).encode())
)
def test_any_clients_file_is_read_or_named_broken(content: bytes) -> None:
    try:
        parse_clients(content, "mine.csv")
    except ClientFileError as broken:
        assert "\n" not in str(broken)
