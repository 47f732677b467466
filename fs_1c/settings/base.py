"""The settings of one base of 1C."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import unquote

from pydantic import Field, SecretStr, field_validator, model_validator

from fs_1c.numbers import NumberFormat
from fs_1c.settings.access import unread
from fs_1c.settings.types import (
    Duration,
    KeptDurationOrOff,
    ReadableFile,
    Section,
    WithPassword,
    XmlName,
    names_a_port,
)

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
    """Operations and parameters of your own base, where they are called otherwise than in the dialect;
    empty: as there.
    """

    say_name: XmlName = ""
    """The operation that names a client."""
    number: XmlName = ""
    """The parameter of `say_name`: the number."""
    incoming_call: XmlName = ""
    """The operation that opens a card."""
    num_from: XmlName = ""
    """A parameter of `incoming_call`: the client's number."""
    key: XmlName = ""
    """A parameter of `incoming_call`: the subscriber's key."""
    event: XmlName = ""
    """`mobilon-3`: the operation that takes events."""
    data: XmlName = ""
    """The parameter of `event` and of `call_event`: what happened, in JSON."""
    call_event: XmlName = ""
    """`mobilon-2`: the operation of our extension that takes whole calls."""


class OneCSettings(WithPassword):
    """One base of 1C: `[onec]`. Several: `[onec.sales]`, `[onec.service]` and so on, each with all of
    these.
    """

    url: str
    """Where the web service is published: `http://1c.example:8080/BASE/ws/NAME`; of `itoolabs`
    `…/hs/telephony/itoolabs/`. Without user and password, which are settings of their own.
    """
    username: str = ""
    """1C's user; empty: no authentication."""
    dialect: DialectName = DialectName.MOBILON_2
    """What the base publishes. `mobilon-1`: `SayName(number)`, plain text; `mobilon-2`: `SayName(Number)`
    and `IncomingCall(NumFrom, Key)`; `mobilon-3`: `SayName(Number)` and `Event(Data)`; `itoolabs`: stock
    1С:УНФ.
    """
    namespace: str = Field("", max_length=500)
    """The XML namespace of the operations; empty: the dialect's, such as `http://VATS`."""
    soap: SoapVersion = "1.1"
    """The version of SOAP."""
    names: NamesSettings = NamesSettings()
    number_format: NumberFormat = NumberFormat.EIGHT
    """In which form the base is asked: `8` 89235292926, `+7` +79235292926, `7` 79235292926, `national`
    9235292926, `as-received` as the trunk sends it. Of `itoolabs` `7`, its default, or `8`.
    """
    crm_token: SecretStr = SecretStr("")
    """`itoolabs` only: the key by which 1С:УНФ knows the PBX."""
    crm_token_file: Path | None = None
    """A file with the key alone, in place of `crm_token`."""
    sessions: int = Field(4, ge=1, le=64)
    """Requests at the same time, which are sessions, which are licences taken, at the most."""
    session_mode: SessionMode = SessionMode.AUTO
    """Whether 1C keeps a session for us between requests: `auto` finds out, `per-request` no, `ibsession`
    yes.
    """
    keep_warm: KeptDurationOrOff = 900.0
    """After so long without a request the base is asked about nobody, so that it stays awake; `off`:
    never.
    """
    timeout: Duration = 10.0
    """Of a request as a whole. A caller never waits for it, only for `lookup.deadline`."""
    ca_file: ReadableFile | None = None
    """For `https://` with a certificate of your own: its authority, in PEM."""
    proxy: SecretStr = SecretStr("")
    """The HTTP proxy on the way to 1C: `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`,
    percent-encoded. Shown nowhere.
    """
    destinations: tuple[str, ...] = ()
    """With several bases: the dialled numbers whose calls belong to this one, in any usual form."""

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
        if given and not (re.fullmatch(r"https?://([^\s/@]*@)?[^\s/@]+/?", given) and names_a_port(given)):
            raise ValueError("allowed: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, percent-encoded")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not (re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value) and names_a_port(value)):
            raise ValueError(
                "allowed: http://HOST[:PORT]/BASE/ws/NAME, with user and password as settings of their own"
            )
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
