-- places.lua: where connections go to, and those that are kept for the next request there. A place is origin, TLS
-- options, version of HTTP, proxy, and whatever else makes a difference (key_of in transfer/connection.lua). A session
-- has places of its own.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local kept = require(root .. ".base.kept")
local shared = require(root .. ".connect.shared")

local now = httpclient.monotonic_time
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED
local get_status = httpclient.HTTPClient.get_status

local places = {}

-- The script's; a half that is loaded anew finds what the script has set.
places.settings = kept("pool", {
  max_per_host = 6,   -- connections in use to one place; 0: no limit
  max_idle = 32,      -- connections kept in all
  idle_timeout = 60,  -- seconds that a connection is kept
})
local settings = places.settings

-- No connection is kept since before `oldest`.
local state = kept("places", { idle_count = 0, by_key = {}, oldest = 0 })
-- key -> {
--   idle = { { client, since, line } ... },  line: that connection is one of HTTP/2
--   lines = { line ... },       those of HTTP/2 in use, see shared.lua
--   used = n,                   clients in use
--   busy = n,                   what of these counts against max_per_host
--   pioneers = { [client] = true }, pioneer_count = n,  connect, and may turn out to be shared
--   is_scattered,               a pioneer has failed: nobody waits for another one
--   queue = { ticket ... },
--   holders = { [client] = task },
-- }
places.by_key = state.by_key

function places.of(key)
  local place = state.by_key[key]
  if not place then
    local made = { idle = {}, lines = {}, used = 0, busy = 0, pioneers = {}, pioneer_count = 0,
      queue = {}, holders = {} }
    place = state.by_key[key] or made -- a finalizer may have made it meanwhile
    state.by_key[key] = place
  end
  return place
end

function places.forget_if_empty(key, place)
  if place.used == 0 and #place.idle == 0 and #place.queue == 0 and state.by_key[key] == place then
    state.by_key[key] = nil
  end
end

-- --- what is kept

function places.idle_count()
  return state.idle_count
end

function places.keep(place, entry)
  local idle, count = place.idle, state.idle_count
  entry.since = now()
  idle[#idle + 1] = entry
  if count == 0 then
    state.oldest = entry.since
  end
  state.idle_count = count + 1
end

-- -> the entry, which is the caller's from now on
function places.take(place, index)
  state.idle_count = state.idle_count - 1
  return table.remove(place.idle, index)
end

-- What is kept the shortest, if it is a connection of HTTP/1.1 that stands as far as is known: as take().
function places.take_newest(place)
  local idle = place.idle
  local last = #idle
  local entry = idle[last]
  if not entry or entry.line or get_status(entry.client) ~= CONNECTED then
    return nil
  end
  idle[last], state.idle_count = nil, state.idle_count - 1
  return entry
end

local function close(place, index)
  local entry = places.take(place, index)
  if entry.line then
    shared.close(entry.line)
  else
    entry.client:close()
  end
end

-- The place's idle connections from the oldest on, as long as `expendable` says so, are closed.
function places.close_oldest(key, place, expendable)
  while place.idle[1] and expendable(place.idle[1]) do
    close(place, 1)
  end
  places.forget_if_empty(key, place)
end

-- Those that have been kept for long enough are.
function places.close_stale()
  if state.idle_count == 0 then
    return
  end
  local oldest = now() - settings.idle_timeout
  if state.oldest > oldest then
    return
  end
  local function is_stale(idle)
    return idle.since <= oldest
  end
  state.oldest = math.huge
  for key, place in pairs(state.by_key) do
    if place.idle[1] and is_stale(place.idle[1]) then
      places.close_oldest(key, place, is_stale)
    end
    for _, idle in ipairs(place.idle) do
      state.oldest = math.min(state.oldest, idle.since)
    end
  end
end

-- The one that has been kept longest of all, whatever its place.
local function close_oldest_of_all()
  local key, place
  for other_key, other in pairs(state.by_key) do
    if other.idle[1] and (not place or other.idle[1].since < place.idle[1].since) then
      key, place = other_key, other
    end
  end
  close(place, 1)
  places.forget_if_empty(key, place)
end

-- No more than there may be.
function places.limit()
  if state.idle_count <= settings.max_idle then
    return
  end
  places.close_stale()
  while state.idle_count > 0 and state.idle_count > settings.max_idle do
    close_oldest_of_all()
  end
end

return places
