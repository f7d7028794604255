-- The Lua half loaded anew while it is at work, as tools for hot reloading do it.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

local function is_ours(name)
  return name == "httpclient" or name:find("^httpclient%.") ~= nil
end

-- The module as a script gets it that has forgotten all of it; afterwards things are as they were.
local function reloaded()
  local before = {}
  for name, module in pairs(package.loaded) do
    if is_ours(name) then
      before[name] = module
    end
  end
  for name in pairs(before) do
    package.loaded[name] = nil
  end
  finally(function()
    for name in pairs(package.loaded) do
      if is_ours(name) then
        package.loaded[name] = before[name]
      end
    end
  end)
  local new = require("httpclient")
  assert.is_true(new ~= httpclient)
  assert.is_true(new.process ~= httpclient.process)
  return new
end

describe("A half that is loaded anew", function()
  it("moves the tasks that it finds", function()
    local server = with_server({ { { gate = "go", send = answer("one") } } })
    local fetching = httpclient.async(httpclient.fetch, server:url())
    local steps, waited, failed = 0, nil, nil
    local yielding = httpclient.async(function()
      for _ = 1, 3 do
        steps = steps + 1
        coroutine.yield()
      end
      return "yielded"
    end)
    httpclient.async(function()
      waited = yielding:wait()
      httpclient.sleep(0.001)
      failed = select(2, httpclient.async(error, "wrong", 0):wait())
    end)
    local begins_later = httpclient.async(function() return "begun" end)
    httpclient.process(0)
    local new = reloaded()
    new.process()
    server:open_gate("go")
    new.run()
    assert.equal("one", assert(fetching:result()).body)
    assert.equal("yielded", yielding:result())
    assert.equal(3, steps)
    assert.equal("yielded", waited)
    assert.equal("wrong", failed)
    assert.equal("begun", begins_later:result())
    httpclient.run()
  end)

  it("is waited for by tasks of the old one, and waits for theirs", function()
    local old = httpclient.async(function()
      httpclient.sleep(0.002)
      return "old"
    end)
    httpclient.process()
    local new = reloaded()
    local both = new.async(function()
      local inner = httpclient.async(function()
        return new.async(function() return "inner" end):wait()
      end)
      return old:wait(), inner:wait()
    end)
    local outer = httpclient.async(function() return both:wait() end)
    assert.same({ "old", "inner" }, { outer:wait() })
  end)

  it("completes an HTTPRequest that is under way, and takes its calls", function()
    local server = with_server({ { answer("one") }, { answer("two") } })
    local request, bodies, raised = httpclient.HTTPRequest.new(), {}, false
    request.on_request_completed = function(_, _, _, body)
      bodies[#bodies + 1] = body
      if raised then
        error("from a handler", 0)
      end
    end
    assert.equal(0, (request:request(server:url())))
    local new = reloaded()
    new.run()
    assert.same({ "one" }, bodies)
    raised = true
    assert.equal(0, (new.HTTPRequest.request(request, server:url())))
    local ok, message = pcall(new.run)
    assert.is_false(ok)
    assert.truthy(message:find("from a handler", 1, true), message)
    assert.same({ "one", "two" }, bodies)
  end)

  it("cancels, and counts one pool of connections", function()
    local server = with_server({ { { send = answer("one"), content = 0 },
      { gate = "never", send = answer("two") } } })
    httpclient.pool.close_idle()
    assert(httpclient.fetch(server:url()))
    httpclient.pool.max_idle = 31
    finally(function() httpclient.pool.max_idle = 32 end)
    local new = reloaded()
    assert.equal(31, new.pool.max_idle)
    assert.same({ 0, 1, 0 }, { new.pool.count() })
    local task = new.async(new.fetch, server:url())
    httpclient.process()
    assert.same({ 1, 0, 0 }, { httpclient.pool.count() })
    task:cancel()
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    new.run()
  end)

  it("keeps a connection for the TLSOptions that it was made with", function()
    local certs = require("spec.support.certs")
    local tls = { tls = certs.localhost }
    local server = with_server({ { { send = answer("a"), content = 0 },
      { send = answer("b"), content = 0 } },
      { answer("c") } }, tls)
    local unsafe = httpclient.TLSOptions.client_unsafe()
    assert(httpclient.fetch(server:url(), { tls_options = unsafe }))
    local new = reloaded()
    assert.is_true(new.fetch(server:url(), { tls_options = unsafe }).timings.reused)
    local strict = new.TLSOptions.client()
    assert.is_nil((new.fetch(server:url(), { tls_options = strict })))
    new.pool.close_idle()
  end)

  it("has the waiter that was set, and what a task has raised", function()
    local calls = 0
    httpclient.set_waiter(function(client, seconds)
      calls = calls + 1
      client:wait(seconds)
    end)
    finally(function() httpclient.set_waiter(nil) end)
    local new = reloaded()
    local task = new.async(function() httpclient.sleep(0.1) end)
    new.run()
    assert.equal("done", task:status())
    assert.is_true(calls > 0)
    new.set_waiter(nil)
    calls = 0
    httpclient.sleep(0.001)
    assert.equal(0, calls)
  end)

  it("may be loaded from inside a task", function()
    local task = httpclient.async(function()
      local new = reloaded()
      new.next_frame()
      assert.error_matches(new.run, "inside a task", 1, true)
      return "on"
    end)
    httpclient.run()
    assert.same({ "on" }, { task:result() })
  end)
end)
