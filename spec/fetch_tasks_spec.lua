-- Many calls of fetch at a time: tasks that share the connections of the pool.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local serve = require("spec.support.serve")
local native = require("spec_native")

local Error, fetch = httpclient.Error, httpclient.fetch
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local unpack = table.unpack or unpack -- luacheck: ignore
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

describe("the pool", function()
  local servers
  before_each(function()
    httpclient.pool.close_idle()
    servers = {}
  end)
  after_each(function()
    httpclient.pool.max_idle = 32
    httpclient.pool.close_idle()
    for _, server in ipairs(servers) do
      server:stop()
    end
  end)

  it("keeps the connections that were used last, whatever their place", function()
    httpclient.pool.max_idle = 2
    local function get(index)
      assert.equal("x", assert(fetch(servers[index]:url())).body)
      return (select(2, httpclient.pool.count()))
    end
    local kept = { send = answer("x"), ending = "keep" }
    for i = 1, 4 do
      servers[i] = serve({ { kept, kept, { send = answer("x"), ending = "stall" } } })
    end
    assert.same({ 1, 2, 2 }, { get(1), get(2), get(3) })
    for _ = 1, 2 do
      assert.same({ 2, 2 }, { get(3), get(2) })
    end
    local _, count = servers[3]:requests()[1]:gsub("GET / HTTP", "")
    assert.equal(3, count)
    httpclient.pool.max_idle = 0
    assert.equal(0, get(4))
  end)
end)

describe("fetch in tasks", function()
  it("makes 200 requests over 6 connections", function()
    local server = nginx.start({ plain = "location / { return 200 '$connection'; }" })
    finally(function()
      httpclient.pool.close_idle()
      server:stop()
    end)
    local tasks, seen, count = {}, {}, 0
    for i = 1, 200 do
      tasks[i] = httpclient.async(fetch, ("http://127.0.0.1:%d/%d"):format(server:port("plain"), i))
    end
    httpclient.process()
    local used, _, queued = httpclient.pool.count()
    assert.equal(6, used)
    assert.equal(194, queued)
    httpclient.run()
    for i = 1, 200 do
      local response = assert(tasks[i]:result())
      assert.equal(200, response.status)
      if not seen[response.body] then
        seen[response.body], count = true, count + 1
      end
    end
    assert.equal(6, count)
    assert.same({ 0, 6, 0 }, { httpclient.pool.count() })
  end)

  it("is cancelled at any moment, and its connection is closed at once", function()
    local script = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc" }, { "recv_eof" } })
    local url = ("http://127.0.0.1:%d/"):format(script:port())
    local task
    task = httpclient.async(fetch, url, { on_data = function() task:cancel() end })
    local waiting = {}
    httpclient.pool.max_per_host = 1
    for i = 1, 2 do
      waiting[i] = httpclient.async(fetch, url)
    end
    httpclient.process()
    assert.is_true(waiting[1]:cancel())
    assert.same({ 1, 0, 1 }, { httpclient.pool.count() })
    waiting[2]:cancel()
    httpclient.pool.max_per_host = 6
    httpclient.run()
    assert.equal("cancelled", task:status())
    assert.is_true(script:wait(60))
    assert.is_nil(script:error())
    script:stop()
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    local early = httpclient.async(fetch, "http://no-such-host.invalid/")
    httpclient.process()
    assert.is_true(early:cancel())
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("gives the turn to the next in the queue when one is cancelled or fails", function()
    local server = with_server({ { { send = "", ending = "close" } }, { answer("b") } })
    httpclient.pool.max_per_host = 1
    finally(function()
      httpclient.pool.max_per_host = 6
      httpclient.pool.close_idle()
      server:stop()
    end)
    local first = httpclient.async(fetch, server:url("/1"), { method = "POST" })
    local second = httpclient.async(fetch, server:url("/2"))
    httpclient.run()
    assert.is_nil((first:result()))
    assert.equal("b", second:result().body)
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
  end)

  it("waits for a turn no longer than its timeout", function()
    local server = with_server({ { { gate = "go", send = answer("a") } } })
    httpclient.pool.max_per_host = 1
    local first = httpclient.async(fetch, server:url("/1"))
    local second = httpclient.async(fetch, server:url("/2"), { timeout = 0.03 })
    second:wait()
    local _, message, code = second:result()
    assert.equal(Error.ERR_TIMEOUT, code, message)
    server:open_gate("go")
    httpclient.run()
    httpclient.pool.max_per_host = 6
    assert.equal("a", first:result().body)
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
  end)

  it("from a callback of another one goes ahead even where all connections are in use", function()
    local server = with_server({ { answer("outer") } })
    local inner = with_server({ { answer("inner") } })
    httpclient.pool.max_per_host = 1
    local result
    local task = httpclient.async(fetch, server:url(), { on_data = function()
      result = fetch(inner:url()).body
    end })
    httpclient.run()
    httpclient.pool.max_per_host = 6
    assert.equal("done", task:status())
    assert.equal("inner", result)
  end)

  it("leaves a failed callback to its own task", function()
    local server = with_server({ { answer("one") }, { answer("two") } })
    local bad = httpclient.async(fetch, server:url(), { on_data = function() error("mine", 0) end })
    local good = httpclient.async(function()
      bad:wait()
      return fetch(server:url())
    end)
    httpclient.run()
    assert.same({ nil, "mine" }, { bad:result() })
    assert.equal("two", good:result().body)
  end)

  it("has its timeout under a loop of frames", function()
    local server = with_server({ { { send = "", ending = "stall" } } })
    local task = httpclient.async(fetch, server:url(), { timeout = 0.05 })
    local limit = native.monotonic() + 5 * factor
    while task:status() == "running" and native.monotonic() < limit do
      httpclient.process(0.004)
      native.sleep(0.005)
    end
    assert.equal(Error.ERR_TIMEOUT, select(3, unpack({ task:result() }, 1, 3)))
  end)
end)
