"""The settings of one base of 1C."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from fs_1c.dialect import PRESETS, Dialect, DialectName, SoapVersion
from fs_1c.numbers import NumberFormat
from fs_1c.setting_types import Duration, DurationOrOff, Section, WithPassword, XmlName


class SessionMode(StrEnum):
    """Whether 1C keeps a session for us between requests."""

    AUTO = "auto"  # found out by the first request
    PER_REQUEST = "per-request"
    IBSESSION = "ibsession"


class NamesSettings(Section):
    """Names of operations and parameters where they differ from the dialect's; empty: the dialect's."""

    say_name: XmlName = ""
    number: XmlName = ""
    incoming_call: XmlName = ""
    num_from: XmlName = ""
    key: XmlName = ""
    event: XmlName = ""
    data: XmlName = ""


class OneCSettings(WithPassword):
    """One base. `keep_warm` is how long it may be left alone, in seconds; 0: for ever. `timeout` bounds a
    request as a whole, in seconds; a caller never waits for it, only for the deadline.
    """

    url: str
    username: str = ""
    dialect: DialectName = DialectName.MOBILON_2
    namespace: str = Field("", max_length=500)
    soap: SoapVersion = "1.1"
    names: NamesSettings = NamesSettings()
    number_format: NumberFormat = NumberFormat.EIGHT
    sessions: int = Field(4, ge=1, le=64)
    session_mode: SessionMode = SessionMode.AUTO
    keep_warm: DurationOrOff = 900.0
    timeout: Duration = 10.0
    ca_file: Path | None = None
    proxy: str = ""
    destinations: tuple[str, ...] = ()

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/]+/?", value):
            raise ValueError("allowed: http://HOST:PORT")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
            raise ValueError(
                "allowed: http://HOST[:PORT]/BASE/ws/NAME, with user and password as settings of their own"
            )
        return value

    @field_validator("ca_file")
    @classmethod
    def _ca_file(cls, value: Path | None) -> Path | None:
        if value and not os.access(value, os.R_OK):
            raise ValueError(f"{value} cannot be read")
        return value

    def speaks(self) -> Dialect:
        """How this base is spoken to: the preset with what is set beside it."""
        names = {name: value for name, value in self.names.model_dump().items() if value}
        if self.namespace:
            names["namespace"] = self.namespace
        return replace(PRESETS[self.dialect], soap=self.soap, **names)

    def address(self) -> str:
        """Where requests go: the URL, with the dialect's path if it names only the base."""
        return self.url if "/ws/" in self.url else self.url.rstrip("/") + self.speaks().path
