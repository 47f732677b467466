"""1C's answer has changed: that is told to all switches through Redis, and heard from them.

What could not be told is told again when Redis is there. Who was away from Redis sees by the base's
generation, another one after each `forget`, whether he has missed something.
"""

from __future__ import annotations

import concurrent.futures
import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fs_1c import redis_client
from fs_1c.directory.entries import MAX_ENTRY
from fs_1c.directory.turn import Place
from fs_1c.redis_client import Away, BoundedRedis, why

log = logging.getLogger(__name__)

MAX_SWEEP, SWEEP_WITHIN = 10_000, 20.0
"""Steps of a thousand keys in which all answers of a base are looked for, and seconds for all of them."""
MAX_FORGOTTEN, FLOOD_PAUSE = 500, 1.0
"""Words a second about what others forget that are followed one by one. Whoever says more is not listened to
for some seconds, and all answers of the base are forgotten once instead.
"""
MAX_UNTOLD = 1000
"""Numbers that wait to be told; more are told as all of the base."""
GENERATION_FOR = 86_400.0
"""Seconds that a generation stays for longer than any answer of its base. One that is gone is another one:
who remembers something from before asks anew.
"""

# One step. What keys are called stays there: whoever else writes may have given them names of megabytes.
_SWEEP = """
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end
return found[1]
"""
# A generation is the time of the `forget` on Redis' clock, and not a count: one that begins anew, in a Redis
# that has lost everything, would come to numbers that were there before.
_NOW = """
local now = redis.call('TIME')
local generation = now[1] .. '.' .. string.format('%06d', now[2])
"""
# The answer and its claim go first: of a Redis that is full these are what can be had.
_FORGET = f"""{_NOW}
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('PUBLISH', ARGV[1], ARGV[2] .. ', "generation": "' .. generation .. '"}}')
redis.call('SET', KEYS[1], generation, 'PX', ARGV[3])
return 1
"""
_GENERATION = f"""
local there = redis.pcall('GET', KEYS[1])
if type(there) == 'string' and #there < 40 then
    redis.pcall('PEXPIRE', KEYS[1], ARGV[1])
    return there
end
{_NOW}
redis.call('SET', KEYS[1], generation, 'PX', ARGV[1])
return generation
"""

OnForget = Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a switch has said that it forgets.

    Attributes:
        number: In E.164; None: all of the base.
        generation: That its base has since; empty: an older service does not say so.
    """

    base: str
    number: str | None
    generation: bytes


def read(data: bytes) -> Heard | None:
    """None if it is not one of ours."""
    try:
        told = json.loads(data[:MAX_ENTRY])
        base, number, generation = told["base"], told["number"], told.get("generation", "")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    if not (isinstance(base, str) and isinstance(number, str | None) and isinstance(generation, str)):
        return None
    return Heard(base, number, generation.encode("ascii", "replace"))


class Forgetting:
    """What one base's switches tell each other. Thread-safe.

    Args:
        hearing: Redis, by a connection of its own.
    """

    def __init__(self, redis: BoundedRedis, hearing: Any, prefix: str, base: str, place: Place) -> None:
        self._redis = redis
        self._hearing = hearing
        self._base = base
        self._place = place
        self._channel = f"{prefix}forget"
        self._generation_key = f"{place.prefix}generation"
        kept = place.lookup.fresh_for + place.lookup.stale_for
        self._generation_ms = round((max(kept, place.lookup.unknown_for) + GENERATION_FOR) * 1000)
        self._generation: bytes | None = None  # the latest that was heard of; None: none yet
        self._deaf = False  # something may have been missed
        self._untold: set[str | None] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @property
    def untold(self) -> frozenset[str | None]:
        with self._lock:
            return frozenset(self._untold)

    def forget(self, e164: str | None) -> bool:
        """See `SharedAnswers.forget`."""
        try:
            return self._tell(e164)
        except Away:
            self._keep([e164])
            return False

    def listen(
        self, on_forget: OnForget, on_missed: Callable[[], None], untold: Iterable[str | None] = ()
    ) -> None:
        """See `SharedAnswers.listen`."""
        self._keep(untold)
        threading.Thread(
            target=self._listen, args=(on_forget, on_missed), name="fs-1c-forget", daemon=True
        ).start()

    def close(self) -> None:
        self._closed.set()
        self._hearing.connection_pool.disconnect()

    def _keep(self, untold: Iterable[str | None]) -> None:
        with self._lock:
            before = bool(self._untold)
            self._untold.update(untold)
            if None in self._untold or len(self._untold) > MAX_UNTOLD:
                self._untold = {None}
            news = bool(self._untold) and not before
        if news:
            log.warning(
                "1C base %s: Redis is not told what is forgotten; it will be when it is there", self._base
            )

    def _tell(self, e164: str | None) -> bool:
        """False if there are too many keys to look at. Raises `Away`."""
        swept = True
        if e164 is None:
            swept = self._sweep()
        keys = (self._generation_key, *(self._place.keys(e164) if e164 is not None else ()))
        message = json.dumps({"base": self._base, "number": e164})[:-1]
        told = ("EVAL", _FORGET, len(keys), *keys, self._channel, message, self._generation_ms)
        if self._redis.send(told) != 1:
            raise self._redis.lied()
        return swept

    def _sweep(self) -> bool:
        """Deletes all answers and claims of this base; False if there are too many keys. Raises `Away`."""
        pattern = re.sub(r"([\[\]*?\\])", r"\\\1", self._place.prefix) + "+*"
        cursor: Any = b"0"
        ends = time.monotonic() + SWEEP_WITHIN
        for _ in range(MAX_SWEEP):
            cursor = self._redis.send(("EVAL", _SWEEP, 0, cursor, pattern))
            if not isinstance(cursor, bytes) or not cursor.isdigit():
                raise self._redis.lied()
            if cursor == b"0" or time.monotonic() > ends:
                break
        return bool(cursor == b"0")

    def _listen(self, on_forget: OnForget, on_missed: Callable[[], None]) -> None:
        # With nobody's clock running: the first word takes longest, and a caller would give up on Redis.
        concurrent.futures.wait([self._redis.open()])
        pause, told = 0.0, False
        flood = _Flood()
        while not self._closed.wait(pause):
            pause = min(pause * 2 or redis_client.FIRST_PAUSE, redis_client.MAX_PAUSE)
            pubsub = self._hearing.pubsub()
            try:
                pubsub.subscribe(self._channel)
                hears = False
                while (heard := self._hear(pubsub, hears, on_missed)) is not None:
                    if heard["type"] == "subscribe":
                        pause, told, hears = redis_client.FIRST_PAUSE, False, True
                        if flood.over():  # whatever was not heard since is among what is forgotten now
                            on_forget(self._base, None)
                            self._deaf = False
                        self._caught_up(on_missed)
                    elif heard["type"] == "message":
                        if flood.begins():
                            pause = FLOOD_PAUSE
                            break
                        self._told(on_forget, heard["data"])
            except Exception as error:
                # When Redis is away that is told by the line; here only that it does not let us listen.
                if not told and not self._closed.is_set() and self._works():
                    log.warning("Redis: what other switches forget is not heard (%s)", why(error))
                    told = True
            finally:
                pubsub.close()
            self._deaf = True

    def _hear(self, pubsub: Any, hears: bool, on_missed: Callable[[], None]) -> dict[str, Any] | None:
        """The next message; None when we have closed, or Redis has been silent even when spoken to.

        `hears`: Redis has said that it tells us. Before that, what is forgotten may still be missed.
        """
        for second in range(10):
            message: dict[str, Any] | None = pubsub.get_message(timeout=1.0)
            if self._closed.is_set():
                return None
            if message:
                return message
            if second == 5:
                pubsub.ping()
            if hears and (self._untold or self._generation is None or self._deaf or not self._redis.up):
                self._caught_up(on_missed)
        return None

    def _caught_up(self, on_missed: Callable[[], None]) -> None:
        """Redis is heard again: has something been missed, and has it missed something?"""
        try:
            generation = self._redis.send(("EVAL", _GENERATION, 1, self._generation_key, self._generation_ms))
            if not isinstance(generation, bytes):
                raise self._redis.lied()
            missed = self._deaf and generation != self._generation
            self._generation, self._deaf = generation, False
            if missed:
                log.warning(
                    "1C base %s: something was forgotten while Redis was not heard; 1C is asked anew",
                    self._base,
                )
                on_missed()
            self._tell_again()
        except Away:  # it is asked again; what others forget meanwhile is heard
            return

    def _tell_again(self) -> None:
        """Raises `Away`."""
        untold = self.untold
        for e164 in untold:
            self._tell(e164)
            with self._lock:
                self._untold.discard(e164)
        if untold:
            what = "all" if None in untold else f"{len(untold)} numbers"
            log.warning("1C base %s: Redis has been told what was forgotten: %s", self._base, what)

    def _told(self, on_forget: OnForget, data: bytes) -> None:
        heard = read(data)
        if heard is None:
            return
        if heard.base == self._base and heard.generation:
            self._generation = heard.generation
        try:
            on_forget(heard.base, heard.number)
        except Exception:
            log.exception("what another switch forgot could not be forgotten here")

    def _works(self) -> bool:
        try:
            self._redis.send(("PING",))
        except Away:
            return False
        return True


class _Flood:
    """Counts what is heard; `MAX_FORGOTTEN` words a second are no flood."""

    def __init__(self) -> None:
        self._since, self._heard, self._told_at = 0.0, 0, -math.inf

    def begins(self) -> bool:
        """One more word; is that too many?"""
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._since, self._heard = now, 0
        self._heard += 1
        if self._heard <= MAX_FORGOTTEN:
            return False
        if now - self._told_at > 60.0:
            self._told_at = now
            log.warning(
                "Redis: more than %d words a second of what to forget; all is forgotten instead",
                MAX_FORGOTTEN,
            )
        return True

    def over(self) -> bool:
        """It is listened to again; was it a flood that had ended that?"""
        ended, self._heard = self._heard > MAX_FORGOTTEN, 0
        return ended
