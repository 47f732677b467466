"""Our own form: `POST /calls`, `GET` and `DELETE /calls/ID`; and the OpenAPI document that describes them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fs_1c import __version__
from fs_1c.calls import Desk, Placed, Result, Stage, Why
from fs_1c.web.access import bearer
from fs_1c.web.calling.forms import extension
from fs_1c.web.calling.keeper import Asker, Keeper, NotLetIn
from fs_1c.web.calling.words import REQUEST, TOKEN, Answer, message_of, told, wrong_request
from fs_1c.web.exchange import body_of

Endpoint = Callable[[Request], Awaitable[Response]]

STATES = {stage: stage.name.lower().replace("_", "-") for stage in Stage}
MAX_NUMBER, MAX_EXTENSION = 64, 64
"""Characters."""


class Own:
    """Answers for the calls door. Args: as of `Forms`, and the names of the bases."""

    def __init__(self, keeper: Keeper, desk: Desk, bases: Callable[[], Sequence[str]]) -> None:
        self._keeper = keeper
        self._desk = desk
        self._bases = bases

    def endpoints(self) -> tuple[tuple[str, str, Endpoint], ...]:
        """What answers: method, path, endpoint."""
        return (
            ("POST", "/calls", self._post),
            ("GET", "/calls/openapi.json", self._document),
            ("GET", "/calls/{id}", self._get),
            ("DELETE", "/calls/{id}", self._delete),
        )

    async def _post(self, request: Request) -> Response:
        try:
            asker = await self._asker(request)
            number, who, base = self._asked(asker, await body_of(request))
        except NotLetIn as refused:
            return _refused(refused.answer)
        made = await self._desk.ask(number, who, base, asker.client)
        answer = told(made)
        if isinstance(made, Placed) and answer.is_ok:
            return _json(201, as_json(made), {"Location": f"/calls/{made.id}"})
        return _refused(answer)

    def _asked(self, asker: Asker, body: bytes) -> tuple[str, tuple[str, ...], str]:
        """Number, extensions, base. Raises `NotLetIn`."""
        try:
            given = json.loads(body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict) or not given.keys() <= {"number", "extension", "base"}:
            raise NotLetIn(wrong_request('Разрешено: {"number": "…", "extension": "…", "base": "…"}'))
        number, whose, base = given.get("number"), given.get("extension", ""), given.get("base", "")
        if not isinstance(number, str) or not 0 < len(number) <= MAX_NUMBER:
            raise NotLetIn(wrong_request(f"number: разрешена строка до {MAX_NUMBER} знаков"))
        if not isinstance(whose, str) or len(whose) > MAX_EXTENSION:
            raise NotLetIn(wrong_request(f"extension: разрешена строка до {MAX_EXTENSION} знаков"))
        if not isinstance(base, str) or (base and base not in self._bases()):
            raise NotLetIn(wrong_request("base: такой базы нет"))
        who = extension(whose)
        if asker.is_base:
            if not who:
                raise NotLetIn(wrong_request("extension: чьим телефоном звонить?"))
            return number, who, base
        if who and who[0] not in asker.extensions:
            raise NotLetIn(Answer(Why.NOT_ALLOWED, 403, "Ключ не этого абонента"))
        return number, who or asker.extensions, base

    async def _get(self, request: Request) -> Response:
        try:
            call = await self._his(request)
        except NotLetIn as refused:
            return _refused(refused.answer)
        return _json(200, as_json(call))

    async def _delete(self, request: Request) -> Response:
        try:
            call = await self._his(request)
        except NotLetIn as refused:
            return _refused(refused.answer)
        self._desk.end(call.id)
        return _json(202, as_json(call))

    async def _document(self, request: Request) -> Response:
        try:
            await self._asker(request)
        except NotLetIn as refused:
            return _refused(refused.answer)
        return _json(200, document())

    async def _asker(self, request: Request) -> Asker:
        return await self._keeper.look_at(request, bearer(request.headers) or b"")

    async def _his(self, request: Request) -> Placed:
        """The call that the address names, if who asks may know of it. Raises `NotLetIn`."""
        asker = await self._asker(request)
        call = self._desk.find(request.path_params["id"])
        if call is None or not (asker.is_base or set(call.plan.extensions) & set(asker.extensions)):
            raise NotLetIn(Answer("no-call", 404, "Такого звонка нет"))
        return call


def as_json(call: Placed) -> dict[str, Any]:
    """A call as a program is told of it; the keys are a contract."""
    progress = call.progress
    return {
        "id": call.id,
        "number": call.plan.number.e164,
        "extension": ",".join(call.plan.extensions),
        "asked_at": datetime.fromtimestamp(call.at, UTC).isoformat("T", "seconds"),
        "state": STATES[progress.stage],
        "result": progress.result.value if progress.result else None,
        "unknown": progress.is_unknown,
        "cause": progress.cause or None,
        "message": message_of(call),
    }


async def by_hand(body: bytes, desk: Desk, by: str) -> Response:
    """A call for who runs this service: by `fs-1c call`, or by the status page. He may have anybody called.

    Args:
        body: As of `POST /calls`, without a base.
        by: Who asks, for the log.

    The answer says whether it is made (`made`), else why not (`code`); its status is about the request alone.
    """
    try:
        given = json.loads(body.decode("utf-8-sig"))
        number, whose = given["number"], given["extension"]
        if not isinstance(number, str) or not isinstance(whose, str) or len(given) > 2:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        return _refused(wrong_request('Разрешено: {"number": "…", "extension": "…"}'))
    made = await desk.ask(number, extension(whose), by=by)
    answer = told(made)
    call = as_json(made) if isinstance(made, Placed) else None
    said = {"made": answer.is_ok, "code": str(answer.code), "message": answer.message, "call": call}
    return _json(200, said)


def _refused(answer: Answer) -> Response:
    said: dict[str, Any] = {"error": str(answer.code), "message": answer.message}
    if answer.call_id:
        said["id"] = answer.call_id
    headers = {"WWW-Authenticate": "Bearer"} if answer.status == 401 else {}
    return _json(answer.status, said, headers)


def _json(status: int, told: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(told, ensure_ascii=False), status, headers, "application/json")


def document() -> dict[str, Any]:
    """The OpenAPI document of our own form."""

    def answer(description: str, schema: str) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
        return {"description": description, "content": content}

    errors = {
        "400": "what is asked is not what is allowed",
        "401": "no token or key, or a wrong one",
        "403": "calls.allow does not allow the number, or the key is not that subscriber's",
        "404": "there is no such subscriber",
        "408": "the body has not come in time",
        "409": "the call has ended: busy, no answer, not registered, the client busy",
        "413": "the body is too large",
        "429": "too many calls, or too many wrong tokens",
        "502": "the switch could not make it",
        "503": "there is no switch to make it; it was not made",
        "504": "the connection to the switch was lost: nobody knows whether it was made",
    }
    named = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    asked = {
        "type": "object",
        "required": ["number"],
        "additionalProperties": False,
        "properties": {
            "number": {"type": "string", "minLength": 1, "maxLength": MAX_NUMBER},
            "extension": {"type": "string", "maxLength": MAX_EXTENSION},
            "base": {"type": "string"},
        },
    }
    call = {
        "id": {"type": "string"},
        "number": {"type": "string", "description": "the client's, E.164"},
        "extension": {"type": "string"},
        "asked_at": {"type": "string", "format": "date-time"},
        "state": {"type": "string", "enum": list(STATES.values())},
        "result": {"type": ["string", "null"], "enum": [*(one.value for one in Result), None]},
        "unknown": {"type": "boolean", "description": "nobody knows whether there is such a call"},
        "cause": {"type": ["string", "null"], "description": "FreeSWITCH's Hangup-Cause"},
        "message": {"type": "string", "description": "for a person, in Russian"},
    }
    codes = [REQUEST, TOKEN, "no-call", *Why, *Result]
    error = {
        "error": {"type": "string", "enum": sorted({str(code) for code in codes})},
        "message": {"type": "string"},
        "id": {"type": "string", "description": "the call, if there was one"},
    }
    found = {one: answer(errors[one], "Error") for one in ("400", "401", "404", "429")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "fs-1c: calls", "version": __version__},
        "security": [{"token": []}],
        "paths": {
            "/calls": {
                "post": {
                    "operationId": "call",
                    "summary": "Call a client by a subscriber's telephone",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}},
                    },
                    "responses": {
                        "201": answer("the call is made", "Call"),
                        **{status: answer(why, "Error") for status, why in errors.items()},
                    },
                }
            },
            "/calls/{id}": {
                "parameters": named,
                "get": {
                    "operationId": "look",
                    "summary": "How far a call is, or how it ended",
                    "responses": {"200": answer("the call", "Call"), **found},
                },
                "delete": {
                    "operationId": "end",
                    "summary": "End a call",
                    "responses": {"202": answer("the switch is told", "Call"), **found},
                },
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Asked": asked,
                "Call": _object(call, list(call)),
                "Error": _object(error, ["error", "message"]),
            },
        },
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": properties,
    }
