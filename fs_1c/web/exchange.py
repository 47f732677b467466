"""What is common to all requests: a small body in time, refusals in one clear line, and always an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

log = logging.getLogger(__name__)

MAX_BODY = 4096
"""Octets of a request's body."""
BODY_WITHIN = 1.5
"""Seconds in which a body must have come; a slow one must not hold up a stop."""

A = TypeVar("A")


class Refusal(Exception):
    """The request gets this answer: a status and one clear line, for whoever wrote the other side."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.response = text(status, line, headers)


def text(status: int, line: str, headers: Mapping[str, str] | None = None) -> Response:
    # What was sent to us may be repeated here: line breaks and half a surrogate pair included.
    harmless = "".join(c if c.isprintable() else "?" for c in line)
    return Response(f"{harmless}\n", status, headers, media_type="text/plain")


async def body_of(request: Request) -> bytes:
    """The whole body. Raises `Refusal` when it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    # uvicorn goes on reading and throws away what comes, so that the client can read this.
                    raise Refusal(413, f"the body: allowed are up to {MAX_BODY} bytes")
    except TimeoutError:
        late = f"the body: allowed are up to {BODY_WITHIN:g} s until it is here"
        raise Refusal(408, late, {"Connection": "close"}) from None
    return bytes(body)


def guarded(
    endpoint: Callable[[Request], Awaitable[A]], secretive: str = ""
) -> Callable[[Request], Awaitable[A | Response]]:
    """The endpoint, which now always answers.

    Args:
        secretive: The door's name, if its addresses have keys in them, which are not for the log.
    """

    @wraps(endpoint)
    async def answer(request: Request) -> A | Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return refusal.response
        except ClientDisconnect:
            return text(400, "the client has gone")  # nobody hears it
        except Exception:
            if secretive:
                log.exception("%s: a request failed", secretive)
            else:
                log.exception("http door: %s failed", request.url.path)
            return text(500, "internal error; the service's log says which")

    return answer
