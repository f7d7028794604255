-- Requests over one connection of HTTP/2 in coroutines of loops that are not ours: each is woken for
-- what has come for it, whoever has taken it off the descriptor.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local h2 = require("spec.support.h2")
local loops = require("spec.support.loops")
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local support = require("spec.support.client")

local fetch, pool = httpclient.fetch, httpclient.pool
local tls = httpclient.TLSOptions.client(certs.ca.cert)
local server, seen, count, most
-- nginx takes 128 at a time. SPEC_FEWER: where each wait takes long, not so many more.
local MANY = os.getenv("SPEC_FEWER") and 140 or 250

setup(function()
  server = nginx.start({ both = { tls = certs.localhost, http2 = true, body = [[
    location = /connection { return 200 '$connection'; }
    location / { root {{root}}; }]] } }, { files = { big = ("0123456789abcdef"):rep(131072) } })
end)
teardown(function()
  pool.close_idle()
  server:stop()
end)
before_each(function() seen, count, most = {}, 0, 0 end)
after_each(function()
  httpclient.set_waiter(nil)
  pool.max_per_host = 6
  pool.close_idle()
end)

local function url(path) return ("https://127.0.0.1:%d%s"):format(server:port("both"), path) end

local function script(number)
  local path = number % 5 == 0 and "/big" or "/connection"
  local response = assert(fetch(url(path), { tls_options = tls, on_response = function()
    most = math.max(most, (pool.count()))
  end }))
  assert(response.http_version == "2")
  if path == "/big" then
    assert(#response.body == 2097152)
  else
    seen[response.body] = true
  end
  count = count + 1
end

local function assert_shared(wanted)
  assert.equal(wanted, count)
  local connection = next(seen)
  assert.is_nil(next(seen, connection))
  assert.same({ 0, 1, 0 }, { pool.count() })
  assert.is_true(most > 1)
end

describe("Requests that share a connection", function()
  for _, name in ipairs(loops.names) do
    it("go on side by side in " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      loops.run_times(name, 40, script)
      assert_shared(40)
    end)
  end

  it("go on while more wait than the server takes", function()
    loops.run_times("luv", MANY, function() script(1) end)
    assert_shared(MANY)
  end)
end)

local function is_ready(fd, events)
  local object = { getfd = function() return fd end, dirty = function() return false end }
  local readable, writable = require("socket").select(events:find("r") and { object } or {},
    events:find("w") and { object } or {}, 0)
  return readable[1] or writable[1]
end

-- A loop that knows each descriptor once, as luv does, and wakes a coroutine by its descriptor or
-- its time alone.
local function new_loop()
  local loop = { waiting = {} }
  httpclient.set_waiter(function(object, seconds)
    local fd = object:get_fd()
    for _, entry in ipairs(loop.waiting) do
      assert(entry.fd ~= fd, "two wait for one descriptor")
    end
    local own = object:timeout()
    local entry = { co = coroutine.running(), fd = fd, events = object:events(),
      ends = native.monotonic() + math.min(seconds or 60, own or 60) }
    loop.waiting[#loop.waiting + 1] = entry
    coroutine.yield()
  end)
  function loop.start(fn, ...)
    local co = coroutine.create(fn)
    assert(coroutine.resume(co, ...))
    return co
  end
  function loop.round()
    local ready = {}
    for index = #loop.waiting, 1, -1 do
      local entry = loop.waiting[index]
      if is_ready(entry.fd, entry.events) or native.monotonic() >= entry.ends then
        table.insert(ready, 1, table.remove(loop.waiting, index))
      end
    end
    for _, entry in ipairs(ready) do
      if coroutine.status(entry.co) == "suspended" then assert(coroutine.resume(entry.co)) end
    end
  end
  return loop
end

local function start(loop, number, settings)
  local listener = assert(native.listen({ host = "127.0.0.1" }))
  local done, cos = {}, {}
  local target = ("http://127.0.0.1:%d/"):format(listener:port())
  local world = { done = done, cos = cos, listener = listener, url = target }
  function world.fetch(index, options)
    options = options or {}
    options.http_version = "2"
    cos[index] = loop.start(function()
      local response, message = fetch(target .. index, options)
      done[index] = response and response.body or message
    end)
  end
  for i = 1, number do world.fetch(i) end
  local conn = support.until_true(function()
    loop.round()
    return listener:accept(0)
  end)
  world.peer = h2.greet(conn, { { poll = loop.round } }, settings)
  finally(function()
    world.peer:close()
    listener:close()
    for _ = 1, 20 do loop.round() end
    pool.close_idle()
  end)
  return world
end

local function whole(stream, body)
  return h2.headers(stream, h2.OK) .. h2.data(stream, body, h2.END_STREAM)
end

describe("A coroutine on a shared connection", function()
  it("has one descriptor of its own, and is woken for its answer alone", function()
    local loop = new_loop()
    local world = start(loop, 4)
    local streams = {}
    for i = 1, 4 do streams[i] = world.peer:await("HEADERS").stream end
    for i = 4, 1, -1 do
      world.peer:send(whole(streams[i], "x" .. i))
      support.until_true(function()
        loop.round()
        return world.done[i]
      end, 5)
      for j = 1, i - 1 do assert.is_nil(world.done[j]) end
    end
    assert.same({ "x1", "x2", "x3", "x4" }, world.done)
  end)

  it("is woken for what another's read has taken off the descriptor", function()
    local loop = new_loop()
    local world = start(loop, 2)
    local streams = {}
    for i = 1, 2 do streams[i] = world.peer:await("HEADERS").stream end
    local reads = 0
    world.fetch(3, { on_data = function()
      reads = reads + 1
      if reads == 1 then
        -- The next read of this one takes the others' answers.
        world.peer:send(h2.data(world.third, "more", h2.END_STREAM), whole(streams[1], "one"),
          whole(streams[2], "two"))
        native.sleep(0.02)
      end
    end })
    world.third = world.peer:await("HEADERS").stream
    world.peer:send(h2.headers(world.third, h2.OK), h2.data(world.third, "some"))
    local began = native.monotonic()
    support.until_true(function()
      loop.round()
      return world.done[1] and world.done[2] and world.done[3]
    end)
    assert.is_true(native.monotonic() - began < 0.4)
    assert.same({ "one", "two", "" }, world.done)
  end)

  it("goes on when the one that led is given up", function()
    local loop = new_loop()
    local world = start(loop, 3)
    local streams = {}
    for i = 1, 3 do streams[i] = world.peer:await("HEADERS").stream end
    for _ = 1, 10 do loop.round() end
    -- The loop forgets the first, whichever it waits for.
    for index, entry in ipairs(loop.waiting) do
      if entry.co == world.cos[1] then table.remove(loop.waiting, index) break end
    end
    world.cos[1] = nil
    collectgarbage()
    collectgarbage()
    for i = 2, 3 do world.peer:send(whole(streams[i], "x" .. i)) end
    support.until_true(function()
      loop.round()
      return world.done[2] and world.done[3]
    end, 10)
    assert.same({ "x2", "x3" }, { world.done[2], world.done[3] })
  end)

  it("that waits for one goes elsewhere as soon as the server takes no more there", function()
    local loop = new_loop()
    pool.max_per_host = 1
    local world = start(loop, 3, { [3] = 2 })
    local streams = {}
    for i = 1, 2 do streams[i] = world.peer:await("HEADERS").stream end
    for _ = 1, 10 do loop.round() end
    assert.same({ 2, 0, 1 }, { pool.count() })
    world.peer:send(h2.goaway(2147483647, 0))
    local conn = support.until_true(function()
      loop.round()
      return world.listener:accept(0)
    end)
    local second = h2.greet(conn, { { poll = loop.round } })
    second:send(whole(second:await("HEADERS").stream, "third"))
    support.until_true(function()
      loop.round()
      return world.done[3]
    end)
    assert.is_nil(world.done[1] or world.done[2])
    for i = 1, 2 do world.peer:send(whole(streams[i], "x" .. i)) end
    support.until_true(function()
      loop.round()
      return world.done[1] and world.done[2]
    end)
    second:close()
    assert.same({ "x1", "x2", "third" }, world.done)
  end)

  it("keeps its own time limit", function()
    local loop = new_loop()
    local world = start(loop, 1)
    world.peer:await("HEADERS")
    world.fetch(2, { response_timeout = 0.1 })
    world.peer:await("HEADERS")
    support.until_true(function()
      loop.round()
      return world.done[2]
    end, 5)
    assert.equal("response timeout after 0.100 s", world.done[2])
    assert.equal("RST_STREAM", world.peer:frame().type)
  end)
end)
