-- pool_settings.lua: httpclient.pool, as scripts have it: what pool.lua goes by, to be read and
-- written, and what it tells. A name that is none, or a value that is none, is told where it is
-- written: it would change nothing, or fail in the midst of somebody's request.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local check = require(root .. ".base.check")
local pool = require(root .. ".connect.pool")

local function is_count(value)
  return type(value) == "number" and value == value
end

local function is_seconds(value)
  return is_count(value) and value >= 0
end

local settings = {
  max_per_host = { is = is_count, what = "a number of connections, or 0 for no limit" },
  max_idle = { is = is_count, what = "a number of connections" },
  idle_timeout = { is = is_seconds, what = "0 or more seconds" },
}

local meta = {}

function meta.__index(_, name)
  return settings[name] and pool[name]
end

function meta.__newindex(_, name, value)
  local setting = settings[name]
  if not setting then
    error(("httpclient.pool has no field '%s' to write"):format(tostring(name)), 2)
  elseif not setting.is(value) then
    error(("httpclient.pool.%s must be %s, got %s"):format(name, setting.what,
      check.name_of(value)), 2)
  end
  pool[name] = value
end

return setmetatable({ close_idle = pool.close_idle, count = pool.count }, meta)
