"""The event socket: the door that a switch connects to, and the switches that are listened to."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from fs_1c.settings.types import (
    Address,
    AddressField,
    Network,
    NetworkField,
    Section,
    WithPassword,
    is_loopback,
)


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


@lru_cache(1024)
def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    address = ip_address(peer)
    # So IPv4 comes to whoever listens at [::].
    address = (address.version == 6 and address.ipv4_mapped) or address
    return address.is_loopback or any(address in network for network in networks)
