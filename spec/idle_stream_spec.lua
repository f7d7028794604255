-- Streams of the script's own that call themselves ready and move nothing: whoever waits sleeps all
-- the same, and time limits hold.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
local SLEPT = 0.1

local keep, listen = require("spec.support.world")(after_each)

-- A descriptor that is always ready to read, and to write.
local function ready_descriptor()
  local listener = listen()
  local wire = keep(HTTPClient.new())
  wire:connect_to_host("127.0.0.1", listener:port())
  keep(support.accept(listener, wire)):send("never read")
  support.pump(wire, HTTPClient.STATUS_CONNECTED)
  return wire:get_fd()
end

-- What a stream answers, and how often it was asked: it takes what is sent, gives what is in `input`, and then nothing.
local function stream(overrides)
  local peer = { calls = 0, input = "" }
  local methods = {
    put_partial_data = function(_, data) return 0, #data end,
    get_partial_data = function(self, n)
      local data = self.input:sub(1, n)
      self.input = self.input:sub(#data + 1)
      return 0, data
    end,
    get_connected_host = function() return "table.test" end,
  }
  for name, method in pairs(overrides) do methods[name] = method end
  for name, method in pairs(methods) do
    peer[name] = function(...)
      peer.calls = peer.calls + 1
      return method(...)
    end
  end
  return peer
end

local function one() return 1 end
local function is_connecting() return StreamPeerTCP.STATUS_CONNECTING end

-- what the stream does, its methods, whether a request gets under way over it, and whether it can be in a body
local idlers = {
  { "counts bytes and gives none", function() return { get_available_bytes = one } end, true,
    true },
  { "has a descriptor that is ready and gives nothing", function()
    local fd = ready_descriptor()
    return { get_fd = function() return fd end }
  end, true, true },
  { "counts bytes, has a descriptor that is ready, and gives none", function()
    local fd = ready_descriptor()
    return { get_fd = function() return fd end, get_available_bytes = one }
  end, true, true },
  { "has a descriptor that is ready and takes nothing", function()
    local fd = ready_descriptor()
    return { get_fd = function() return fd end, put_partial_data = function() return 0, 0 end }
  end, true },
  { "counts bytes while it connects",
    function() return { get_available_bytes = one, get_status = is_connecting } end },
  { "has a descriptor that is ready while it connects", function()
    local fd = ready_descriptor()
    return { get_fd = function() return fd end, get_status = is_connecting }
  end },
}

-- A client over such a stream with a request under way; `in_body`: with the head of its answer in.
local function client_over(idler, in_body)
  local peer = stream(idler[2]())
  local client = keep(HTTPClient.new())
  local count = peer.get_available_bytes
  if idler[3] then peer.get_available_bytes = nil end -- before a request it would be an error
  client:set_connection(peer)
  support.request(client)
  client:poll()
  peer.get_available_bytes = count
  if in_body then
    peer.input = HEAD
    support.pump(client, HTTPClient.STATUS_BODY)
  end
  peer.calls = 0
  return client, peer
end

-- Runs fn, which waits for SLEPT, and sees how busy the stream was meanwhile. `since`: when that
-- time began, if before now.
local function assert_sleeps(peer, fn, since)
  local cpu, begun = native.cputime(), since or httpclient.monotonic_time()
  fn(begun + SLEPT)
  local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
  local took = httpclient.monotonic_time() - begun
  assert.is_true(took >= SLEPT * 0.9, "took " .. took)
  assert.is_true(peer.calls < 10000 * took, peer.calls .. " calls")
  assert.is_true(native.cputime() - cpu < (0.3 * took + 0.05) * factor, "busy for "
    .. native.cputime() - cpu)
end

-- how it waits, and whether for a body
local waits = {
  { "wait", false, function(client, deadline)
    repeat client:wait(SLEPT) until httpclient.monotonic_time() >= deadline
  end },
  { "wait_any", false, function(client, deadline)
    repeat HTTPClient.wait_any({ client }, SLEPT) until httpclient.monotonic_time() >= deadline
  end },
  { "a Poller", false, function(client, deadline)
    local poller = httpclient.Poller.new()
    poller:add(client)
    repeat poller:wait(SLEPT) until httpclient.monotonic_time() >= deadline
    poller:close()
  end },
  { "a read and wait in turn", true, function(client, deadline)
    repeat
      assert.equal("", client:read_response_body_chunk())
      client:wait(SLEPT)
    until httpclient.monotonic_time() >= deadline
  end },
  { "a read and a Poller in turn", true, function(client, deadline)
    local poller = httpclient.Poller.new()
    poller:add(client)
    repeat
      assert.equal("", client:read_response_body_chunk())
      poller:wait(SLEPT)
    until httpclient.monotonic_time() >= deadline
    poller:close()
  end },
}

describe("A stream that", function()
  for _, idler in ipairs(idlers) do
    for _, wait in ipairs(waits) do
      if idler[4] or not wait[2] then
        it(idler[1] .. " lets sleep " .. wait[1], function()
          local client, peer = client_over(idler, wait[2])
          assert_sleeps(peer, function(deadline) wait[3](client, deadline) end)
          assert.equal(wait[2] and HTTPClient.STATUS_BODY or HTTPClient.STATUS_REQUESTING,
            client:get_status())
        end)
      end
    end

    if idler[3] then
      it(idler[1] .. " does not outlast a time limit in blocking mode", function()
        local client, peer = client_over(idler)
        client.response_timeout, client.idle_timeout = SLEPT, SLEPT
        client:set_connection(peer)
        local count = peer.get_available_bytes
        peer.get_available_bytes = nil
        support.request(client)
        local since = httpclient.monotonic_time()
        client:poll()
        peer.get_available_bytes = count
        client.blocking_mode_enabled = true
        assert_sleeps(peer, function() assert.equal(Error.ERR_TIMEOUT, (client:poll())) end, since)
      end)
    end

    if idler[4] then
      it(idler[1] .. " does not outlast the idle timeout of a blocking read", function()
        local client, peer = client_over(idler, true)
        client.blocking_mode_enabled, client.idle_timeout = true, SLEPT
        peer.input = "o"
        assert_sleeps(peer, function() assert.equal("o", client:read_response_body_chunk()) end)
        client:read_response_body_chunk()
        assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
      end)

      it(idler[1] .. " for a while is heard when it does", function()
        local client, peer = client_over(idler)
        client:wait(0.02)
        local give, since = peer.get_partial_data, httpclient.monotonic_time()
        peer.get_partial_data = function(self, n)
          if since and httpclient.monotonic_time() - since > 0.05 then
            self.input, since = HEAD .. "hi", nil
          end
          return give(self, n)
        end
        local poller = httpclient.Poller.new()
        poller:add(client)
        support.until_true(function()
          poller:wait(1)
          return client:get_status() == HTTPClient.STATUS_BODY
        end)
        poller:close()
        assert.equal("hi", (support.read_all(client)))
      end)
    end
  end

  it("counts bytes and gives none lets sleep below TLS too", function()
    local peer = stream({ get_available_bytes = one })
    local tls = StreamPeerTLS.new()
    assert.equal(Error.OK,
      (tls:connect_to_stream(peer, "localhost", httpclient.TLSOptions.client_unsafe())))
    local client = keep(HTTPClient.new())
    client:set_connection(tls)
    support.request(client, "GET", "/", { "Host: a.test" })
    client:poll()
    assert_sleeps(peer, function(deadline)
      repeat client:wait(SLEPT) until httpclient.monotonic_time() >= deadline
    end)
  end)
end)
