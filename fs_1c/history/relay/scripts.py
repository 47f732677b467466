"""What is done in Redis in one go, in Lua for Redis 5; what is kept there `shared` says. Each looks first
whether Redis still has the life that it is asked about (`KEYS[1]`, `ARGV[1]`), and else does nothing.
"""

from __future__ import annotations

from fs_1c.redis_client import MUST_BE

_LIFE = f"{MUST_BE}if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 'life' end\n"
ATTACH = (
    MUST_BE
    + """
must_be(KEYS[1], 'string'); must_be(KEYS[2], 'string'); must_be(KEYS[4], 'string')
must_be(KEYS[5], 'zset'); must_be(KEYS[6], 'string')
local life = redis.call('GET', KEYS[1])
if not life then life = ARGV[1]; redis.call('SET', KEYS[1], life) end
local reserved = redis.call('EXISTS', KEYS[3])
if ARGV[2] ~= '0' then redis.call('SET', KEYS[3], 1, 'EX', ARGV[2]) end
return {life, redis.call('TIME')[1], redis.call('GET', KEYS[2]) or '', reserved,
    redis.call('GET', KEYS[4]) or ''}
"""
)
ALIVE = (
    _LIFE
    + """
redis.call('SET', KEYS[3], 1, 'EX', ARGV[3])
if ARGV[2] ~= '0' then
    redis.call('SET', KEYS[2], redis.call('TIME')[1], 'EX', ARGV[2])
    redis.call('SET', KEYS[4], ARGV[4], 'EX', ARGV[2])
end
return 'ok'
"""
)
PUT = (
    _LIFE
    + """
must_be(KEYS[2], 'zset'); must_be(KEYS[3], 'hash')
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
    elseif state == '-' then
        found[#found + 1] = -1
    else
        found[#found + 1] = (theirs or string.sub(state, 1, 1) == '!') and 0 or 2
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
CLAIM = (
    _LIFE
    + """
must_be(KEYS[2], 'hash')
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
SETTLE = (
    _LIFE
    + """
must_be(KEYS[2], 'zset'); must_be(KEYS[3], 'hash')
for i = 5, #ARGV do redis.call('HSET', KEYS[3], ARGV[i], '-') end
local all = redis.call('HGETALL', KEYS[3])
local over, long = false, false
for i = 1, #all, 2 do
    if all[i] == '.over' then over = true
    elseif all[i] == '.long' then long = true
    elseif string.sub(all[i], 1, 1) ~= '.' and all[i + 1] ~= '-' then
        if redis.call('TTL', KEYS[3]) < 0 then redis.call('EXPIRE', KEYS[3], ARGV[4]) end
        return 'ok'
    end
end
redis.call('ZREM', KEYS[2], ARGV[2])
if not long then redis.call('EXPIRE', KEYS[3], over and ARGV[3] or ARGV[4])
elseif redis.call('TTL', KEYS[3]) < 0 then redis.call('EXPIRE', KEYS[3], ARGV[4]) end
return 'ok'
"""
)
BACK = (
    _LIFE
    + """
must_be(KEYS[2], 'hash')
local state, mine = redis.call('HGET', KEYS[2], ARGV[2]), '!' .. ARGV[3] .. ' '
if state and string.sub(state, 1, #mine) == mine then redis.call('HSET', KEYS[2], ARGV[2], ARGV[4]) end
return 'ok'
"""
)
READ = (
    _LIFE
    + """
must_be(KEYS[2], 'zset')
local found = {}
for i = 3, #KEYS do
    must_be(KEYS[i], 'hash')
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
