"""Who has the right to open a card: whoever claims the pair of call and subscriber first.

1C opens a second card for a repeated IncomingCall, and several may be about to send it: two doors of the
service, mod_python3 inside FreeSWITCH beside the service, several switches, and the service that was started
anew after it had died between the request and its answer. They are told apart in three places, each for those
whom the one before cannot see: the memory of the process, a file for the machine, Redis for all machines.

The file and Redis are asked one after the other, by everybody in this order: whoever has lost in the one does
not stand in another's way in the other. Without them the card still opens: one card too many is better than
none.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cachetools import TTLCache

from fs_1c.cards.claims_file import CLAIM_SECONDS, ClaimsFile, News, Pair
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings

log = logging.getLogger(__name__)

CLAIMS = 100_000
"""Claims that a process remembers, and no more than that."""
REDIS_WAIT = 0.2
"""Seconds that Redis may take over one claim; with the file's less than a second."""

# 1: ours; 0: another's. What is no text is no claim either, and would stand there for ever.
_TAKE = """
if type(redis.pcall('GET', KEYS[1])) == 'table' then redis.call('DEL', KEYS[1]) end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 1 end
return 0
"""


class Claims:
    """Gives each pair of call and extension to one claimant. Thread-safe; `close` it in the end.

    Nothing is opened before `open` or the first claim, and never in the caller's thread.

    Args:
        file: Where the machine's claims are kept (SQLite), on a local disk; made with mode 0640 if it is not
            there. None: claims end with the process.
        redis: Where all switches' claims are kept; None: each switch is on its own.

    Raises SettingsError if the URL of Redis is no good or the `redis` package is missing.
    """

    def __init__(self, file: Path | None = None, redis: RedisSettings | None = None) -> None:
        # A lambda, so that the clock is looked up on each call: tests freeze it.
        self._claims: TTLCache[Pair, bool] = TTLCache(CLAIMS, CLAIM_SECONDS, timer=lambda: time.monotonic())
        self._lock = threading.Lock()
        self._file = ClaimsFile(file) if file else None
        self._shared = _Shared(redis) if redis else None

    def open(self) -> None:
        """Has the file and Redis opened now, so that no claim need wait for that. Returns at once."""
        if self._file:
            self._file.start()
        if self._shared:
            self._shared.open()

    def claim(self, call_uuid: str, extension: str) -> bool:
        """True for the first in this process who asks for this pair. Returns at once."""
        pair = _pair(call_uuid, extension)
        with self._lock:
            if pair in self._claims:
                return False
            self._claims[pair] = True
        if self._file:
            self._file.start()  # it is open, or being opened, when `confirm` needs it
        return True

    def release(self, call_uuid: str, extension: str) -> None:
        """Gives back a pair that was claimed and never confirmed: nothing was sent. Returns at once."""
        with self._lock:
            self._claims.pop(_pair(call_uuid, extension), None)

    def confirm(self, call_uuid: str, extension: str) -> bool:
        """True if nobody else, here or elsewhere, has this pair: it is ours, and 1C may be told.

        Call it once, after `claim`, on a worker thread and before anything is sent: it blocks, for less than
        a second. Where a file or Redis keeps claims, a second call for the same pair finds the first
        one there and returns False. What cannot be asked (hung, dead, locked, full, no longer readable) is
        passed over, and if that leaves nothing, the answer is True. Never raises.
        """
        pair = _pair(call_uuid, extension)
        for place in (self._file, self._shared):
            if place and place.take(pair) is False:
                log.info("call=%s pop extension=%s is another's, says %s", *pair, place.where)
                return False
        return True

    def close(self, timeout: float) -> None:
        """Lets go of the file, for at most `timeout` seconds, and of Redis. What is claimed stays claimed."""
        if self._file:
            self._file.close(timeout)
        if self._shared:
            self._shared.close()


def _pair(call_uuid: str, extension: str) -> Pair:
    """Both as short plain words that no other pair has, whatever was put into them."""
    return _word(call_uuid), _word(extension)


def _word(text: str) -> str:
    if re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", text):  # as all real ones are; legible for engineers
        return text
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Shared:
    """The claims of all machines, in Redis. While it is away it is left alone; see `BoundedRedis`."""

    def __init__(self, settings: RedisSettings) -> None:
        settings = settings.model_copy(update={"timeout": min(settings.timeout, REDIS_WAIT)})
        client, where = connect(settings)
        self.where = f"Redis at {where}"
        self._client: Any = client
        self._redis = BoundedRedis(client, where, settings.timeout)
        self._news = News(self.where)
        self._prefix = f"{settings.prefix}claim:"
        self._token = f"{socket.gethostname()[:100]}:{os.getpid()}"  # for people who look who has it

    def open(self) -> None:
        with suppress(RuntimeError):  # no thread to be had: the first claim tries again
            self._redis.open()

    def take(self, pair: Pair) -> bool | None:
        """True: ours; False: another's; None: Redis could not tell."""
        key = self._prefix + ":".join(pair)
        try:
            reply = self._redis.send(("EVAL", _TAKE, 1, key, self._token, int(CLAIM_SECONDS)))
        except (Away, RuntimeError):  # the latter: no thread to be had
            return None
        if reply not in (0, 1):
            self._news.failed(f"a claim is answered with {type(reply).__name__}")
            return None
        self._news.works()
        return bool(reply)

    def close(self) -> None:
        self._redis.close()
        self._client.connection_pool.disconnect()
