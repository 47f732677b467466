"""A day of the journal as the operators of virtual PBXs tell it (`GET /api/call/journal`): a row a call."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from fs_1c.journal import CallEntry, between, journal_file
from fs_1c.recordings import Links, address
from fs_1c.settings import Settings

MAX_ROWS = 2000
"""Calls of a day that are told."""


def read_day(text: str) -> tuple[float, float] | None:
    """`2026-11-28` → when that day begins and ends here, seconds since the epoch; None if it is none."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        begins = datetime.strptime(text, "%Y-%m-%d").astimezone()
        after = (begins.replace(tzinfo=None) + timedelta(days=1)).astimezone()
        return begins.timestamp(), after.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def rows(settings: Settings, links: Links | None, begins: float, ends: float) -> list[dict[str, Any]]:
    """The calls of a day; blocks. Raises JournalError; none where no journal is kept."""
    path = journal_file(settings)
    return [_row(one, links) for one in between(path, begins, ends, MAX_ROWS)] if path else []


def _row(call: CallEntry, links: Links | None) -> dict[str, Any]:
    end = call.ends[-1] if call.ends else None
    of = (call.talks or call.pops or (None,))[-1]
    outgoing = bool((end and end.outgoing) or (of and of.outgoing))
    whose = of.extension if of else end.extension if end else ""
    recorded = next((one for one in reversed(call.ends) if one.recording), None)
    link = address(links, recorded.recording, recorded.switch) if recorded else ""
    line = end.destination if end else call.decisions[0].destination if call.decisions else ""
    return {
        "callid": call.call,
        "status": "ANSWER" if call.talks or (end and end.answered) else "NOANSWER",
        "record_url": link,
        "has_record": bool(link),
        # None: it is not over, or nobody has heard of its end.
        "duration": None if end is None or end.unheard else round(end.seconds),
        "from": whose if outgoing else call.number,
        "to": call.number if outgoing else whose or line,
        "direction": "external" if outgoing else "incoming",
        "time": datetime.fromtimestamp(call.at).astimezone().isoformat("T", "seconds"),
        "operator_id": "",
        "subscriber_id": whose,
    }
