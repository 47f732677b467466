"""One keep-alive HTTP connection to a base.

requests and urllib3 do the HTTP. `watched` sees how far a request has come (`progress`), `framing` whether an
answer is clean, and `network_errors` tells what went wrong.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping

import requests
from requests.auth import HTTPBasicAuth

from fs_1c import __version__
from fs_1c.onec import dialects
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.network_errors import explain, reason
from fs_1c.onec.progress import Progress, here
from fs_1c.onec.reading import body_of, breaks_off
from fs_1c.onec.trust import prepare
from fs_1c.onec.watched import Adapter
from fs_1c.settings import OneCSettings
from fs_1c.timers import TIMERS

CONNECT_WITHIN = 5.0
AT_LEAST = 0.1
"""Seconds that an attempt has, however long those before it took."""


class Connection:
    """Requests to one base. Belongs to one thread; raises `OneCError` and nothing else.

    Args:
        heard: Gets what comes to the latest request, octet for octet, `MAX_HEARD` of them or a few more.
    """

    def __init__(self, settings: OneCSettings, heard: bytearray | None = None) -> None:
        self._settings = settings
        self._heard = heard
        self._address = dialects.address(settings)
        self._http = requests.Session()
        # A proxy or a .netrc of the environment must not surprise a telephone call.
        self._http.trust_env = False
        self._http.cookies.set_policy(_NoCookies())
        proxy, login = settings.through()
        self._http.mount("http://", Adapter(None, login))
        trust = prepare(settings)
        self._no_trust = trust if isinstance(trust, OSError) else None
        if isinstance(trust, ssl.SSLContext):
            self._http.mount("https://", Adapter(trust, login))
        if proxy:
            self._http.proxies = {"http": proxy, "https": proxy}
        self._http.headers.update({"User-Agent": f"fs-1c/{__version__}", "Accept": "text/xml, */*"})
        self._headers = dict(self._http.headers)

    def request(
        self,
        request: Request,
        *,
        careful: bool = False,
        ends: float | None = None,
    ) -> Response:
        """Sends a request; the answer, whatever its status.

        Args:
            careful: Must never be sent twice: spend a moment to find out that nobody is going to read it
                before it leaves. What is not careful is sent again if a connection that had served before
                breaks: that is how an idle one ends.
            ends: When all of it must be over, by `time.monotonic()`, from the name's resolution
                to the last octet; None: after the base's `timeout`.
        """
        ends = time.monotonic() + self._settings.timeout if ends is None else ends
        progress = Progress(careful, self._heard)
        try:
            return self._once(request, progress, ends)
        except OneCError as error:
            worn_out = not progress.fresh and error.kind in ("cut", "broken")
            if not worn_out or (careful and error.reached is not Reached.NO):
                raise
        return self._once(request, Progress(careful, self._heard), ends)

    def _once(self, request: Request, progress: Progress, ends: float) -> Response:
        if self._no_trust is not None:
            why = f"ca_file: {reason(self._no_trust)}"
            raise OneCError("settings", why, Reached.NO, base_down=True)
        limit = max(AT_LEAST, ends - time.monotonic())
        here.progress = progress
        if self._heard is not None:
            self._heard.clear()
        try:
            with (
                TIMERS.within(limit, progress.end),
                self._http.send(
                    self._prepared(request),
                    timeout=(min(limit, CONNECT_WITHIN), limit),
                    stream=True,
                    allow_redirects=False,
                ) as response,
            ):
                cookies = tuple(response.raw.headers.getlist("Set-Cookie"))
                answer = Response(
                    response.status_code, body_of(response), cookies, _telling(response.headers)
                )
                if progress.connection is not None:
                    progress.connection.end_if_unclean(breaks_off(answer.body))
            if progress.too_late:  # the end that was read was ours
                raise TimeoutError
            return answer
        except Exception as error:
            if progress.connection is not None:
                progress.connection.close()
            raise error if isinstance(error, OneCError) else explain(error, progress, limit) from None
        finally:
            here.progress = None

    def _prepared(self, request: Request) -> requests.PreparedRequest:
        """Not by the session, which would merge what it does not have: that costs more than the rest."""
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=self._address + request.path,
            headers=self._headers | dict(request.headers),
            data=request.body,
            auth=self._credentials(),
        )
        return prepared

    def close(self) -> None:
        self._http.close()

    def _credentials(self) -> HTTPBasicAuth | None:
        if not self._settings.username:
            return None
        # As octets: requests would write a Cyrillic login in Latin-1, that is, not at all.
        try:
            return HTTPBasicAuth(self._settings.username.encode(), self._settings.secret().encode())
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"password_file cannot be read: {why}"
            raise OneCError("settings", message, Reached.NO, base_down=True) from None


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """1C's session is ours to keep: a jar would send a dead one for ever."""

    def set_ok(self, cookie: object, request: object) -> bool:
        return False


def _telling(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of the headers those that tell why there is no good answer."""
    return tuple(
        (name, headers[name][:500]) for name in ("WWW-Authenticate", "Location", "Server") if name in headers
    )
