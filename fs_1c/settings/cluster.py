"""Other services: what is shared with them through Redis, and whose journals are asked."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator

from fs_1c.settings.access import unreadable
from fs_1c.settings.http import HttpSettings
from fs_1c.settings.types import AddressField, Duration, Section, is_http


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
