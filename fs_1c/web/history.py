"""What waits for 1C, by HTTP: `GET /history`; `POST /history`: it is tried at once, or dropped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fs_1c.history import CallWaits, History, bases_as_json
from fs_1c.integration import Integration
from fs_1c.web.exchange import Refusal, body_of
from fs_1c.web.gate import with_token

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CALLS = 1000
"""Calls in one answer."""
MAX_NAME = 512
"""Characters of a call's name."""


class InThread(Protocol):
    """Runs what may block in a thread."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What `POST /history` asks.

    Attributes:
        do: `retry` or `drop`.
        call, base: Of which; both empty: of all.
    """

    do: str
    call: str = ""
    base: str = ""


class HistoryPages:
    """Answers for the HTTP door."""

    def __init__(self, integration: Callable[[], Integration], in_thread: InThread) -> None:
        self._integration = integration
        self._in_thread = in_thread

    def endpoints(self) -> Mapping[tuple[str, str], Callable[[Request], Awaitable[Response]]]:
        """What answers, by method and path."""
        return {("GET", "/history"): self._waits, ("POST", "/history"): self._wanted}

    async def _waits(self, request: Request) -> Response:
        history, asked = self._history(), request.query_params
        base, call = asked.get("base", ""), asked.get("call", "").strip()
        self._is_base(base)
        limit = asked.get("limit", "50")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 0 < int(limit) <= MAX_CALLS):
            raise Refusal(400, f"limit: allowed: 1 to {MAX_CALLS}")
        try:
            calls = await self._in_thread(lambda: history.desk.calls(base, call[:MAX_NAME], int(limit)))
        except TimeoutError:
            raise Refusal(503, "the disk does not answer; calls do not wait for it") from None
        seen = await self._in_thread(lambda: state_of(self._integration()))
        return JSONResponse({**(seen or {}), "calls": [_as_json(one) for one in calls]})

    async def _wanted(self, request: Request) -> Response:
        who, history = with_token(request), self._history()
        wish = read_wish(await body_of(request))
        self._is_base(wish.base)
        log.info(
            "http door: %s told to %s what waits for 1C: call=%s base=%s",
            who.client,
            wish.do,
            wish.call or "all",
            wish.base or "all",
        )
        try:
            if wish.do == "retry":
                tried = await self._in_thread(lambda: history.desk.retry(wish.base, wish.call))
                return JSONResponse({"calls": tried})
            words, calls = await self._in_thread(lambda: history.desk.drop(wish.base, wish.call))
            return JSONResponse({"words": words, "calls": calls})
        except TimeoutError:
            raise Refusal(503, "the disk does not answer") from None

    def _history(self) -> History:
        history = self._integration().history
        if history is None:
            raise Refusal(404, "1C is told of no calls: history.enabled is off")
        return history

    def _is_base(self, base: str) -> None:
        bases = self._integration().settings.onec
        if base and base not in bases:
            raise Refusal(400, f"there is no base {base}; allowed: {', '.join(bases)}")


def state_of(integration: Integration) -> dict[str, object] | None:
    """How much waits, by base, and what has become of the rest; None: 1C is told of no calls. May block for
    a moment. Its keys are a contract.
    """
    history = integration.history
    if history is None:
        return None
    seen, now = history.desk.seen(), time.time()
    counted: dict[str, dict[str, int]] = {}
    for (base, told), count in list(history.counted.items()):
        counted.setdefault(base, {})[told.value.replace(" ", "_")] = count
    return {
        "bases": bases_as_json(seen.bases, now),
        "told": counted,
        "lost": seen.lost,
        "disk": "late" if seen.late else "away" if seen.away else "well",
        "disk_error": seen.why or None,
    }


def read_wish(body: bytes) -> Wish:
    """Reads the body of `POST /history`. Raises `Refusal` with what is allowed."""
    allowed = 'allowed: {"do": "retry" or "drop"} with "call", "base", or "all": true'
    try:
        given = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Refusal(400, f"the body: {allowed}") from None
    if not isinstance(given, dict) or given.keys() - {"do", "call", "base", "all"}:
        raise Refusal(400, f"the body: {allowed}")
    do, call, base, everything = (
        given.get(name, value) for name, value in (("do", ""), ("call", ""), ("base", ""), ("all", False))
    )
    texts = isinstance(call, str) and isinstance(base, str) and len(call) <= MAX_NAME
    if do not in ("retry", "drop") or not texts or not isinstance(everything, bool):
        raise Refusal(400, f"the body: {allowed}")
    if everything is bool(call or base):
        raise Refusal(400, "allowed: call, base, or both; or all = true, and neither")
    return Wish(do, call, base)


def _as_json(one: CallWaits) -> dict[str, object]:
    told = asdict(one)
    return {**told, "states": list(one.states), "error": one.error or None}
