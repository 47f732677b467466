"""Who may read the status page. Pure, but for the clock.

On loopback: who is on this machine, and comes under one of its own names: a browser would else read it for a
foreign page whose name leads here (DNS rebinding). Elsewhere: who shows the token, as a program does in
`Authorization: Bearer`, or as a browser does that has shown it once and got a cookie for it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Mapping

from fs_1c.settings import Address, is_loopback

COOKIE = "fs_1c_status"
COOKIE_FOR = 12 * 3600
"""Seconds."""
FOREIGN = ("cross-site", "same-site")


def bearer(headers: Mapping[str, str], token: str) -> bool:
    """Do the headers show the token as a program does? An empty token cannot be shown."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and same(given.strip().encode("latin-1", "replace"), token)


def same(given: bytes, token: str) -> bool:
    """Is it the token? Takes as long for any."""
    return bool(token) and hmac.compare_digest(given, token.encode())


def host_is_ours(host: str, listen: Address) -> bool:
    """Does the `Host` header name this machine from within: localhost, a loopback address, or what the
    settings say?
    """
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        name = host.strip().lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name == listen.host.lower() or is_loopback(name)


class Cookies:
    """Cookies that stand for the token without being it: good until they expire, the process ends or the
    token changes.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def make(self, token: str) -> str:
        expires = int(time.time()) + COOKIE_FOR
        return f"{expires}.{self._sign(expires, token)}"

    def good(self, cookie: str, token: str) -> bool:
        expires, _, signature = cookie.partition(".")
        if not token or len(expires) > 12 or not expires.isascii() or not expires.isdigit():
            return False
        signed = self._sign(int(expires), token)
        fresh = int(expires) > time.time()
        return hmac.compare_digest(signature.encode("utf-8", "replace"), signed.encode()) and fresh

    def _sign(self, expires: int, token: str) -> str:
        return hmac.digest(self._secret, f"{expires}.{token}".encode(), "sha256").hex()
