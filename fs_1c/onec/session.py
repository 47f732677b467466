"""One HTTP connection and one session of 1C: start, reuse, renew, finish.

By default 1C starts a session for every request: a hundred requests take thirty seconds instead of three.
Asked by the header `IBSession: start` it keeps one and names it in the cookie `ibsession`. One session is one
licence. Some services insist on it (400 without), some ignore the header and set no cookie; which of them
this one is, is found out by the first request and remembered for all sessions of the base.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie

from fs_1c.onec import errors
from fs_1c.onec.connection import Connection
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import OneCSettings, SessionMode

log = logging.getLogger(__name__)

COOKIE = "ibsession"
DESCRIBE = Request("describe", "GET", "?wsdl")
"""Any 1C service answers that, and runs none of its code for it."""
FINISH_WITHIN = 1.0
"""Seconds that a farewell may take; a session that is not finished ages out by itself."""


@dataclass(slots=True)
class SessionPolicy:
    """Whether a base keeps sessions, as far as that has been found out; shared by its sessions. A plain
    value: the last who finds out wins.

    Attributes:
        mode: `auto` until it is known.
    """

    mode: SessionMode


class Session:
    """One session. Belongs to one thread; raises `OneCError` and nothing else."""

    def __init__(self, settings: OneCSettings, policy: SessionPolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._connection = Connection(settings)
        self._cookie = ""

    def send(self, request: Request, *, careful: bool = False) -> Response:
        """Sends a request in the session, starting or renewing it as needed; the answer, whatever its status.

        A request is sent a second time only after a 400 or 404 about the session: then it was never executed.
        """
        cookie = self._cookie
        response = self._send(request, careful)
        if response.status in (400, 404) and cookie:
            self._cookie = ""
            log.debug("1C session expired (HTTP %s), starting another", response.status)
            response = self._send(request, careful)
        elif errors.wants_session(response.status, response.body) and self._may_learn():
            self._policy.mode = SessionMode.IBSESSION
            response = self._send(request, careful)
        return response

    def close(self) -> None:
        """Finishes the session, so that its licence is free at once, and closes the connection."""
        if self._cookie:
            headers = (("IBSession", "finish"), ("Cookie", f"{COOKIE}={self._cookie}"))
            self._cookie = ""
            try:
                self._connection.request(replace(DESCRIBE, headers=headers), within=FINISH_WITHIN)
            except OneCError as error:
                log.debug("1C session not finished: %s", error)
        self._connection.close()

    def _may_learn(self) -> bool:
        """The header was not sent, because the service once seemed not to care."""
        return (
            self._policy.mode is SessionMode.PER_REQUEST and self._settings.session_mode is SessionMode.AUTO
        )

    def _send(self, request: Request, careful: bool) -> Response:
        headers = request.headers
        starts = False
        if self._policy.mode is not SessionMode.PER_REQUEST:
            if self._cookie:
                headers += (("Cookie", f"{COOKIE}={self._cookie}"),)
            else:
                headers += (("IBSession", "start"),)
                starts = True
        try:
            response = self._connection.request(replace(request, headers=headers), careful=careful)
        except OneCError as error:
            if error.reached is not Reached.NO:
                # 1C may still be at it, and would make our next request in this session wait for its end.
                self._cookie = ""
            raise
        self._cookie = _cookie(response) or self._cookie
        if starts and self._policy.mode is SessionMode.AUTO and response.status in (200, 500):
            self._policy.mode = SessionMode.IBSESSION if self._cookie else SessionMode.PER_REQUEST
            log.debug("1C session mode found out: %s", self._policy.mode)
        return response


def _cookie(response: Response) -> str:
    """The session's name that the response sets, or empty."""
    for line in response.cookies:
        try:
            morsel = SimpleCookie(line).get(COOKIE)
        except CookieError:
            continue
        if morsel is not None and len(morsel.value) <= 256:
            return morsel.value
    return ""
