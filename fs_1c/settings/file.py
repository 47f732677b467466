"""Settings: a TOML file and the environment → one validated, frozen `Settings`.

The environment wins over the file: `FS_1C_LOOKUP__DEADLINE=500ms` is `[lookup] deadline`. Secrets also come
from files of their own (`password_file`), so that the settings can be read by people who must not know them.
"""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from fs_1c.numbers import Number, read
from fs_1c.settings.access import unreadable
from fs_1c.settings.base import TOLD_OF_CALLS, OneCSettings
from fs_1c.settings.calls import CallsSettings
from fs_1c.settings.cards import ScreenPopSettings, SubscribersSettings
from fs_1c.settings.cluster import ClusterSettings, RedisSettings
from fs_1c.settings.complaints import told
from fs_1c.settings.dialling import NumbersSettings
from fs_1c.settings.esl import EslSettings
from fs_1c.settings.http import HttpSettings
from fs_1c.settings.keeping import HistorySettings, JournalSettings, StateSettings
from fs_1c.settings.lookup import BreakerSettings, LookupSettings
from fs_1c.settings.recordings import RecordingsSettings
from fs_1c.settings.routing import RoutingSettings
from fs_1c.settings.tracing import TracingSettings

DEFAULT_BASE = "default"
"""The name of the base when `[onec]` describes just one."""
_NO_TOML = {
    "Invalid value": "; text stands in straight quotes",
    ") twice": "; a section has one head: its settings stand below the first",
    "overwrite": "; a setting stands there twice",
    "hex": "; a backslash is doubled, or the text stands in single quotes",
    "Unescaped '\\' in a string": "; a backslash is doubled, or the text stands in single quotes",
}
"""What the reader of TOML says → what is usually meant."""


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        problems: One line each: where, what is wrong, what is allowed. Never a secret's value.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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
    calls: CallsSettings = CallsSettings()
    state: StateSettings = StateSettings()
    journal: JournalSettings = JournalSettings()
    history: HistorySettings = HistorySettings()
    recordings: RecordingsSettings = RecordingsSettings()
    redis: RedisSettings | None = None
    cluster: ClusterSettings = ClusterSettings()
    tracing: TracingSettings = TracingSettings()

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

    @model_validator(mode="after")
    def _recordings_have_addresses(self) -> Settings:
        folder = self.recordings.folder
        if self.calls.record and folder and not Path(self.calls.record).is_relative_to(folder):
            raise ValueError(f"calls.record: allowed is a file in recordings.folder, {folder}")
        return self

    @model_validator(mode="after")
    def _who_talked_is_written_down(self) -> Settings:
        if self.routing.last_talker and not (self.state.folder and self.journal.enabled):
            raise ValueError("routing.last_talker: allowed only with a journal: state.folder")
        return self

    _read: tuple[Path, float] | None = PrivateAttr(None)

    @property
    def read_from(self) -> tuple[Path, float] | None:
        """The file that they were read from, and when, in seconds since 1970; None: they were built."""
        return self._read

    @property
    def tells_history(self) -> bool:
        """Whether 1C is told the whole call: as it is set; else where a switch is listened to, and a base is
        of a dialect in which every base takes it.
        """
        if self.history.enabled is not None:
            return self.history.enabled
        return bool(self.esl.inbound) and any(base.dialect in TOLD_OF_CALLS for base in self.onec.values())

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
    began = time.time()
    try:
        octets = path.read_bytes()
    except OSError as error:
        mend = unreadable(path).removeprefix(f"{path} cannot be read: ")
        raise SettingsError([f"{path}: cannot be read: {mend or error.strerror}"]) from None
    try:
        data = parsed(octets)
    except ValueError as error:
        raise SettingsError([f"{path}: {error}"]) from None
    settings = build(data, str(path))
    settings._read = path.absolute(), began
    return settings


def parsed(octets: bytes) -> dict[str, Any]:
    """What stands in a settings file; one that Notepad has saved has a mark of its encoding in front. Raises
    ValueError, which says what is wrong.
    """
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError('is not UTF-8, but UTF-16 ("Unicode"): save it as UTF-8')
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ValueError(f"is not UTF-8, but perhaps windows-1251 (line {line}): save it as UTF-8") from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error)
        hint = next((hint for words, hint in _NO_TOML.items() if words in said), "")
        raise ValueError(f"is not TOML: {error}{hint}") from None


def build(data: dict[str, Any], where: str = "settings") -> Settings:
    """Validates settings given as nested dictionaries, as `tomllib` makes them. Raises `SettingsError`."""
    # By such names pydantic takes switches of its own (`_env_file`, `_cli_parse_args`); no file may set them.
    if private := [name for name in data if name.startswith("_")]:
        raise SettingsError([f"{where}: {name}: there is no such setting" for name in private])
    try:
        return Settings(**data)
    except ValidationError as error:
        raise SettingsError([_explain(where, problem) for problem in error.errors()]) from None
    except UnicodeEncodeError:  # a variable of the environment, in a complaint about it
        raise SettingsError([f"{where}: allowed is UTF-8 only, in the environment, too"]) from None


def _explain(where: str, problem: Any) -> str:
    """One line: file, key, what is wrong, what is allowed; without the input, which may be a secret."""
    key, message = told(problem, Settings, DEFAULT_BASE)
    return f"{where}: {key}: {message}" if key else f"{where}: {message}"
