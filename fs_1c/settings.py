"""Settings: a TOML file and the environment → one validated, frozen `Settings`.

The environment wins over the file: `FS_1C_LOOKUP__DEADLINE=500ms` is `[lookup] deadline`. Secrets also come
from files of their own (`password_file`), so that the settings can be read by people who must not know them.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fs_1c.numbers import NumberFormat, NumberPlan

DEFAULT_BASE = "default"
"""The name of the base when `[onec]` describes just one."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        problems: One line each: where, what is wrong, what is allowed. Never a secret's value.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("allowed: HOST:PORT, such as 127.0.0.1:8084")
    return Address(host, int(port))


def parse_duration(value: object) -> float:
    """`800ms`, `5s`, `5m`, `24h`, `1d`, or a number of seconds → seconds; raises ValueError otherwise."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(str(value).strip())
    if not match:
        raise ValueError("allowed: a number and ms, s, m, h or d, such as 800ms")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _dial_template(value: str) -> str:
    if not value.strip() or re.search(r"[\x00-\x1f'\\~]", value):
        raise ValueError("allowed: a dial string without quotes, backslashes, tildes and line breaks")
    for name in re.findall(r"(?<!\$)\{(\w+)\}", value):
        if name not in ("extension", "domain", "number"):
            raise ValueError(f"{{{name}}} is not known; allowed: {{extension}}, {{domain}} and {{number}}")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, le=366 * 86400.0)]
AddressField = Annotated[Address, BeforeValidator(parse_address)]
DialTemplate = Annotated[str, AfterValidator(_dial_template)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class OneCSettings(_Section):
    """One base. `timeout` bounds a request as a whole, in seconds; a caller never waits for it, only for the
    deadline.
    """

    url: str
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    namespace: str = Field("http://VATS", min_length=1, max_length=500)
    number_format: NumberFormat = NumberFormat.EIGHT
    sessions: int = Field(4, ge=1, le=64)
    timeout: Duration = 10.0
    ca_file: Path | None = None
    destinations: tuple[str, ...] = ()

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
            raise ValueError(
                "allowed: http://HOST[:PORT]/BASE/ws/NAME, with user and password as settings of their own"
            )
        return value

    @model_validator(mode="after")
    def _files(self) -> OneCSettings:
        if self.password_file and self.password.get_secret_value():
            raise ValueError("password and password_file: allowed is one of them")
        for name in ("password_file", "ca_file"):
            path = getattr(self, name)
            if path and not os.access(path, os.R_OK):
                raise ValueError(f"{name}: {path} cannot be read")
        return self

    def secret(self) -> str:
        """The password, from wherever it is kept. Raises OSError when its file has gone."""
        if self.password_file:
            return self.password_file.read_text("utf-8-sig").strip("\r\n")
        return self.password.get_secret_value()


class LookupSettings(_Section):
    """How long a caller waits (`deadline`) and how long answers are good for; seconds."""

    deadline: Duration = 0.8
    fresh_for: Duration = 300.0
    unknown_for: Duration = 60.0
    size: int = Field(100_000, ge=1, le=10_000_000)


class CategoryRule(_Section):
    """What follows the manager for clients of one category; `is` in the file."""

    category: str = Field(alias="is", min_length=1)
    then: tuple[DialTemplate, ...]


class RoutingSettings(_Section):
    """From a manager's phone to a dial string. `ring_for`: seconds that the manager's phone rings."""

    extension: DialTemplate = "user/{extension}@{domain}"
    external: DialTemplate | None = None
    external_format: NumberFormat = NumberFormat.EIGHT
    domain: str = ""
    ring_for: Duration = 20.0
    then: tuple[DialTemplate, ...] = ()
    category: tuple[CategoryRule, ...] = ()


class NumbersSettings(_Section):
    """How numbers are dialled here; see `fs_1c.numbers.NumberPlan`."""

    country: str = Field("RU", pattern="^[A-Z]{2}$")
    area_code: str = Field("", pattern="^[0-9]{0,6}$")
    extension_digits: int = Field(6, ge=1, le=9)

    def plan(self) -> NumberPlan:
        return NumberPlan(self.country, self.area_code, self.extension_digits)


class SubscribersSettings(_Section):
    """Extension → the subscriber's key in 1C. A key is a credential."""

    keys: dict[str, SecretStr] = Field(default_factory=dict)


class OutboundSettings(_Section):
    """The door that FreeSWITCH's `socket` application connects to. `linger` in seconds."""

    enabled: bool = True
    listen: AddressField = Address("127.0.0.1", 8084)
    linger: int = Field(5, ge=1, le=60)


class InboundSettings(_Section):
    """One switch whose event socket is listened to."""

    address: AddressField = Address("127.0.0.1", 8021)
    password: SecretStr = SecretStr("ClueCon")
    password_file: Path | None = None

    def secret(self) -> str:
        """The password, from wherever it is kept. Raises OSError when its file has gone."""
        if self.password_file:
            return self.password_file.read_text("utf-8-sig").strip("\r\n")
        return self.password.get_secret_value()


class EslSettings(_Section):
    """Both ESL doors."""

    outbound: OutboundSettings = OutboundSettings()
    inbound: tuple[InboundSettings, ...] = ()


class Settings(BaseSettings):
    """Everything that can be set; the contract of the settings file."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FS_1C_", env_nested_delimiter="__", validate_default=True
    )

    onec: dict[str, OneCSettings]
    lookup: LookupSettings = LookupSettings()
    routing: RoutingSettings = RoutingSettings()
    numbers: NumbersSettings = NumbersSettings()
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
        return env_settings, init_settings

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
                if taken.setdefault(number, name) != name:
                    raise ValueError(
                        f"onec.{name}.destinations: {number} already belongs to onec.{taken[number]}"
                    )
        return self

    def base_for(self, chosen: str, destination: str) -> str:
        """The name of the base for a call: the dialplan's choice, else by the dialled number, else the first.

        An unknown choice counts as none: a typing error in a dialplan must not cost the lookup.
        """
        if chosen in self.onec:
            return chosen
        for name, base in self.onec.items():
            if destination in base.destinations:
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
