"""The section `[tracing]` of the settings file."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from pydantic import field_validator, model_validator

from fs_1c.settings.access import unreadable
from fs_1c.settings.types import Section, is_http

_EXPORTER = "opentelemetry.exporter.otlp.proto.http"
_PATH = "/v1/traces"


class TracingSettings(Section):
    """A trace of each call, for OpenTelemetry: what it waited for, its card, what 1C was told. Needs `pip
    install 'fs-1c[otlp]'`.
    """

    endpoint: str = ""
    """The collector, by OTLP over HTTP: `http://127.0.0.1:4318`, to which `/v1/traces` is added; empty: off.
    """
    ca_file: Path | None = None
    """For `https://` with a certificate of your own: its authority, in PEM."""
    numbers: bool = False
    """`true`: telephone numbers whole, which are personal data; `false`: without their middle digits,
    `+7923•••2926`.
    """

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        if value and not is_http(value, r"(/[A-Za-z0-9._~/-]{0,255})?"):
            raise ValueError("allowed: http://HOST:PORT or https://HOST[:PORT][/PATH], without a password")
        if value and not _is_installed():
            raise ValueError(f"needs OpenTelemetry, which is not installed: {_installs()}")
        return value.rstrip("/").removesuffix(_PATH)

    @model_validator(mode="after")
    def _files(self) -> TracingSettings:
        if self.ca_file and (why := unreadable(self.ca_file)):
            raise ValueError(f"ca_file: {why}")
        return self

    @property
    def url(self) -> str:
        """Where spans go."""
        return self.endpoint + _PATH


def _is_installed() -> bool:
    try:
        return find_spec(_EXPORTER) is not None and find_spec("opentelemetry.sdk") is not None
    except ImportError:  # not even what it stands in
        return False


def _installs() -> str:
    command = ["pip", "install", "fs-1c[otlp]"]
    if find_spec("pip") is None:  # the Debian package's environment; and no index has that fs-1c
        command = ["python3", "-m", "pip", "--python", f"{sys.prefix}/bin/python3", "install"]
        command += ["opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"]
    return shlex.join(command)
