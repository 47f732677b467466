"""The settings of one base of 1C."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator

from fs_1c.numbers import NumberFormat
from fs_1c.settings.types import Duration, DurationOrOff, Section, WithPassword, XmlName

SoapVersion = Literal["1.1", "1.2"]


class DialectName(StrEnum):
    """How a base is spoken to; what that means, only `fs_1c.onec.dialects` knows."""

    MOBILON_1 = "mobilon-1"  # SayName(number) alone, the answer is plain text
    MOBILON_2 = "mobilon-2"  # SayName(Number) and IncomingCall(NumFrom, Key)
    MOBILON_3 = "mobilon-3"  # SayName(Number) and Event(Data)


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
    proxy: SecretStr = SecretStr("")
    destinations: tuple[str, ...] = ()

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value()
        if given and not (re.fullmatch(r"https?://([^\s/@]*@)?[^\s/@]+/?", given) and _names_a_port(given)):
            raise ValueError("allowed: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, percent-encoded")
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

    def through(self) -> tuple[str, str]:
        """The proxy's URL without its login, and the login as `user:password`; both may be empty."""
        scheme, _, rest = self.proxy.get_secret_value().partition("://")
        login, _, place = rest.rpartition("@")
        return (f"{scheme}://{place}" if place else ""), unquote(login)


def _names_a_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
