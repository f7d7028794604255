-- Edges of waiting and reading: what stands behind an upgrade is news for a Poller, silence behind
-- an Expect that nobody answered is idleness again, and what an event loop is told while bytes are
-- handed out does not hand them out twice.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local keep, listen = require("spec.support.world")(after_each)

local function connected()
  local listener = listen()
  local client = keep(HTTPClient.new())
  client:connect_to_host("127.0.0.1", listener:port())
  local conn = keep(support.accept(listener, client))
  support.pump(client, HTTPClient.STATUS_CONNECTED)
  return client, conn
end

describe("A connection that a server has upgraded", function()
  for _, case in ipairs({
    { "bytes that follow", function(conn) conn:send("X") end },
    { "its end", function(conn) conn:close() end },
  }) do
    it("is given out by a Poller for " .. case[1] .. ", unasked as the upgrade may be", function()
      local client, conn = connected()
      local poller = httpclient.Poller.new()
      poller:add(client)
      support.request(client)
      poller:wait(0)
      conn:send("HTTP/1.1 101 Switching Protocols\r\n\r\n")
      support.until_true(function()
        poller:wait(0.1)
        return client:get_response_code() == 101
      end)
      case[2](conn)
      local begun = native.monotonic()
      assert.same({ client }, poller:wait(30))
      assert.is_true(native.monotonic() - begun < 20)
      poller:close()
    end)
  end
end)

describe("A body that an Expect held back", function()
  it("has the idle timeout again when nobody has answered", function()
    local client = connected()
    client.idle_timeout = 0.2
    client:request(HTTPClient.METHOD_POST, "/",
      { "Expect: 100-continue" }, function() return "" end)
    support.until_true(function()
      client:wait(0.5)
      return client:get_status() ~= HTTPClient.STATUS_REQUESTING
    end)
    assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
  end)
end)

describe("A read in the middle of which a loop is told to forget the descriptor", function()
  it("gives each byte once, though the loop reads as well", function()
    local client, conn = connected()
    support.request(client)
    client:poll()
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" .. ("a"):rep(100))
    support.pump(client, HTTPClient.STATUS_BODY)
    local before, inner = package.loaded.cqueues, {}
    finally(function() package.loaded.cqueues = before end)
    package.loaded.cqueues = { cancel = function() inner[#inner + 1] = client:read_response_body_chunk() end }
    local live = true
    local function rearm()
      local object = setmetatable({}, { __gc = function()
        client:pollfd()
        if live then rearm() end
      end })
      return object ~= nil
    end
    rearm()
    collectgarbage("setpause", 0)
    finally(function() collectgarbage("setpause", 200) end)
    local outer = {}
    for _ = 1, 200 do
      client:pollfd()
      outer[#outer + 1] = client:read_response_body_chunk()
    end
    live = false
    package.loaded.cqueues = before
    assert.equal(100, #table.concat(inner) + #table.concat(outer))
    conn:send(("b"):rep(900))
    assert.equal(("b"):rep(900), (support.read_all(client)))
  end)
end)
