"""The channel of a call that has just come in → the `Call` that is decided upon. Pure."""

from __future__ import annotations

from fs_1c import channel
from fs_1c.call import Call
from fs_1c.settings import LONGEST_WAIT, parse_duration
from fs_1c.talk.identity import OURS, Event, People, far_end

MAX_FIELD = 256
"""Characters of anything that a channel says about itself and that goes into a log line."""

ALWAYS = (
    "Core-UUID",
    "Unique-ID",
    "Call-Direction",
    "Caller-Caller-ID-Name",
    "Caller-Caller-ID-Number",
    "Caller-Orig-Caller-ID-Number",
    "Caller-Network-Addr",
    "Caller-Destination-Number",
    "Caller-Privacy-Hide-Number",
)
"""What every channel says, in FreeSWITCH's order."""
PERHAPS = (
    *("domain_name", "user_name", "sip_auth_username", "effective_caller_id_number"),
    *("fs_1c_base", "fs_1c_caller", "fs_1c_deadline", "fs_1c_default_target", "fs_1c_number"),
)
"""And which variables it may have."""
_WISHES = (f"{OURS}base", f"{OURS}deadline")
CALL_HEADERS = (*ALWAYS, *(f"variable_{name}" for name in PERHAPS))
"""What `call_from_channel` looks at, of a channel that has called the switch."""


def call_from_channel(data: Event, people: People) -> Call:
    """The channel's data (CHANNEL_DATA, or any event of that channel with its variables) → `Call`. Its number
    is that of whoever is at the far end, as cards have it, too.
    """
    get = data.get
    number = far_end(data, people).name or get("Caller-Caller-ID-Number") or ""
    names = (
        "Unique-ID",
        "Caller-Caller-ID-Name",
        "Caller-Destination-Number",
        "Caller-Network-Addr",
        "variable_domain_name",
        *_WISHES,
    )
    logged = [number, *[get(name) or "" for name in names]]
    together = "".join(logged)
    if len(together) > MAX_FIELD or not together.isprintable():  # which is hardly ever so
        logged = [channel.line(one[:MAX_FIELD]) for one in logged]
    number, uuid, name, destination, trunk, domain, base, deadline = logged
    hidden = get("Caller-Privacy-Hide-Number") == "true" and not get(f"{OURS}caller")
    default_target, switch = get(f"{OURS}default_target") or "", (get("Core-UUID") or "")[:MAX_FIELD]
    return Call(
        *(uuid, number, name, destination, domain, hidden, base, _seconds(deadline)),
        *(default_target, trunk, switch),
    )


def _seconds(text: str) -> float | None:
    """`fs_1c_deadline`: `0.5`, `500ms` or `2s`, a minute at most; whatever else counts as not set."""
    try:
        seconds = parse_duration(text) if text else 0.0
        return seconds if 0 < seconds <= LONGEST_WAIT else None
    except ValueError:
        return None
