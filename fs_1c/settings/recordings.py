"""The section `[recordings]` of the settings file."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from fs_1c.settings.access import unread
from fs_1c.settings.types import Address, AddressField, KeptDuration, Section, names_a_port

KEY_LENGTH = 16
"""Octets that a key must have at least."""
_FIT = re.compile(r"https?://[A-Za-z0-9._~:\[\]/{}-]{1,500}")


class RecordingsSettings(Section):
    """The recordings that a switch makes, each behind an address that 1C is told. `folder` and `link`
    together open them.
    """

    folder: Path | None = None
    """Where the switch on this machine writes them; the service's user must be able to read it."""
    link: str = ""
    """What the addresses begin with, as people in 1C reach `listen`: `https://pbx.example/recordings`.
    `{switch}` in it is `esl.inbound.name`.
    """
    listen: AddressField = Address("127.0.0.1", 9186)
    """Where they are served; a proxy for HTTPS stands before it."""
    valid_for: KeptDuration = Field(90 * 86400.0, ge=3600.0)
    """An address is good for so long."""
    key_file: Path | None = None
    """What addresses are signed with: the same file for services whose addresses must be good at each
    other. Without it one is made in `state.folder`. With another key all addresses are void.
    """

    @field_validator("link")
    @classmethod
    def _link(cls, value: str) -> str:
        allowed = "allowed: http://HOST[:PORT]/PATH or https://..., Latin letters and digits; {switch}"
        whole = value.replace("{switch}", "switch")
        if value and not (_FIT.fullmatch(whole) and names_a_port(whole)):
            raise ValueError(allowed)
        if "{" in value.replace("{switch}", ""):
            raise ValueError(allowed)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> RecordingsSettings:
        if bool(self.folder) != bool(self.link):
            missing = "link" if self.folder else "folder"
            raise ValueError(f"{missing}: is missing; folder and link belong together")
        if self.folder and not self.folder.is_absolute():
            raise ValueError(f"folder: {self.folder}: allowed: a path that begins with /")
        if self.key_file:
            try:
                short = len(self.key_file.read_bytes().strip()) < KEY_LENGTH
            except OSError as error:
                raise ValueError(f"key_file: {unread(self.key_file, error)}") from None
            if short:
                raise ValueError(f"key_file: allowed: at least {KEY_LENGTH} octets")
        return self

    @property
    def enabled(self) -> bool:
        return self.folder is not None and bool(self.link)
