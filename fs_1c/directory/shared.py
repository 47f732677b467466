"""1C's answers shared by several switches through Redis (5 or newer): one request per number for all of them.

Redis is a convenience, never a condition: while it is slow or away every switch goes on alone. Ages are
taken from Redis' own clock, so the switches' clocks need not agree; an entry from the future is none. What
stands there are clients' names: personal data, of which nothing is logged.
"""

from __future__ import annotations

import concurrent.futures
import json
import logging
import math
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from fs_1c import redis_client
from fs_1c.directory.cache import Remembered
from fs_1c.onec import MAX_PHONE, MAX_TITLE, Answer
from fs_1c.redis_client import Away, BoundedRedis, Command, connect, why
from fs_1c.settings import LookupSettings, RedisSettings

log = logging.getLogger(__name__)

MAX_ENTRY = 8192
"""Octets of an entry; a longer one is not ours."""
MAX_AHEAD = 5.0
"""Seconds that an entry may be ahead of Redis' clock, which is another machine's after a failover; it counts
as of now. Further ahead it is none of ours: it would be of now at each look, and so stay fresh for ever.
"""
MAX_SWEEP, SWEEP_WITHIN = 10_000, 20.0
"""Steps of a thousand keys in which all answers of a base are looked for, and seconds for all of them."""
MAX_FORGOTTEN, FLOOD_PAUSE = 500, 1.0
"""Words a second about what others forget that are followed one by one. Whoever says more is not listened to
for some seconds, and all answers of the base are forgotten once instead.
"""

# The answer unless it is the one that the asker has seen; else, if he wants it, the claim. An array of
# answer, seconds and microseconds of Redis' clock, 1 for a claim taken.
_TURN = """
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) == 'table' or size > tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
local answer = redis.call('GET', KEYS[1]) or ''
local mine = 0
if answer == ARGV[2] and ARGV[4] ~= '0' then
    -- A claim without an end, or with a later one than ours would have, is nobody's who asks 1C.
    local left = redis.call('PTTL', KEYS[2])
    if left == -1 or left > 2 * tonumber(ARGV[4]) then redis.call('DEL', KEYS[2]) end
    if redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4]) then mine = 1 end
end
local now = redis.call('TIME')
return {answer, now[1], now[2], mine}
"""
# Gives the claim back, with the answer if there is one. A claim that is gone was forgotten together with the
# answer that was being asked for: that one may have been read before the change, so it is not kept.
_SETTLE = """
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[2] ~= '' then
    local now = redis.call('TIME')
    local asked = string.format('{"asked_at": %.3f, ', now[1] + now[2] / 1000000 - ARGV[3])
    redis.call('SET', KEYS[1], asked .. ARGV[2], 'PX', ARGV[4])
end
return 1
"""
# One step. What keys are called stays there: whoever else writes may have given them names of megabytes.
_SWEEP = """
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end
return found[1]
"""


class SharedAnswers:
    """One base's answers, `forget` and single requests, for all switches that share a Redis.

    For worker threads: everything here blocks, but waits for Redis no longer than `settings.timeout` seconds
    a time, and not at all in the second (up to ten) after a failure. Nothing raises on account of Redis.

    Args:
        base: The base's name; the same on all switches.
        lookup: How long answers are good for.
        claim_for: Seconds until somebody who has begun to ask counts as dead: the base's request timeout.
        wait_for: Seconds to wait for somebody else's answer before asking oneself; None: `claim_for`.

    Raises SettingsError if the URL is no good or the `redis` package is missing.
    """

    def __init__(
        self,
        settings: RedisSettings,
        base: str,
        lookup: LookupSettings,
        claim_for: float,
        wait_for: float | None = None,
    ) -> None:
        client, where = connect(settings)
        self._client: Any = client
        self._hearing: Any = connect(settings)[0]  # of its own: else it would take away what is connected
        self._redis = BoundedRedis(client, where, settings.timeout)
        # A disk that is full or a replica still reads: only a write tells that Redis is back.
        self._probe: Command = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)
        self._base = base
        self._prefix = f"{settings.prefix}{base}:"
        self._channel = f"{settings.prefix}forget"
        self._lookup = lookup
        self._claim_ms = max(1, round(claim_for * 1000))
        self._wait_for = claim_for if wait_for is None else wait_for
        self._closed = threading.Event()

    def ask(
        self, e164: str, ask_1c: Callable[[], Answer], *, max_age: float | None = None
    ) -> tuple[Answer, bool]:
        """What 1C says about a number, and whether another switch had asked. Raises what `ask_1c` raises.

        `ask_1c` is called once at the most. Of all who ask about a number at the same time one asks 1C and
        the others wait; if he fails, the next one tries.

        Args:
            max_age: Seconds that another's answer may be old; None: fresh by the settings.
        """
        token = uuid.uuid4().hex
        found = self._turn(e164, token, max_age)
        if found is not None:
            return found, True
        started = time.monotonic()
        try:
            answer = ask_1c()
        except BaseException:
            self._settle(e164, token)
            raise
        self._settle(e164, token, answer, time.monotonic() - started)
        return answer, False

    def get(self, e164: str) -> Remembered | None:
        """What is shared about a number, fresh or stale, with the time of asking on this machine's
        `time.time()`; None if that is nothing, or Redis is away.
        """
        try:
            found = self._look(e164)[1]
        except Away:
            return None
        return None if found is None else Remembered(found[0], time.time() - found[1])

    def forget(self, e164: str | None) -> bool:
        """Forgets one number, or all of this base, and tells all switches, this one too.

        Returns whether that was done; otherwise Redis is away, and what it holds will be forgotten with age.
        """
        done = True
        try:
            if e164 is None:
                done = self._sweep()
            else:
                self._send(("DEL", *self._keys(e164)))
            message = json.dumps({"base": self._base, "number": e164})
            self._send(("PUBLISH", self._channel, message))
        except Away:
            return False
        return done

    def listen(self, on_forget: Callable[[str, str | None], None]) -> None:
        """Has `on_forget(base, number)` called, on a thread of its own, when any switch forgets something of
        any base; number None: all of it. Call it once. What is told while Redis is away is not heard.
        Connects besides, so that no caller has to.
        """
        threading.Thread(target=self._listen, args=(on_forget,), name="fs-1c-forget", daemon=True).start()

    def close(self) -> None:
        """Lets go of Redis; who waits for another's answer asks 1C himself."""
        self._closed.set()
        self._redis.close()
        for client in (self._client, self._hearing):
            client.connection_pool.disconnect()

    def _turn(self, e164: str, token: str, max_age: float | None) -> Answer | None:
        """Waits for an answer that is fresh; None when it is on us to ask."""
        ends = time.monotonic() + self._wait_for
        pause = 0.02
        seen = b""
        while True:
            try:
                raw, found, mine = self._look(e164, token, seen)
            except Away:
                return None
            if found is not None:
                answer, age = found
                if age < (self._good_for(answer)[0] if max_age is None else max_age):
                    return answer
            left = ends - time.monotonic()
            if mine or left <= 0:
                return None
            if raw != seen:  # an answer, but not good enough: it does not count any more
                seen = raw
            elif self._closed.wait(min(pause, left)):
                return None
            else:
                pause = min(pause * 1.5, 0.1)

    def _good_for(self, answer: Answer) -> tuple[float, float]:
        """Seconds in which it is fresh, and in which it is kept."""
        if not answer.known:
            return self._lookup.unknown_for, self._lookup.unknown_for
        return self._lookup.fresh_for, self._lookup.fresh_for + self._lookup.stale_for

    def _look(
        self, e164: str, token: str = "", seen: bytes = b""
    ) -> tuple[bytes, tuple[Answer, float] | None, bool]:
        """What Redis holds; that as an answer and its age in seconds; whether the claim is ours now.

        Args:
            token: Ours; empty: no claim is wanted.
            seen: What does not count as an answer.
        """
        keys = self._keys(e164)
        wanted = self._claim_ms if token else 0
        reply = self._send(("EVAL", _TURN, 2, *keys, MAX_ENTRY, seen, token, wanted))
        try:
            raw, seconds, micros, mine = reply
            now = int(seconds) + int(micros) / 1e6
        except (TypeError, ValueError):
            raise self._redis.lied() from None
        if not isinstance(raw, bytes) or len(raw) > MAX_ENTRY:
            raise self._redis.lied()
        entry = _read(raw)
        if entry is None or entry[1] > now + MAX_AHEAD:
            if raw and raw != seen:
                self._send(("DEL", keys[0]))
            return raw, None, mine == 1
        answer, asked_at = entry
        age = max(0.0, now - asked_at)
        return raw, (answer, age) if age < self._good_for(answer)[1] else None, mine == 1

    def _settle(self, e164: str, token: str, answer: Answer | None = None, age: float = 0.0) -> None:
        """Gives the claim back, if it is still ours, with the answer that was asked for `age` seconds ago."""
        body, left = b"", 0
        if answer is not None and not answer.error:
            left = round((self._good_for(answer)[1] - age) * 1000)
            told = {"title": answer.title, "category": answer.category, "manager": answer.manager}
            body = json.dumps(told, ensure_ascii=False)[1:].encode("utf-8", "replace") if left > 0 else b""
        try:
            command = ("EVAL", _SETTLE, 2, *self._keys(e164), token, body, age, left)
            self._redis.send(command, may_probe=False)
        except Away:
            pass  # the claim ends by itself

    def _send(self, command: Command) -> Any:
        return self._redis.send(command, probe=self._probe)

    def _keys(self, e164: str) -> tuple[str, str]:
        return f"{self._prefix}{e164}", f"{self._prefix}{e164}:claim"

    def _sweep(self) -> bool:
        """Deletes all answers and claims of this base; False if there are too many keys. Raises `Away`."""
        pattern = re.sub(r"([\[\]*?\\])", r"\\\1", self._prefix) + "+*"
        cursor: Any = b"0"
        ends = time.monotonic() + SWEEP_WITHIN
        for _ in range(MAX_SWEEP):
            cursor = self._send(("EVAL", _SWEEP, 0, cursor, pattern))
            if not isinstance(cursor, bytes) or not cursor.isdigit():
                raise self._redis.lied()
            if cursor == b"0" or time.monotonic() > ends:
                break
        return bool(cursor == b"0")

    def _listen(self, on_forget: Callable[[str, str | None], None]) -> None:
        # With nobody's clock running: the first word takes longest, and a caller would give up on Redis.
        concurrent.futures.wait([self._redis.open()])
        pause, told = 0.0, False
        flood = _Flood()
        while not self._closed.wait(pause):
            pause = min(pause * 2 or redis_client.FIRST_PAUSE, redis_client.MAX_PAUSE)
            pubsub = self._hearing.pubsub()
            try:
                pubsub.subscribe(self._channel)
                while (heard := self._hear(pubsub)) is not None:
                    if heard["type"] == "subscribe":
                        pause, told = redis_client.FIRST_PAUSE, False
                        self._works()
                        if flood.over():
                            _call(on_forget, json.dumps({"base": self._base, "number": None}).encode())
                    elif heard["type"] == "message":
                        if flood.begins():
                            pause = FLOOD_PAUSE
                            break
                        _call(on_forget, heard["data"])
            except Exception as error:
                # When Redis is away that is told by the line; here only that it does not let us listen.
                if not told and not self._closed.is_set() and self._works():
                    log.warning("Redis: what other switches forget is not heard (%s)", why(error))
                    told = True
            finally:
                pubsub.close()

    def _hear(self, pubsub: Any) -> dict[str, Any] | None:
        """The next message; None when we have closed, or Redis has been silent even when spoken to."""
        for second in range(10):
            message: dict[str, Any] | None = pubsub.get_message(timeout=1.0)
            if self._closed.is_set():
                return None
            if message:
                return message
            if second == 5:
                pubsub.ping()
        return None

    def _works(self) -> bool:
        try:
            self._send(("PING",))
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


def _read(raw: bytes) -> tuple[Answer, float] | None:
    """An entry as an answer and its time of asking on Redis' clock; None if it is not one of ours."""
    try:
        entry = json.loads(raw)
        texts = [entry[name] for name in ("title", "category", "manager")]
        asked_at = float(entry["asked_at"])
        for text, limit in zip(texts, (MAX_TITLE, MAX_PHONE, MAX_PHONE), strict=True):
            if not isinstance(text, str) or len(text) > limit:
                return None
            text.encode()  # raises for half a surrogate pair, which no channel could be given
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return None
    return (Answer(*texts), asked_at) if math.isfinite(asked_at) else None


def _call(on_forget: Callable[[str, str | None], None], data: bytes) -> None:
    """Hands on one message, if it is one of ours."""
    try:
        told = json.loads(data[:MAX_ENTRY])
        base, number = told["base"], told["number"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return
    if isinstance(base, str) and isinstance(number, str | None):
        try:
            on_forget(base, number)
        except Exception:
            log.exception("what another switch forgot could not be forgotten here")
