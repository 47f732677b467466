"""Spans → a collector of OpenTelemetry, by OTLP over HTTP; nobody waits for it. The edge to the SDK."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from fs_1c import __version__
from fs_1c.settings import TracingSettings
from fs_1c.tracing.spans import Span, root_id, trace_id

log = logging.getLogger(__name__)

QUEUE = 4096
"""Spans that wait, or are on their way; beyond it they are lost: some thousand calls."""
BATCH = 512
EVERY = 1.0
"""Seconds between batches."""
TIMEOUT = 5.0
"""Seconds for a batch with all attempts; for a collector that drips, between any two of its octets."""
ENDS_WITHIN = 1.0
"""Seconds that the last batch may keep a service from ending."""
_SCOPE = InstrumentationScope("fs_1c", __version__)
_SILENT = "opentelemetry.exporter", "opentelemetry.sdk"
"""Loggers that would tell of every batch what is told here once."""


class OtlpCollector:
    """Takes spans from any thread and sends them from one of its own. A collector that hangs, refuses, or is
    away costs spans and a line in the log, and another line when it is back.

    Args:
        name: What this service is called among others.
    """

    def __init__(self, settings: TracingSettings, name: str) -> None:
        for logger in _SILENT:
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
        self._where = settings.endpoint
        self._session = _Session()
        file = str(settings.ca_file) if settings.ca_file else None
        self._exporter: Any = OTLPSpanExporter(  # whose methods have no types
            settings.url, certificate_file=file, timeout=TIMEOUT, session=self._session
        )
        self._lock = threading.Lock()  # for these three
        self._waiting = self._lost = 0
        self._away = False
        self._resource = Resource.create(
            {"service.name": "fs-1c", "service.version": __version__, "service.instance.id": name}
        )
        watched: Any = _Watched(self)
        self._queue = BatchSpanProcessor(watched, QUEUE, EVERY * 1000, BATCH, TIMEOUT * 1000)

    def send(self, call_uuid: str, span: Span, *, root: bool = False) -> None:
        """Puts it, with what is within it, into the queue."""
        trace = trace_id(call_uuid)
        call = _context(trace, root_id(trace))
        count = 1 + len(span.within)
        with self._lock:
            if full := self._waiting + count > QUEUE:
                self._lost += count
            else:
                self._waiting += count
        if full:
            self._is_away("it is too slow")
        elif root:
            self._put(span, call, None)
        else:
            self._put(span, _context(trace), call)

    def close(self, timeout: float) -> None:
        """Sends what waits; blocks for at most `timeout` seconds, not at all for one that is away."""
        ending = threading.Thread(target=self._queue.shutdown, name="fs-1c-tracing-end", daemon=True)
        ending.start()
        ending.join(0.0 if self._away else min(timeout, ENDS_WITHIN))
        with self._lock:
            self._away = True  # whatever is lost from here on, it is not the collector's fault
        self._exporter.shutdown()

    def export(self, batch: Sequence[Any]) -> bool:
        """Sends them; blocks, on the SDK's thread. Whether they have been taken."""
        try:
            taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
            why = self._session.why or "it refuses"
        except Exception as error:  # a library's: its thread must go on
            taken, why = False, repr(error)
        with self._lock:
            self._waiting -= len(batch)
            self._lost += 0 if taken else len(batch)
            # One that is just too slow is not back before it has caught up: else the log would go on and on.
            back, lost = self._away and taken and self._waiting <= QUEUE // 2, self._lost
            if back:
                self._away, self._lost = False, 0
        if back:
            log.info("tracing: %s takes spans again; %d were lost", self._where, lost)
        elif not taken:
            self._is_away(why)
        return taken

    def end(self) -> None:
        """Leaves the collector alone."""
        self._exporter.shutdown()

    def _is_away(self, why: str) -> None:
        with self._lock:
            known, self._away = self._away, True
        if not known:
            log.warning("tracing: %s does not take spans (%s); calls go on without", self._where, why)

    def _put(self, span: Span, context: SpanContext, parent: SpanContext | None) -> None:
        attributes = dict(span.attributes)
        if span.error:
            attributes["error.type"] = span.error
        # Not by a tracer, which takes the clock's time and ids of its own, and several times as long.
        self._queue.on_end(
            ReadableSpan(
                span.name,
                context,
                parent,
                self._resource,
                attributes,
                [Event(one.name, dict(one.attributes), _ns(one.at)) for one in span.moments],
                kind=SpanKind.CLIENT if span.asks else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
                start_time=_ns(span.began),
                end_time=_ns(span.ended),
                instrumentation_scope=_SCOPE,
            )
        )
        for part in span.within:
            self._put(part, _context(context.trace_id), context)


class _Watched:
    """The exporter, as the SDK's processor wants it."""

    def __init__(self, collector: OtlpCollector) -> None:
        self._collector = collector

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        taken = self._collector.export(spans)
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._collector.end()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


class _Session(requests.Session):
    """Of an answer only the status counts: it is not read, and leads nowhere else.

    Attributes:
        why: What was wrong with the latest.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # a proxy would get it, and .netrc would add a password
        self.stream = True
        self.why = ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.why = ""
        try:
            answer = super().send(request, **options)
        except requests.RequestException as error:
            self.why = type(error).__name__
            raise
        answer.close()
        if answer.status_code >= 300:
            self.why = f"HTTP {answer.status_code}"
        if 300 <= answer.status_code < 400:  # which the SDK takes for success
            raise requests.TooManyRedirects(self.why)
        return answer


def _context(trace: int, span: int = 0) -> SpanContext:
    """A span's ids; a random one."""
    own = span or random.getrandbits(64) or 1
    return SpanContext(trace, own, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
