"""The settings: a TOML file and the environment → one validated, frozen `Settings`, or one clear line for
each complaint.

`load` a file or `build` from dictionaries; each room is handed the section that it needs. Settings decide
nothing and know no dialect.
"""

from fs_1c.settings.access import barred, empty, unwritable
from fs_1c.settings.base import DialectName, OneCSettings, SessionMode, SoapVersion
from fs_1c.settings.calls import AnswerAt, CallForm, CallsSettings
from fs_1c.settings.cards import PopWhen, ScreenPopSettings, SubscribersSettings
from fs_1c.settings.cluster import ClusterSettings, RedisSettings
from fs_1c.settings.esl import InboundSettings, OutboundSettings, Role
from fs_1c.settings.file import Settings, SettingsError, build, load
from fs_1c.settings.files import (
    close_to_others,
    edited_since,
    inline_secrets,
    open_to_all,
    readable_by_all,
    secret_files,
    setting,
)
from fs_1c.settings.http import TOKEN_LENGTH, HttpSettings
from fs_1c.settings.keeping import JournalSettings
from fs_1c.settings.lookup import BreakerSettings, LookupSettings
from fs_1c.settings.recordings import RecordingsSettings
from fs_1c.settings.routing import CategoryRule, NameShown, RoutingSettings, Unavailable
from fs_1c.settings.tracing import TracingSettings
from fs_1c.settings.types import LONGEST_WAIT, Address, is_loopback, parse_address, parse_duration

__all__ = [
    "LONGEST_WAIT",
    "TOKEN_LENGTH",
    "Address",
    "AnswerAt",
    "BreakerSettings",
    "CallForm",
    "CallsSettings",
    "CategoryRule",
    "ClusterSettings",
    "DialectName",
    "HttpSettings",
    "InboundSettings",
    "JournalSettings",
    "LookupSettings",
    "NameShown",
    "OneCSettings",
    "OutboundSettings",
    "PopWhen",
    "RecordingsSettings",
    "RedisSettings",
    "Role",
    "RoutingSettings",
    "ScreenPopSettings",
    "SessionMode",
    "Settings",
    "SettingsError",
    "SoapVersion",
    "SubscribersSettings",
    "TracingSettings",
    "Unavailable",
    "barred",
    "build",
    "close_to_others",
    "edited_since",
    "empty",
    "inline_secrets",
    "is_loopback",
    "load",
    "open_to_all",
    "parse_address",
    "parse_duration",
    "readable_by_all",
    "secret_files",
    "setting",
    "unwritable",
]
