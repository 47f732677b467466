"""Who can take a call, by HTTP: `GET /presence.json`; and in numbers, for Prometheus."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import Response

from fs_1c.call import Presence, PresenceState
from fs_1c.integration import Integration
from fs_1c.journal import iso
from fs_1c.presence import Table
from fs_1c.web.exchange import Refusal, text
from fs_1c.web.history import InThread
from fs_1c.web.status import UNMASKED, masked_values

MAX_SUBSCRIBERS = 10_000
"""Subscribers in one answer."""
MAX_NAME = 256
"""Characters of a subscriber's name."""

_FIRST = (PresenceState.BUSY, PresenceState.AWAY, PresenceState.FREE, PresenceState.UNKNOWN)


class PresencePages:
    """Answers for the HTTP door."""

    def __init__(self, integration: Callable[[], Integration], in_thread: InThread) -> None:
        self._integration = integration
        self._in_thread = in_thread

    async def told(self, request: Request) -> Response:
        """`GET /presence.json`, of one `extension` or of all, `limit` at the most; `mask` hides numbers."""
        asked = request.query_params
        extension, limit = asked.get("extension", "").strip()[:MAX_NAME], asked.get("limit", "1000")
        if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= MAX_SUBSCRIBERS):
            raise Refusal(400, f"limit: allowed: 1 to {MAX_SUBSCRIBERS}")
        mask = asked.get("mask", "") not in ("", "0")
        told = await self._in_thread(lambda: _json(self._integration(), extension, int(limit), mask))
        return text(404, "no switch is listened to (esl.inbound)") if told is None else _answer(told)


def _answer(told: str) -> Response:
    return Response(told, media_type="application/json")


def _json(integration: Integration, extension: str, limit: int, mask: bool) -> str | None:
    """Its keys are a contract. None: no switch is listened to."""
    here = dict(integration.switches.tables)
    tables: dict[str, Table] = {**here, **integration.switches.others()}
    if not tables:
        return None
    now = time.time()
    rows = [(switch, *row) for switch, table in tables.items() for row in table.board(extension or None)]
    rows.sort(key=lambda row: (_FIRST.index(row[3].state), row[1].zfill(9), row[2], row[0]))
    told = {
        "switches": {
            switch: {
                "heard": table.live,
                "elsewhere": switch not in here,
                "told_s": round(max(0.0, now - table.heard_at)) if table.heard_at else None,
                "subscribers": {state.value: count for state, count in table.counts().items()},
            }
            for switch, table in tables.items()
        },
        "subscribers": [
            {"switch": switch, "extension": name, "domain": domain, **_of(presence)}
            for switch, name, domain, presence in rows[:limit]
        ],
        "more": max(0, len(rows) - limit),
    }
    return json.dumps(masked_values(told, UNMASKED) if mask else told)


def _of(presence: Presence) -> dict[str, object]:
    return {
        "state": presence.state.value,
        "since": iso(presence.since) if presence.since else None,
        "whom": presence.whom or None,
        "declines": presence.declines,
    }


def metrics(integration: Integration) -> Iterator[Metric]:
    """Subscribers by state, and how old what is known of them is."""
    subscribers = GaugeMetricFamily(
        "fs_1c_subscribers", "Subscribers of a switch, by state.", labels=("switch", "state")
    )
    age = GaugeMetricFamily(
        "fs_1c_presence_age_seconds",
        "Seconds since a switch has told all registrations; not there before it has.",
        labels=("switch",),
    )
    for switch, table in dict(integration.switches.tables).items():
        for state, count in table.counts().items():
            subscribers.add_metric((switch, state.value), count)
        if table.heard_at:
            age.add_metric((switch,), max(0.0, time.time() - table.heard_at))
    elsewhere = GaugeMetricFamily(
        "fs_1c_subscribers_elsewhere",
        "Subscribers of a switch of which another service tells, by state.",
        labels=("switch", "state"),
    )
    told = GaugeMetricFamily(
        "fs_1c_presence_elsewhere_age_seconds",
        "Seconds since another service has told of its switch.",
        labels=("switch",),
    )
    for switch, other in integration.switches.others().items():
        for state, count in other.counts().items():
            elsewhere.add_metric((switch, state.value), count)
        if other.heard_at:
            told.add_metric((switch,), max(0.0, time.time() - other.heard_at))
    yield from (subscribers, age, elsewhere, told)
