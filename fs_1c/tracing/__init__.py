"""Each call as a trace, for OpenTelemetry: an observer of the core, which knows nothing of it.

Loaded only where `[tracing]` says so. What happened → spans is pure (`spans.py`); `otlp.py` alone knows
OpenTelemetry's SDK, which is an extra, and sends them from a thread of its own.
"""

from fs_1c.tracing.tracing import Tracing

__all__ = ["Tracing"]
