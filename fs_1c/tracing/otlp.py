"""Spans → a collector of OpenTelemetry, by OTLP over HTTP; nobody waits for it. The edge to the SDK."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

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
        self._exporter = OTLPSpanExporter(
            settings.url, certificate_file=file, timeout=TIMEOUT, session=self._session
        )
        self._lock = threading.Lock()  # for all that follows
        self._ids = _Ids()
        self._waiting = self._lost = 0
        self._away = False
        watched: Any = _Watched(self)
        ids: Any = self._ids
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create(
                {"service.name": "fs-1c", "service.version": __version__, "service.instance.id": name}
            ),
            shutdown_on_exit=False,
            id_generator=ids,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(watched, QUEUE, EVERY * 1000, BATCH, TIMEOUT * 1000)
        )
        self._tracer = self._provider.get_tracer("fs_1c", __version__)

    def send(self, call_uuid: str, span: Span, *, root: bool = False) -> None:
        """Puts it, with what is within it, into the queue."""
        trace = trace_id(call_uuid)
        above, count = root_id(trace), 1 + len(span.within)
        with self._lock:
            if full := self._waiting + count > QUEUE:
                self._lost += count
            else:
                self._waiting += count
                if root:
                    self._ids.trace, self._ids.span = trace, above
                    self._put(span, Context())
                else:
                    call = SpanContext(
                        trace, above, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
                    )
                    self._put(span, set_span_in_context(NonRecordingSpan(call), Context()))
        if full:
            self._is_away("it is too slow")

    def close(self, timeout: float) -> None:
        """Sends what waits; blocks for at most `timeout` seconds, not at all for one that is away."""
        ending = threading.Thread(target=self._provider.shutdown, name="fs-1c-tracing-end", daemon=True)
        ending.start()
        ending.join(0.0 if self._away else timeout)

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
            back, lost = self._away and taken, self._lost
            if taken:
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

    def _put(self, span: Span, context: Context) -> None:
        put = self._tracer.start_span(
            span.name,
            context,
            SpanKind.CLIENT if span.asks else SpanKind.INTERNAL,
            dict(span.attributes),
            start_time=_ns(span.began),
        )
        for moment in span.moments:
            put.add_event(moment.name, dict(moment.attributes), _ns(moment.at))
        if span.error:
            put.set_attribute("error.type", span.error)
            put.set_status(Status(StatusCode.ERROR, span.error))
        for part in span.within:
            self._put(part, set_span_in_context(put, context))
        put.end(_ns(span.ended))


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


class _Ids:
    """Ids: those that were put here, else random ones. Used by one thread at a time."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        span, self.span = self.span, 0
        return span or random.getrandbits(64) or 1

    def is_trace_id_random(self) -> bool:
        return False


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


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
