"""What is kept in Redis of the words that wait for 1C, and what becomes of it: commands, and scripts that run
in Redis 5. Who does what with it, and why: `relay`.

Each call of a switch has a hash, in which each of its words has a field. The field holds the word while it
waits; `!SERVICE SECONDS` since a service has taken a harmful one to say it; `-` when it has come to its end.
A sorted set for the switch has the calls of which something waits, oldest first: it is bounded, and whoever
finds it full leaves what he has in his own file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import astuple, dataclass, fields, replace
from enum import Enum
from typing import Any

from fs_1c.history.kept import Word
from fs_1c.redis_client import Away, BoundedRedis

MAX_CALLS = 20_000
"""Calls of one switch that wait in Redis."""
REMEMBERED, REMEMBERED_LONG = 900, 24 * 3600
"""Seconds for which it is known what was said of a call that is over: by its own service, by a reserve."""
TAKES = 15.0
"""Seconds in which whoever has taken a word has said it, or is dead."""
PORTION = 100
"""Calls that are read at a time."""
SAME = {"CANCELLED": "COMPLETED"}
"""Harmful words of which a call has one or the other."""
BEGINS = ("START", "INCOMING", "OUTGOING")
"""Words that come before all others of a call."""
ENDS = ("END", "COMPLETED")
"""Fields of how a call ended: whoever says that says what follows, too."""
HERE = 15
"""Seconds after its last look at Redis for which a service counts as there."""
MAX_WORD = 8000
"""Characters of a word that is read; a longer one is none of ours."""

_LIFE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'life' end\n"
_ATTACH = """
local life = redis.call('GET', KEYS[1])
if not life then life = ARGV[1]; redis.call('SET', KEYS[1], life) end
local reserved = redis.call('EXISTS', KEYS[3])
if ARGV[2] ~= '0' then redis.call('SET', KEYS[3], 1, 'EX', ARGV[2]) end
return {life, redis.call('TIME')[1], redis.call('GET', KEYS[2]) or '', reserved}
"""
_ALIVE = (
    _LIFE
    + """
redis.call('SET', KEYS[3], 1, 'EX', ARGV[3])
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], redis.call('TIME')[1], 'EX', ARGV[2]) end
return 'ok'
"""
)
_PUT = (
    _LIFE
    + """
local there = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not there and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'full' end
local found, waits, over = {}, false, redis.call('HGET', KEYS[3], '.over')
local mine, another = '"' .. ARGV[8] .. '"]', false
for i = 10, #ARGV, 2 do
    local state = redis.call('HGET', KEYS[3], ARGV[i])
    local theirs = not state or (string.sub(state, 1, 1) == '[' and string.sub(state, -#mine) ~= mine)
    if another or (over and over ~= ARGV[8] and theirs) then
        found[#found + 1] = -1
    elseif not state then
        redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
        waits = true
        found[#found + 1] = 1
    else
        found[#found + 1] = state == '-' and -1 or 0
    end
    another = another or (state and theirs and string.find(ARGV[9], ' ' .. ARGV[i] .. ' ', 1, true))
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[3], '.long', 1) end
if ARGV[6] ~= '' then redis.call('HSETNX', KEYS[3], '.over', ARGV[8]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[3], '.manager', ARGV[7]) end
if waits and not there then
    local now = redis.call('TIME')
    redis.call('ZADD', KEYS[2], now[1] + now[2] / 1000000, ARGV[2])
    redis.call('EXPIRE', KEYS[2], ARGV[4])
end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return found
"""
)
_CLAIM = (
    _LIFE
    + """
local now, mine = redis.call('TIME')[1], '!' .. ARGV[3] .. ' '
local at, at_is, ends = tonumber(ARGV[7]), tonumber(ARGV[10]), ARGV[2] == 'END' or ARGV[2] == 'COMPLETED'
local all = at and redis.call('HGETALL', KEYS[2]) or {}
for i = 1, #all, 2 do
    local name, first, by, its = string.match(all[i], '^[^:]*'), string.sub(all[i + 1], 1, 1), nil, 0
    local before = string.find(ARGV[8], ' ' .. name .. ' ', 1, true)
    if all[i] == ARGV[2] then
        before = nil
    elseif first == '!' then
        before, by = before or ends, string.match(all[i + 1], '^!(%S+) ')
    elseif first == '[' then
        local good, word = pcall(cjson.decode, all[i + 1])
        if good and type(word[at_is]) == 'number' then by, its = word[#word], word[at_is] end
        before = before or its < at or (ends and its == at and name ~= 'history')
    end
    if before and type(by) == 'string' and by ~= ARGV[3]
        and redis.call('EXISTS', ARGV[9] .. by) == 1 then return 'before' end
end
local state = redis.call('HGET', KEYS[2], ARGV[2])
if not state then
    local over = redis.call('HGET', KEYS[2], '.over')
    if over and over ~= ARGV[3] then return 'said' end
    if ARGV[4] ~= '1' then return 'unknown' end
elseif string.sub(state, 1, 1) == '-' then
    return 'said'
elseif string.sub(state, 1, 1) == '!' and string.sub(state, 1, #mine) ~= mine then
    if now - tonumber(string.match(state, ' (%d+)$') or '0') < tonumber(ARGV[6]) then return 'busy' end
    return 'said'
elseif string.sub(state, 1, 1) == '[' then
    local good, word = pcall(cjson.decode, state)
    if good and word[4] ~= ARGV[11] then return 'said' end
end
redis.call('HSET', KEYS[2], ARGV[2], mine .. now)
if redis.call('TTL', KEYS[2]) < 0 then redis.call('EXPIRE', KEYS[2], ARGV[5]) end
return 'mine'
"""
)
_SETTLE = (
    _LIFE
    + """
for i = 4, #ARGV do redis.call('HSET', KEYS[3], ARGV[i], '-') end
local all = redis.call('HGETALL', KEYS[3])
local over, long = false, false
for i = 1, #all, 2 do
    if all[i] == '.over' then over = true
    elseif all[i] == '.long' then long = true
    elseif string.sub(all[i], 1, 1) ~= '.' and all[i + 1] ~= '-' then
        if redis.call('TTL', KEYS[3]) < 0 then redis.call('EXPIRE', KEYS[3], 86400) end
        return 'ok'
    end
end
redis.call('ZREM', KEYS[2], ARGV[2])
if not long then redis.call('EXPIRE', KEYS[3], over and ARGV[3] or 86400)
elseif redis.call('TTL', KEYS[3]) < 0 then redis.call('EXPIRE', KEYS[3], 86400) end
return 'ok'
"""
)
_BACK = (
    _LIFE
    + """
local state, mine = redis.call('HGET', KEYS[2], ARGV[2]), '!' .. ARGV[3] .. ' '
if state and string.sub(state, 1, #mine) == mine then redis.call('HSET', KEYS[2], ARGV[2], ARGV[4]) end
return 'ok'
"""
)
_READ = (
    _LIFE
    + """
local found = {}
for i = 3, #KEYS do
    local all = redis.call('HGETALL', KEYS[i])
    if #all == 0 then
        redis.call('ZREM', KEYS[2], ARGV[i])
    elseif ARGV[2] ~= '0' then
        redis.call('HSET', KEYS[i], '.long', 1)
        redis.call('EXPIRE', KEYS[i], ARGV[2])
    end
    found[#found + 1] = all
end
return found
"""
)


class Claim(Enum):
    """Whether a harmful word may be said."""

    MINE = "mine"
    SAID = "said"  # another has said it, or may have
    BUSY = "busy"  # another is at it
    BEFORE = "before"  # another, who is there, has what comes before it
    UNKNOWN = "unknown"  # Redis knows nothing of it
    LIFE = "life"  # Redis has lost what it knew


class Lost(Exception):
    """Redis is another than it was: it has lost what it knew."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What Redis says to whoever comes.

    Attributes:
        life: Of what it knows; another one after it has lost it.
        silent: Seconds since the switch's own service was here; None: it never was.
        reserved: A reserve has been here.
    """

    life: str
    silent: float | None
    reserved: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What Redis has of one call.

    Attributes:
        manager: The client's, by his extension, or empty.
        words: That wait, in order, each with the service that has put it there.
        taken: Fields of harmful ones that a service has taken to say, with that.
    """

    base: str
    call: str
    manager: str
    words: tuple[tuple[Word, str], ...]
    taken: tuple[tuple[str, str], ...]


def field_of(word: Word) -> str:
    """By what a word is known in all services. What is said once has one name in its call."""
    return SAME.get(word.state, word.state) if word.once else f"{word.state}:{word.extension}:{word.at:.3f}"


def comes_before(one: Word, other: Word) -> bool:
    """In their call; `_CLAIM` has the same rule."""
    if one.state in BEGINS or other.state in BEGINS:
        return one.state in BEGINS and other.state not in BEGINS
    return one.at < other.at


class Shared:
    """One Redis. Futures end with `Away` when it is, and nothing blocks but what says so.

    Args:
        keep_for: Seconds after which nothing waits any more.

    Attributes:
        me: This service, by its file: the same after a restart; empty until the file has told it.
    """

    def __init__(self, redis: BoundedRedis, prefix: str, keep_for: float) -> None:
        self.me = ""
        self._redis = redis
        self._prefix = f"{prefix}history:"
        self._keep_for = max(60, round(keep_for))

    def attach(self, switch: str, fresh: str, *, reserve: bool) -> Attached:
        """Blocks. Raises `Away`. `fresh` names its life if it has none."""
        keys = (self._life, self._own(switch), f"{self._prefix}{switch}:reserve")
        stays = self._keep_for if reserve else 0
        try:
            life, now, own, reserved = self._eval(_ATTACH, keys, fresh, stays).result()
            silent = max(0.0, float(now) - float(own)) if own else None
            return Attached(life.decode("utf-8", "replace"), silent, bool(reserved))
        except (TypeError, ValueError, AttributeError):
            raise self._redis.lied() from None

    def alive(self, switch: str, life: str, *, own: bool) -> None:
        """Says that we are here, and if we are the switch's `own` service that this is. Blocks. Raises `Away`
        and `Lost`.
        """
        keys = (self._life, self._own(switch), self._here + self.me)
        _checked(self._eval(_ALIVE, keys, life, self._keep_for if own else 0, HERE).result())

    def said_all(self, switch: str, owner: str) -> None:
        """Here is all that we have heard before that owner came. Blocks. Raises `Away`."""
        self._redis.begin(("SET", _octets(self._said(switch)), _octets(owner), "EX", self._keep_for)).result()

    def heard(self, switch: str) -> str:
        """Before which owner came all that others have heard is here. Blocks. Raises `Away`."""
        reply = self._redis.begin(("GET", _octets(self._said(switch)))).result()
        return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""

    def put(
        self,
        switch: str,
        life: str,
        words: list[Word],
        *,
        long: bool = False,
        over: bool = False,
        manager: str = "",
    ) -> Future[Any]:
        """Words of one call. The reply is for `understood`."""
        member = _member(words[0])
        told = [one for word in words for one in (field_of(word), self._written(word))]
        flags = ("1" if long else "", "1" if over else "", manager, self.me, f" {' '.join(ENDS)} ")
        keys = (self._life, self._index(switch), self._hash(switch, member))
        return self._eval(_PUT, keys, life, member, MAX_CALLS, self._keep_for, *flags, *told)

    def understood(self, reply: Any, words: list[Word]) -> list[int] | None:
        """For each word: 1: it is there now; 0: it was; -1: it has come to its end, or its call has. None:
        there is no room.

        Raises `Away` and `Lost`.
        """
        _checked(reply)
        if reply == b"full":
            return None
        if not isinstance(reply, list) or len(reply) != len(words) or not set(reply) <= {1, 0, -1}:
            raise self._redis.lied()
        return reply

    def claim(self, word: Word, life: str, *, safe: bool) -> Claim:
        """Blocks. Raises `Away`.

        Args:
            safe: Nobody else can have said it, whatever Redis has lost.
        """
        keys = (self._life, self._hash(word.switch, _member(word)))
        given = 1 if safe else 0, self._keep_for, TAKES, "" if word.state in BEGINS else repr(word.at)
        order = f" {' '.join(BEGINS)} ", self._here, _AT, word.state
        reply = self._eval(_CLAIM, keys, life, field_of(word), self.me, *given, *order).result()
        try:
            return Claim(reply.decode("ascii"))
        except (AttributeError, ValueError):
            raise self._redis.lied() from None

    def settle(self, switch: str, life: str, base: str, call: str, said: Iterable[str], *, long: bool) -> Any:
        """These fields have come to their end; a future."""
        member = f"{base}:{call}"
        keys = (self._life, self._index(switch), self._hash(switch, member))
        return self._eval(_SETTLE, keys, life, member, REMEMBERED_LONG if long else REMEMBERED, *said)

    def back(self, word: Word, life: str) -> Future[Any]:
        """It has surely not arrived: others may have it."""
        keys = (self._life, self._hash(word.switch, _member(word)))
        return self._eval(_BACK, keys, life, field_of(word), self.me, self._written(word))

    def waiting(self, switch: str) -> list[str]:
        """The calls of which something waits, oldest first, for `read`. Blocks. Raises `Away`."""
        reply = self._redis.send(("ZRANGE", self._index(switch), 0, -1))
        if not isinstance(reply, list):
            raise self._redis.lied()
        return [one.decode("utf-8", "surrogateescape") for one in reply if isinstance(one, bytes)]

    def read(self, switch: str, life: str, members: list[str], *, long: bool = False) -> list[Waiting]:
        """What waits of each. Blocks. Raises `Away` and `Lost`.

        Args:
            long: What becomes of these is to be known for as long as anything may wait.
        """
        keys = (self._life, self._index(switch), *(self._hash(switch, one) for one in members))
        reply = self._eval(_READ, keys, life, self._keep_for if long else 0, *members).result()
        _checked(reply)
        if not isinstance(reply, list):
            raise self._redis.lied()
        return [_waiting(switch, one, all_) for one, all_ in zip(members, reply, strict=False)]

    def close(self) -> None:
        self._redis.close()

    @property
    def _life(self) -> str:
        return f"{self._prefix}life"

    def _own(self, switch: str) -> str:
        return f"{self._prefix}{switch}:own"

    def _said(self, switch: str) -> str:
        return f"{self._prefix}{switch}:said"

    @property
    def _here(self) -> str:
        return f"{self._prefix}here:"

    def _index(self, switch: str) -> str:
        return f"{self._prefix}{switch}:calls"

    def _hash(self, switch: str, member: str) -> str:
        return f"{self._prefix}{switch}:call:{member}"

    def _written(self, word: Word) -> str:
        return json.dumps([*astuple(word), self.me])

    def _eval(self, script: str, keys: tuple[str, ...], *given: str | int | float) -> Future[Any]:
        told = (_octets(one) if isinstance(one, str) else one for one in given)
        return self._redis.begin(("EVAL", script, len(keys), *map(_octets, keys), *told))


_AT = [field.name for field in fields(Word)].index("at") + 1
"""Where that is in a word as it is written, by Lua's count."""


def _octets(text: str) -> Any:
    return text.encode("utf-8", "surrogateescape")


def _member(word: Word) -> str:
    return f"{word.base}:{word.call}"


def _checked(reply: Any) -> None:
    if reply == b"life":
        raise Lost


def _waiting(switch: str, member: str, all_: Any) -> Waiting:
    """What stands there may be anybody's."""
    words: list[tuple[Word, str]] = []
    taken: list[tuple[str, str]] = []
    manager = ""
    pairs: Iterator[Any] = iter(all_ if isinstance(all_, list) else ())
    for name, value in zip(pairs, pairs, strict=False):
        if not isinstance(name, bytes) or not isinstance(value, bytes) or len(value) > MAX_WORD:
            continue
        if name == b".manager":
            manager = value.decode("utf-8", "replace")
        elif value.startswith(b"!"):
            by = value[1:].partition(b" ")[0].decode("ascii", "replace")
            taken.append((name.decode("utf-8", "replace"), by))
        elif value.startswith(b"[") and (found := _word(switch, value)) is not None:
            words.append(found)
    words.sort(key=lambda one: (one[0].made, one[0].id))
    base, _, call = member.partition(":")
    return Waiting(base, call, manager, tuple(words), tuple(taken))


_TYPES = {"int": int, "str": str, "bool": bool, "float": (int, float)}
_KINDS: tuple[Any, ...] = tuple(_TYPES[str(field.type)] for field in fields(Word))


def _word(switch: str, text: bytes) -> tuple[Word, str] | None:
    try:
        *values, by = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if len(values) != len(_KINDS) or not isinstance(by, str):
        return None
    if not all(isinstance(value, kind) for value, kind in zip(values, _KINDS, strict=True)):
        return None
    return replace(Word(*values), switch=switch, tries=0, leaving=False, error=""), by


__all__ = ["Attached", "Away", "Claim", "Lost", "Shared", "Waiting", "comes_before", "field_of"]
