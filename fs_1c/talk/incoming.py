"""The channel of a call that has just come in → the `Call` that is decided upon. Pure."""

from __future__ import annotations

from fs_1c import channel
from fs_1c.call import Call
from fs_1c.settings import parse_duration
from fs_1c.talk.identity import Event

MAX_FIELD = 256
"""Characters of anything that a channel says about itself and that goes into a log line."""

ALWAYS = (
    "Unique-ID",
    "Caller-Caller-ID-Name",
    "Caller-Caller-ID-Number",
    "Caller-Destination-Number",
    "Caller-Privacy-Hide-Number",
    "variable_domain_name",
)
OURS = "variable_fs_1c_"
WISHES = (f"{OURS}base", f"{OURS}deadline", f"{OURS}default_target")
CALL_HEADERS = (*ALWAYS, *WISHES)
"""What `call_from_channel` looks at, in FreeSWITCH's order."""


def call_from_channel(data: Event) -> Call:
    """The channel's data (CHANNEL_DATA, or any event of that channel with its variables) → `Call`."""

    values = [data.get(name) or "" for name in CALL_HEADERS]
    *logged, default_target = values
    together = "".join(logged)
    if len(together) > MAX_FIELD or not together.isprintable():  # which is hardly ever so
        logged = [channel.line(value[:MAX_FIELD]) for value in logged]
    uuid, name, number, destination, private, domain, base, deadline = logged
    return Call(
        uuid, number, name, destination, domain, private == "true", base, _seconds(deadline), default_target
    )


def _seconds(text: str) -> float | None:
    """`fs_1c_deadline`: `0.5`, `500ms` or `2s`; whatever else counts as not set."""
    try:
        return parse_duration(text) or None if text else None
    except ValueError:
        return None
