"""One HTTP connection and one session of 1C: start, reuse, renew, finish.

By default 1C starts a session for every request: a hundred requests take thirty seconds instead of three.
Asked by the header `IBSession: start` it keeps one and names it in the cookie `ibsession`. One session is one
licence. Some services insist on it (400 without), some ignore the header and set no cookie; which of them
this one is, is found out by the first request and remembered for all sessions of the base.

A session may end at any time: by its age, by the administrator, by a new version of the base. 1C tells it by
400, 404, 401, 403, 410, 500 or a Fault. So any answer but a good one gives the session up. What may be asked
twice is asked once more then, in a new one; what may not, only if 1C's own words were about the session, for
then nothing has been executed.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, replace

from fs_1c.onec import dialects, errors
from fs_1c.onec.connection import Connection
from fs_1c.onec.cookies import Cookies
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import OneCSettings, SessionMode

log = logging.getLogger(__name__)

FINISH_WITHIN = 1.0
"""Seconds that a farewell may take; a session that is not finished ages out by itself."""
LOST_AT_ONCE = 3
"""Sessions in a row that are lost at their first reuse before one goes without."""

_FAULT = re.compile(r"<(?:[\w.-]{1,60}:)?Fault[\s/>]")


@dataclass(slots=True)
class SessionPolicy:
    """Whether a base keeps sessions, as far as that has been found out; shared by its sessions. A plain
    value: the last who finds out wins.

    Attributes:
        mode: `auto` until it is known.
        lost_at_once: Sessions in a row that were lost at their first reuse.
        insists: 1C has refused a request for having no session.
    """

    mode: SessionMode
    lost_at_once: int = 0
    insists: bool = False


class Session:
    """One session. Belongs to one thread; raises `OneCError` and nothing else.

    Args:
        heard: Gets what comes, octet for octet (see `Connection`).
    """

    def __init__(self, settings: OneCSettings, policy: SessionPolicy, heard: bytearray | None = None) -> None:
        self._settings = settings
        self._policy = policy
        self._dialect = dialects.of(settings)
        self._connection = Connection(settings, heard)
        self._cookies = Cookies()
        self._served = 0  # good answers in this session

    @property
    def kept(self) -> bool:
        """1C keeps a session for us now."""
        return self._cookies.in_session

    def send(self, request: Request, *, careful: bool = False, ends: float | None = None) -> Response:
        """Sends a request in the session, starting or renewing it as needed; the answer, whatever its status.

        Args:
            careful: Must never be executed twice.
            ends: When all of it must be over, by `time.monotonic()`; None: after the base's `timeout`.
        """
        ends = time.monotonic() + self._settings.timeout if ends is None else ends
        reused, served = self.kept, self._served
        response = self._send(request, careful, ends)
        good = _is_good(response)
        if not good:
            words = errors.about_session(response.status, response.body)
            again = not careful or (words and not (_is_fault(response) or self._dialect.ran(response)))
            if reused and (words or not self._dialect.ran(response)):
                self._give_up(response)
                if again and (left := ends - time.monotonic()) > 0:
                    log.debug("1C session lost (HTTP %s), %.1f s left for another", response.status, left)
                    response = self._send(request, careful, ends)
                if words or (again and _is_good(response)):  # else it was not for the session
                    self._lost(at_once=served == 1)
            elif words and response.body.strip() and self._may_learn():
                self._policy.mode, self._policy.insists = SessionMode.IBSESSION, True
                if again:
                    response = self._send(request, careful, ends)
            good = _is_good(response)
        if good:
            self._good()
        return response

    def close(self) -> None:
        """Finishes the session, so that its licence is free at once, and closes the connection."""
        if self.kept:
            self._finish()
        self._connection.close()

    def _good(self) -> None:
        self._served = self._served + 1 if self.kept else 0
        if self._served > 1:
            self._policy.lost_at_once = 0

    def _give_up(self, response: Response) -> None:
        if _is_fault(response):
            self._finish()  # it may be alive all the same, and is a licence
        self._cookies.give_up()
        self._served = 0

    def _lost(self, *, at_once: bool) -> None:
        policy = self._policy
        if not at_once or self._settings.session_mode is not SessionMode.AUTO or policy.insists:
            return
        policy.lost_at_once += 1
        if policy.lost_at_once >= LOST_AT_ONCE and policy.mode is not SessionMode.PER_REQUEST:
            policy.mode = SessionMode.PER_REQUEST
            log.warning(
                "1C base at %s: %d sessions in a row were lost at their first reuse (a balancer, or a proxy "
                "that drops cookies?); going on without, a session for each request",
                self._settings.url,
                LOST_AT_ONCE,
            )

    def _finish(self) -> None:
        headers = (("IBSession", "finish"), *self._cookies.header())
        self._cookies.give_up()
        ends = time.monotonic() + FINISH_WITHIN
        for request in self._dialect.farewells():
            try:
                told = self._connection.request(replace(request, headers=headers), ends=ends)
            except OneCError as error:
                log.debug("1C session not finished: %s", error)
                return
            if told.status < 400:
                return

    def _may_learn(self) -> bool:
        """The header was not sent, because the service once seemed not to care."""
        return (
            self._policy.mode is SessionMode.PER_REQUEST and self._settings.session_mode is SessionMode.AUTO
        )

    def _send(self, request: Request, careful: bool, ends: float) -> Response:
        reused = self.kept
        headers = request.headers + self._cookies.header()
        starts = self._policy.mode is not SessionMode.PER_REQUEST and not self.kept
        if starts:
            headers += (("IBSession", "start"),)
        try:
            request = replace(request, headers=headers)
            response = self._connection.request(request, careful=careful, ends=ends)
        except OneCError as error:
            if error.reached is not Reached.NO:
                # 1C may still be at it, and would make our next request in this session wait for its end.
                self._cookies.give_up()
                self._served = 0
            raise
        self._cookies.heard(response.cookies)
        if self._policy.mode is SessionMode.PER_REQUEST and not reused:
            self._cookies.give_up()  # nobody has asked for it
        # What a proxy says while 1C is away tells nothing about 1C's habits.
        if starts and self._policy.mode is SessionMode.AUTO and (self.kept or _is_good(response)):
            self._policy.mode = SessionMode.IBSESSION if self.kept else SessionMode.PER_REQUEST
            log.debug("1C session mode found out: %s", self._policy.mode)
        return response


def _is_good(response: Response) -> bool:
    return 200 <= response.status < 300 and not _is_fault(response)


def _is_fault(response: Response) -> bool:
    """A Fault, in whatever encoding."""
    return _FAULT.search(errors.decode(response.body)) is not None
