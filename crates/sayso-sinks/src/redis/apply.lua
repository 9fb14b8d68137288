-- Applies one message, or nothing of it.
--
-- KEYS: the person's hash, the stream.
-- ARGV: 1 what names begin with, 2 the person's key, 3 how new it is, 4 the position, 5 whether the
--       person leaves, 6 their names as JSON, 7 the fields of a name's hash as a JSON list,
--       8 the message's id, 9 the message, 10 the stream's length, 11 seconds that it is remembered
--       that somebody left.
--
-- How new a message is, is a text that sorts as (position, moment) does.
local person, stream = KEYS[1], KEYS[2]
local prefix, key, newness, position = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local leaving, names = ARGV[5] == '1', cjson.decode(ARGV[6])

local held = redis.call('HGET', person, 'newness')
if held and held >= newness then return 0 end

local changed, stays = 0, {}
if not leaving then
  for _, name in ipairs(names) do stays[name] = true end
end

-- Names that were theirs and are no longer; a name that is somebody else's by now is left alone.
local before = redis.call('HGET', person, 'names')
if before then
  for _, name in ipairs(cjson.decode(before)) do
    if not stays[name] and redis.call('HGET', prefix .. name, 'key') == key then
      changed = changed + redis.call('DEL', prefix .. name)
    end
  end
end

for _, name in ipairs(names) do
  local place = prefix .. name
  local there = redis.call('HGET', place, 'newness')
  if not there or there < newness then
    changed = changed + (leaving and redis.call('DEL', place) or 1)
    if not leaving then
      redis.call('DEL', place)
      redis.call('HSET', place, 'key', key, 'newness', newness, 'position', position,
        unpack(cjson.decode(ARGV[7])))
    end
  end
end

redis.call('HSET', person, 'newness', newness, 'position', position)
if leaving then
  redis.call('HDEL', person, 'names')
  redis.call('EXPIRE', person, ARGV[11])
else
  redis.call('HSET', person, 'names', ARGV[6])
  redis.call('PERSIST', person)
end

if ARGV[10] ~= '0' then
  redis.call('XADD', stream, 'MAXLEN', '~', ARGV[10], '*', 'id', ARGV[8], 'key', key,
    'content_type', 'application/cloudevents+json', 'event', ARGV[9])
end
return changed
