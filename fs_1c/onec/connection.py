"""One keep-alive HTTP connection that knows how far a request has come, and whose answer it reads.

Whether a card may be sent again hangs on one question: did the whole request leave this machine? A request
whose last octet was never accepted by the network cannot have been executed. requests and urllib3 do the
HTTP; a subclass of urllib3's connection watches what passes through it.

An answer belongs to the request that it follows on a kept connection, and to nothing else. So a connection on
which anything but one clean answer came (an interim 102 or 103, octets behind the answer, its length told
twice, a body that breaks off) is never used again: what comes next there might be the answer to somebody
else's question. Neither is one on which something comes before the whole question has left. What cannot be
told from an answer is a second one that comes after that: HTTP has no name for whose it is.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import select
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.wait import wait_for_read

from fs_1c import __version__, channel
from fs_1c.onec import dialects
from fs_1c.onec.dialects.protocol import Request, Response
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.reading import MAX_FRAMING, MAX_RESPONSE, Octets, body_of, breaks_off
from fs_1c.settings import OneCSettings
from fs_1c.timers import TIMERS

MAX_INTERIM = 10
"""Interim answers (1xx) before the answer."""
CONNECT_WITHIN = 5.0
AT_LEAST = 0.1
"""Seconds that an attempt has, however long those before it took."""
LOOK_BEFORE = 0.05
"""Seconds that a careful request waits, on a fresh connection, for the peer to show that it hangs up at once.
"""


class _Progress:
    """How far the request of this thread has come."""

    __slots__ = ("careful", "connection", "fresh", "headers_left", "heard", "left", "socket", "too_late")

    def __init__(self, careful: bool, heard: bytearray | None = None) -> None:
        self.careful = careful
        self.heard = heard
        self.fresh = False
        self.headers_left = False
        self.left = False
        self.connection: _Watched | None = None
        self.socket: socket.socket | None = None
        self.too_late = False

    def end(self) -> None:
        """Called by a timer, from its own thread, when the request has taken too long as a whole. A socket's
        own time-out would start anew with every octet that drips in.
        """
        self.too_late = True
        if self.socket is not None:
            # Of the descriptor, not of a TLS layer: that one would first say goodbye to who does not listen.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class _Here(threading.local):
    progress: _Progress | None = None
    leaves: Callable[[], None] | None = None


_here = _Here()


@contextlib.contextmanager
def before_it_leaves(action: Callable[[], None]) -> Iterator[None]:
    """Has `action` called, for this thread's careful requests, when all is ready and the body is about to
    leave: what has been refused, or has no connection, never comes so far. If it raises, nothing leaves.
    """
    _here.leaves = action
    try:
        yield
    finally:
        _here.leaves = None


_NO_END = "nobody can say where the answer ends"


class _Answer(http.client.HTTPResponse):
    """An answer that notices what is not one clean answer."""

    unclean = False

    def __init__(self, sock: socket.socket, *given: Any, **more: Any) -> None:
        super().__init__(sock, *given, **more)
        self._socket = sock
        heard = None if _here.progress is None else _here.progress.heard
        self._octets = Octets(self.fp.detach(), heard)
        self.fp = io.BufferedReader(self._octets)
        self._interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        """As http.client reads it, but that passes over any number of 100, and takes 102 for an answer."""
        while self._interim < MAX_INTERIM:
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= read[1] < 200 or read[1] == 101:
                return read
            self._interim += 1
            self.unclean = self.unclean or read[1] != 100
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MAX_INTERIM} interim answers")

    def begin(self) -> None:
        super().begin()
        self._octets.left += MAX_RESPONSE + MAX_FRAMING
        self._is_framed_once()
        if self.unclean or self.status == 101:
            self.unclean = self.will_close = True

    def _is_framed_once(self) -> None:
        """Raises `HTTPException` if two things tell where the body ends (RFC 9112, 6.3). Nobody knows by
        which of them a proxy on the way has gone, and so whether these octets answer our question.
        """
        lengths = [length.strip() for length in self.headers.get_all("Content-Length") or []]
        encodings = [one.strip().lower() for one in self.headers.get_all("Transfer-Encoding") or []]
        # int() takes +5 and 5_0 for numbers, too.
        well = all(re.fullmatch("[0-9]{1,18}", length) for length in lengths) and len(set(lengths)) < 2
        if not well or encodings not in ([], ["chunked"]) or (encodings and lengths):
            self.will_close = True
            told = [
                *(f"Content-Length {one}" for one in lengths),
                *(f"Transfer-Encoding {one}" for one in encodings),
            ]
            raise http.client.HTTPException(f"{_NO_END}: {', '.join(told)[:100]}")
        self.unclean = self.unclean or len(lengths) > 1

    def _close_conn(self) -> None:
        # What has come behind the body lies in the buffer, which http.client forgets with the answer.
        if self.fp is not None and not self.will_close:
            timeout = self._socket.gettimeout()
            with contextlib.suppress(OSError, ValueError):
                self._socket.settimeout(0)
                try:
                    self.unclean = self.unclean or bool(self.fp.peek(1))
                except OneCError:  # more than may come
                    self.unclean = True
            with contextlib.suppress(OSError):
                self._socket.settimeout(timeout)
        super()._close_conn()  # type: ignore[misc]


_NO_HEADERS = http.client.HTTPMessage()


class _Watched(HTTPConnection):
    """urllib3's connection, telling the progress of the request that its thread is making."""

    response_class = _Answer

    def getresponse(self) -> Any:
        response = super().getresponse()
        answer: Any = response._original_response
        # Where requests would look for cookies, which are read elsewhere, and in linear time.
        answer.msg = _NO_HEADERS
        self.answer = answer
        return response

    def end_if_unclean(self, breaks_off: bool) -> None:
        """Nobody else shall have what may still come here."""
        if breaks_off or getattr(self.answer, "unclean", True):
            self.close()

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        if _here.progress is not None:
            _here.progress.socket = made
            _here.progress.fresh = True
            if _here.progress.too_late:
                made.close()
                raise TimeoutError("too late")
        return made

    def send(self, data: Any) -> None:
        progress = _here.progress
        if progress is None:
            super().send(data)
            return
        progress.connection = self
        if self.sock is None:
            self.connect()
        progress.socket = self.sock
        if not progress.fresh and wait_for_read(self.sock, 0.0):
            raise ConnectionResetError("closed before the request was sent")  # or it speaks unasked
        if progress.headers_left and progress.careful and progress.fresh:
            _look_before(self.sock, LOOK_BEFORE)
        if progress.headers_left and progress.careful and _here.leaves is not None:
            _here.leaves()
        super().send(data)
        # urllib3 sends the headers by one call and the body by another.
        progress.left = progress.headers_left
        progress.headers_left = True


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _Adapter(HTTPAdapter):
    POOLS: ClassVar[dict[str, Any]] = {"http": _Pool, "https": _PoolTLS}

    def __init__(self, trust: ssl.SSLContext | None, login: str) -> None:
        self._trust = trust
        self._login = login
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._trust)
        self.poolmanager.pool_classes_by_scheme = self.POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **kwargs, ssl_context=self._trust)
        manager.pool_classes_by_scheme = self.POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The login goes beside the proxy's URL, which every exception about it repeats."""
        if not self._login:
            return {}
        return {"Proxy-Authorization": f"Basic {b64encode(self._login.encode()).decode()}"}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context verifies, with the certificates that it has loaded already."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


_loading = threading.Lock()


@lru_cache(maxsize=64)
def _trust(ca_file: str) -> ssl.SSLContext | OSError:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        return error


def prepare(settings: OneCSettings) -> ssl.SSLContext | OSError | None:
    """The certificates by which a base with https is trusted, or why there are none; None for http.

    Loading them takes a tenth of a second in which no other thread runs and no call is decided: so it is done
    once, at the start, and not for every connection.
    """
    if not settings.url.startswith("https:"):
        return None
    with _loading:
        return _trust(str(settings.ca_file or certifi.where()))


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
        self._http.mount("http://", _Adapter(None, login))
        trust = prepare(settings)
        self._no_trust = trust if isinstance(trust, OSError) else None
        if isinstance(trust, ssl.SSLContext):
            self._http.mount("https://", _Adapter(trust, login))
        if proxy:
            self._http.proxies = {"http": proxy, "https": proxy}
        self._http.headers.update({"User-Agent": f"fs-1c/{__version__}", "Accept": "text/xml, */*"})

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
        progress = _Progress(careful, self._heard)
        try:
            return self._once(request, progress, ends)
        except OneCError as error:
            worn_out = not progress.fresh and error.kind in ("cut", "broken")
            if not worn_out or (careful and error.reached is not Reached.NO):
                raise
        return self._once(request, _Progress(careful, self._heard), ends)

    def _once(self, request: Request, progress: _Progress, ends: float) -> Response:
        if self._no_trust is not None:
            why = f"ca_file: {_reason(self._no_trust)}"
            raise OneCError("settings", why, Reached.NO, base_down=True)
        limit = max(AT_LEAST, ends - time.monotonic())
        _here.progress = progress
        if self._heard is not None:
            self._heard.clear()
        try:
            with (
                TIMERS.within(limit, progress.end),
                self._http.request(
                    request.method,
                    self._address + request.path,
                    data=request.body,
                    headers=dict(request.headers),
                    auth=self._credentials(),
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
            raise error if isinstance(error, OneCError) else _explain(error, progress, limit) from None
        finally:
            _here.progress = None

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


def _look_before(connection: Any, seconds: float) -> None:
    """Raises ConnectionResetError if the peer has hung up already, or does within `seconds`."""
    if isinstance(connection, ssl.SSLSocket):
        return  # what arrives there may be the TLS layer's own
    readable, _, _ = select.select([connection], [], [], seconds)
    if readable and not connection.recv(1, socket.MSG_PEEK):
        raise ConnectionResetError("closed before the request was sent")


def _telling(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of the headers those that tell why there is no good answer."""
    return tuple(
        (name, headers[name][:500]) for name in ("WWW-Authenticate", "Location", "Server") if name in headers
    )


def _explain(error: Exception, progress: _Progress, limit: float) -> OneCError:
    """The `OneCError` that an exception of requests, urllib3 or the socket stands for."""
    exceptions = requests.exceptions
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidProxyURL):
        return OneCError("settings", _reason(error), Reached.NO, base_down=True)
    reached = Reached.MAYBE if progress.left else Reached.NO
    if isinstance(error, exceptions.SSLError) and not progress.too_late:
        return OneCError("tls", _reason(error), reached, base_down=True)
    slow = progress.too_late or isinstance(
        error, exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError
    )
    if progress.socket is None:
        why = "no connection in time" if slow else _reason(error)
        return OneCError("unreachable", why, reached, base_down=True, passing=True)
    if slow:
        why = f"no answer within {float(f'{limit:.2g}'):g} s"
        return OneCError("timeout", why, reached, base_down=True, passing=not progress.left)
    kind = "broken" if progress.left else "cut"
    return OneCError(kind, _reason(error), reached, base_down=True, passing=not progress.left)


_TELLING = (
    _NO_END,
    "[Errno",
    "certificate verify failed",
    "Remote end closed",
    "closed before",
    "Name or service",
    "Connection reset",
    "Broken pipe",
)


def _reason(error: object) -> str:
    """The most telling part of a nested message on one line, without object addresses and the URL."""
    text = channel.plain(str(error)[:2000])
    if "BadStatusLine(" in text:
        return f"what answers speaks no HTTP: {text.partition('BadStatusLine(')[2].strip(' ()')}"[:200]
    for marker in _TELLING:
        if marker in text:
            text = text[text.index(marker) :]
            break
    return text.partition(" (_ssl")[0].strip(" ()'\",")[:200]
