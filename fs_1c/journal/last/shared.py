"""Who talked last, as other services know it: a key in Redis for each client, which expires.

Whoever else writes there may have written anything: what is not ours is nothing.
"""

from __future__ import annotations

import math
import re
import time
from concurrent.futures import Future
from typing import Any

from fs_1c.call import LastTalk
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings

MAX_ENTRY = 64
"""Octets of an entry; a longer one is not ours."""
AHEAD = 60.0
"""Seconds that another machine's clock may be ahead of ours."""
# No more of it than is read, and a key that holds something else is no fault of Redis'.
_LOOK = """local there = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[1])
return type(there) == 'string' and there or ''"""
_ENTRY = re.compile(rb"([0-9]{1,11}\.[0-9]{1,6}) ([0-9]{1,9})")


class SharedTalks:
    """Thread-safe. Nothing here raises on account of Redis, and nothing but `erase` blocks.

    Args:
        keep_for: Seconds after which a talk is of no use.

    Raises SettingsError if the URL is no good or the `redis` package is missing.
    """

    def __init__(self, settings: RedisSettings, keep_for: float) -> None:
        client, where = connect(settings)
        self._client: Any = client
        # One that is full or a replica still reads: only a write tells that it is back.
        probe = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)
        self._redis = BoundedRedis(client, where, settings.timeout, probe)
        self._prefix = f"{settings.prefix}last-talker:"
        self._keep_for = keep_for

    def ask(self, e164: str) -> Future[LastTalk | None]:
        """Who talked to that client last; None: nobody knows."""
        told: Future[LastTalk | None] = Future()
        now = time.time()

        def answered(reply: Future[Any]) -> None:
            try:
                talk = read(reply.result())
            except Away:
                talk = None
            told.set_result(talk if talk and now - self._keep_for <= talk.at <= now + AHEAD else None)

        word = ("EVAL", _LOOK, 1, f"{self._prefix}{e164}", MAX_ENTRY)
        self._redis.begin(word).add_done_callback(answered)
        return told

    def tell(self, e164: str, talk: LastTalk) -> Future[Any]:
        """Another talk has ended. Returns at once, with what ends when Redis has it or is away."""
        left = max(1, round(talk.at + self._keep_for - time.time()))
        return self._redis.begin(("SET", f"{self._prefix}{e164}", written(talk), "EX", left))

    def erase(self, e164: str) -> bool:
        """Whether nothing of that client is there any more. Blocks for as long as Redis may take."""
        try:
            self._redis.send(("DEL", f"{self._prefix}{e164}"))
        except Away:
            return False
        return True

    def close(self) -> None:
        self._redis.close()
        self._client.connection_pool.disconnect()


def written(talk: LastTalk) -> bytes:
    return b"%.3f %s" % (talk.at, talk.extension.encode())


def read(raw: object) -> LastTalk | None:
    """None if it is not one of ours."""
    if not isinstance(raw, bytes) or len(raw) > MAX_ENTRY or not (found := _ENTRY.fullmatch(raw)):
        return None
    at = float(found[1])
    return LastTalk(found[2].decode(), at) if math.isfinite(at) else None
