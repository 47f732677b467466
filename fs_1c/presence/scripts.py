"""What is kept in Redis of a switch's subscribers: commands, and scripts that run in Redis 5. Pure.

A hash for each switch, `PREFIXpresence:NAME`, has a field for each subscriber (`rows`), and these of its own:
`.core` the switch's Core-UUID, `.token` and `.role` of the service that writes, `.life` of the table (a later
one after each beginning anew), `.last` how many fields have been written in this life, `.whole` whether all
are there, `.at` when by Redis' clock. `PREFIXpresence:NAME:order` has the fields by the number of their last
change, so that whoever has read up to one number is told what came after it. `PREFIXpresence` has the names.

A change is taken only upon the very state that it was made from, and within `PATIENCE` of its making: one
that was lost, doubled or overtaken cannot leave a wrong table that looks right. Whoever is refused begins
anew. No script ends with an error, whatever stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fs_1c.redis_client import MUST_BE, Command

LIFETIME = 30
"""Seconds for which Redis keeps what is not written again."""
PATIENCE = 2.0
"""Seconds after which a word that has not reached Redis is refused there."""
SILENT = {"own": 4.0, "reserve": 8.0}
"""Seconds without a word after which a service, by its role, takes the place of the one that wrote."""
PORTION = 1000
"""Fields in one word."""
MAX_SWITCHES = 32
"""Switches that are listened to by others, and read here."""

_WRITE = (
    MUST_BE
    + """
local name, token, role, core, life, last = unpack(ARGV, 1, 6)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[9]) then return {'late', now} end
must_be(KEYS[1], 'hash'); must_be(KEYS[2], 'zset'); must_be(KEYS[3], 'zset')
local there = redis.call('HMGET', KEYS[1], '.life', '.last', '.token', '.role', '.at', '.core')
if ARGV[7] == '1' then
    local silent = now - (tonumber(there[5]) or 0)
    local before_us = role == 'own' and there[4] == 'reserve'
    if there[3] and there[3] ~= token and not before_us and silent >= 0 and silent < tonumber(ARGV[10]) then
        return {'held', now, string.sub(there[6] or '', 1, 100)}
    end
    if there[3] == token and there[1] and there[1] >= life then return {'other', now} end
    redis.call('DEL', KEYS[1], KEYS[2])
elseif there[1] ~= life or there[2] ~= last or (last ~= '0' and redis.call('EXISTS', KEYS[2]) == 0) then
    return {'other', now}
end
for i = 12, #ARGV, 2 do
    last = last + 1
    if ARGV[i + 1] == '' then
        redis.call('HDEL', KEYS[1], ARGV[i])
    else
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
    redis.call('ZADD', KEYS[2], last, ARGV[i])
end
redis.call('HMSET', KEYS[1], '.life', life, '.last', string.format('%.0f', last), '.token', token, '.role',
    role, '.at', string.format('%.0f', now), '.core', core, '.whole', ARGV[8])
redis.call('ZADD', KEYS[3], now, name)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 60000)
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[11]) end
return {'ok', now}
"""
)
_READ = """
local reply, left = {{}}, tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok == 'zset' then
    for i, name in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do
        reply[1][i] = string.sub(name, 1, 401)
    end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function table_of(rows, order, life, last)
    local kinds = {redis.call('TYPE', rows).ok, redis.call('TYPE', order).ok}
    if kinds[1] ~= 'hash' or (kinds[2] ~= 'zset' and kinds[2] ~= 'none') then return {} end
    local there = redis.call('HMGET', rows, '.life', '.core', '.token', '.last', '.whole', '.at')
    for i = 1, 6 do
        if not there[i] then return {} end
        there[i] = string.sub(there[i], 1, 100)
    end
    there[6] = string.format('%.0f', now - (tonumber(there[6]) or 0))
    local from = there[1] == life and last or '0'
    local changed = redis.call('ZRANGEBYSCORE', order, '(' .. from, '+inf', 'WITHSCORES', 'LIMIT', 0, left)
    for i = 1, #changed, 2 do
        local value = redis.call('HGET', rows, changed[i])
        there[#there + 1] = string.sub(changed[i], 1, 1300)
        there[#there + 1] = changed[i + 1]
        there[#there + 1] = value and string.sub(value, 1, 300) or ''
    end
    left = left - #changed / 2
    return there
end
for i = 2, #KEYS, 2 do
    reply[#reply + 1] = table_of(KEYS[i], KEYS[i + 1], ARGV[i + 1], ARGV[i + 2])
end
return reply
"""
_DROP = """
if redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('HGET', KEYS[1], '.life') == ARGV[1] then
    redis.call('DEL', KEYS[1], KEYS[2])
end
return 'ok'
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A word about one switch.

    Attributes:
        name: The switch's, among all services.
        token, role: Of the service.
        core: The switch's Core-UUID.
        life: Of the table; `anew`: it begins with this word.
        last: How many fields had been written in this life before.
        whole: With this word all are there.
        rows: Fields and their values; empty: it is gone.
    """

    name: str
    token: str
    role: str
    core: str
    life: str
    last: int
    anew: bool
    whole: bool
    rows: tuple[tuple[str, str], ...]


def write(prefix: str, change: Change, not_after: float) -> Command:
    """The reply: `[word, time]`: `ok`, `other` (it is not made from what is there), `late`, `held` (another
    service writes; and its switch's Core-UUID).

    Args:
        not_after: By Redis' clock, milliseconds since the epoch.
    """
    flags = ("1" if change.anew else "0", "1" if change.whole else "0")
    silent = round(SILENT[change.role] * 1000)
    told = (change.name, change.token, change.role, change.core, change.life, str(change.last), *flags)
    rows = [text for row in change.rows for text in row]
    return _eval(
        _WRITE,
        (*_keys(prefix, change.name), _index(prefix)),
        *told,
        round(not_after),
        silent,
        LIFETIME,
        *rows,
    )


def read(prefix: str, known: Sequence[tuple[str, str, int]], portion: int = PORTION) -> Command:
    """The reply: the names of switches, the latest first, then for each of the known ones what
    `elsewhere.Elsewhere.read` takes; empty: there is nothing. All of them in one word, since each is read
    several times a second.

    Args:
        known: Switches: their names, the lives of their tables and how far each is known.
        portion: Fields that all of them may answer together.
    """
    keys = [key for name, _, _ in known for key in _keys(prefix, name)]
    read_to = [str(one) for _, life, last in known for one in (life, last)]
    return _eval(_READ, (_index(prefix), *keys), MAX_SWITCHES, portion, *read_to)


def drop(prefix: str, name: str, life: str) -> Command:
    """Takes away what stands there, if it is of that life."""
    return _eval(_DROP, _keys(prefix, name), life)


def _index(prefix: str) -> str:
    return f"{prefix}presence"


def _keys(prefix: str, name: str) -> tuple[str, str]:
    return f"{prefix}presence:{name}", f"{prefix}presence:{name}:order"


def _eval(script: str, keys: Sequence[str], *given: str | int) -> Command:
    # Of a telephone's name not every character can be written.
    words = (word.encode("utf-8", "replace") if isinstance(word, str) else word for word in (*keys, *given))
    return ("EVAL", script, len(keys), *words)
