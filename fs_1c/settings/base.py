"""The settings of one base of 1C."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from fs_1c.numbers import NumberFormat
from fs_1c.settings.access import unread, unreadable
from fs_1c.settings.types import Duration, LongDurationOrOff, Section, WithPassword, XmlName

SoapVersion = Literal["1.1", "1.2"]


class DialectName(StrEnum):
    """How a base is spoken to; what that means, only `fs_1c.onec.dialects` knows."""

    MOBILON_1 = "mobilon-1"  # SayName(number) alone, the answer is plain text
    MOBILON_2 = "mobilon-2"  # SayName(Number) and IncomingCall(NumFrom, Key)
    MOBILON_3 = "mobilon-3"  # SayName(Number) and Event(Data)
    ITOOLABS = "itoolabs"  # «Универсальный itoolabs» of stock 1С:УНФ


TOLD_OF_CALLS = (DialectName.MOBILON_3, DialectName.ITOOLABS)
"""In which every base takes the whole call; of mobilon-2 only one with our extension does."""


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
    call_event: XmlName = ""


class OneCSettings(WithPassword):
    """One base. `crm_token`: by which 1С:УНФ knows the PBX, a secret.

    `keep_warm` is how long it may be left alone, in seconds; 0: for ever. `timeout` bounds a request as a
    whole, in seconds; a caller never waits for it, only for the deadline.
    """

    url: str
    username: str = ""
    dialect: DialectName = DialectName.MOBILON_2
    namespace: str = Field("", max_length=500)
    soap: SoapVersion = "1.1"
    names: NamesSettings = NamesSettings()
    number_format: NumberFormat = NumberFormat.EIGHT
    crm_token: SecretStr = SecretStr("")
    crm_token_file: Path | None = None
    sessions: int = Field(4, ge=1, le=64)
    session_mode: SessionMode = SessionMode.AUTO
    keep_warm: LongDurationOrOff = 900.0
    timeout: Duration = 10.0
    ca_file: Path | None = None
    proxy: SecretStr = SecretStr("")
    destinations: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_the_dialect(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("dialect") == DialectName.ITOOLABS:
            return {"number_format": NumberFormat.SEVEN, **data}
        return data

    @model_validator(mode="after")
    def _fits_the_dialect(self) -> Self:
        if self.dialect is not DialectName.ITOOLABS:
            return self
        if self.number_format not in (NumberFormat.SEVEN, NumberFormat.EIGHT):
            raise ValueError("number_format: itoolabs takes digits without a plus; allowed: 7 or 8")
        if self.crm_token_file and "crm_token" in self.model_fields_set:
            raise ValueError("crm_token and crm_token_file: allowed is one of them")
        try:
            token = self.crm_secret()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"crm_token_file: {unread(self.crm_token_file, error)}") from None
        if not re.fullmatch(r"[!#-%'-~]{1,500}", token):
            where = "crm_token_file" if self.crm_token_file else "crm_token"
            raise ValueError(f'{where}: needed is the key that 1C knows the PBX by, without spaces, & and "')
        return self

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
        if value and (why := unreadable(value)):
            raise ValueError(why)
        return value

    def crm_secret(self) -> str:
        """The token. Raises OSError or UnicodeDecodeError if the file that it is kept in is no good."""
        if self.crm_token_file:
            return self.crm_token_file.read_text("utf-8-sig").strip()
        return self.crm_token.get_secret_value()

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
