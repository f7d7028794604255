-- The same script in every kind of loop: blocking, in tasks, under cqueues, luv and copas.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local support = require("spec.support.client")
local uv = require("luv") -- here: its loop stays open to the end of the process

local fetch = httpclient.fetch
local server

setup(function()
  server = nginx.start({ plain = [[
    location /slow { limit_rate 400k; root {{root}}; }
    location / { root {{root}}; }]] }, { files = { small = "small", slow = ("0123456789"):rep(10000) } })
end)

teardown(function()
  httpclient.pool.close_idle()
  server:stop()
end)

-- What every loop has to do: three answers, one of which takes its time, and the order in which they came.
local function script(order, name)
  local url = ("http://localhost:%d/"):format(server:port("plain"))
  local slow = assert(fetch(url .. "slow"))
  order[#order + 1] = name
  assert(slow.status == 200 and #slow.body == 100000)
  assert(assert(fetch(url .. "small")).body == "small")
  assert(assert(fetch(url .. "none")).status == 404)
end

describe("the same script", function()
  it("works blocking", function()
    local order = {}
    script(order, "a")
    assert.same({ "a" }, order)
  end)

  it("works in tasks", function()
    local order, tasks = {}, {}
    for _, name in ipairs({ "a", "b", "c" }) do
      tasks[name] = httpclient.async(script, order, name)
    end
    httpclient.run()
    for _, task in pairs(tasks) do
      assert.equal("done", task:status(), select(2, task:result()))
    end
    assert.equal(3, #order)
  end)

  it("works under cqueues", function()
    local cqueues = require("cqueues")
    local queue = cqueues.new()
    httpclient.set_waiter(function(client, seconds)
      local fd = client:pollfd()
      cqueues.poll(client, seconds)
      -- The descriptor may be closed next: the queue has to forget it first.
      if fd then
        cqueues.cancel(fd)
      end
    end)
    finally(function() httpclient.set_waiter(nil) end)
    local order, ticks = {}, 0
    for _, name in ipairs({ "a", "b" }) do
      queue:wrap(script, order, name)
    end
    queue:wrap(function() -- the others run meanwhile
      while #order < 2 do
        ticks = ticks + 1
        cqueues.sleep(0.001)
      end
    end)
    -- run() in a coroutine of the loop, with tasks of our own.
    queue:wrap(function()
      local task = httpclient.async(script, order, "task")
      httpclient.run()
      assert(task:status() == "done", select(2, task:result()))
    end)
    local done, message = queue:loop()
    queue:close()
    assert(done, message)
    assert.equal(3, #order)
    assert.is_true(ticks > 5, tostring(ticks))
  end)

  it("works under luv", function()
    -- Each script is a coroutine that the loop resumes.
    local function waiter(client, seconds)
      local me = coroutine.running()
      local poll = client:get_fd() >= 0 and uv.new_poll(client:get_fd())
      local timer = uv.new_timer()
      local function done()
        if poll then
          poll:stop()
          poll:close()
        end
        timer:stop()
        timer:close()
        poll, timer = nil, nil
        assert(coroutine.resume(me))
      end
      local called
      local function once()
        if not called then
          called = true
          done()
        end
      end
      if poll then
        poll:start(client:events(), once)
      end
      timer:start(math.ceil((seconds or 5) * 1000), 0, once)
      coroutine.yield()
    end
    httpclient.set_waiter(waiter)
    finally(function() httpclient.set_waiter(nil) end)
    local order = {}
    for _, name in ipairs({ "a", "b" }) do
      local co = coroutine.create(script)
      assert(coroutine.resume(co, order, name))
    end
    uv.run()
    assert.equal(2, #order)
  end)

  it("works under copas", function()
    local ok, copas = pcall(require, "copas")
    if not ok then
      pending("copas does not load on this Lua")
      return
    end
    -- Copas waits for what it can call receive or send of; select asks such a thing for its descriptor.
    httpclient.set_waiter(function(client)
      local tried = false
      local function try()
        if tried then
          return 1
        end
        tried = true
        return nil, "timeout", 0
      end
      local socket = { receive = try, send = try }
      function socket.getfd()
        return client:get_fd()
      end
      function socket.close() end -- Copas closes what a thread has waited for last
      function socket.dirty()
        return client:dirty()
      end
      if (client:events() or "r"):find("w") then
        copas.send(socket, "x")
      else
        copas.receive(socket, 1)
      end
    end)
    finally(function() httpclient.set_waiter(nil) end)
    local order = {}
    for _, name in ipairs({ "a", "b" }) do
      copas.addthread(function() script(order, name) end)
    end
    support.until_true(function()
      copas.step(0.05)
      return #order == 2
    end)
    support.until_true(function()
      copas.step(0.05)
      return httpclient.pool.count() == 0
    end)
  end)
end)
