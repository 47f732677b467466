"""A call that somebody asks for → what a switch is told, or why not. Pure.

The subscriber's telephones first, showing the client; then the client, by the administrator's dial string.
What was asked never becomes a part of the command: a number is read (`numbers.read`) and written by us, if
it may be dialled; an extension is digits or a login; a name is neutralised (`channel.text`). So no value
holds what a dial string, an argument or a variable list is split at. (A quote protects no comma: FreeSWITCH
takes it away when it splits the command, before it splits the list. Hence `^^~`: no value keeps a tilde.)

The call is known by `fs_1c_call`, a variable of the subscriber's legs. `origination_uuid` would be a name for
one leg: of two telephones of a subscriber the second would not ring (FreeSWITCH 1.10.12, tried).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from fs_1c import channel
from fs_1c.numbers import NotANumber, Number, NumberPlan, is_extension, read, refusal
from fs_1c.settings import CallsSettings, RoutingSettings

CALL, CALLED, CLIENT = "fs_1c_call", "fs_1c_called", "fs_1c_client"
"""Variables: which call a subscriber's leg is of, and a client's; whom the subscriber is to talk to."""
RINGBACK = "%(1000,4000,425)"
"""What the subscriber, who has picked up, hears while the client's telephone rings: Russia's tone."""
MAX_PHONES = 4
"""Extensions that are rung for one key."""


class Why(StrEnum):
    """Why a call is not made."""

    NUMBER = "number"  # that is no telephone number
    NOT_ALLOWED = "not-allowed"
    NO_SUBSCRIBER = "no-subscriber"
    NOT_SET = "not-set"  # calls.dial is missing
    TOO_MANY = "too-many"
    NO_SWITCH = "no-switch"  # no connection to one; nothing was sent
    NOT_REGISTERED = "not-registered"  # his telephones are known to be away


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was, or will be, dialled.

    Attributes:
        message: For an engineer. It holds no key and no token.
    """

    why: Why
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A call that may be made.

    Attributes:
        extensions: Whose telephones ring.
        number: The client.
        dialled: His number as the trunk is given it.
        rings: Dial string of the subscriber's telephones.
        dials: Dial string of the client.
    """

    extensions: tuple[str, ...]
    number: Number
    dialled: str
    rings: str
    dials: str


def planned(
    number: str,
    extensions: tuple[str, ...],
    policy: CallsSettings,
    routing: RoutingSettings,
    plan: NumberPlan,
) -> Plan | Refusal:
    """Whether that client may be called by these telephones of one subscriber, and how. Never raises.

    Args:
        number: Any text.
        extensions: Any texts, of somebody who may ask for them.
    """
    if policy.dial is None:
        return Refusal(Why.NOT_SET, "calls.dial is not set: no client can be called")
    client = read(number, plan)
    if isinstance(client, NotANumber):
        return Refusal(Why.NUMBER, f"what is to be called is no client's number: {client.reason}")
    domain = channel.host(routing.domain) or "${domain}"
    dialled = channel.word(client.written(policy.number_format)) or ""
    if not dialled:
        return Refusal(Why.NUMBER, "what is to be called is no client's number: malformed")
    if why := refusal(client, dialled, policy.allow, plan):
        return Refusal(Why.NOT_ALLOWED, f"{dialled} is not dialled: {why} (calls.allow)")
    phones = tuple(dict.fromkeys(extensions))[:MAX_PHONES]
    if not phones or not all(is_extension(one, plan) or _is_login(one) for one in phones):
        return Refusal(Why.NO_SUBSCRIBER, "there is no such extension")
    rings = ",".join(_fill(routing.extension, extension=one, domain=domain) for one in phones)
    return Plan(phones, client, dialled, rings, _fill(policy.dial, number=dialled, domain=domain))


def command(
    call_id: str,
    made: Plan,
    title: str,
    base: str,
    policy: CallsSettings,
    routing: RoutingSettings,
    day: date,
) -> str:
    """The API command that makes the call.

    Args:
        call_id: A word of ours.
        title: The client's name, any text; empty: his number is shown.
        base: The 1C base that is to be told of it, one of the settings', or empty.
        day: Today, for the name of the recording.
    """
    shown = channel.text(title) or made.dialled
    ours = policy.caller_id or made.extensions[0]
    dead_after = round(routing.dead_after) if made.rings.startswith("user/") else 0
    subscriber = {
        CALL: call_id,
        CLIENT: made.number.e164,
        "origination_caller_id_name": f"'{shown}'",
        "origination_caller_id_number": made.dialled,
        "ignore_early_media": "true",  # else a telephone with a melody of its own counts as answered
        "outbound_redirect_fatal": "true",  # a telephone must not send the call to whom nobody has allowed
        "originate_timeout": str(round(policy.ring_for)),
        "progress_timeout": str(max(1, dead_after)) if dead_after else "",
        "sip_auto_answer": "true" if policy.auto_answer else "",
        "hangup_after_bridge": "true",
        "transfer_ringback": RINGBACK,
    }
    client = {
        CALLED: call_id,
        "fs_1c_base": channel.word(base) or "",
        "origination_caller_id_name": ours,
        "origination_caller_id_number": ours,
        "origination_callee_id_name": f"'{shown}'",
        "origination_callee_id_number": made.dialled,
        "ignore_early_media": "false",
    }
    if policy.record:
        # On the client's leg, as in dialplan/recorded.xml: he is on the left.
        file = policy.record.replace("{date}", f"{day:%Y/%m/%d}").replace("{call}", call_id)
        client |= {
            "RECORD_STEREO": "true",
            "RECORD_MIN_SEC": "1",
            "recording_follow_transfer": "true",
            "execute_on_answer": f"'record_session {file}'",
        }
    told = f"originate {_list(subscriber)}{made.rings} &bridge({_list(client)}{made.dials})"
    # An API command knows no variables by itself; those are the administrator's and the switch's own.
    return f"expand {told}" if "${" in told else told


def _list(variables: Mapping[str, str]) -> str:
    return "{^^~" + "~".join(f"{name}={value}" for name, value in variables.items() if value) + "}"


def _is_login(name: str) -> bool:
    """A subscriber may be called `ivanov`; what could be a number outside is none."""
    return channel.word(name) is not None and name[0].isalpha()


def _fill(template: str, **values: str) -> str:
    """`template` with its {names} replaced; `${domain}` is a variable of the switch's, not our {domain}."""
    return re.sub(r"(?<!\$)\{(extension|number|domain)\}", lambda name: values[name[1]], template)
