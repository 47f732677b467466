"""Requests' and urllib3's connections, watched: what passes through them tells how far a request has come."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
from base64 import b64encode
from typing import Any, ClassVar

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.wait import wait_for_read

from fs_1c.onec.framing import Answer
from fs_1c.onec.progress import here

LOOK_BEFORE = 0.05
"""Seconds that a careful request waits, on a fresh connection, for the peer to show that it hangs up at once.
"""
_NO_HEADERS = http.client.HTTPMessage()


class Watched(HTTPConnection):
    """urllib3's connection, telling the progress of the request that its thread is making."""

    response_class = Answer
    _in_one_piece = False  # a question leaves, head and body
    _head = b""  # that waits for its body

    @property
    def is_connected(self) -> bool:
        """Whether the peer has hung up is looked at when something is about to be sent, and not before."""
        return self.sock is not None

    def request(self, *given: Any, **more: Any) -> None:
        progress = here.progress
        # Each word with the network lets other threads have their turn, and then waits for its own. What is
        # careful leaves in two: between them it is looked whether somebody is going to read it.
        self._in_one_piece = bool(more.get("body")) and progress is not None and not progress.careful
        self._head = b""
        super().request(*given, **more)

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
        if here.progress is not None:
            here.progress.socket = made
            here.progress.fresh = True
            if here.progress.too_late:
                made.close()
                raise TimeoutError("too late")
        return made

    def send(self, data: Any) -> None:
        progress = here.progress
        if progress is None:
            super().send(data)
            return
        progress.connection = self
        if self._in_one_piece and not self._head:
            self._head = data
            return
        whole, self._in_one_piece = self._in_one_piece, False
        data, self._head = self._head + data, b""
        if self.sock is None:
            self.connect()
        progress.socket = self.sock
        if not progress.fresh and wait_for_read(self.sock, 0.0):
            raise ConnectionResetError("closed before the request was sent")  # or it speaks unasked
        if progress.headers_left and progress.careful and progress.fresh:
            _look_before(self.sock, LOOK_BEFORE)
        if progress.headers_left and progress.careful and here.leaves is not None:
            here.leaves()
        super().send(data)
        # urllib3 sends the headers by one call and the body by another.
        progress.left = whole or progress.headers_left
        progress.headers_left = True


class _WatchedTLS(Watched, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = Watched


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class Adapter(HTTPAdapter):
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


def _look_before(connection: Any, seconds: float) -> None:
    """Raises ConnectionResetError if the peer has hung up already, or does within `seconds`."""
    if isinstance(connection, ssl.SSLSocket):
        return  # what arrives there may be the TLS layer's own
    readable, _, _ = select.select([connection], [], [], seconds)
    if readable and not connection.recv(1, socket.MSG_PEEK):
        raise ConnectionResetError("closed before the request was sent")
