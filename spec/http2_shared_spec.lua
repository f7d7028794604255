-- Several clients on one connection of HTTP/2: what one of them does, and what comes by it for the others.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient

local OK, ask = h2.OK, h2.ask

local function with_peer(settings, action) return h2.with_peer(finally, settings, action) end

local function has(list, wanted)
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

describe("A connection of HTTP/2 that is shared", function()
  it("rests over a stream that nobody has polled before the request", function()
    with_peer({}, function(client, peer)
      local second, poller = HTTPClient.new(), httpclient.Poller.new()
      finally(function()
        second:close()
        poller:close()
      end)
      second.http_version = "2"
      for _ = 1, 20 do peer:poll() end
      second:set_connection(client:get_connection())
      support.request(second, "GET", "/")
      assert(poller:add(second))
      local started = native.cputime()
      for _ = 1, 4 do poller:wait(0.1) end
      assert.is_true(native.cputime() - started < 0.1)
      peer:send(h2.settings({}), h2.headers(1, OK, h2.END_STREAM))
      support.until_true(function() return has(poller:wait(1), second) end)
      assert.equal(200, second:get_response_code())
    end)
  end)

  it("wakes whom another's step has brought something", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      local poller = httpclient.Poller.new()
      finally(function() poller:close() end)
      ask(client, peer)
      ask(other, peer)
      for _ = 1, 20 do peer:poll() end
      assert(poller:add(client))
      assert(poller:add(other))
      poller:wait(0)
      peer:send(h2.headers(1, OK))
      support.pump(client, HTTPClient.STATUS_BODY)
      peer:send(h2.headers(3, OK, h2.END_STREAM))
      native.sleep(0.05)
      assert.equal("", client:read_response_body_chunk())
      local started = native.monotonic()
      support.until_true(function()
        return has(poller:wait(2), other) or native.monotonic() > started + 5
      end)
      assert.is_true(native.monotonic() < started + 1)
      assert.equal(200, other:get_response_code())
    end)
  end)

  it("survives a body function in which it ends", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      local calls = 0
      support.request(client, "POST", "/", {}, function()
        calls = calls + 1
        if calls == 1 then return "" end
        if calls == 2 then
          peer:close()
          support.pump(other, HTTPClient.STATUS_CONNECTION_ERROR)
        end
        return "more"
      end)
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.equal(select(2, other:get_last_error()), select(2, client:get_last_error()))
    end)
  end)

  it("sends the reset of one that is closed while another waits", function()
    with_peer({ [3] = 1 }, function(client, peer)
      local other = peer:share()
      local poller = httpclient.Poller.new()
      finally(function() poller:close() end)
      ask(client, peer)
      for _ = 1, 20 do peer:poll() end
      assert(poller:add(client))
      assert(poller:add(other))
      for _ = 1, 5 do poller:wait(0) end
      client:close()
      peer.clients = {}
      assert.equal("RST_STREAM", peer:frame().type)
      assert.equal(1, other:get_free_streams())
    end)
  end)

  for _, case in ipairs({
    { "", "" }, { " behind a goodbye", h2.goaway(2147483647, 0) },
  }) do
    it("sends the reset of one that is closed though nobody polls any more" .. case[1], function()
      with_peer({}, function(client, peer)
        local other, keeper = peer:share(), peer:share()
        ask(client, peer)
        ask(other, peer)
        peer:send(case[2], h2.headers(1, OK))
        support.pump(client, HTTPClient.STATUS_BODY)
        peer.clients = {}
        other:close()
        local reset = peer:await("RST_STREAM")
        assert.same({ 3, 8 }, { reset.stream, h2.number(reset.payload) })
        peer:send(h2.data(1, "whole", h2.END_STREAM))
        assert.equal("whole", (support.read_all(client)))
        keeper:close()
      end)
    end)
  end

  it("is at its end for a client that goes on after a first goodbye", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      ask(other, peer)
      peer:send(h2.goaway(2147483647, 0), h2.headers(1, OK, h2.END_STREAM))
      support.until_true(function() client:poll() return client:get_status() ~= HTTPClient.STATUS_REQUESTING end)
      assert.equal("STATUS_DISCONNECTED", support.status_of(client))
      other:close()
      peer.clients = {}
      peer:await("GOAWAY")
    end)
  end)

  it("ends for the others when one takes its stream away", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      other:set_connection(other:get_connection())
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.truthy(select(2, client:get_last_error()))
    end)
  end)

  it("takes a 100 at once where nobody polls in between", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", { "Expect: 100-continue" }, "content")
      for _ = 1, 20 do client:poll() end
      peer:send(h2.headers(1, { { ":status", "100" } }))
      native.sleep(0.02)
      local started = native.monotonic()
      while client:get_request_body_sent() == 0 do client:wait(5) end
      assert.is_true(native.monotonic() < started + 0.5)
    end)
  end)

  it("serves a client whose body function waits for another", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      local poller = httpclient.Poller.new()
      finally(function() poller:close() end)
      ask(other, peer)
      for _ = 1, 20 do peer:poll() end
      assert(poller:add(client))
      assert(poller:add(other))
      for _ = 1, 3 do poller:wait(0) end
      local took, asked
      support.request(client, "POST", "/", {}, function()
        if asked then return nil end
        asked = true
        peer:send(h2.window(0, 1))
        native.sleep(0.02)
        poller:wait(0.05)
        peer:send(h2.headers(1, OK, h2.END_STREAM))
        local started = native.monotonic()
        while other:get_status() == HTTPClient.STATUS_REQUESTING
          and native.monotonic() < started + 2 do
          poller:wait(1)
        end
        took = native.monotonic() - started
        return "x"
      end)
      support.until_true(function() client:poll() return took end)
      assert.is_true(took < 0.5)
    end)
  end)

  it("rests, and keeps the response timeout, when all of a body is out that the socket held back",
    function()
    with_peer({ [4] = 2147483647 }, function(client, peer)
      local poller = httpclient.Poller.new()
      finally(function() poller:close() end)
      client.response_timeout = 0.3
      peer:send(h2.window(0, 1073741824))
      assert(poller:add(client))
      support.request(client, "POST", "/", {}, ("x"):rep(16777216))
      for _ = 1, 50 do poller:wait(0.001) end
      local size = 0
      support.until_true(function()
        poller:wait(0)
        size = size + #(peer.conn:recv(1048576, 0) or "")
        return size > 16777216 + 9 * 1024
      end)
      local started = native.cputime()
      for _ = 1, 4 do poller:wait(0.2) end
      assert.is_true(native.cputime() - started < 0.2)
      assert.same({ httpclient.Error.ERR_TIMEOUT, "response timeout after 0.300 s" },
        { client:get_last_error() })
    end)
  end)
end)
