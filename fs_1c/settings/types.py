"""What settings are made of: durations, addresses, dial strings, passwords; each with one clear complaint."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from math import inf
from pathlib import Path
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from fs_1c.numbers import OWN_COUNTRY
from fs_1c.settings.access import empty, unread, unreadable

Network = IPv4Network | IPv6Network
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_HOST = re.compile(r"[^\s/@?#\\:\[\]]{1,253}")
_YEAR = 366 * 86400.0
LONGEST_WAIT = 60.0
"""Seconds. A number without a unit is seconds; nobody waits for more of them: milliseconds were meant."""
FEWEST_KEPT = 900.0
"""Seconds. Of what is kept for hours or days fewer without a unit are none: hours or days were meant."""


class Address(NamedTuple):
    """Where to listen or connect."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: object) -> Address:
    """`127.0.0.1:8084`, `pbx.example:8021` or `[::1]:8084`; raises ValueError otherwise."""
    if isinstance(value, Address):
        return value
    host, colon, port = str(value).rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_port = re.fullmatch("[0-9]{1,5}", port) and int(port) <= 65535
    if not colon or not is_port or not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise ValueError("allowed: HOST:PORT, such as 127.0.0.1:8084")
    return Address(host, int(port))


def _is_ipv6(host: str) -> bool:
    try:
        return bool(IPv6Address(host))
    except ValueError:
        return False


def parse_network(value: object) -> Network:
    """`10.0.0.0/24`, `10.0.0.5` or `fd00::/64`; raises ValueError otherwise."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(str(value).strip())
    except ValueError:
        raise ValueError("allowed: networks, such as 10.0.0.0/24, or addresses, such as 10.0.0.5") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped and network.prefixlen >= 96 else network


def parse_duration(value: object, bare: float = LONGEST_WAIT, fewest: float = 0.0) -> float:
    """`800ms`, `5s`, `5m`, `24h`, `1d`, or a number of seconds, if there are no more than `bare` of them, and
    none or no fewer than `fewest` → seconds; raises ValueError otherwise.
    """
    unit = None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        else:
            match = _DURATION.fullmatch(str(value).strip())
            if match is None:
                raise ValueError
            number, unit = float(match[1]), match[2]
    except (ValueError, OverflowError):
        raise ValueError("allowed: a number and ms, s, m, h or d, such as 800ms") from None
    if unit is None and bare < number < inf:
        raise ValueError(
            f"without a unit it is seconds, and {number:g} s is too long here; allowed: a number and its "
            'unit, such as "800ms" (0.8 s) or "5s"'
        )
    if unit is None and 0 < number < fewest:
        raise ValueError(
            f"without a unit it is seconds, and {number:g} s is too short here; allowed: a number and its "
            'unit, such as "15m" or "90d"'
        )
    return number * _UNITS[unit or "s"]


def _dial_template(*known: str) -> AfterValidator:
    """A dial string with {names} to be filled in; `${names}` are FreeSWITCH's own."""

    def check(value: str) -> str:
        if not value.strip() or re.search(r"[\x00-\x1f'\\~]", value):
            raise ValueError("allowed: a dial string without quotes, backslashes, tildes and line breaks")
        for name in re.findall(r"(?<!\$)\{(\w+)\}", value):
            if name not in known:
                allowed = " and ".join(f"{{{one}}}" for one in known)
                raise ValueError(f"{{{name}}} has no meaning here; allowed: {allowed}")
        return value

    return AfterValidator(check)


_SIGN = r"(?:[0-9#]|\\[d+*#.]|\.|\[\^?[0-9+*#-]+\])"
_TIMES = r"(?:[?*+]|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})?"
_SIGNS = rf"(?:{_SIGN}{_TIMES})*"
_PATTERN = re.compile(rf"\^?(?:{_SIGN}{_TIMES}|\((?:\?:)?{_SIGNS}(?:\|{_SIGNS})*\)\??)+\$?")
_CHOICES = 4
"""More of them in one pattern, and an unlucky number could be tried in more ways than there is time for."""


def _pattern(value: str) -> str:
    """A pattern of a telephone number: a small part of Python's, in which none takes long to be tried."""
    if value == OWN_COUNTRY:
        return value
    plain = re.sub(r"\\.|\[[^\]]*\]", "0", value)
    choices = len(re.findall(r"\((?:\?:)?|[?*+]|\{\d+,", plain))
    if len(value) > 200 or not _PATTERN.fullmatch(value) or choices > _CHOICES:
        raise ValueError(
            f"allowed: {OWN_COUNTRY}, or a pattern of a whole number, such as ^8[0-9]{{10}}$ or "
            rf"^8(495|499)\d{{7}}$, with up to {_CHOICES} of ( ? * + {{m,n}}"
        )
    try:
        re.compile(value)
    except (re.error, OverflowError) as error:
        raise ValueError(f"is no pattern: {error}") from None
    return value


def _of_any_length(value: object) -> float:
    return parse_duration(value, _YEAR)


def _unless_off(value: object) -> float:
    return 0.0 if value == "off" else parse_duration(value)


def _kept(value: object) -> float:
    return parse_duration(value, _YEAR, FEWEST_KEPT)


def _kept_unless_off(value: object) -> float:
    return 0.0 if value == "off" else _kept(value)


SECONDS = "seconds"
Duration = Annotated[float, SECONDS, BeforeValidator(parse_duration), Field(gt=0, le=_YEAR)]
"""Seconds."""
LongDuration = Annotated[float, SECONDS, BeforeValidator(_of_any_length), Field(gt=0, le=_YEAR)]
"""Seconds for which something is believed, which may be days."""
KeptDuration = Annotated[float, SECONDS, BeforeValidator(_kept), Field(gt=0, le=_YEAR)]
"""Seconds for which something is kept, which are hours or days."""
NetworkField = Annotated[Network, BeforeValidator(parse_network)]
AddressField = Annotated[Address, BeforeValidator(parse_address)]
DurationOrOff = Annotated[float, SECONDS, BeforeValidator(_unless_off), Field(ge=0, le=_YEAR)]
KeptDurationOrOff = Annotated[float, SECONDS, BeforeValidator(_kept_unless_off), Field(ge=0, le=_YEAR)]
XmlName = Annotated[str, Field(pattern=r"^([^\W\d][\w.-]{0,99})?$")]
ExtensionTemplate = Annotated[str, _dial_template("extension", "domain")]
ExternalTemplate = Annotated[str, _dial_template("number", "domain")]
FollowerTemplate = Annotated[str, _dial_template("domain")]
NumberPattern = Annotated[str, AfterValidator(_pattern)]


def _readable(file: Path) -> Path:
    if why := unreadable(file):
        raise ValueError(why)
    return file


ReadableFile = Annotated[Path, AfterValidator(_readable)]
"""A file that is there and that this process may read."""


class Section(BaseModel):
    """A table of the settings file: frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class WithPassword(Section):
    """A section with a password, given there or in a file of its own."""

    password: SecretStr = SecretStr("")
    """The password."""
    password_file: Path | None = None
    """A file with the password alone, in place of `password`."""

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file and "password" in self.model_fields_set:
            raise ValueError("password and password_file: allowed is one of them")
        if self.password_file and (why := unreadable(self.password_file)):
            raise ValueError(f"password_file: {why}")
        return self

    def secret(self) -> str:
        """The password, from wherever it is kept. Raises OSError or UnicodeDecodeError if its file is no
        good.
        """
        if self.password_file:
            return self.password_file.read_text("utf-8-sig").strip("\r\n")
        return self.password.get_secret_value()


class WithToken(Section):
    """A section with a token that whoever asks must show, given there or in a file of its own."""

    token: SecretStr = SecretStr("")
    """What whoever asks must show; at least 16 characters."""
    token_file: Path | None = None
    """A file with the token alone, in place of `token`."""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token_file and "token" in self.model_fields_set:
            raise ValueError("token and token_file: allowed is one of them")
        try:
            token = self.secret()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"token_file: {unread(self.token_file, error)}") from None
        if self.token_file and not token:
            raise ValueError(f"token_file: {empty(self.token_file)}")
        if not re.fullmatch("[!-~]*", token):
            raise ValueError("token: allowed: Latin letters, digits and signs, without spaces")
        return self

    @property
    def token_is_set(self) -> bool:
        """Must it be shown?"""
        return bool(self.token_file or self.token.get_secret_value())

    def secret(self) -> str:
        """The token. Raises OSError or UnicodeDecodeError if the file that it is kept in is no good."""
        if self.token_file:
            return self.token_file.read_text("utf-8-sig").strip("\r\n")
        return self.token.get_secret_value()


def is_http(url: str, path: str = "/?") -> bool:
    """Is it `http(s)://HOST[:PORT]`, without user or query, and then what the pattern `path` has?"""
    return bool(re.fullmatch(rf"https?://[^\s/@?#\\]{{1,255}}{path}", url)) and names_a_port(url)


def names_a_port(url: str) -> bool:
    """Is there a host in it, and is its port one, if it has any?"""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Can nobody but this machine reach it?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
