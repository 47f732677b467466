"""What these settings and this switch let be known of who can take a call, and of who talked last."""

from __future__ import annotations

import json

from fs_1c.check.finding import Finding, ok, warning
from fs_1c.check.switch import Switch, broke_off
from fs_1c.esl import NotLetIn, WireError, commands
from fs_1c.settings import Settings, Unavailable

STEP = "presence"
_UNKNOWN = "So every manager counts as unknown, and is rung whatever he does."


def presence(settings: Settings) -> list[Finding]:
    """What of the settings cannot come to anything; nothing, if none of them wants to know."""
    own, listens = settings.routing, bool(settings.esl.inbound)
    found = []
    if looks(settings) and not listens:
        found.append(
            warning(
                STEP,
                "routing.when_busy or when_away is set, and no [[esl.inbound]]",
                f"Who talks and whose telephone is registered only a switch's events tell. {_UNKNOWN}",
                "Set [[esl.inbound]], the switch's event socket.",
            )
        )
    if own.deputies and not looks(settings):
        found.append(
            warning(
                STEP,
                "routing.deputies is set, and no deputy ever rings",
                "They ring for a manager who is passed over; when_busy and when_away are ring, so none is.",
                'Set routing.when_busy, when_away or both to "next" or "both".',
            )
        )
    if own.last_talker and not listens:
        found.append(
            warning(
                STEP,
                "routing.last_talker is set, and no [[esl.inbound]]",
                "Who talks to a client, and for how long, is heard of calls of `socket … async` only.",
                "Set [[esl.inbound]], the switch's event socket.",
            )
        )
    if own.last_talker > settings.journal.keep_for:
        found.append(
            warning(
                STEP,
                "routing.last_talker is longer than journal.keep_for",
                "Who talked to a client before that, the journal has forgotten.",
                "Set journal.keep_for as long.",
            )
        )
    if not found and looks(settings):
        found.append(ok(STEP, "who talks or is away is known by the switches that are listened to"))
    return found


def registrations(switch: Switch) -> list[Finding]:
    """Does a switch tell which telephones are registered, if anybody wants to know."""
    if not looks(switch.whole):
        return []
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            told = connection.ask(commands.api("show registrations as json")).body
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off(STEP, error)]
    try:
        count = int(json.loads(told.decode("utf-8", "replace"), strict=False)["row_count"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return [
            warning(
                STEP,
                "the switch does not tell which telephones are registered",
                "Who is away is not known until his telephone has registered anew: only events tell.",
                "Start FreeSWITCH without -nosql, or mend its core database (core-db-dsn in "
                "switch.conf.xml).",
            )
        ]
    if not count:
        return [
            warning(
                STEP,
                "no telephone is registered at this switch",
                f"Whoever registers elsewhere (a Kamailio before it) is not known here. {_UNKNOWN}",
                "Leave routing.when_away at ring, or have the telephones register here.",
            )
        ]
    return [ok(STEP, f"it tells which telephones are registered: {count}")]


def looks(settings: Settings) -> bool:
    """Whether anything is done otherwise for a manager who talks or is away."""
    own = settings.routing
    wanted = {own.when_busy, own.when_away}
    wanted |= {when for rule in own.category for when in (rule.when_busy, rule.when_away) if when}
    return wanted != {Unavailable.RING}
