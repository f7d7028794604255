-- Tasks that wait where they can't yield: below a C function that calls back, which in Lua 5.1 pcall is too.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local async, fetch, run = httpclient.async, httpclient.fetch, httpclient.run
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local answer = serve.answer
local unpack = table.unpack or unpack -- luacheck: ignore

local function pack(...) return { n = select("#", ...), ... } end

local with_server = require("spec.support.served")(after_each)

-- Each calls fn.
local calls = {
  { "pcall", function(fn) assert(pcall(fn)) end },
  { "xpcall", function(fn) assert(xpcall(fn, tostring)) end },
  { "table.sort", function(fn)
    table.sort({ 1, 2 }, function(a, b)
      fn()
      return a < b
    end)
  end },
  { "string.gsub", function(fn) return (("x"):gsub("x", function() fn() end)) end },
  { "an iterator", function(fn)
    local count = 0
    for _ in function()
      count = count + 1
      if count > 1 then return nil end
      fn()
      return true
    end do
      count = count + 0
    end
  end },
  { "pcall in pcall in table.sort", function(fn)
    table.sort({ 1, 2 }, function(a, b)
      assert(select(2, pcall(pcall, fn)))
      return a < b
    end)
  end },
}

-- fn(...) by such a call, once. -> what it returns
local function by(call, fn, ...)
  local arguments, results = pack(...), nil
  call(function() results = results or pack(fn(unpack(arguments, 1, arguments.n))) end)
  return unpack(results, 1, results.n)
end

local function in_sort(...) return by(calls[3][2], ...) end

describe("In a task, below", function()
  for _, call in ipairs(calls) do
    local function below(...) return by(call[2], ...) end

    it(call[1] .. " fetch gives its response, and what goes wrong", function()
      local server = with_server({ { answer("one"), answer("two") } })
      local task = async(function()
        local first = below(fetch, server:url())
        local second = below(fetch, server:url())
        local none, message, code = below(fetch, "http://127.0.0.1:1/")
        return first.body, second.body, none, message, code
      end)
      run()
      local first, second, none, message, code = task:result()
      assert.same({ "one", "two" }, { first, second })
      assert.is_nil(none)
      assert.is_string(message)
      assert.equal(httpclient.Error.ERR_CANT_CONNECT, code)
      assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
    end)

    it(call[1] .. " all that waits does, and the others go on meanwhile", function()
      local gated = with_server({ { { gate = "go", send = answer("late") } } })
      local free = with_server({ { answer("free") } })
      local other = async(function()
        httpclient.sleep(0.01)
        local body = fetch(free:url()).body
        gated:open_gate("go") -- so it ends before the one on top of which it runs
        return body
      end)
      local request = httpclient.HTTPRequest.new()
      local task = async(function()
        local body = below(fetch, gated:url(), { timeout = 10 * factor }).body
        local seen = below(other.wait, other)
        below(httpclient.sleep, 0.01)
        return body, seen
      end)
      run()
      assert.same({ "late", "free" }, { task:result() })
      assert.equal("free", other:result())
      local requested = with_server({ { answer("requested") } })
      task = async(function()
        request:request(requested:url())
        return (select(4, below(function() return request:await() end)))
      end)
      run()
      assert.equal("requested", task:result())
    end)
  end

  it("pcall the error of a callback is caught", function()
    local server = with_server({ { answer("one") } })
    local task = async(function()
      return pcall(fetch, server:url(), { on_data = function() error("no", 0) end })
    end)
    run()
    assert.same({ false, "no" }, { task:result() })
    assert.equal(0, (httpclient.pool.count()))
  end)

  it("table.sort a task is cancelled by another one, and its connection with it", function()
    local server = with_server({ { { send = "", ending = "stall" } } })
    local task
    async(function()
      httpclient.sleep(0.02)
      assert(task:cancel())
    end)
    local reached
    task = async(function()
      httpclient.sleep(0.001)
      in_sort(fetch, server:url(), { timeout = 10 * factor })
      reached = true
    end)
    local began = httpclient.monotonic_time()
    run()
    assert.is_true(httpclient.monotonic_time() - began < 5 * factor)
    assert.is_nil(reached)
    assert.is_true(task:status() == "failed" or task:status() == "cancelled", task:status())
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("table.sort many tasks wait, one inside the other, and each gets its own", function()
    local connections = {}
    for i = 1, 30 do connections[i] = { { send = answer("x"), ending = "close" } } end
    local server, done = with_server(connections), 0
    for _ = 1, 30 do
      async(function()
        httpclient.sleep(0.001)
        local response = assert(in_sort(fetch, server:url()))
        done = done + #response.body
      end)
    end
    run()
    assert.equal(30, done)
    assert.equal(0, (httpclient.pool.count()))
  end)

  it("table.sort a fetch in a callback of a fetch needs no second turn", function()
    httpclient.pool.max_per_host = 1
    finally(function() httpclient.pool.max_per_host = 6 end)
    local server = with_server({ { answer("outer") }, { answer("inner") } })
    local inner
    local task = async(function()
      local response = fetch(server:url(), {
        timeout = 5 * factor,
        on_data = function() inner = in_sort(fetch, server:url(), { timeout = 5 * factor }) end,
      })
      return response.status
    end)
    run()
    assert.equal(200, task:result())
    assert.equal("inner", inner.body)
  end)

  it("table.sort two tasks that wait for each other are told so", function()
    local first, second
    first = async(function()
      httpclient.sleep(0.001)
      return in_sort(function() return second:wait() end)
    end)
    second = async(function()
      httpclient.sleep(0.001)
      return in_sort(function() return first:wait() end)
    end)
    run()
    local _, message = second:result()
    assert.truthy(tostring(message):find("wait for each other", 1, true), tostring(message))
    assert.is_true(first:status() ~= "running")
  end)

  it("pcall, outside of the scheduler, a callback's fetch waits as well", function()
    local server = with_server({ { answer("outer") }, { answer("inner") } })
    local inner
    local response = fetch(server:url(), { on_data = function()
      inner = in_sort(fetch, server:url(), { timeout = 5 * factor })
    end })
    assert.equal(200, response.status)
    assert.equal("inner", inner.body)
  end)

  it("table.sort nothing asks a waiter that may yield", function()
    local server = with_server({ { answer("one") } })
    httpclient.set_waiter(function() coroutine.yield("waiting") end)
    finally(function() httpclient.set_waiter(nil) end)
    local task = async(function() return in_sort(fetch, server:url()).body end)
    httpclient.process()
    assert.equal("one", task:result())
  end)

  -- In a coroutine of a loop whose waiter yields, where it can't: the loop stands meanwhile.
  for _, call in ipairs({ calls[1], calls[3] }) do
    it(call[1] .. ", in a coroutine of a loop, all that waits does", function()
      local many = {}
      for index = 1, 5 do many[index] = { answer("one") } end
      local server = with_server(many)
      httpclient.set_waiter(function() coroutine.yield("waiting") end)
      finally(function() httpclient.set_waiter(nil) end)
      local found = {}
      local co = coroutine.create(function()
        by(call[2], function()
          httpclient.sleep(0.001)
          found[1] = fetch(server:url()).body
          found[2] = httpclient.fetch_all({ server:url() })[1].body
          found[3] = async(fetch, server:url()):wait().body
          local request = httpclient.HTTPRequest.new()
          request:request(server:url())
          found[4] = select(4, request:await())
          found[5] = httpclient.stream(server:url()):read()
        end)
        return "done"
      end)
      local ok, what
      repeat
        ok, what = coroutine.resume(co)
      until not ok or what ~= "waiting"
      assert.is_true(ok, what)
      assert.equal("done", what)
      assert.same({ "one", "one", "one", "one", "one" }, found)
    end)

    it(call[1] .. ", in a coroutine of a loop, the callbacks of a fetch do, too", function()
      local many = {}
      for index = 1, 8 do many[index] = { answer("one") } end
      local server = with_server(many)
      httpclient.set_waiter(function() coroutine.yield("waiting") end)
      finally(function() httpclient.set_waiter(nil) end)
      local count = 0
      local function wait()
        httpclient.sleep(0.001)
        async(httpclient.sleep, 0.001):wait()
        count = count + 1
      end
      local co = coroutine.create(function()
        by(call[2], function()
          assert.equal("", assert(fetch(server:url(), { on_data = wait, on_response = wait })).body)
          assert.equal("one", assert(fetch(server:url(), { on_progress = wait })).body)
          assert.equal("one",
            assert(httpclient.stream(server:url(), { on_response = wait })):read())
          async(fetch, server:url(), { on_data = wait }):wait()
          local request = httpclient.HTTPRequest.new()
          request.request_completed:connect(wait)
          request:request(server:url())
          request:await()
        end)
        return "done"
      end)
      local ok, what
      repeat
        ok, what = coroutine.resume(co)
      until not ok or what ~= "waiting"
      assert.is_true(ok, what)
      assert.equal("done", what)
      assert.is_true(count >= 6, count)
    end)
  end
end)
