-- The same script in every kind of loop: blocking, in tasks, under cqueues, luv and copas.
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local nginx = require("spec.support.nginx")
local support = require("spec.support.client")

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
    local order, ticks = {}, 0
    loops.run("cqueues", {
      function() script(order, "a") end,
      function() script(order, "b") end,
      function() -- the others run meanwhile
        while #order < 2 do
          ticks = ticks + 1
          cqueues.sleep(0.001)
        end
      end,
      function() -- run() in a coroutine of the loop, with tasks of our own
        local task = httpclient.async(script, order, "task")
        httpclient.run()
        assert(task:status() == "done", select(2, task:result()))
      end,
    })
    assert.equal(3, #order)
    assert.is_true(ticks > 5, tostring(ticks))
  end)

  it("works under cqueues with run() in several coroutines, whoever does the work", function()
    local cqueues = require("cqueues")
    local queue = cqueues.new()
    httpclient.set_waiter(function(client, seconds)
      local fd = client:pollfd()
      cqueues.poll(client, seconds)
      if fd then
        cqueues.cancel(fd)
      end
    end)
    finally(function() httpclient.set_waiter(nil) end)
    local order, ended = {}, 0
    for _, name in ipairs({ "a", "b", "c" }) do
      queue:wrap(function()
        local task = httpclient.async(script, order, name)
        httpclient.run()
        assert(task:status() == "done", select(2, task:result()))
        ended = ended + 1
      end)
    end
    local limit = httpclient.monotonic_time() + support.LIMIT
    while ended < 3 and httpclient.monotonic_time() < limit do
      assert(queue:step(0.1))
    end
    queue:close()
    assert.equal(3, #order)
    assert.equal(3, ended)
  end)

  for _, name in ipairs({ "luv", "copas" }) do
    it("works under " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local order = {}
      loops.run_times(name, 2, function(who) script(order, who) end)
      assert.equal(2, #order)
      assert.equal(0, (httpclient.pool.count()))
    end)
  end
end)
