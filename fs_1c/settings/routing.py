"""The settings of routing: whom to ring for a client, and what becomes of a manager who cannot answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fs_1c.numbers import OWN_COUNTRY, NumberFormat
from fs_1c.settings.types import (
    Duration,
    DurationOrOff,
    ExtensionTemplate,
    ExternalTemplate,
    FollowerTemplate,
    NumberPattern,
    Section,
)

Cause = Literal[
    "CALL_REJECTED",
    "USER_BUSY",
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "UNALLOCATED_NUMBER",
    "NUMBER_CHANGED",
    "NO_ROUTE_DESTINATION",
    "NORMAL_TEMPORARY_FAILURE",
    "NORMAL_CLEARING",
]
"""Those of FreeSWITCH's hangup causes by which somebody may be turned away."""


class Unavailable(StrEnum):
    """What becomes of a manager who talks, or whose telephone is not there."""

    RING = "ring"  # as if nothing were known
    NEXT = "next"  # he is passed over: his deputy rings, or whoever follows him
    BOTH = "both"  # he rings together with that one


class CategoryRule(Section):
    """For clients of one category; `is` in the file. What is not set is as for all others.

    `then`: who follows the manager. `reject`: they are turned away with that cause.
    """

    category: str = Field(alias="is", min_length=1)
    then: tuple[FollowerTemplate, ...] | None = None
    when_busy: Unavailable | None = None
    when_away: Unavailable | None = None
    reject: Cause | None = None

    @model_validator(mode="after")
    def _says_something(self) -> CategoryRule:
        rules = (self.then, self.when_busy, self.when_away, self.reject)
        if all(rule is None for rule in rules):
            raise ValueError("then: is missing; or when_busy, when_away, reject")
        if self.reject is not None and rules != (None, None, None, self.reject):
            raise ValueError("reject: whom it turns away rings nobody; allowed is reject alone")
        return self


class NameShown(StrEnum):
    """What of a client's name a phone is to show."""

    AS_IS = "as-is"
    LATIN = "latin"  # for phones that cannot do Cyrillic
    OFF = "off"  # not 1C's: what the caller brings


_Extension = Annotated[str, Field(pattern="^[0-9]{1,9}$")]


def _pairs(value: Any) -> Any:
    """A table of the file, in a form that can be compared quickly."""
    return tuple(value.items()) if isinstance(value, dict) else value


class RoutingSettings(Section):
    """From a manager's phone to a dial string, and what it shows.

    `external_allow`: what may be dialled outside, in the form that the trunk is given; see
    `fs_1c.numbers.refusal`. `ring_for`: seconds that the manager's phone rings; `dead_after`: seconds in
    which it must say that it does, unless it is outside; 0 when it need not. `when_busy`, `when_away`: only
    of who is known to be that; `deputies`: extension → who rings in his place, in order. `last_talker`:
    seconds for which whoever talked to a client last stands in for a manager of whom 1C says nothing, 0: for
    none; `last_talker_at_least`: seconds that they must have talked.
    """

    extension: ExtensionTemplate = "user/{extension}@{domain}"
    external: ExternalTemplate | None = None
    external_format: NumberFormat = NumberFormat.EIGHT
    external_allow: tuple[NumberPattern, ...] = (OWN_COUNTRY,)
    domain: str = ""
    ring_for: Duration = 20.0
    dead_after: DurationOrOff = 3.0
    name: NameShown = NameShown.AS_IS
    then: tuple[FollowerTemplate, ...] = ()
    when_busy: Unavailable = Unavailable.RING
    when_away: Unavailable = Unavailable.RING
    deputies: Annotated[tuple[tuple[_Extension, tuple[_Extension, ...]], ...], BeforeValidator(_pairs)] = ()
    category: tuple[CategoryRule, ...] = ()
    last_talker: DurationOrOff = 0.0
    last_talker_at_least: DurationOrOff = 10.0
