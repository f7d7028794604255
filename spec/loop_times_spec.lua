-- Times in loops that are not ours: a sleep, a timeout of each phase and the wait before a retry end by themselves,
-- where nothing else happens; copas 1 has no timers of its own.
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local loops = require("spec.support.loops")
local native = require("spec_native")
local steps = require("spec.support.steps")
local streams = require("spec.support.streams")
local support = require("spec.support.client")

local Error, fetch = httpclient.Error, httpclient.fetch
local play = steps(after_each)
local SHORT = 0.05

-- A port where connections are not taken: its queue is full.
local function full(finally)
  local listener = assert(native.listen({ host = "127.0.0.1", backlog = 0 }))
  local held = {}
  for i = 1, 4 do
    held[i] = httpclient.new()
    held[i]:connect_to_host("127.0.0.1", listener:port())
    for _ = 1, 20 do
      held[i]:poll()
      native.sleep(0.001)
    end
  end
  finally(function()
    for _, client in ipairs(held) do client:close() end
    listener:close()
  end)
  return ("http://127.0.0.1:%d/"):format(listener:port())
end

-- What a loop's install() sets.
local function waiter_of(name)
  local waiter
  local set_waiter = httpclient.set_waiter
  httpclient.set_waiter = function(fn) waiter = fn end
  local ok, why = pcall(loops.set_waiter, name)
  httpclient.set_waiter = set_waiter
  assert(ok, why)
  return waiter
end

for _, name in ipairs(loops.names) do
  describe("Under " .. name, function()
    local function in_loop(body)
      local results
      loops.run(name, { function() results = { body() } end })
      return (table.unpack or unpack)(results, 1, 4) -- luacheck: ignore
    end

    local function check_timeout(expected, url, options)
      local _, message, code = in_loop(function() return fetch(url, options) end)
      assert.equal(Error.ERR_TIMEOUT, code, message)
      assert.truthy(message:find(expected, 1, true), message)
      assert.same(0, (httpclient.pool.count()))
    end

    it("a sleep ends", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local began = httpclient.monotonic_time()
      in_loop(function() httpclient.sleep(SHORT) end)
      assert.is_true(httpclient.monotonic_time() - began >= SHORT)
    end)

    it("the time of a whole call ends, and that of an answer", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local server = play({ { "recv_eof" } }, { { "recv_eof" } })
      check_timeout("timeout after", server.url(), { timeout = SHORT })
      check_timeout("response timeout", server.url(), { response_timeout = SHORT })
    end)

    it("the time to connect ends", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      check_timeout("timeout", full(finally), { connect_timeout = SHORT })
    end)

    it("the wait for a client ends that a Poller watches", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local client, poller = httpclient.new(), httpclient.Poller.new()
      finally(function()
        poller:close()
        client:close()
      end)
      client:connect_to_host("127.0.0.1", tonumber(full(finally):match(":(%d+)/")))
      assert.equal("w", client:events())
      assert.equal(0, poller:add(client))
      local waiter = waiter_of(name)
      in_loop(function() waiter(client, SHORT) end)
    end)

    it("the wait for a client ends whose stream has no descriptor", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local client = httpclient.new()
      finally(function() client:close() end)
      client:set_connection(streams.served(function() return "" end))
      support.request(client)
      client:poll()
      assert.same({ -1, nil }, { client:get_fd(), client:events() })
      local waiter = waiter_of(name)
      in_loop(function() waiter(client, client:timeout()) end)
    end)

    it("the wait before a retry ends", function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local server = play({ "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
        { "HTTP/1.1 204 No\r\n\r\n" })
      local response = in_loop(function()
        return fetch(server.url(), { retry = { backoff = SHORT } })
      end)
      assert.equal(204, response.status)
    end)
  end)
end

-- luv keeps the memory of a handle that it refuses, which is no leak of ours.
it("In luv a wait without a limit ends that no handle can be had for", function()
  local text = isolated.run([[
    local httpclient, loops = require("httpclient"), require("spec.support.loops")
    local waiter
    httpclient.set_waiter = function(fn) waiter = waiter or fn end
    loops.set_waiter("luv")
    local nothing = { get_fd = function() return 1000000 end, events = function() return "r" end }
    loops.run("luv", { function()
      waiter(nothing)
      print("ended")
    end })
  ]], { ends_open = true })
  assert.equal("ended\nexit 0", text)
end)
