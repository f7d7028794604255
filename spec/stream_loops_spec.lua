-- Streams in every kind of loop, and in tasks that read, stop and are cancelled.
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local nginx = require("spec.support.nginx")
local steps = require("spec.support.steps")
local support = require("spec.support.client")

local async, stream = httpclient.async, httpclient.stream
local play = steps(after_each)
local chunk, head = steps.chunk, steps.head
local server

setup(function()
  local lines = {}
  for i = 1, 2000 do lines[i] = ("%d %s"):format(i, ("x"):rep(40)) end
  server = nginx.start({ plain = [[
    location /slow { limit_rate 300k; root {{root}}; }
    location / { root {{root}}; }]] }, { files = { small = "small", slow = table.concat(lines, "\n") } })
end)

teardown(function()
  httpclient.pool.close_idle()
  server:stop()
end)

local function url(path)
  return ("http://127.0.0.1:%d/%s"):format(server:port("plain"), path)
end

-- Reads one by lines and one by pieces.
local function script(order, name)
  local count = 0
  local response = assert(stream(url("slow"), { idle_timeout = 20 }))
  for line in response:lines() do
    count = count + 1
    assert(tonumber(line:match("^(%d+) ")) == count)
  end
  assert(count == 2000)
  local small = assert(stream(url("small")))
  assert(small:read() == "small" and small:read() == nil)
  order[#order + 1] = name
end

local function check_all_ended(tasks)
  for _, task in ipairs(tasks) do
    assert.equal("done", task:status(), select(2, task:result()))
  end
end

describe("the same reader", function()
  it("works blocking", function()
    local order = {}
    script(order, "a")
    assert.same({ "a" }, order)
  end)

  it("works in tasks, beside others", function()
    local order, frames = {}, 0
    local tasks = { async(script, order, "a"), async(script, order, "b") }
    while #order < 2 do
      httpclient.process(0.005)
      frames = frames + 1
      httpclient.sleep(0.001)
      for _, task in ipairs(tasks) do
        assert.not_equal("failed", task:status(), select(2, task:result()))
      end
    end
    httpclient.run()
    check_all_ended(tasks)
    if rawget(_G, "jit") or _VERSION ~= "Lua 5.1" then -- there no iterator yields
      assert.is_true(frames > 3)
    end
    assert.same(0, (httpclient.pool.count()))
  end)

  for _, name in ipairs(loops.names) do
    it("works under " .. name, function()
      if loops.lack(name) then return pending(loops.lack(name)) end
      local order = {}
      loops.run_times(name, 2, function(who) script(order, who) end)
      assert.equal(2, #order)
    end)
  end
end)

describe("A stream", function()
  it("is read by an iterator called by hand without holding up a frame, on Lua 5.1 too", function()
    local peer = play({ head(), "one\ntw", { "gate", "more" }, "o\nthree" })
    local lines, frames = {}, 0
    local task = async(function()
      local response = assert(stream(peer.url(), { idle_timeout = 20 }))
      local next_line = response:lines()
      local line = next_line()
      while line do
        lines[#lines + 1] = line
        line = next_line()
      end
    end)
    support.until_true(function()
      httpclient.process()
      return #lines == 1
    end)
    for _ = 1, 20 do -- the server waits for the gate, and nobody for the server
      httpclient.process()
      frames = frames + 1
    end
    assert.same({ 20, 1, "running" }, { frames, #lines, task:status() })
    peer.open("more")
    support.until_true(function()
      httpclient.process()
      return task:status() ~= "running"
    end)
    assert.same({ "one", "two", "three" }, lines)
  end)

  it("is opened in one task and read in another, and outside of both", function()
    local peer = play({ head(), "one", { "gate", "two" }, "two", { "gate", "three" }, "three" })
    local response
    async(function() response = assert(stream(peer.url(), { idle_timeout = 20 })) end)
    httpclient.run()
    local got
    async(function() got = response:read() end)
    httpclient.run()
    assert.equal("one", got)
    peer.open("two")
    assert.equal("two", response:read())
    async(function()
      peer.open("three")
      got = response:read()
      assert(response:read() == nil)
    end)
    httpclient.run()
    assert.equal("three", got)
  end)

  it("holds nobody up while one waits for it", function()
    local peer = play({ head(), { "gate", "go" }, "x" })
    local turns, got = 0, nil
    local reader = async(function()
      got = assert(stream(peer.url(), { idle_timeout = 20 })):read()
    end)
    local other = async(function()
      for _ = 1, 5 do
        httpclient.sleep(0.001)
        turns = turns + 1
      end
      peer.open("go")
    end)
    httpclient.run()
    check_all_ended({ reader, other })
    assert.equal(5, turns)
    assert.equal("x", got)
  end)

  it("is one reader's at a time", function()
    local peer = play({ head(), { "gate", "go" }, "x" })
    local message
    async(function()
      local response = assert(stream(peer.url(), { idle_timeout = 20 }))
      async(function()
        message = select(2, pcall(response.read, response))
        peer.open("go")
      end)
      assert(response:read() == "x")
    end)
    httpclient.run()
    assert.truthy(message:find("another read of the stream is under way", 1, true), message)
  end)

  it("is closed under one who waits for it", function()
    local peer = play({ head(), { "recv_eof" } })
    local result
    async(function()
      local response = assert(stream(peer.url(), { idle_timeout = 20 }))
      async(function() response:close() end)
      result = { response:read() }
    end)
    httpclient.run()
    assert.equal("the stream is closed", result[2])
    assert.truthy(peer.script:wait(20))
  end)

  it("ends with the task that is cancelled while it reads", function()
    local peer = play({ head(), { "recv_eof" } })
    local response
    local task = async(function()
      response = assert(stream(peer.url(), { idle_timeout = 20 }))
      response:read()
    end)
    while not response do httpclient.process(0.01) end
    httpclient.process()
    task:cancel()
    assert.truthy(peer.script:wait(20))
    assert.equal("the stream is closed", select(2, response:read()))
    assert.same(0, (httpclient.pool.count()))
  end)

  it("keeps nobody from a connection", function()
    local open, most = {}, httpclient.pool.max_per_host
    finally(function() httpclient.pool.max_per_host = most end)
    httpclient.pool.max_per_host = 2
    local task = async(function()
      for i = 1, 4 do open[i] = assert(stream(url("slow"), { idle_timeout = 20 })) end
      return assert(httpclient.fetch(url("small"))).body
    end)
    httpclient.run()
    assert.equal("small", (task:result()))
    for _, response in ipairs(open) do response:close() end
    assert.same(0, (httpclient.pool.count()))
  end)

  it("closes itself at the end of its block, on Lua 5.4", function()
    if _VERSION ~= "Lua 5.4" then
      pending("to-be-closed variables are new in 5.4")
      return
    end
    local peer = play({ head(), "x", { "recv_eof" } })
    assert(load([[
      local stream, url = ...
      local response <close> = assert(stream(url))
      assert(response:read() == "x")]]))(stream, peer.url())
    assert.truthy(peer.script:wait(20))
  end)

  it("takes its time: what has come meanwhile is read before a timeout counts", function()
    local peer = play({ steps.chunked, chunk("one"), { "gate", "x" }, chunk("two") .. "0\r\n\r\n" })
    local response = assert(stream(peer.url(), { idle_timeout = 0.05 }))
    assert.equal("one", response:read())
    peer.open("x")
    assert.truthy(peer.script:wait(20))
    httpclient.sleep(0.1)
    assert.equal("two", response:read())
    assert.is_nil(response:read())
  end)
end)
