-- Tasks and their scheduler: async, process, run, sleep, set_waiter.
local httpclient = require("httpclient")
local native = require("spec_native")
local program = require("spec.support.program")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local async, process, run = httpclient.async, httpclient.process, httpclient.run
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)

describe("a task", function()
  it("begins with process() and ends with what its function returns", function()
    local began = false
    local task = async(function(...)
      began = true
      return select("#", ...), ...
    end, 1, nil, 3)
    assert.is_false(began)
    assert.equal("running", task:status())
    process()
    assert.is_true(began)
    assert.equal("done", task:status())
    assert.same({ 3, 1, nil, 3 }, { task:result() })
    assert.same({ 3, 1, nil, 3 }, { task:wait() })
  end)

  it("is a function's only", function()
    assert.has_error(function() async({}) end)
    assert.has_error(function() httpclient.set_waiter(1) end)
    assert.has_error(function() process(-1) end)
    assert.has_error(function() process("1") end)
    for _, seconds in ipairs({ "1", {}, 0 / 0 }) do
      assert.error_matches(function() httpclient.sleep(seconds) end, "bad argument #1 to 'sleep'",
        1, true)
      assert.error_matches(function() async(function() end):wait(seconds) end,
        "bad argument #1 to 'wait'", 1, true)
    end
    assert.error_matches(function() httpclient.sleep() end,
      "bad argument #1 to 'sleep' (number expected, got nil)", 1, true)
  end)

  it("goes on at the next process() after it has yielded", function()
    local steps = 0
    local task = async(function()
      for _ = 1, 3 do
        steps = steps + 1
        coroutine.yield()
      end
      return "end"
    end)
    process()
    assert.equal(1, steps)
    assert.equal("running", task:status())
    assert.same({ nil, "the task is still running" }, { task:result() })
    process()
    assert.equal(2, steps)
    process()
    process()
    assert.equal("done", task:status())
    assert.equal("end", task:result())
  end)

  it("that fails keeps its message, and the others go on", function()
    local bad = async(function()
      coroutine.yield()
      error("went wrong", 0)
    end)
    local object = {}
    local worse = async(function() error(object) end)
    local good = async(function()
      coroutine.yield()
      coroutine.yield()
      return 7
    end)
    run()
    assert.equal("failed", bad:status())
    assert.same({ nil, "went wrong" }, { bad:result() })
    assert.equal("failed", worse:status())
    assert.equal(object, select(2, worse:result()))
    assert.equal(7, good:result())
  end)

  it("waits for another one, inside and outside of tasks", function()
    local first = async(function()
      coroutine.yield()
      return "a", "b"
    end)
    local second = async(function()
      return first:wait()
    end)
    assert.equal("running", second:status())
    assert.same({ "a", "b" }, { second:wait() })
    assert.equal("done", first:status())
  end)

  it("is waited for in a callback of a request outside of tasks, while all go on", function()
    local server = with_server({ { answer("1") }, { answer("2") } })
    local sleeper = async(function()
      httpclient.sleep(0.01)
      return "slept"
    end)
    local endless = async(function() httpclient.sleep(100) end)
    local request = httpclient.HTTPRequest.new()
    local results
    assert(httpclient.fetch(server:url(), {
      on_data = function()
        assert(request:request(server:url()) == 0)
        results = { sleeper:wait(), (select(2, endless:wait(0.01))), (select(4, request:await())) }
      end,
    }))
    assert.same({ "slept", "the task is still running", "2" }, results)
    endless:cancel()
    run()
  end)

  it("waits for another one no longer than it says", function()
    local endless = async(function()
      while true do
        httpclient.sleep(10)
      end
    end)
    assert.same({ nil, "the task is still running" }, { endless:wait(0.02) })
    local inside = async(function() return endless:wait(0.02) end)
    assert.same({ nil, "the task is still running" }, { inside:wait() })
    assert.is_true(endless:cancel())
    run()
  end)

  it("that is cancelled goes no further, and its waiters are told", function()
    local steps = 0
    local task = async(function()
      while true do
        steps = steps + 1
        coroutine.yield()
      end
    end)
    local other = async(function() return task:wait() end)
    process()
    assert.is_true(task:cancel())
    assert.is_false(task:cancel())
    assert.equal("cancelled", task:status())
    run()
    assert.equal(1, steps)
    assert.same({ nil, "the task was cancelled" }, { other:result() })
  end)

  it("can cancel itself, at its next wait", function()
    local task, passed
    task = async(function()
      coroutine.yield()
      task:cancel()
      coroutine.yield()
      passed = true
    end)
    run()
    assert.is_nil(passed)
    assert.equal("cancelled", task:status())
  end)

  it("says what it is", function()
    local task = async(function() end)
    assert.truthy(tostring(task):find("^Task %(running%)"))
    process()
    assert.truthy(tostring(task):find("^Task %(done%)"))
  end)

  it("waits in vain for itself, or in a ring, with an error", function()
    local task
    task = async(function()
      coroutine.yield()
      task:wait()
    end)
    run()
    assert.truthy(select(2, task:result()):find("wait for itself", 1, true))
    local a, b
    a = async(function()
      coroutine.yield()
      b:wait()
    end)
    b = async(function() a:wait() end)
    local ok, message = pcall(run)
    assert.is_false(ok)
    assert.truthy(message:find("wait for each other", 1, true))
    a:cancel()
    b:cancel()
    run()
  end)

  it("sleeps without holding up the others", function()
    local order = {}
    local cpu, began = native.cputime(), native.monotonic()
    for i = 3, 1, -1 do
      async(function()
        httpclient.sleep(0.05 * i)
        order[#order + 1] = i
      end)
    end
    run()
    assert.same({ 1, 2, 3 }, order)
    assert.is_true(native.monotonic() - began >= 0.15)
    assert.is_true(native.cputime() - cpu < 0.08 * factor)
    httpclient.sleep(0.01)
    assert.is_true(native.monotonic() - began >= 0.16)
  end)
end)

-- A program that waits in all its ways is ended by the interpreter's own handler.
describe("Ctrl-C", function()
  local scripts = {
    fetch = "httpclient.fetch(arg[1])",
    run = "httpclient.async(httpclient.fetch, arg[1]) httpclient.run()",
    wait = "httpclient.async(httpclient.fetch, arg[1]):wait()",
    sleep = "assert(httpclient.fetch(arg[1])) httpclient.sleep(100)",
  }
  for what, text in pairs(scripts) do
    it("ends " .. what, function()
      local server = with_server({ { { send = what == "sleep" and answer("") or "",
        ending = "stall" } } })
      local folder = tempdir.new()
      local path = folder:write("script.lua", "local httpclient = require('httpclient') " .. text)
      local child = assert(native.spawn(program.lua(path, server:url()),
        { stdout = "pipe", stderr = "stdout" }))
      support.until_true(function()
        local request = server:requests()[1]
        return request and request:find("\r\n\r\n", 1, true)
      end)
      child:kill(2)
      local output = child:read(support.LIMIT)
      local code = child:wait(support.LIMIT)
      child:close()
      folder:close()
      assert.equal(1, code, output)
      assert.truthy(output:find("interrupted!", 1, true), output)
    end)
  end
end)

describe("process", function()
  it("never waits, and keeps to its budget", function()
    local begun, all = 0, {}
    for i = 1, 1000 do
      all[i] = async(function()
        begun = begun + 1
        local limit = native.monotonic() + 0.001
        repeat until native.monotonic() >= limit
      end)
    end
    process(0) -- one at the least
    assert.equal(1, begun)
    process(0.01)
    assert.is_true(begun > 1 and begun <= 11, tostring(begun))
    for _, task in ipairs(all) do
      task:cancel()
    end
    local began = native.monotonic()
    process(20)
    assert.is_true(native.monotonic() - began < 10)
  end)

  it("can't be called from inside a task", function()
    local task = async(function()
      process()
    end)
    process()
    assert.truthy(select(2, task:result()):find("inside a task", 1, true))
    local other = async(function() run() end)
    process()
    assert.truthy(select(2, other:result()):find("inside a task", 1, true))
  end)

  it("drains what the socket has within one call", function()
    local body = ("x"):rep(100000)
    local server = with_server({ { answer(body:rep(20)) } })
    local task = async(httpclient.fetch, server:url("/"))
    local calls = 0
    local limit = native.monotonic() + 60 * factor
    while task:status() == "running" and native.monotonic() < limit do
      process(0.05)
      calls = calls + 1
      if calls > 3 then
        native.sleep(0.002)
      end
    end
    assert.equal("done", task:status())
    assert.equal(2000000, #task:result().body)
    assert.is_true(calls < 60,
      tostring(calls)) -- 2,000,000 bytes in pieces of 64 KiB would be 31 calls at the least
  end)
end)

describe("a waiter", function()
  it("does the waiting of fetch and run", function()
    local server = with_server({ { { gate = "go", send = answer("one") } },
      { { gate = "again", send = answer("two") } } })
    local calls, gate = 0, "go"
    httpclient.set_waiter(function(client, seconds)
      calls = calls + 1
      server:open_gate(gate)
      assert.is_true(client:get_fd() >= 0)
      assert.is_true(seconds == nil or seconds > 0)
      native.sleep(0.001)
    end)
    finally(function() httpclient.set_waiter(nil) end)
    assert.equal("one", httpclient.fetch(server:url("/")).body)
    assert.is_true(calls > 0)
    calls, gate = 0, "again"
    local task = async(httpclient.fetch, server:url("/"))
    run()
    assert.equal("two", task:result().body)
    assert.is_true(calls > 0)
  end)

  it("that raises ends the call, and the connection with it", function()
    local server = with_server({ { { gate = "go", send = answer("late") } } })
    httpclient.set_waiter(function() error("no waiting here", 0) end)
    local ok, message = pcall(httpclient.fetch, server:url("/"))
    httpclient.set_waiter(nil)
    assert.is_false(ok)
    assert.equal("no waiting here", message)
    assert.equal(0, (httpclient.pool.count()))
  end)

  it("that raises inside a coroutine of its own leaves nothing behind either", function()
    local server = with_server({ { { gate = "go", send = answer("late") } } })
    local other = with_server({ { { send = answer("one") } } })
    local used = httpclient.pool.count()
    httpclient.set_waiter(function() error("no waiting here", 0) end)
    finally(function() httpclient.set_waiter(nil) end)
    local ok, message = coroutine.resume(coroutine.create(function() return httpclient.fetch(server:url("/")) end))
    assert.same({ false, "no waiting here" }, { ok, message })
    httpclient.set_waiter(nil)
    collectgarbage()
    collectgarbage()
    assert.equal("one", httpclient.fetch(other:url("/")).body)
    assert.equal(used, (httpclient.pool.count()))
    httpclient.pool.close_idle()
  end)
end)
