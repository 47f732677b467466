"""Spans at a real receiver of OTLP over HTTP, and what a receiver that fails costs."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fs_1c.call import Outcome, ScreenPop
from fs_1c.settings import TracingSettings
from fs_1c.tracing import spans
from fs_1c.tracing.spans import Span, root_id, trace_id
from tests.support import until
from tests.tracing.test_spans import DECISION, NOW, NUMBER, STORY, TALK, UUID

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fs_1c.tracing import otlp
from fs_1c.tracing.otlp import OtlpCollector


class Receiver:
    """Takes what it is sent.

    Attributes:
        status: What it answers.
        answers: While this is not set it takes a request and says nothing.
        spans: What has come, decoded.
        asked: Requests that have come.
    """

    def __init__(self) -> None:
        self.status, self.headers = 200, {"Content-Length": "0"}
        self.answers = threading.Event()
        self.answers.set()
        self.requests: list[Any] = []
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.answers.wait()
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if receiver.status == 200:
                    receiver.paths.append(self.path)
                    receiver.tokens.append(self.headers.get("Authorization"))
                    receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                try:
                    self.send_response(receiver.status)
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    pass  # it has given us up

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(otlp, "EVERY", 0.01)
    yield
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("Otel")])


@contextmanager
def collector(port: int) -> Iterator[OtlpCollector]:
    opened = OtlpCollector(TracingSettings(endpoint=f"http://127.0.0.1:{port}"), "pbx1")
    yield opened
    opened.close(0.0)


def decision() -> Span:
    return spans.of_decision(DECISION, NOW)


def lines(caplog: pytest.LogCaptureFixture, port: int) -> list[str]:
    """What was said of the collector there; those of tests before may still be ending."""
    told = (record.getMessage() for record in caplog.records)
    where = f"http://127.0.0.1:{port} "
    return [line.replace(where, "http://HOST ") for line in told if where in line]


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_two_services_spans_of_one_call_are_one_trace(receiver: Receiver) -> None:
    with collector(receiver.port) as one, collector(receiver.port) as other:
        one.send(UUID, decision())
        other.send(UUID, spans.of_card(TALK, ScreenPop(Outcome.ACCEPTED, 0.25), NOW + 1))
        other.send(UUID, spans.of_call(STORY, NOW), root=True)
        until(lambda: len(receiver.spans) == 4)
    assert set(receiver.paths) == {"/v1/traces"}
    by_name = {span.name: span for span in receiver.spans}
    assert {span.trace_id.hex() for span in receiver.spans} == {UUID.replace("-", "")}
    call, decided = by_name["call"], by_name["decision"]
    assert call.span_id == root_id(trace_id(UUID)).to_bytes(8, "big")
    assert call.parent_span_id == b""
    assert decided.parent_span_id == by_name["card"].parent_span_id == call.span_id
    assert by_name["1C lookup"].parent_span_id == decided.span_id
    assert len({span.span_id for span in receiver.spans}) == 4
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (NOW * 10**9, (NOW + 31) * 10**9)
    assert [event.name for event in call.events][-2:] == ["talks", "parted"]
    assert attributes(call)["fs_1c.number"] == NUMBER
    resource = receiver.requests[0].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "fs-1c"
    assert attributes(resource)["service.instance.id"] == "pbx1"


def test_what_has_gone_wrong_is_marked(receiver: Receiver) -> None:
    with collector(receiver.port) as one:
        one.send(UUID, spans.of_card(TALK, ScreenPop(Outcome.NO_KEY), NOW))
        until(lambda: receiver.spans)
    (span,) = receiver.spans
    assert (span.status.code, span.status.message) == (2, "no key")
    assert attributes(span)["error.type"] == "no key"


def test_what_waits_is_sent_at_the_end(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "EVERY", 3600.0)
    monkeypatch.setattr(otlp, "ENDS_WITHIN", 30.0)
    with collector(receiver.port) as one:
        one.send(UUID, decision())
        one.close(30.0)
    assert len(receiver.spans) == 2


def refuses(receiver: Receiver) -> None:
    receiver.status = 400


def leads_elsewhere(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": f"http://127.0.0.1:{receiver.port}/v1/traces"}


def hangs(receiver: Receiver) -> None:
    receiver.answers.clear()


@pytest.mark.parametrize(
    ("fails", "why"),
    [(refuses, "HTTP 400"), (leads_elsewhere, "HTTP 307"), (hangs, "ReadTimeout")],
    ids=["refuses", "leads elsewhere", "hangs"],
)
def test_a_receiver_that_fails_is_one_line_and_one_when_it_is_back(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails: Callable[[Receiver], None],
    why: str,
) -> None:
    caplog.set_level(logging.INFO)
    if fails is hangs:
        monkeypatch.setattr(otlp, "TIMEOUT", 0.05)
    fails(receiver)
    with collector(receiver.port) as one:
        for failed in range(1, 4):
            one.send(UUID, decision())
            until(lambda: one._lost == 2 * failed)  # noqa: B023
        assert receiver.spans == []
        receiver.status, receiver.headers = 200, {"Content-Length": "0"}
        receiver.answers.set()
        until(lambda: _sent(one, receiver) and len(lines(caplog, receiver.port)) > 1)
    told = lines(caplog, receiver.port)
    assert told[0] == f"tracing: http://HOST does not take spans ({why}); calls go on without"
    assert told[1].startswith("tracing: http://HOST takes spans again; ")
    assert len(told) == 2 or fails is hangs  # which may be too slow once more, by so short a time


def _sent(one: OtlpCollector, receiver: Receiver) -> bool:
    one.send(UUID, decision())
    return not one._away and bool(receiver.spans)


def test_nobody_there(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        with collector(port) as one:
            one.send(UUID, decision())
            until(lambda: lines(caplog, port))  # it is counted first, and then said
    assert one._lost == 2
    assert lines(caplog, port) == [
        "tracing: http://HOST does not take spans (ConnectionError); calls go on without"
    ]


def test_a_receiver_that_hangs_makes_nobody_wait_and_costs_a_bounded_queue(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT", 3600.0)
    monkeypatch.setattr(otlp, "QUEUE", 64)
    monkeypatch.setattr(otlp, "BATCH", 8)
    hangs(receiver)
    with collector(receiver.port) as one:
        one.send(UUID, decision())
        until(lambda: receiver.asked)
        for _ in range(1000):  # all of them come back while the receiver says nothing
            one.send(UUID, decision())
        assert not receiver.spans
        assert one._waiting == 64
        assert one._lost == 2 * 1001 - 64
        assert lines(caplog, receiver.port) == [
            "tracing: http://HOST does not take spans (it is too slow); calls go on without"
        ]
        one.close(0.0)  # does not wait for it, either


def test_of_the_environment_only_headers_count(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:s3kr1t@127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20t0ken")
    with collector(receiver.port) as one:
        one.send(UUID, decision())
        until(lambda: len(receiver.spans) == 2)
    assert set(receiver.tokens) == {"Bearer t0ken"}


def test_one_that_is_just_too_slow_is_not_back_before_it_has_caught_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each batch that it takes would be two more lines."""
    monkeypatch.setattr(otlp, "QUEUE", 16)
    monkeypatch.setattr(otlp, "BATCH", 2)
    told: list[tuple[int, int]] = []

    def tell(level: int, text: str, where: str, *more: object) -> None:
        if where.endswith(f":{receiver.port}"):
            told.append((level, one._waiting))

    monkeypatch.setattr(otlp.log, "warning", partial(tell, logging.WARNING))
    monkeypatch.setattr(otlp.log, "info", partial(tell, logging.INFO))
    hangs(receiver)
    with collector(receiver.port) as one:
        for _ in range(10):
            one.send(UUID, decision())
        receiver.answers.set()
        until(lambda: len(receiver.spans) == 16)
        until(lambda: not one._away)
    assert told == [(logging.WARNING, 16), (logging.INFO, 8)]
