"""Who may be told what. Pure, but for the clock.

Where a token is set, who shows it: a program in `Authorization: Bearer`, a browser by the session that it got
for showing it once. Where none is set, who is on this machine and comes under one of its own names, by
himself. A browser would else read it for a foreign page whose name leads here (DNS rebinding), and a proxy on
this machine would show it to whoever reaches the proxy.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address

from cachetools import LRUCache, TTLCache

from fs_1c.settings import Address, is_loopback

COOKIE = "fs_1c_status"
PAGE = "X-FS-1C-Page"
"""The header by which a session's own page asks for more than to read. A foreign page may have the cookie
sent, but cannot read what to write there.
"""
COOKIE_FOR = 12 * 3600
"""Seconds."""
SESSIONS = 256
"""At the same time; the oldest ends for the next one."""
FOREIGN = ("cross-site", "same-site")

FREE, FREE_IN_ALL = 5, 60
"""Wrong tokens of one client, and of all together, that cost nobody any time."""
FORGET_ONE, FORGET_ONE_IN_ALL = 10.0, 1.0
"""Seconds after which one of them is forgotten."""
STEP, LONGEST = 0.5, 1.5
"""Seconds that a try waits, for each wrong token too many, and at the most; so does a stop of the service."""
WAITING, WAITING_IN_ALL = 4, 16
"""Tries of one client, and of all, that may wait; the next one is not looked at."""
CLIENTS = 1024
"""Clients whose wrong tokens are counted."""
TRUSTED_FOR = 3600.0
"""Seconds for which a program that has shown the right token never waits."""


def bearer(headers: Mapping[str, str]) -> bytes | None:
    """The token that a program shows; None if it shows none."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else None


def same(given: bytes, token: str) -> bool:
    """Is it the token? Takes as long for any. An empty token cannot be shown."""
    return bool(token) and hmac.compare_digest(given, token.encode())


def proxied(headers: Iterable[str], version: str) -> bool:
    """Has a proxy sent it? By the names of its headers; or by HTTP/1.0, which no browser and no Prometheus
    speaks, and which is all that a plain `proxy_pass` of nginx tells of itself.
    """
    names = {name.lower() for name in headers}
    told = names & {"forwarded", "via", "x-real-ip"} or any(n.startswith("x-forwarded-") for n in names)
    return bool(told) or version == "1.0"


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


def client_of(peer: str, forwarded_for: str) -> str:
    """Whose wrong tokens are counted together: an address, of IPv6 a network of 64 bits.

    Args:
        peer: Who has connected.
        forwarded_for: `X-Forwarded-For`, believed of this machine only: its last one is whom the proxy saw.
    """
    try:
        address = ip_address(peer)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if forwarded_for and (mapped or address).is_loopback:
            address = ip_address(forwarded_for.rpartition(",")[2].strip())
    except ValueError:
        return peer
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)


class Sessions:
    """Browsers that have shown the token. A cookie is good until it expires, its session or the process ends,
    or the token changes. What is kept of either tells neither.
    """

    def __init__(self) -> None:
        self._open: dict[bytes, tuple[float, bytes]] = {}
        self._ours = secrets.token_bytes(32)

    def page(self, cookie: str) -> str:
        """What a session's page must show, to ask for more than to read."""
        return hmac.new(self._ours, _digest(cookie), hashlib.sha256).hexdigest()

    def asks(self, cookie: str, shown: str) -> bool:
        """Is it that session's own page that shows this?"""
        return bool(cookie) and same(shown.encode("latin-1", "replace"), self.page(cookie))

    def begin(self, token: str) -> str:
        """A cookie for who has shown this token."""
        cookie = secrets.token_urlsafe(32)
        while len(self._open) >= SESSIONS:
            del self._open[next(iter(self._open))]
        self._open[_digest(cookie)] = time.monotonic() + COOKIE_FOR, _digest(token)
        return cookie

    def good(self, cookie: str, token: str) -> bool:
        expires, began_with = self._open.get(_digest(cookie), (0.0, b""))
        return bool(token) and time.monotonic() < expires and began_with == _digest(token)

    def end(self, cookie: str) -> bool:
        """From now on it is good for nothing. Was it a session?"""
        return self._open.pop(_digest(cookie), None) is not None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


class Tries:
    """Makes guessing slow: after some wrong tokens the next try waits before it is looked at, right or not,
    and few may wait.

    Nobody is locked out: who has shown no wrong token waits only while very many others do, and a program
    that has shown the right one before does not wait at all.
    """

    def __init__(self) -> None:
        self._wrong: LRUCache[str, tuple[float, float]] = LRUCache(CLIENTS)
        self._wrong_in_all = (0.0, 0.0)
        self._waiting: Counter[str] = Counter()
        self._trusted: TTLCache[str, bool] = TTLCache(CLIENTS, TRUSTED_FOR)

    def pause(self, client: str, *, program: bool) -> float:
        """Seconds that this client's next try has to wait."""
        if program and client in self._trusted:
            return 0.0
        too_many = _left(self._wrong.get(client), FORGET_ONE) - FREE + 1
        too_many_in_all = _left(self._wrong_in_all, FORGET_ONE_IN_ALL) - FREE_IN_ALL + 1
        return min(LONGEST, STEP * max(0.0, too_many, too_many_in_all))

    def wait(self, client: str) -> bool:
        """Takes a place to wait in, to be given back by `waited`. False: there is none."""
        if self._waiting[client] >= WAITING or self._waiting.total() >= WAITING_IN_ALL:
            return False
        self._waiting[client] += 1
        return True

    def waited(self, client: str) -> None:
        self._waiting[client] -= 1
        self._waiting += Counter()  # keeps nobody who does not wait

    def ended(self, client: str, right: bool, *, program: bool) -> None:
        """A try has been looked at."""
        if right:
            self._wrong.pop(client, None)
            if program:
                self._trusted[client] = True
            return
        self._wrong[client] = _one_more(self._wrong.get(client), FORGET_ONE, 2 * FREE)
        self._wrong_in_all = _one_more(self._wrong_in_all, FORGET_ONE_IN_ALL, 2 * FREE_IN_ALL)


def _left(counted: tuple[float, float] | None, forget_one: float) -> float:
    """How many are not forgotten yet of so many at that time."""
    count, when = counted or (0.0, 0.0)
    return max(0.0, count - (time.monotonic() - when) / forget_one)


def _one_more(counted: tuple[float, float] | None, forget_one: float, most: int) -> tuple[float, float]:
    return min(float(most), _left(counted, forget_one) + 1), time.monotonic()
