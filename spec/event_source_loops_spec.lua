-- EventSource in every kind of loop: outside of tasks, in tasks, and in coroutines of other loops; connecting again,
-- too.
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local steps = require("spec.support.steps")

local EventSource = httpclient.EventSource
local play = steps(after_each)
local HEAD = steps.head("text/event-stream")
local SOON = { idle_timeout = 20, response_timeout = 20 }

-- A server whose events come over two connections, the second of them in two pieces.
local function two_parts()
  return play({ HEAD, "retry: 10\nid: 1\ndata: a\n\n" },
    { HEAD, "data: b", { "gate", "rest" }, "c\n\nid: 2\ndata: d\n\n", { "recv_eof" } })
end

-- Reads all, and lets the server go on where it has stopped.
local function read(server, got)
  local source = EventSource.new(server.url(), SOON)
  got[#got + 1] = source:next(20).data
  assert(select(3, source:next(0.05)) == httpclient.Error.ERR_TIMEOUT)
  server.open("rest")
  for event in source:events() do
    got[#got + 1] = event.data
    if event.data == "d" then break end
  end
  got[#got + 1] = source.last_event_id
  source:close()
  return got
end

describe("An EventSource", function()
  local EXPECTED = { "a", "bc", "d", "2" }

  local function check_again(server)
    assert.truthy(server.script:wait(20))
    assert.truthy(server.received(2):find("\r\nLast-Event-ID: 1\r\n", 1, true))
  end

  it("gives its events outside of tasks", function()
    local server = two_parts()
    assert.same(EXPECTED, read(server, {}))
    check_again(server)
  end)

  it("gives its events in tasks, each beside others", function()
    local servers, got, tasks, frames = { two_parts(), two_parts() }, { {}, {} }, {}, 0
    for i = 1, 2 do tasks[i] = httpclient.async(read, servers[i], got[i]) end
    while tasks[1]:status() == "running" or tasks[2]:status() == "running" do
      httpclient.process(0.004)
      frames = frames + 1
      httpclient.sleep(0.001)
    end
    for i = 1, 2 do
      assert.equal("done", tasks[i]:status(), select(2, tasks[i]:result()))
      assert.same(EXPECTED, got[i])
      check_again(servers[i])
    end
    if rawget(_G, "jit") or _VERSION ~= "Lua 5.1" then -- there no iterator yields
      assert.is_true(frames > 3)
    end
  end)

  it("ends with the task that waits for it", function()
    local server = play({ HEAD, "data: a\n\n", { "recv_eof" } })
    local got = {}
    local task = httpclient.async(function()
      local source = EventSource.new(server.url(), SOON)
      local event = source:next()
      while event do
        got[#got + 1] = event.data
        event = source:next()
      end
    end)
    while not got[1] do
      httpclient.process()
      httpclient.sleep(0.001)
    end
    assert.is_true(task:cancel())
    assert.truthy(server.script:wait(20))
    assert.same(0, (httpclient.pool.count()))
  end)

  for _, name in ipairs(loops.names) do
    it("gives its events under " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local servers, got, order = { two_parts(), two_parts() }, { {}, {} }, {}
      loops.run_times(name, 2, function(who)
        read(servers[who], got[who])
        order[#order + 1] = who
      end)
      for i = 1, 2 do
        assert.same(EXPECTED, got[i])
        check_again(servers[i])
      end
      assert.equal(2, #order)
      assert.same(0, (httpclient.pool.count()))
    end)

    it("holds up nobody under " .. name .. " while it waits", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local server = play({ HEAD, { "gate", "event" }, "data: late\n\n", { "recv_eof" } })
      local other = play({ "HTTP/1.1 204 No\r\n\r\n" })
      local order = {}
      loops.run_times(name, 2, function(who)
        if who == 1 then
          local source = EventSource.new(server.url(), SOON)
          local event = source:next(20)
          order[#order + 1] = event.data
          source:close()
        else
          local response = assert(httpclient.fetch(other.url()))
          order[#order + 1] = response.status
          server.open("event")
        end
      end)
      assert.same({ 204, "late" }, order)
    end)
  end
end)
