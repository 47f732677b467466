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
    KeptDurationOrOff,
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
    """For clients of one category, those without a manager, too. What is not set is as for all others."""

    category: str = Field(alias="is", min_length=1)
    """The category, as 1C names it."""
    then: tuple[FollowerTemplate, ...] | None = None
    """Who rings after the manager."""
    when_busy: Unavailable | None = None
    """As `routing.when_busy`."""
    when_away: Unavailable | None = None
    """As `routing.when_away`."""
    reject: Cause | None = None
    """The service hangs up with that cause, and nobody rings; alone."""

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
    """A table of the file, in a form that can be compared quickly; one deputy needs no list."""
    if not isinstance(value, dict):
        return value
    return tuple((whose, (who,) if isinstance(who, str) else who) for whose, who in value.items())


class RoutingSettings(Section):
    """From a manager's phone to a dial string, and what it shows."""

    extension: ExtensionTemplate = "user/{extension}@{domain}"
    """How an extension is dialled."""
    external: ExternalTemplate | None = None
    """How a manager is dialled whose phone is outside: `sofia/gateway/trunk/{number}`; none: he is not."""
    external_format: NumberFormat = NumberFormat.EIGHT
    """In which form the trunk wants `{number}`."""
    external_allow: tuple[NumberPattern, ...] = (OWN_COUNTRY,)
    """What 1C may have dialled outside: `own-country`, the country's own numbers but for premium-rate,
    shared-cost, short and emergency ones; and patterns of the whole number, such as `^810375[0-9]{9}$`.
    What is refused is said in log and journal.
    """
    domain: str = ""
    """`{domain}`; empty: the channel's `domain_name`, else FreeSWITCH's `${domain}`."""
    ring_for: Duration = 20.0
    """How long the manager's phone rings."""
    dead_after: DurationOrOff = 3.0
    """A phone that is registered but dead: without a word from it, the next one rings after so long.
    Longer for softphones that a push wakes; or `off`. A manager outside has all of `ring_for`.
    """
    name: NameShown = NameShown.AS_IS
    """The client's name on the phone: `as-is`; `latin`, for phones that cannot do Cyrillic; `off`, the
    caller's own name stays. Journal and page keep 1C's.
    """
    then: tuple[FollowerTemplate, ...] = ()
    """Who rings after the manager, such as `user/100@{domain}`."""
    when_busy: Unavailable = Unavailable.RING
    """A manager who talks, as far as `[[esl.inbound]]` hears: `ring` as if nothing were known, `next` he
    is passed over, `both` he rings together with the next.
    """
    when_away: Unavailable = Unavailable.RING
    """A manager whose telephone is not registered any more: the same three."""
    deputies: Annotated[tuple[tuple[_Extension, tuple[_Extension, ...]], ...], BeforeValidator(_pairs)] = ()
    """Who rings in his place then, extension by extension: the first who is free. `{244 = ["245",
    "246"]}`.
    """
    last_talker: KeptDurationOrOff = 0.0
    """How long ago somebody may have talked to a client to stand in for a manager, when 1C names none, does
    not know the client, or is away and nothing is remembered: whoever did so last. `off`: nobody does. Needs
    the journal (`state.folder`).
    """
    last_talker_at_least: DurationOrOff = 10.0
    """How long they must have talked."""
    category: tuple[CategoryRule, ...] = ()
