-- A body function that has nothing is asked now and then, and at once when somebody says that there is more.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local MANY = 60 -- asks in a second that are too many
local keep, _, world = require("spec.support.world")(after_each)

-- How somebody waits for the client, in steps of some seconds.
local ways = {
  wait = function(client) return function(seconds) client:wait(seconds) end end,
  wait_any = function(client)
    return function(seconds) HTTPClient.wait_any({ client }, seconds) end
  end,
  Poller = function(client)
    local poller = keep(httpclient.Poller.new())
    poller:add(client)
    return function(seconds) poller:wait(seconds) end
  end,
  ["a loop of the script's own"] = function(client)
    return function(seconds)
      native.wait_fd(client:get_fd(), "r", math.min(seconds, client:timeout() or seconds))
      client:poll()
    end
  end,
  ["poll alone"] = function(client)
    return function(seconds)
      local ends = native.monotonic() + seconds
      repeat
        client:poll()
        native.sleep(0.0005)
      until native.monotonic() >= ends
    end
  end,
}

local function upload(client, body)
  assert(client:request(HTTPClient.METHOD_POST, "/", {}, body) == 0)
end

describe("a body function without content", function()
  for name, make in pairs(ways) do
    it("is asked now and then: " .. name, function()
      local client, conn = world()
      local asks = 0
      upload(client, function()
        asks = asks + 1
        return ""
      end)
      support.head_of(client, conn)
      local step, ends = make(client), native.monotonic() + 1
      asks = 0
      repeat step(0.1) until native.monotonic() >= ends
      assert.is_true(asks < MANY, asks .. " asks")
      assert.is_true(asks > 3, asks .. " asks")
    end)

    it("is asked at once after resume_body: " .. name, function()
      local client, conn = world()
      local asks, content = 0, ""
      upload(client, function()
        asks = asks + 1
        local piece = content
        content = ""
        return piece
      end)
      support.head_of(client, conn)
      local step = make(client)
      for round = 1, 5 do
        step(0.3) -- the pauses have become long
        local text = ("<%d>"):format(round)
        asks, content = 0, text
        client:resume_body()
        if client:get_fd() >= 0 and name ~= "Poller" then assert.equal(0, client:timeout()) end
        step(0)
        assert.is_true(asks >= 1)
        assert.equal("", content)
        assert(conn:recv_until(text, support.LIMIT))
      end
    end)
  end

  it("is asked quickly again once it had something", function()
    local client, conn = world()
    local asks, content = 0, ""
    upload(client, function()
      asks = asks + 1
      local piece = content
      content = ""
      return piece
    end)
    support.head_of(client, conn)
    client:wait(0.3)
    content = "x"
    client:resume_body()
    client:poll()
    asks = 0
    for _ = 1, 20 do client:wait(0.002) end
    assert.is_true(asks >= 3, asks .. " asks")
  end)

  it("may be resumed from within, and by another client's", function()
    local client, conn = world()
    local other, other_conn = world()
    local poller = keep(httpclient.Poller.new())
    local log = {}
    upload(client, function()
      log[#log + 1] = "one"
      if #log < 3 then
        client:resume_body()
        return ""
      end
    end)
    upload(other, function()
      client:resume_body()
      return nil
    end)
    poller:add(client)
    poller:add(other)
    support.until_true(function()
      poller:wait(0.01)
      return conn:recv_until("0\r\n\r\n", 0) and other_conn:recv_until("0\r\n\r\n", 0) or #log >= 3
    end)
    assert.same({ "one", "one", "one" }, log)
    poller:close()
    other:close()
    client:close()
  end)

  it("keeps the idle timeout", function()
    local client = world()
    client.idle_timeout = 0.3
    upload(client, function() return "" end)
    local began = native.monotonic()
    support.until_true(function()
      client:wait(1)
      client:resume_body() -- says so, and has nothing
      return client:get_status() ~= HTTPClient.STATUS_REQUESTING
    end)
    assert.equal("STATUS_CONNECTION_ERROR", support.status_of(client))
    assert.truthy(select(2, client:get_last_error()):find("idle timeout", 1, true))
    assert.is_true(native.monotonic() - began < support.LIMIT)
  end)

  it("resume_body does nothing where no body function is at work", function()
    local client, conn = world()
    client:resume_body()
    support.ask(client, conn)
    client:resume_body()
    assert(conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    support.pump(client, HTTPClient.STATUS_BODY)
    client:resume_body()
    assert.equal("hi", (support.read_all(client)))
    client:close()
    client:resume_body()
    HTTPClient.new():resume_body()
  end)
end)
