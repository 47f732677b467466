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
    is_http,
)


class LookupSettings(Section):
    """How long a caller waits for 1C, and how long its answers are good for."""

    deadline: Duration = Field(0.8, le=LONGEST_WAIT)
    """No call waits longer than this for 1C; `fs_1c_deadline` in the dialplan wins."""
    fresh_for: LongDuration = 300.0
    """A client whom 1C knows is not asked about again for so long."""
    stale_for: LongDurationOrOff = 86400.0
    """And for so much longer he is answered at once from memory, and asked about behind; or `off`."""
    unknown_for: LongDuration = 60.0
    """A number that 1C does not know is not asked about again for so long."""
    size: int = Field(100_000, ge=1, le=10_000_000)
    """Numbers remembered, in memory."""
    # As many as if each channel of a primary rate interface had another call in each second; and fewer than
    # four sessions of 1C answer, at 0.1 s.
    new_per_second: int = Field(30, ge=0, le=100_000)
    """Numbers not remembered that one trunk (a network address) may bring in a second, and four times as
    many at once; beyond it calls go on without a name, so that a flood leaves room for others. `0`: no
    bound.
    """


class BreakerSettings(Section):
    """When a base counts as down. Nobody waits for it then, until a request that tries it is answered."""

    window: int = Field(20, ge=1, le=1000)
    """How many of the latest requests are counted."""
    at_least: int = Field(5, ge=1, le=1000)
    """With fewer requests than this a base is never down."""
    share: float = Field(0.5, gt=0, le=1)
    """A base is down when so large a share of them failed or took longer than the deadline; `0.5` is half."""
    pause: Duration = 5.0
    """After so long one request tries whether it is back."""


class NumbersSettings(Section):
    """How numbers are dialled where the switch stands."""

    country: str = Field("RU", pattern="^[A-Z]{2}$")
    """Numbers without a country code belong here; two letters, ISO 3166."""
    area_code: str = Field("", pattern="^[0-9]{0,6}$")
    """Put before local numbers, such as 383 before 2745000; empty: local numbers are not understood."""
    extension_digits: int = Field(6, ge=1, le=9)
    """Numbers of up to so many digits are extensions."""
    blocked_file: Path | None = None
    """Numbers that 1C is never asked about, one a line, or beginnings: `+7999*`; `#` begins a remark.
    Read again when it changes. `fs_1c_result` is `blocked` then.
    """

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
    """When a client's card opens."""

    when: PopWhen = PopWhen.ANSWER
    """`answer`: when a subscriber and the client hear each other; `ring`: at every subscriber whose
    telephone rings for the client.
    """
    outgoing: bool = False
    """Also when a subscriber has called the client."""
    useful_for: Duration = 30.0
    """A card that could not be asked for in this time after the conversation began does not open any more."""


class SubscribersSettings(Section):
    """A subscriber's key in 1C, a credential: looked for in `[subscribers.keys]`, then in `file`, then in
    FreeSWITCH's directory.
    """

    keys: dict[str, SecretStr] = Field(default_factory=dict)
    """Extension, or login = the subscriber's key in 1C: `"244" = "gW3cyUJAtl50PhF"`."""
    file: Path | None = None
    """A CSV file, `extension,key`; read again when it changes."""
    directory: bool = False
    """And as `fs_1c_key` of the user in FreeSWITCH's directory; `[[esl.inbound]]` only."""
    directory_for: LongDuration = 300.0
    """The directory is asked again after so long."""

    @field_validator("file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        if file and (why := unreadable(file)):
            raise ValueError(why)
        return file


class OutboundSettings(Section):
    """The door that FreeSWITCH's `socket` application connects to. Whoever connects is believed, for the
    event socket has no password in this direction.
    """

    enabled: bool = True
    """Whether there is this door."""
    listen: AddressField = Address("127.0.0.1", 8084)
    """Elsewhere than on the loopback (`0.0.0.0:8084`) only with `allow`."""
    allow: tuple[NetworkField, ...] = ()
    """The networks of switches on other machines: `["10.0.0.5", "10.1.0.0/28"]`. This machine itself
    always may.
    """
    linger: int = Field(5, ge=1, le=60)
    """Seconds for which FreeSWITCH keeps the socket after the call has ended; async only."""

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
    """A switch whose event socket is listened to; one table for each."""

    address: AddressField = Address("127.0.0.1", 8021)
    """Its event socket."""
    password: SecretStr = SecretStr("ClueCon")
    name: str = ""
    """The same in all services that listen to it, which then claim its cards at the switch itself
    (`mod_hash`): up to 32 Latin letters, digits, dots, dashes and underscores.
    """
    role: Role = Role.OWN
    """Among the services of that switch: `own`, or `reserve`, which acts only while the own one is not
    heard there.
    """

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
    """The door for 1C, monitoring and people: status page, `/metrics`, `/health`, `POST /forget`, `POST
    /erase`.
    """

    enabled: bool = True
    """Whether there is this door."""
    listen: AddressField = Address("127.0.0.1", 9184)
    """Elsewhere than on the loopback (`0.0.0.0:9184`) only with a token of at least 16 characters."""

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
    """Shared by several services: the same answers, single requests, forgetting. None by default."""

    url: SecretStr
    """`redis://:PASSWORD@HOST:6379/0`; by TLS
    `rediss://:PASSWORD@HOST:6380/0?ssl_ca_certs=/etc/fs-1c/redis-ca.pem`. Who may write there is
    believed.
    """
    sentinels: tuple[AddressField, ...] = ()
    """They are asked where the master is; of `url` all counts but its host and port."""
    service: str = Field("mymaster", min_length=1, max_length=100)
    """What sentinels call the master."""
    sentinel_password: SecretStr = SecretStr("")
    """Their own, if they have one."""
    prefix: str = Field("fs-1c:", max_length=100)
    """Of all keys."""
    timeout: Duration = 0.1
    """Of any word with it about a caller; without it each service goes on alone."""


class ClusterSettings(Section):
    """The other services, whose journals `fs-1c journal --all` asks."""

    services: tuple[str, ...] = Field((), max_length=64)
    """Their `http.listen`, each with a token: `["https://pbx2.example:9184", "http://10.0.0.3:9184"]`."""
    token_file: Path | None = None
    """What they want to be shown; none: the token of `[http]`."""
    ca_file: Path | None = None
    """For `https://` with certificates of your own: their authority, in PEM."""
    name: str = ""
    """This one's among them; empty: the name of the machine."""

    @field_validator("services")
    @classmethod
    def _services(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_http(url) for url in value):
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


class StateSettings(Section):
    """Where the service keeps what must outlive it."""

    folder: Path | None = None
    """A folder that the service may write: the journal, which cards have opened, what 1C has not been
    told. None: no journal, and after a crash a card may open twice.
    """


class JournalSettings(Section):
    """What happened to each call: `fs-1c journal`."""

    enabled: bool = True
    """Whether it is kept; needs `state.folder`."""
    keep_for: LongDuration = 90 * 86400.0
    """How long rows are kept."""
    titles: bool = True
    """`false`: without clients' names, which are personal data."""


class HistorySettings(Section):
    """1C is told the whole call: that it began, who talked, how long, whether it was missed. Heard by
    `[[esl.inbound]]` only.
    """

    enabled: bool | None = None
    """Default: `true` with `[[esl.inbound]]` and a base of dialect `mobilon-3` or `itoolabs`, else
    `false`.
    """
    internal: bool = False
    """Of calls of one subscriber to another, too, without a card and not in the journal; not for
    `itoolabs`, where an extension is no telephone number.
    """
    keep_for: LongDuration = 7 * 86400.0
    """What 1C has not taken by then is given up, and the log says what."""
    missed_owner: str = Field("manager", pattern="^(manager|last-rung|nobody|[0-9]{1,9})$")
    """Who owns a missed call: the client's `manager` (if he has none, whose telephone rang last),
    `last-rung`, `nobody`, or an extension.
    """


class EslSettings(Section):
    """The event socket, in both directions."""

    transport: Literal["own", "python-esl"] = "own"
    """`own`, or `python-esl`: both doors over FreeSWITCH's own library, on the loopback only; `make esl`
    builds it.
    """
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
