-- Finalizers run wherever something is allocated, in the midst of the pool's own work too. What they call there may
-- empty it, or use it.
local haunt = require("spec.support.haunt")
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local pool = httpclient.pool
local fetch = httpclient.fetch
local with_server = require("spec.support.served")(after_each)

local CLOSES = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
local ROUNDS = 8

-- Calls fn while each step of the collector is a whole cycle, so that what is garbage is finalized at the next
-- allocation.
local function with_eager_collector(fn)
  local is_incremental = _VERSION == "Lua 5.4"
  local pause, factor = collectgarbage("setpause", 0),
    collectgarbage("setstepmul", _VERSION == "Lua 5.1" and 0 or 1000)
  if is_incremental then collectgarbage("incremental", 1, 1000, 1) end
  collectgarbage()
  local ok, message = pcall(fn)
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", factor)
  if is_incremental then collectgarbage("incremental", 200, 100, 13) end
  if not ok then error(message, 0) end
end

-- The same while finalizers empty the pool, or one stops at once.
local function haunted(fn)
  local stop = haunt(function() pool.close_idle() end, 1)
  local ok, message = pcall(with_eager_collector, fn)
  assert.is_true(stop() > 0)
  if not ok then error(message, 0) end
end

local function nothing_is_left()
  pool.close_idle()
  local used, idle, queued = pool.count()
  assert.same({ 0, 0, 0 }, { used, idle, queued })
end

-- Each fetch gets this answer, of a connection that the server has for one alone.
local function holds(answer)
  local answers = {}
  for index = 1, ROUNDS + 1 do answers[index] = { answer } end
  local url = with_server(answers):url("/")
  assert(fetch(url))
  haunted(function()
    for _ = 1, ROUNDS do assert(fetch(url)) end
  end)
  nothing_is_left()
end

describe("A pool that finalizers empty at any moment", function()
  it("gives connections to a place where there are none", function() holds(CLOSES) end)
  it("takes connections back", function() holds(serve.answer("x")) end)
end)
