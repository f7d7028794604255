-- Clients over TLS, over streams of their own and over a script's, that are collected in every state.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local streams = require("spec.support.streams")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTLS = httpclient.StreamPeerTLS
local _, listen = require("spec.support.world")(after_each)

local function collect()
  if rawget(_G, "jit") then
    require("jit").flush() -- its traces hold on to what they met
  end
  for _ = 1, 4 do
    collectgarbage()
  end
end

describe("the collector", function()
  -- Takes a client in the state that `lead` brings it to, and lets go of everything. The server's side sees the end.
  local function collected(lead, below)
    local listener = listen()
    local function begin()
      local client = HTTPClient.new()
      local conn
      if below then
        local peer = streams.tcp(listener:port())
        conn = assert(listener:accept())
        client:set_connection(streams.tls(below(peer)))
      else
        assert.equal(Error.OK,
          (client:connect_to_host("localhost", listener:port(), tls.trusting())))
        conn = support.accept(listener, client)
      end
      assert(conn:starttls(certs.localhost.tls()))
      lead(client, conn)
      return conn
    end
    local conn = begin()
    collect()
    support.until_true(function()
      local data, why = conn:recv(65536, 0)
      return data == "" or (not data and why ~= "timeout")
    end, nil, function() return "the end" end)
    conn:close()
  end

  local function steps(count)
    return function(client, conn)
      for _ = 1, count do
        client:poll()
        conn:handshake("step")
        collectgarbage("step")
      end
    end
  end
  local function shaken(client, conn)
    support.until_true(function()
      client:poll()
      return conn:handshake("step") and support.is_connected_or_failed(client)
    end)
    client:poll()
  end
  local function asked(client, conn)
    shaken(client, conn)
    tls.ask(client, conn)
  end
  local function in_body(client, conn)
    asked(client, conn)
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" .. ("x"):rep(50000))
    support.pump(client, HTTPClient.STATUS_BODY)
    client:read_response_body_chunk()
  end
  local states = {
    { "before the handshake", steps(0) }, { "at its beginning", steps(1) },
    { "in its middle", steps(2) },
    { "behind it", shaken }, { "with a request on its way", function(client, conn)
      shaken(client, conn)
      support.request(client, "PUT", "/", {}, ("x"):rep(4000000))
      client:poll()
      client:poll()
    end },
    { "waiting for an answer", asked }, { "in a body", in_body },
    { "with a body read into a file", function(client, conn)
      in_body(client, conn)
      local file = assert(io.tmpfile())
      client:read_response_body_to_file(file)
      file:close()
    end },
    { "after an exchange", function(client, conn)
      shaken(client, conn)
      assert.equal("hello", tls.exchange(client, conn))
    end },
    { "after the server's good-bye", function(client, conn)
      shaken(client, conn)
      conn:close_notify()
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
    end },
    { "while a Poller holds it", function(client, conn)
      in_body(client, conn)
      local poller = httpclient.Poller.new()
      poller:add(client)
      poller:wait(0)
    end },
  }
  for _, state in ipairs(states) do
    it("takes a client " .. state[1], function()
      collected(state[2])
    end)
    it("takes a client over given streams " .. state[1], function()
      collected(state[2], function(peer) return peer end)
    end)
    it("takes a client over a script's stream " .. state[1], function()
      collected(state[2], function(peer) return streams.relayed(peer, 100000) end)
    end)
  end

  it("leaves a stream alone that the script still holds", function()
    local listener = listen()
    local stream = streams.tls(streams.tcp(listener:port()))
    local conn = assert(listener:accept())
    assert(conn:starttls(certs.localhost.tls()))
    do
      local client = HTTPClient.new()
      client:set_connection(stream)
      shaken(client, conn)
      client = nil -- luacheck: ignore
    end
    collect()
    assert.equal(StreamPeerTLS.STATUS_CONNECTED, stream:get_status())
    assert.equal(Error.OK, (stream:put_data("still here")))
    assert.equal("still here", conn:recv_n(10))
    conn:close()
  end)

  it("takes options and certificates that a connection still needs", function()
    local listener = listen()
    local client = HTTPClient.new()
    do
      local chain = httpclient.X509Certificate.new()
      chain:load_from_string(certs.ca.cert)
      local options = httpclient.TLSOptions.client(chain, nil, { alpn = { "http/1.1" } })
      assert.equal(Error.OK, (client:connect_to_host("localhost", listener:port(), options)))
      chain, options = nil, nil -- luacheck: ignore
    end
    collect()
    local conn = support.accept(listener, client)
    assert(conn:starttls(certs.localhost.tls({ alpn = { "http/1.1" } })))
    shaken(client, conn)
    collect()
    assert.equal("hello", tls.exchange(client, conn))
    client:close()
    conn:close()
  end)
end)
