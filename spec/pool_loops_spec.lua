-- max_per_host in coroutines of loops that are not ours: they wait for a free connection as they
-- wait for anything else.
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local nginx = require("spec.support.nginx")
local support = require("spec.support.client")

local fetch, pool = httpclient.fetch, httpclient.pool
local server, most, came, order

setup(function()
  server = nginx.start({ plain = "location / { return 200 '$connection'; }" })
end)

teardown(function()
  pool.close_idle()
  server:stop()
end)

before_each(function()
  pool.close_idle()
  most, came, order = 0, {}, {}
end)

after_each(function()
  httpclient.set_waiter(nil)
  pool.max_per_host = 6
end)

local function note()
  most = math.max(most, (pool.count()))
end

local function url()
  return ("http://127.0.0.1:%d/"):format(server:port("plain"))
end

local function script(number)
  came[#came + 1] = number
  local response = assert(fetch(url(), { on_data = note }))
  assert(response.status == 200)
  order[#order + 1] = number
end

local function assert_kept(count, limit)
  assert.equal(count, #order)
  assert.equal(limit, most)
  local used, _, queued = pool.count()
  assert.same({ 0, 0 }, { used, queued })
end

describe("max_per_host", function()
  for _, name in ipairs(loops.names) do
    it("holds under " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      pool.max_per_host = 2
      loops.run_times(name, 40, script)
      assert_kept(40, 2)
    end)

    it("keeps the order in which they came under " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      pool.max_per_host = 1
      loops.run_times(name, 20, script)
      assert_kept(20, 1)
      assert.same(came, order)
    end)
  end
end)

-- A loop of a few lines: who waits goes on when it is asked for again.
local function new_loop()
  local loop = { waiting = {} }
  httpclient.set_waiter(function(client, seconds)
    local co = coroutine.running()
    loop.waiting[#loop.waiting + 1] = { co = co, client = client, seconds = seconds }
    coroutine.yield()
  end)
  function loop.start(fn, ...)
    local co = coroutine.create(fn)
    assert(coroutine.resume(co, ...))
    return co
  end
  function loop.round()
    local waiting = loop.waiting
    loop.waiting = {}
    for _, entry in ipairs(waiting) do
      assert(coroutine.resume(entry.co))
    end
  end
  return loop
end

-- Whom a coroutine waits for in the loop, as they came.
local function last_waiting(loop)
  return loop.waiting[#loop.waiting]
end

describe("a coroutine that waits for a connection", function()
  it("is woken by what it watches, has its turn in order, and no sooner", function()
    local loop = new_loop()
    pool.max_per_host = 1
    loop.start(script, 1)
    loop.start(script, 2)
    local second = last_waiting(loop)
    loop.start(script, 3)
    assert.same({ 1, 0, 2 }, { pool.count() })
    assert.equal("r", second.client:events())
    assert.is_true(second.client:get_fd() >= 0)
    assert.is_true(second.client:timeout() == nil and second.seconds > 0)
    support.until_true(function()
      loop.round()
      return #order == 1
    end)
    -- Signalled: not a moment later by the clock.
    assert.equal(0, second.client:timeout())
    support.until_true(function()
      loop.round()
      return #order == 3
    end)
    assert.same({ 1, 2, 3 }, order)
    assert_kept(3, 1)
  end)

  it("has its place back where the one before is given up, dead, or out of time", function()
    local loop = new_loop()
    pool.max_per_host = 1
    local given_up = loop.start(script, 1)
    loop.start(function()
      local response, message, code = fetch(url(), { timeout = 0.2 })
      assert(not response and code == httpclient.Error.ERR_TIMEOUT, message)
      order[#order + 1] = "late"
    end)
    loop.start(script, 2)
    assert.same({ 1, 0, 2 }, { pool.count() })
    local late = httpclient.monotonic_time() + 0.2
    support.until_true(function() return httpclient.monotonic_time() > late end)
    -- The loop forgets the first.
    for index, entry in ipairs(loop.waiting) do
      if entry.co == given_up then
        table.remove(loop.waiting, index)
        break
      end
    end
    given_up = nil -- luacheck: ignore
    support.until_true(function()
      collectgarbage()
      loop.round()
      return #order == 2
    end)
    assert.same({ "late", 2 }, order)
    assert_kept(2, 1)
  end)

  it("may wait in place, where the waiter does not yield this time", function()
    local loop = new_loop()
    pool.max_per_host = 1
    loop.start(script, 1)
    local yielding, kinds = {}, {}
    httpclient.set_waiter(function(object, seconds)
      local code, is_ready = object:wait(math.min(seconds or 0.001, 0.001))
      if type(code) == "number" then kinds[#kinds + 1] = { code, is_ready } end
      yielding[#yielding + 1] = coroutine.running()
      coroutine.yield()
    end)
    for i = 2, 3 do loop.start(script, i) end
    assert.same({ { 0, false }, { 0, false } }, kinds)
    support.until_true(function()
      loop.round()
      for _ = 1, #yielding do
        assert(coroutine.resume(table.remove(yielding, 1)))
      end
      return #order == 3
    end)
    assert.same({ 1, 2, 3 }, order)
    assert_kept(3, 1)
  end)

  it("goes ahead where all that have one stand below it, or nothing yields", function()
    pool.max_per_host = 1
    local inner
    local response = fetch(url(), { on_data = function()
      local co = coroutine.create(function() inner = fetch(url()) end)
      assert(coroutine.resume(co))
    end })
    assert.equal(200, response.status)
    assert.equal(200, inner.status)
    httpclient.set_waiter(function(client, seconds) client:wait(seconds or 0.1) end)
    inner = nil
    response = fetch(url(), { on_data = function()
      local co = coroutine.create(function() inner = fetch(url()) end)
      assert(coroutine.resume(co))
    end })
    assert.equal(200, response.status)
    assert.equal(200, inner.status)
  end)
end)

describe("a signal", function()
  local Signal = require("httpclient.core").Signal

  it("waits as a client does: until it is raised, or the time is over", function()
    local signal = Signal.new()
    assert.same({ 0, false }, { signal:wait(0) })
    assert.same({ 0, false }, { signal:wait(0.01) })
    signal:raise()
    assert.same({ 0, true }, { signal:wait(0) })
    assert.same({ 0, true }, { signal:wait() })
    signal:close()
    assert.same({ 0, true }, { signal:wait() })
  end)

  it("that is closed has nothing to watch, and still keeps to the time", function()
    local signal = Signal.new()
    signal:close()
    local began = httpclient.monotonic_time()
    assert.same({ 0, false }, { signal:wait(0.03) })
    assert.is_true(httpclient.monotonic_time() - began < 5)
  end)

  it("can be raised, and closed, by a hook of the script in the midst of a wait", function()
    for _, name in ipairs({ "raise", "close" }) do
      local signal, calls = Signal.new(), 0
      local wait, method = signal.wait, signal[name]
      debug.sethook(function()
        calls = calls + 1
        -- the first is that of wait itself
        if calls == 2 then method(signal) end
      end, "c")
      local code, is_raised = wait(signal, 1.2)
      debug.sethook()
      assert.same({ 0, name == "raise" }, { code, is_raised })
    end
  end)

  it("takes no time that is none", function()
    local signal = Signal.new()
    assert.has_error(function() signal:wait(-1) end,
      "bad argument #1 to 'wait' (0 or more seconds are needed)")
    assert.has_error(function() signal:wait("x") end,
      "bad argument #1 to 'wait' (number expected, got string)")
  end)
end)

describe("send_total", function()
  it("of a body function is the Content-Length that the caller gave", function()
    local totals, asked = {}, false
    local response = assert(fetch(url(), {
      method = "PUT",
      headers = { ["content-length"] = 5 },
      body = function()
        if not asked then
          asked = true
          return "hello"
        end
      end,
      on_progress = function(_, _, sent, total)
        totals[#totals + 1] = sent .. " of " .. total
      end,
    }))
    assert.is_number(response.status)
    assert.truthy(totals[1])
    for _, text in ipairs(totals) do
      assert.truthy(text:find(" of 5$"), text)
    end
  end)
end)
