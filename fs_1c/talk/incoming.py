"""The channel of a call that has just come in → the `Call` that is decided upon. Pure."""

from __future__ import annotations

from fs_1c import channel
from fs_1c.call import Call
from fs_1c.settings import parse_duration
from fs_1c.talk.identity import OURS, Event, People, far_end

MAX_FIELD = 256
"""Characters of anything that a channel says about itself and that goes into a log line."""

ALWAYS = (
    "Channel-Name",
    "Unique-ID",
    "Call-Direction",
    "Channel-Presence-ID",
    "Caller-Caller-ID-Name",
    "Caller-Caller-ID-Number",
    "Caller-Orig-Caller-ID-Number",
    "Caller-Destination-Number",
    "Caller-Privacy-Hide-Number",
)
PERHAPS = (
    "variable_user_name",
    "variable_sip_auth_username",
    "variable_domain_name",
    "variable_effective_caller_id_number",
    "variable_dialed_user",
    "variable_dialed_extension",
    "variable_originated_legs",
)
WISHES = tuple(OURS + name for name in ("caller", "number", "base", "deadline", "default_target"))
CALL_HEADERS = (*ALWAYS, *PERHAPS, *WISHES)
"""What `call_from_channel` looks at, roughly in FreeSWITCH's order."""


def call_from_channel(data: Event, people: People) -> Call:
    """The channel's data (CHANNEL_DATA, or any event of that channel with its variables) → `Call`. Its number
    is that of whoever is at the far end, as cards have it, too.
    """
    get = data.get
    number = far_end(data, people).name or get("Caller-Caller-ID-Number") or ""
    names = ("Unique-ID", "Caller-Caller-ID-Name", "Caller-Destination-Number", "Caller-Privacy-Hide-Number")
    logged = [number, *(get(name) or "" for name in (*names, "variable_domain_name", *WISHES[2:4]))]
    together = "".join(logged)
    if len(together) > MAX_FIELD or not together.isprintable():  # which is hardly ever so
        logged = [channel.line(one[:MAX_FIELD]) for one in logged]
    number, uuid, name, destination, private, domain, base, deadline = logged
    hidden = private == "true" and not get(WISHES[0])
    default_target = get(WISHES[4]) or ""
    return Call(uuid, number, name, destination, domain, hidden, base, _seconds(deadline), default_target)


def _seconds(text: str) -> float | None:
    """`fs_1c_deadline`: `0.5`, `500ms` or `2s`; whatever else counts as not set."""
    try:
        return parse_duration(text) or None if text else None
    except ValueError:
        return None
