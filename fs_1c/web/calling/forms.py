"""The forms in which 1C bases ask for calls, each as its base knows it; errors, too. (FACTS-1c,
"Click-to-call from 1C", "Stock 1С:УНФ".)
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fs_1c.calls import Desk, Result, Why
from fs_1c.journal import JournalError
from fs_1c.settings import CallForm
from fs_1c.web.calling.day import read_day
from fs_1c.web.calling.keeper import Asker, Keeper, NotLetIn
from fs_1c.web.calling.words import REQUEST, TOKEN, Answer, told, wrong_request
from fs_1c.web.exchange import Refusal, body_of
from fs_1c.web.exchange import text as plain_text

Endpoint = Callable[[Request], Awaitable[Response]]
Day = Callable[[float, float], Awaitable[list[dict[str, Any]]]]
"""Tells the calls of a day, a row each. May raise `JournalError` or TimeoutError."""
Accounts = Callable[[], Awaitable[list[dict[str, str]]]]
"""Tells the subscribers: name and ext of each."""

_CODES: Mapping[str, str] = {
    Result.NOT_REGISTERED: "1",
    TOKEN: "2",
    Why.NUMBER: "3",
    REQUEST: "3",
    Why.NO_SUBSCRIBER: "5",
    Result.NO_SUBSCRIBER: "5",
}
"""Of what is not here: 4, an error within the PBX."""


class Forms:
    """Answers for the calls door.

    Args:
        keeper: Lets in.
        desk: Has the calls made.
        accounts: Tells who can call.
        day: Tells who has.
    """

    def __init__(self, keeper: Keeper, desk: Desk, accounts: Accounts, day: Day) -> None:
        self._day = day
        self._keeper = keeper
        self._desk = desk
        self._accounts = accounts

    def endpoints(self) -> Mapping[CallForm, tuple[tuple[str, str, Endpoint], ...]]:
        """What answers, by form: method, path, endpoint."""
        return {
            CallForm.SUBSCRIBER: (("GET", "/api/call/CallToSubscriber", self._subscriber),),
            CallForm.KEY: (("GET", "/call/{key}/{number}", self._key),),
            CallForm.SIMPLE: (
                ("GET", "/simple-calls/call/", self._simple),
                ("GET", "/simple-calls/call", self._simple),
            ),
            CallForm.JOURNAL: (("GET", "/api/call/journal", self._journal),),
            CallForm.ITOOLABS: (("POST", "/", self._itoolabs), ("POST", "/itoolabs", self._itoolabs)),
        }

    async def _subscriber(self, request: Request) -> Response:
        asked = request.query_params
        return _as_operator(await self._own(request, asked.get("key", ""), asked.get("outboundNumber", "")))

    async def _key(self, request: Request) -> Response:
        key, number = request.path_params["key"], request.path_params["number"]
        return _as_operator(await self._own(request, key, number))

    async def _own(self, request: Request, key: str, number: str) -> Answer:
        """A subscriber, who shows his key, calls."""
        try:
            asker = await self._keeper.look_at(request, key, base=False)
        except NotLetIn as refused:
            return refused.answer
        return await self._call(asker, number, asker.extensions)

    async def _simple(self, request: Request) -> Response:
        asked = request.query_params
        try:
            asker = await self._keeper.look_at(request, asked.get("password", ""), subscriber=False)
        except NotLetIn as refused:
            return _as_text(refused.answer)
        if asked.get("event") != "1":
            return _as_text(wrong_request("event: разрешено: 1"))
        return _as_text(
            await self._call(asker, asked.get("dst_num", ""), extension(asked.get("src_num", "")))
        )

    async def _itoolabs(self, request: Request) -> Response:
        given = form((await body_of(request)).decode("utf-8", "replace"))
        try:
            asker = await self._keeper.look_at(request, given.get("token", ""), subscriber=False)
        except NotLetIn as refused:
            return _as_text(refused.answer)
        match given.get("cmd"):
            case "makeCall":
                who = extension(given.get("user", ""))
                return _as_text(await self._call(asker, given.get("phone", ""), who))
            case "accounts":
                return JSONResponse(await self._accounts())
        return _as_text(wrong_request("cmd: разрешено: makeCall, accounts"))

    async def _journal(self, request: Request) -> Response:
        asked = request.query_params
        try:
            await self._keeper.look_at(request, asked.get("token", ""), subscriber=False)
        except NotLetIn as refused:
            return _as_text(refused.answer)
        day = read_day(asked.get("date", ""))
        if day is None or asked.get("format", "json") != "json":
            return _as_text(wrong_request("разрешено: date=ГГГГ-ММ-ДД, format=json"))
        try:
            return JSONResponse(await self._day(*day))
        except JournalError as error:
            return plain_text(503, str(error))
        except TimeoutError:
            return plain_text(503, "the journal takes too long")

    async def _call(self, asker: Asker, number: str, extensions: tuple[str, ...]) -> Answer:
        return told(await self._desk.ask(_plus(number), extensions, by=asker.client))


def extension(text: str) -> tuple[str, ...]:
    """An extension as 1C writes it: «1 244» with a no-break space."""
    return ("".join(text[:64].split()),) if text.strip() else ()


def form(body: str) -> dict[str, str]:
    """The fields of a form, each once. Raises `Refusal`."""
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Refusal(400, "the body: allowed is a form of up to 20 fields") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Refusal(400, "the body: allowed is each field once")
    return given


def _plus(number: str) -> str:
    """A plus that was not encoded has become a space; no number begins with one."""
    return f"+{number[1:]}" if number.startswith(" ") else number


def _as_operator(answer: Answer) -> Response:
    """The virtual PBX operators' words: always 200, and a code."""
    if answer.is_ok:
        told = {"result": "SUCCESS", "description": answer.message, "code": 0, "callid": answer.call_id}
    else:
        code = _CODES.get(answer.code, "4")
        told = {"result": "FAIL", "description": answer.message, "message": answer.message, "code": code}
    return Response(json.dumps(told, ensure_ascii=False), 200, media_type="application/json")


def _as_text(answer: Answer) -> Response:
    return plain_text(answer.status, answer.message)
