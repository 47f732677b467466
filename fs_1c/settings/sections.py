"""The sections of the settings file, but for the base's own (`settings_onec`): what each setting is, and what
is allowed.
"""

from __future__ import annotations

import re
import socket
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from fs_1c.numbers import NumberPlan
from fs_1c.settings.access import unreadable
from fs_1c.settings.types import (
    LONGEST_WAIT,
    Address,
    AddressField,
    Duration,
    LongDuration,
    LongDurationOrOff,
    Network,
    NetworkField,
    Section,
    WithPassword,
    WithToken,
)


class LookupSettings(Section):
    """How long a caller waits (`deadline`) and how long answers are good for; seconds.

    A known client is fresh for `fresh_for`, then for `stale_for` more he is answered at once and refreshed
    behind. `new_per_second`: numbers that are not remembered, of one trunk (a network address), which 1C is
    asked about; 0: without bound. By default as many as if each channel of a primary rate interface (30) had
    another call in each second, and fewer than four sessions answer at 0.1 s: a flood leaves room for others.
    """

    deadline: Duration = Field(0.8, le=LONGEST_WAIT)
    fresh_for: LongDuration = 300.0
    stale_for: LongDurationOrOff = 86400.0
    unknown_for: LongDuration = 60.0
    size: int = Field(100_000, ge=1, le=10_000_000)
    new_per_second: int = Field(30, ge=0, le=100_000)


class BreakerSettings(Section):
    """When a base counts as down: `share` of its latest `window` requests failed or took longer than the
    deadline, of at least `at_least`. Nobody waits for it then; after `pause` seconds one request tries it.
    """

    window: int = Field(20, ge=1, le=1000)
    at_least: int = Field(5, ge=1, le=1000)
    share: float = Field(0.5, gt=0, le=1)
    pause: Duration = 5.0


class NumbersSettings(Section):
    """How numbers are dialled here; see `fs_1c.numbers.NumberPlan`."""

    country: str = Field("RU", pattern="^[A-Z]{2}$")
    area_code: str = Field("", pattern="^[0-9]{0,6}$")
    extension_digits: int = Field(6, ge=1, le=9)
    blocked_file: Path | None = None

    @field_validator("blocked_file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        if file and (why := unreadable(file)):
            raise ValueError(why)
        return file

    def plan(self) -> NumberPlan:
        return NumberPlan(self.country, self.area_code, self.extension_digits)


class PopWhen(StrEnum):
    """When a card opens."""

    ANSWER = "answer"
    RING = "ring"  # at each subscriber whose telephone rings; at whoever answers without that, too


class ScreenPopSettings(Section):
    """`useful_for`: seconds after the beginning of a conversation in which its card may still open.

    `outgoing`: also when a subscriber has called the client.
    """

    when: PopWhen = PopWhen.ANSWER
    outgoing: bool = False
    useful_for: Duration = 30.0


class SubscribersSettings(Section):
    """Extension → the subscriber's key in 1C, a credential; from here, from a CSV file (`extension,key`), or
    from the switch's directory (`fs_1c_key` of the user), which is remembered for `directory_for` seconds.
    """

    keys: dict[str, SecretStr] = Field(default_factory=dict)
    file: Path | None = None
    directory: bool = False
    directory_for: LongDuration = 300.0

    @field_validator("file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        if file and (why := unreadable(file)):
            raise ValueError(why)
        return file


class OutboundSettings(Section):
    """The door that FreeSWITCH's `socket` application connects to. `linger` in seconds.

    `allow`: the networks of the switches on other machines. Whoever connects is believed, so without it the
    door is for this machine alone.
    """

    enabled: bool = True
    listen: AddressField = Address("127.0.0.1", 8084)
    allow: tuple[NetworkField, ...] = ()
    linger: int = Field(5, ge=1, le=60)

    @model_validator(mode="after")
    def _safe(self) -> OutboundSettings:
        if self.enabled and not self.allow and not is_loopback(self.listen.host):
            raise ValueError(
                f"listen: {self.listen} can be reached from elsewhere; allowed only with allow, the networks"
                ' of the switches, such as ["10.0.0.0/24"]'
            )
        return self

    def lets_in(self, peer: str) -> bool:
        """Whether `allow` lets in a connection from that IP address. One from the loopback it always does."""
        return _is_in(peer, self.allow)


class Role(StrEnum):
    """What a service is to a switch that it listens to."""

    OWN = "own"
    RESERVE = "reserve"  # acts only while the own one is gone


class InboundSettings(WithPassword):
    """One switch whose event socket is listened to. `name`: the same in all services that listen to it, which
    then claim its cards at the switch itself; `role` among these.
    """

    address: AddressField = Address("127.0.0.1", 8021)
    password: SecretStr = SecretStr("ClueCon")
    name: str = ""
    role: Role = Role.OWN

    @model_validator(mode="after")
    def _named(self) -> InboundSettings:
        if self.name and not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,31}", self.name):
            raise ValueError("name: allowed: up to 32 Latin letters, digits, dots, dashes and underscores")
        if self.role is Role.RESERVE and not self.name:
            raise ValueError("role: a reserve needs the name that the switch has in its own service, too")
        return self

    def __str__(self) -> str:
        """As it stands in the log."""
        return f"{self.name} ({self.address})" if self.name else str(self.address)


TOKEN_LENGTH = 16
"""Characters that a token has at least, where others than this machine can try it."""


class HttpSettings(WithToken):
    """The door for 1C, monitoring and people. `token`: what each of them must show; empty: who is on this
    machine reads, and nobody may have answers forgotten.
    """

    enabled: bool = True
    listen: AddressField = Address("127.0.0.1", 9184)

    @model_validator(mode="after")
    def _safe(self) -> HttpSettings:
        token = self.secret()
        if self.enabled and not token and not is_loopback(self.listen.host):
            raise ValueError(
                f"listen: {self.listen} can be reached from elsewhere; allowed only with token or token_file"
            )
        if self.enabled and len(token) < TOKEN_LENGTH and not is_loopback(self.listen.host):
            raise ValueError(
                f"token: {self.listen} can be reached from elsewhere; "
                f"allowed: at least {TOKEN_LENGTH} characters"
            )
        return self


def is_loopback(host: str) -> bool:
    """Can nobody but this machine reach it?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(1024)
def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    address = ip_address(peer)
    # So IPv4 comes to whoever listens at [::].
    address = (address.version == 6 and address.ipv4_mapped) or address
    return address.is_loopback or any(address in network for network in networks)


class RedisSettings(Section):
    """Shared by several switches. `timeout`: seconds that any word with it may take; `prefix` of all its
    keys. With `sentinels` they are asked where the master of `service` is, and the URL's host is nobody.
    """

    url: SecretStr
    sentinels: tuple[AddressField, ...] = ()
    service: str = Field("mymaster", min_length=1, max_length=100)
    sentinel_password: SecretStr = SecretStr("")
    prefix: str = Field("fs-1c:", max_length=100)
    timeout: Duration = 0.1


class ClusterSettings(Section):
    """The other services, whose journals are asked by `fs-1c journal --all`.

    Attributes:
        services: Where their HTTP doors are, without a path.
        token_file: What they want to be shown; None: the token of our own.
        ca_file: Whom to believe about `https://`, beside the usual authorities none; None: the usual ones.
        name: Ours among them; empty: the name of the machine.
    """

    services: tuple[str, ...] = Field((), max_length=64)
    token_file: Path | None = None
    ca_file: Path | None = None
    name: str = ""

    @field_validator("services")
    @classmethod
    def _services(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_origin(url) for url in value):
            raise ValueError("allowed: http://HOST:PORT or https://HOST[:PORT], without a path or a password")
        return tuple(url.rstrip("/") for url in value)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch("([A-Za-z0-9][A-Za-z0-9._-]{0,63})?", value):
            raise ValueError("allowed: up to 64 Latin letters, digits, dots, dashes and underscores")
        return value

    @model_validator(mode="after")
    def _files(self) -> ClusterSettings:
        for name, file in (("token_file", self.token_file), ("ca_file", self.ca_file)):
            if file and (why := unreadable(file)):
                raise ValueError(f"{name}: {why}")
        return self

    @property
    def our_name(self) -> str:
        return self.name or socket.gethostname()[:64]

    def secret(self, http: HttpSettings) -> str:
        """The token that the others want, or nothing. Raises OSError or UnicodeDecodeError if the file that
        it is kept in is no good.
        """
        if self.token_file:
            return self.token_file.read_text("utf-8-sig").strip("\r\n")
        return http.secret()


def _is_origin(url: str) -> bool:
    if not re.fullmatch(r"https?://[^\s/@?#\\]{1,255}/?", url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class StateSettings(Section):
    """Where the service keeps what must outlive it: the journal, and which cards have been opened."""

    folder: Path | None = None


class JournalSettings(Section):
    """What happened to each call, kept for `keep_for` seconds; without `titles`, clients' names stay out."""

    enabled: bool = True
    keep_for: LongDuration = 90 * 86400.0
    titles: bool = True


class HistorySettings(Section):
    """Whether 1C is told the whole call; None: as `Settings.tells_history` says. What it has not taken in
    `keep_for` seconds is given up.

    `missed_owner`: who owns a missed call: the client's `manager` (or, if there is none, whose telephone rang
    last), `last-rung`, `nobody`, or an extension. `internal`: of calls of one subscriber to another, too.
    """

    enabled: bool | None = None
    internal: bool = False
    keep_for: LongDuration = 7 * 86400.0
    missed_owner: str = Field("manager", pattern="^(manager|last-rung|nobody|[0-9]{1,9})$")


class EslSettings(Section):
    """Both ESL doors. `transport`: our own wire, or the `ESL` module (python-ESL), for the loopback only."""

    transport: Literal["own", "python-esl"] = "own"
    outbound: OutboundSettings = OutboundSettings()
    inbound: tuple[InboundSettings, ...] = ()

    @model_validator(mode="after")
    def _switches_are_told_apart(self) -> EslSettings:
        names = [switch.name for switch in self.inbound if switch.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"inbound: {twice[0]}: two switches have that name")
        return self

    @model_validator(mode="after")
    def _library_can_serve(self) -> EslSettings:
        if self.transport == "own":
            return self
        if find_spec("ESL") is None:
            raise ValueError("transport: python-esl needs the module ESL, which is not installed")
        listen = [self.outbound.listen] if self.outbound.enabled else []
        for address in (*listen, *(switch.address for switch in self.inbound)):
            if not is_loopback(address.host):
                raise ValueError(f"transport: python-esl is for the loopback only, and not for {address}")
        return self
