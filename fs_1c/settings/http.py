"""The door for 1C, monitoring and people."""

from __future__ import annotations

from pydantic import model_validator

from fs_1c.settings.types import Address, AddressField, WithToken, is_loopback

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
