"""The settings: a TOML file and the environment → one validated, frozen `Settings`, or one clear line for
each complaint.

`load` a file or `build` from dictionaries; each room is handed the section that it needs. Settings decide
nothing and know no dialect.
"""

from fs_1c.settings.base import DialectName, OneCSettings, SessionMode, SoapVersion
from fs_1c.settings.file import DEFAULT_BASE, Settings, SettingsError, build, load
from fs_1c.settings.sections import (
    TOKEN_LENGTH,
    BreakerSettings,
    HttpSettings,
    InboundSettings,
    JournalSettings,
    LookupSettings,
    NameShown,
    OutboundSettings,
    PopWhen,
    RedisSettings,
    Role,
    RoutingSettings,
    ScreenPopSettings,
    SubscribersSettings,
    is_loopback,
)
from fs_1c.settings.types import Address, parse_address, parse_duration

__all__ = [
    "DEFAULT_BASE",
    "TOKEN_LENGTH",
    "Address",
    "BreakerSettings",
    "DialectName",
    "HttpSettings",
    "InboundSettings",
    "JournalSettings",
    "LookupSettings",
    "NameShown",
    "OneCSettings",
    "OutboundSettings",
    "PopWhen",
    "RedisSettings",
    "Role",
    "RoutingSettings",
    "ScreenPopSettings",
    "SessionMode",
    "Settings",
    "SettingsError",
    "SoapVersion",
    "SubscribersSettings",
    "build",
    "is_loopback",
    "load",
    "parse_address",
    "parse_duration",
]
