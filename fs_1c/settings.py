"""Settings: a TOML file and the environment → one validated, frozen `Settings`.

The environment wins over the file: `FS_1C_LOOKUP__DEADLINE=500ms` is `[lookup] deadline`. Secrets also come
from files of their own (`password_file`), so that the settings can be read by people who must not know them.
"""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from fs_1c.numbers import Number, NumberFormat, NumberPlan, read
from fs_1c.setting_types import (
    Address,
    AddressField,
    Duration,
    DurationOrOff,
    ExtensionTemplate,
    ExternalTemplate,
    FollowerTemplate,
    Section,
    WithPassword,
)
from fs_1c.settings_onec import OneCSettings, SessionMode

DEFAULT_BASE = "default"
"""The name of the base when `[onec]` describes just one."""


__all__ = ["OneCSettings", "SessionMode", "Settings", "SettingsError", "build", "load"]


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        problems: One line each: where, what is wrong, what is allowed. Never a secret's value.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class LookupSettings(Section):
    """How long a caller waits (`deadline`) and how long answers are good for; seconds.

    A known client is fresh for `fresh_for`, then for `stale_for` more he is answered at once and refreshed
    behind.
    """

    deadline: Duration = 0.8
    fresh_for: Duration = 300.0
    stale_for: DurationOrOff = 86400.0
    unknown_for: Duration = 60.0
    size: int = Field(100_000, ge=1, le=10_000_000)


class BreakerSettings(Section):
    """When a base counts as down: `share` of its latest `window` requests failed or took longer than the
    deadline, of at least `at_least`. Nobody waits for it then; after `pause` seconds one request tries it.
    """

    window: int = Field(20, ge=1, le=1000)
    at_least: int = Field(5, ge=1, le=1000)
    share: float = Field(0.5, gt=0, le=1)
    pause: Duration = 5.0


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


class HttpSettings(Section):
    """The door for 1C, monitoring and people. `token`: what `POST /forget` must show; empty: it is closed."""

    enabled: bool = True
    listen: AddressField = Address("127.0.0.1", 9184)
    token: SecretStr = SecretStr("")
    token_file: Path | None = None

    @model_validator(mode="after")
    def _safe(self) -> HttpSettings:
        if self.token_file and "token" in self.model_fields_set:
            raise ValueError("token and token_file: allowed is one of them")
        try:
            token = self.secret()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"token_file: {self.token_file} cannot be read") from None
        if self.token_file and not token:
            raise ValueError(f"token_file: {self.token_file} is empty")
        if not re.fullmatch("[!-~]*", token):
            raise ValueError("token: allowed: Latin letters, digits and signs, without spaces")
        if self.enabled and not token and not _is_loopback(self.listen.host):
            raise ValueError(
                f"listen: {self.listen} can be reached from elsewhere; allowed only with token or token_file"
            )
        return self

    def secret(self) -> str:
        """The token. Raises OSError or UnicodeDecodeError if the file that it is kept in is no good."""
        if self.token_file:
            return self.token_file.read_text("utf-8-sig").strip("\r\n")
        return self.token.get_secret_value()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class RedisSettings(Section):
    """Shared by several switches. `timeout`: seconds that any word with it may take; `prefix` of all its
    keys.
    """

    url: SecretStr
    prefix: str = Field("fs-1c:", max_length=100)
    timeout: Duration = 0.1


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
    breaker: BreakerSettings = BreakerSettings()
    routing: RoutingSettings = RoutingSettings()
    numbers: NumbersSettings = NumbersSettings()
    screenpop: ScreenPopSettings = ScreenPopSettings()
    subscribers: SubscribersSettings = SubscribersSettings()
    esl: EslSettings = EslSettings()
    http: HttpSettings = HttpSettings()
    redis: RedisSettings | None = None

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
