"""`[calls]`: calls that 1C asks for; who may ask, what may be dialled, and how often."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from fs_1c.numbers import OWN_COUNTRY, NumberFormat
from fs_1c.settings.access import unreadable
from fs_1c.settings.http import TOKEN_LENGTH
from fs_1c.settings.types import (
    AddressField,
    Duration,
    ExternalTemplate,
    NumberPattern,
    WithToken,
    is_loopback,
)

_FILE = re.compile(r"/[0-9A-Za-z_./-]{1,200}\.(wav|mp3|ogg|flac)")


class CallForm(StrEnum):
    """How a 1C base asks for a call; our own, `POST /calls`, is always there."""

    SUBSCRIBER = "subscriber"  # GET /api/call/CallToSubscriber
    KEY = "key"  # GET /call/KEY/NUMBER
    SIMPLE = "simple-calls"  # GET /simple-calls/call/
    ITOOLABS = "itoolabs"  # POST, cmd=makeCall and cmd=accounts
    JOURNAL = "journal"  # GET /api/call/journal


class AnswerAt(StrEnum):
    """How far a call must have come before 1C, which may wait with its window, is answered."""

    RING = "ring"  # the subscriber's telephone rings
    ANSWER = "answer"  # he has picked up
    TALK = "talk"  # so has the client


class CallsSettings(WithToken):
    """Calls that 1C asks for: the subscriber's telephone rings, then the client is dialled."""

    listen: AddressField | None = None
    """An address of its own; none: nobody can ask by HTTP. From elsewhere by https only: a proxy, or
    `cert_file`.
    """
    cert_file: Path | None = None
    """For https by the service itself: the certificate with its chain, in PEM."""
    key_file: Path | None = None
    """The certificate's key, in PEM."""
    dial: ExternalTemplate | None = None
    """How a client is dialled: `sofia/gateway/trunk/{number}`. Needed with `listen`."""
    number_format: NumberFormat = NumberFormat.EIGHT
    """In which form `{number}` is dialled; `allow` is about that form."""
    allow: tuple[NumberPattern, ...] = (OWN_COUNTRY,)
    """What may be dialled: `own-country`, the country's own numbers but for premium-rate, shared-cost,
    short and emergency ones; and patterns of the whole number, such as `^8923[0-9]{7}$`.
    """
    caller_id: str = Field("", pattern=r"^\+?[0-9]{0,20}$")
    """The number that the client is shown; empty: the subscriber's extension."""
    per_minute: int = Field(10, ge=1, le=1000)
    """Calls of one subscriber in a minute."""
    at_once: int = Field(2, ge=1, le=100)
    """Calls of one subscriber at the same time."""
    per_day: int = Field(1000, ge=1, le=1_000_000)
    """Calls of all together in 24 hours."""
    ring_for: Duration = Field(20.0, ge=1, le=120)
    """How long the subscriber's telephone rings."""
    answer_at: AnswerAt = AnswerAt.RING
    """When 1C is answered, unless the call has failed before: `ring` his telephone rings, `answer` he has
    picked up, `talk` so has the client.
    """
    auto_answer: bool = False
    """The subscriber's telephone is told to answer by itself (`Call-Info: answer-after=0`)."""
    refuse_away: bool = True
    """A subscriber of whom the switch says that none of his telephones is registered is not rung, and 1C is
    told so at once. `false`: he is rung all the same, as where his dial string has a mobile, too.
    """
    forms: tuple[CallForm, ...] = tuple(CallForm)
    """How 1C may ask, beside `POST /calls`, which is always there."""
    record: str = ""
    """The file that a call is recorded to from the client's answer on:
    `/var/lib/freeswitch/recordings/{date}/{call}.wav`; empty: it is not.
    """

    @field_validator("record")
    @classmethod
    def _record(cls, value: str) -> str:
        plain = value.replace("{date}", "").replace("{call}", "call")
        # It stands in a dial string: nothing that one is split at, no variable, and no way out of its folder.
        if value and (value.count("{call}") != 1 or not _FILE.fullmatch(plain) or ".." in plain):
            raise ValueError(
                "allowed: a file's path, Latin letters, digits, _ - . only, with {call} once, and {date} for "
                "folders of year, month and day: /var/lib/freeswitch/recordings/{date}/{call}.wav"
            )
        return value

    @model_validator(mode="after")
    def _safe(self) -> CallsSettings:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file: allowed are both or none")
        for name, file in (("cert_file", self.cert_file), ("key_file", self.key_file)):
            if file and (why := unreadable(file)):
                raise ValueError(f"{name}: {why}")
        if self.listen and not self.dial:
            raise ValueError("dial: is missing; without it no client can be called")
        if self.listen and len(self.secret()) < TOKEN_LENGTH:
            raise ValueError(f"token: allowed: at least {TOKEN_LENGTH} characters, here or in token_file")
        return self

    @property
    def is_open(self) -> bool:
        """Can anybody of this network have calls made?"""
        return self.listen is not None and not is_loopback(self.listen.host)
