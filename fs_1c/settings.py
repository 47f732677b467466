"""Settings: a TOML file and the environment → one validated, frozen `Settings`.

The environment wins over the file: `FS_1C_LOOKUP__DEADLINE=500ms` is `[lookup] deadline`. Secrets also come
from files of their own (`password_file`), so that the settings can be read by people who must not know them.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from fs_1c.dialect import PRESETS, Dialect, DialectName, SoapVersion
from fs_1c.numbers import Number, NumberFormat, NumberPlan, read
from fs_1c.setting_types import (
    Address,
    AddressField,
    Duration,
    ExtensionTemplate,
    ExternalTemplate,
    FollowerTemplate,
    KeepWarm,
    Section,
    WithPassword,
    XmlName,
)

DEFAULT_BASE = "default"
"""The name of the base when `[onec]` describes just one."""


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        problems: One line each: where, what is wrong, what is allowed. Never a secret's value.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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


class OneCSettings(WithPassword):
    """One base. `keep_warm` is how long it may be left alone, in seconds; 0: for ever. `timeout` bounds a
    request as a whole, in seconds; a caller never waits for it, only for the deadline.
    """

    url: str
    username: str = ""
    dialect: DialectName = DialectName.MOBILON_2
    namespace: str = Field("", max_length=500)
    soap: SoapVersion = "1.1"
    names: NamesSettings = NamesSettings()
    number_format: NumberFormat = NumberFormat.EIGHT
    sessions: int = Field(4, ge=1, le=64)
    session_mode: SessionMode = SessionMode.AUTO
    keep_warm: KeepWarm = 900.0
    timeout: Duration = 10.0
    ca_file: Path | None = None
    proxy: str = ""
    destinations: tuple[str, ...] = ()

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/]+/?", value):
            raise ValueError("allowed: http://HOST:PORT")
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
        if value and not os.access(value, os.R_OK):
            raise ValueError(f"{value} cannot be read")
        return value

    def speaks(self) -> Dialect:
        """How this base is spoken to: the preset with what is set beside it."""
        names = {name: value for name, value in self.names.model_dump().items() if value}
        if self.namespace:
            names["namespace"] = self.namespace
        return replace(PRESETS[self.dialect], soap=self.soap, **names)

    def address(self) -> str:
        """Where requests go: the URL, with the dialect's path if it names only the base."""
        return self.url if "/ws/" in self.url else self.url.rstrip("/") + self.speaks().path


class LookupSettings(Section):
    """How long a caller waits (`deadline`) and how long answers are good for; seconds."""

    deadline: Duration = 0.8
    fresh_for: Duration = 300.0
    unknown_for: Duration = 60.0
    size: int = Field(100_000, ge=1, le=10_000_000)


class CategoryRule(Section):
    """What follows the manager for clients of one category; `is` in the file."""

    category: str = Field(alias="is", min_length=1)
    then: tuple[FollowerTemplate, ...]


class RoutingSettings(Section):
    """From a manager's phone to a dial string. `ring_for`: seconds that the manager's phone rings."""

    extension: ExtensionTemplate = "user/{extension}@{domain}"
    external: ExternalTemplate | None = None
    external_format: NumberFormat = NumberFormat.EIGHT
    domain: str = ""
    ring_for: Duration = 20.0
    then: tuple[FollowerTemplate, ...] = ()
    category: tuple[CategoryRule, ...] = ()


class NumbersSettings(Section):
    """How numbers are dialled here; see `fs_1c.numbers.NumberPlan`."""

    country: str = Field("RU", pattern="^[A-Z]{2}$")
    area_code: str = Field("", pattern="^[0-9]{0,6}$")
    extension_digits: int = Field(6, ge=1, le=9)

    def plan(self) -> NumberPlan:
        return NumberPlan(self.country, self.area_code, self.extension_digits)


class ScreenPopSettings(Section):
    """`useful_for`: seconds after the beginning of a conversation in which its card may still open."""

    useful_for: Duration = 30.0


class SubscribersSettings(Section):
    """Extension → the subscriber's key in 1C. A key is a credential."""

    keys: dict[str, SecretStr] = Field(default_factory=dict)


class OutboundSettings(Section):
    """The door that FreeSWITCH's `socket` application connects to. `linger` in seconds."""

    enabled: bool = True
    listen: AddressField = Address("127.0.0.1", 8084)
    linger: int = Field(5, ge=1, le=60)


class InboundSettings(WithPassword):
    """One switch whose event socket is listened to."""

    address: AddressField = Address("127.0.0.1", 8021)
    password: SecretStr = SecretStr("ClueCon")


class EslSettings(Section):
    """Both ESL doors."""

    outbound: OutboundSettings = OutboundSettings()
    inbound: tuple[InboundSettings, ...] = ()


class _Environment(EnvSettingsSource):
    """The environment, taken as it stands: a password `123456` is no number, and only brackets begin JSON."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip()[:1] not in ("[", "{"):
            return value
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value  # a password may begin with a bracket; what must be a list complains by itself


class Settings(BaseSettings):
    """Everything that can be set; the contract of the settings file."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FS_1C_", env_nested_delimiter="__", validate_default=True
    )

    onec: dict[str, OneCSettings]
    lookup: LookupSettings = LookupSettings()
    routing: RoutingSettings = RoutingSettings()
    numbers: NumbersSettings = NumbersSettings()
    screenpop: ScreenPopSettings = ScreenPopSettings()
    subscribers: SubscribersSettings = SubscribersSettings()
    esl: EslSettings = EslSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What the constructor gets is the file; the environment goes before it.
        return _Environment(settings_cls), init_settings

    @model_validator(mode="before")
    @classmethod
    def _one_base_or_several(cls, data: Any) -> Any:
        onec = data.get("onec") if isinstance(data, dict) else None
        if isinstance(onec, dict) and not all(isinstance(value, dict) for value in onec.values()):
            return {**data, "onec": {DEFAULT_BASE: onec}}
        return data

    @model_validator(mode="after")
    def _bases_are_told_apart(self) -> Settings:
        if not self.onec:
            raise ValueError("onec: allowed is at least one base, [onec] with a url")
        taken: dict[str, str] = {}
        for name, base in self.onec.items():
            for number in base.destinations:
                if (other := taken.setdefault(self._same(number), name)) != name:
                    raise ValueError(f"onec.{name}.destinations: {number} already belongs to onec.{other}")
        return self

    def _same(self, number: str) -> str:
        """A dialled number in the one form in which it is compared, however a trunk writes it."""
        parsed = read(number, self.numbers.plan())
        return parsed.e164 if isinstance(parsed, Number) else number

    def base_for(self, chosen: str, destination: str) -> str:
        """The name of the base for a call: the dialplan's choice, else by the dialled number, else the first.

        An unknown choice counts as none: a typing error in a dialplan must not cost the lookup.
        """
        if chosen in self.onec:
            return chosen
        dialled = self._same(destination) if len(self.onec) > 1 else ""
        for name, base in self.onec.items():
            if dialled and any(self._same(number) == dialled for number in base.destinations):
                return name
        return next(iter(self.onec))


def load(path: Path) -> Settings:
    """Reads the settings file and the environment. Raises `SettingsError`."""
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: is not TOML: {error}"]) from None
    return build(data, str(path))


def build(data: dict[str, Any], where: str = "settings") -> Settings:
    """Validates settings given as nested dictionaries, as `tomllib` makes them. Raises `SettingsError`."""
    try:
        return Settings(**data)
    except ValidationError as error:
        raise SettingsError(
            [_explain(where, problem) for problem in error.errors(include_input=False)]
        ) from None


def _explain(where: str, problem: Any) -> str:
    """One line: file, key, what is wrong, what is allowed; without the input, which may be a secret."""
    key = ".".join(str(part) for part in problem["loc"] if part != DEFAULT_BASE)
    kind = problem["type"]
    message = str(problem["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        message = "is missing"
    elif kind == "extra_forbidden":
        message = "there is no such setting"
    elif kind in ("enum", "literal_error"):
        message = f"allowed: {problem['ctx']['expected']}"
    return f"{where}: {key}: {message}" if key else f"{where}: {message}"
