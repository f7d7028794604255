-- callbacks.lua: what the library calls: body functions, handlers, streams of Lua, tables with
-- metamethods, finalizers. Each may call the library again, raise, yield, or collect.
local finalizer = require("httpclient.base.finalizer")
local random = require("fuzz.lua.random")
local server = require("fuzz.lua.server")
local values = require("fuzz.lua.values")

local callbacks = {
  inside = 0,        -- how many callbacks are running, one inside the other
  stream_inside = 0, -- of them: methods of streams
  act = nil,         -- makes one call of the library: see calls.lua
}

local DEEPEST = 4

-- A LuaJIT that compiles, and hangs where a finalizer calls much (luajit_pairs.lua)?
local function hangs_in_finalizers()
  return not os.getenv("FUZZ_FINALIZERS") and rawget(_G, "jit")
    and jit.status() -- luacheck: ignore
end

local thrown = { "thrown", "thrown with a position", 42, {}, false }

local function misbehave()
  if random.chance(6) then
    collectgarbage()
  end
  if random.chance(3) then
    coroutine.yield(random.pick({ "yielded", 1 }))
  end
  if random.chance(6) then
    error(random.pick(thrown), random.below(2))
  end
end

-- What every callback does, beside its work.
function callbacks.nested()
  if callbacks.inside >= DEEPEST or random.chance(50) then
    return
  end
  callbacks.inside = callbacks.inside + 1
  local ok, message = pcall(function()
    for _ = 1, random.below(2) do
      callbacks.act()
    end
    if random.chance(30) then
      server.step()
    end
  end)
  callbacks.inside = callbacks.inside - 1
  if not ok then
    error(message, 0)
  end
  misbehave()
end

local function result()
  return random.chance(4) and values.any() or nil
end

-- Handlers, on_data, on_progress and the like.
function callbacks.handler()
  return function()
    callbacks.nested()
    return result()
  end
end

-- A function as the body of a request.
function callbacks.body()
  local left = random.below(4)
  return function()
    callbacks.nested()
    left = left - 1
    if random.chance(5) then
      return values.any()
    elseif left > 0 then
      return random.chance(20) and "" or ("part "):rep(random.below(400))
    end
  end
end

function callbacks.waiter()
  return function(_, seconds)
    callbacks.nested()
    server.step()
    if random.chance(3) then
      return
    end
    local _ = seconds
  end
end

-- Fields whose metamethods call.
function callbacks.headers()
  if random.chance(60) then
    return random.pick({ {}, { "X-A: b" }, { ["X-A"] = "b" }, { "Content-Length: 5" },
      { "Transfer-Encoding: chunked" },
      { "Connection: close" }, { "Host: h" }, { "bad" }, { "A: \r\n" }, { [1] = "A: b", x = "y" },
      { Accept = 1 } })
  end
  local function called(_, key)
    callbacks.nested()
    return type(key) == "number" and key < 3 and "X-B: c" or nil
  end
  local fields = random.chance(50) and { "X-A: b" } or {}
  return setmetatable(fields, {
    __index = called,
    __len = function() callbacks.nested() return random.below(3) end,
    __pairs = function(t) callbacks.nested() return next, t, nil end,
    __tostring = function() callbacks.nested() return "X: y" end,
  })
end

-- --- streams of Lua

local canned = {
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "HTTP/1.1 204 No\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nuntil the end",
  "\22\3\3\0\4abcd",
}

local function inside_stream()
  callbacks.stream_inside = callbacks.stream_inside + 1
  local ok, message = pcall(callbacks.nested)
  callbacks.stream_inside = callbacks.stream_inside - 1
  if not ok then
    error(message, 0)
  end
end

-- Reads and writes a stream below, or answers from memory.
function callbacks.stream()
  local below = random.chance(40) and (values.some("tcp") or values.some("stream")) or nil
  local input = random.pick(canned)
  local stream = {}
  function stream.put_partial_data(_, data)
    inside_stream()
    if random.chance(3) then
      return values.any(), values.any()
    elseif below then
      return below:put_partial_data(data)
    end
    return 0, random.chance(80) and #data or random.below(#data + 1) - 1
  end
  function stream.get_partial_data(_, size)
    inside_stream()
    if random.chance(3) then
      return values.any(), values.any()
    elseif below then
      return below:get_partial_data(size)
    end
    local piece = input:sub(1, random.below(math.min(size, 60)))
    input = input:sub(#piece + 1)
    if input == "" and random.chance(50) then
      input = random.pick(canned)
    end
    return random.chance(5) and 18 or 0, piece
  end
  function stream.get_status()
    inside_stream()
    return random.chance(3) and values.any() or 2
  end
  function stream.get_available_bytes()
    inside_stream()
    return random.chance(5) and values.any() or #input
  end
  function stream.get_connected_host()
    inside_stream()
    return "lua.test"
  end
  function stream.disconnect_from_host()
    if not hangs_in_finalizers() then -- that of a client which is collected may call this
      inside_stream()
    end
  end
  if random.chance(60) then
    function stream.poll()
      inside_stream()
      return 0
    end
  end
  if random.chance(10) then
    stream[random.pick({ "get_status", "poll", "get_available_bytes", "get_partial_data" })] = values.any()
  end
  return values.keep("stream", stream)
end

-- An object that calls the library when it is collected.
function callbacks.finalized()
  if hangs_in_finalizers() then
    return
  end
  return values.keep("finalized", finalizer(function()
    if callbacks.inside < DEEPEST then
      callbacks.inside = callbacks.inside + 1
      random.aside(callbacks.act)
      callbacks.inside = callbacks.inside - 1
    end
  end))
end

return callbacks
