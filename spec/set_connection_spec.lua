-- HTTP over a stream that the script connected: a StreamPeerTCP, a StreamPeerTLS; its Host, its life.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local streams = require("spec.support.streams")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local OK = "HTTP/1.1 200 OK\r\n"
local unpack = table.unpack or unpack -- luacheck: ignore

local head_of, status_of = support.head_of, support.status_of
local keep, listen = require("spec.support.world")(after_each)

local function over(peer)
  local client = keep(HTTPClient.new())
  client:set_connection(peer)
  return client
end

describe("Host over a given connection", function()
  -- what the stream's methods say, the caller's headers, the Host
  local cases = {
    { "the caller's", "table.test", nil, { "Host: mine.test" }, "mine.test" },
    { "the stream's", "table.test", nil, {}, "table.test" },
    { "the stream's with its port", "table.test", 8080, {}, "table.test:8080" },
    { "the stream's without the default port", "table.test", 80, {}, "table.test" },
    { "the stream's IPv6 address in brackets", "::1", 81, {}, "[::1]:81" },
    { "empty when the stream tells none", nil, nil, {}, "" },
  }
  for _, case in ipairs(cases) do
    it("is " .. case[1], function()
      local peer = streams.served(streams.numbering, {
        get_connected_host = function() return case[2] end,
        get_connected_port = function() return case[3] end,
      })
      local client = over(peer)
      support.request(client, "GET", "/", case[4])
      client:poll()
      assert.equal(case[5], peer.sent:match("\r\nHost: ?([^\r]*)\r\n"))
      assert.equal(1, select(2, peer.sent:gsub("\r\n[Hh]ost:", "")))
    end)
  end

  it("is the authority of an absolute URL", function()
    local peer = streams.served(streams.numbering)
    local client = over(peer)
    support.request(client, "GET", "http://url.test:81/x")
    client:poll()
    assert.equal("url.test:81", peer.sent:match("\r\nHost: ([^\r]*)\r\n"))
  end)

  it("is not that of the connection before", function()
    local client = support.connect(listen())
    local peer = streams.served(streams.numbering)
    client:set_connection(peer)
    support.request(client)
    client:poll()
    assert.equal("table.test", peer.sent:match("\r\nHost: ([^\r]*)\r\n"))
    client:close()
  end)
end)

describe("a stream that the script connected", function()
  local function tcp(listener)
    local peer = StreamPeerTCP.new()
    assert.equal(Error.OK, (peer:connect_to_host("127.0.0.1", listener:port())))
    local conn = keep(assert(listener:accept()))
    support.until_true(function()
      peer:poll()
      return peer:get_status() == StreamPeerTCP.STATUS_CONNECTED
    end)
    return peer, conn
  end

  it("can be a StreamPeerTCP", function()
    local listener = listen()
    local peer, conn = tcp(listener)
    local client = over(peer)
    assert.equal("STATUS_CONNECTED", status_of(client))
    assert.equal(peer, client:get_connection())
    assert.equal("127.0.0.1", (client:get_remote_address()))
    for i = 1, 2 do
      support.request(client, "GET", "/" .. i)
      assert.truthy(head_of(client, conn):find("\r\nHost: 127.0.0.1:" .. listener:port() .. "\r\n",
        1, true))
      conn:send(OK .. "Content-Length: 1\r\n\r\n" .. i)
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal(tostring(i), (support.read_all(client)))
    end
    conn:shutdown()
    support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
  end)

  it("can be a StreamPeerTCP that still connects", function()
    local listener = listen()
    local peer = StreamPeerTCP.new()
    assert.equal(Error.OK, (peer:connect_to_host("localhost", listener:port())))
    local client = over(peer)
    assert.equal("STATUS_CONNECTED", status_of(client))
    support.request(client)
    local conn = keep(support.accept(listener, client))
    assert.truthy(head_of(client, conn):find("\r\nHost: localhost:" .. listener:port() .. "\r\n", 1,
      true))
  end)

  it("keeps requests and TLS back while bytes of put_data have not left", function()
    local listener = listen()
    local client, conn = support.connect(listener)
    keep(client)
    keep(conn)
    local peer, size = client:get_connection(), 16 * 1048576
    assert.equal(Error.OK, (peer:put_data(("x"):rep(size))))
    local code, message = client:request(HTTPClient.METHOD_GET, "/", {})
    assert.equal(Error.ERR_BUSY, code)
    assert.truthy(message:find("have not left yet", 1, true), message)
    code, message = StreamPeerTLS.new():connect_to_stream(peer, "localhost")
    assert.equal(Error.ERR_BUSY, code)
    assert.truthy(message:find("still on their way", 1, true), message)
    local pieces, asked = {}, false
    support.until_true(function()
      pieces[#pieces + 1] = conn:recv(size, 0)
      peer:poll()
      asked = asked or client:request(HTTPClient.METHOD_GET, "/", {}) == Error.OK
      client:poll()
      return asked and (pieces[#pieces] or ""):find("\r\n\r\n", 1, true)
    end)
    local received = table.concat(pieces)
    assert.is_true(received:sub(1, size) == ("x"):rep(size))
    assert.equal("GET / HTTP/1.1", received:sub(size + 1, size + 14))
  end)

  it("that is not connected is CONNECTION_ERROR at the next poll", function()
    local client = over(StreamPeerTCP.new())
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
    client = over(StreamPeerTLS.new())
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
  end)

  -- who is asked for, the TLSOptions, and the host in the Host line: that of the certificate, whoever carries the bytes
  local names = {
    { "the name that is verified", "localhost", { certs.ca.cert }, "localhost" },
    { "the name that would be verified", "a.test", false, "a.test" },
    { "an address that is verified", "127.0.0.1", { certs.ca.cert }, "127.0.0.1" },
    { "an IPv6 address", "::1", false, "[::1]" },
    { "the name that an override stands in for", "a.test", { certs.ca.cert, "localhost" },
      "a.test" },
    { "that of the stream below, for want of a name", "", false, "127.0.0.1" },
    { "that of the stream below, for want of a name but the override", "",
      { certs.ca.cert, "localhost" }, "127.0.0.1" },
  }
  for _, case in ipairs(names) do
    it("can be a StreamPeerTLS, with the Host of " .. case[1], function()
      local listener = listen()
      local peer, conn = tcp(listener)
      local tls = StreamPeerTLS.new()
      local options = case[3] and httpclient.TLSOptions.client(unpack(case[3]))
        or httpclient.TLSOptions.client_unsafe()
      assert.equal(Error.OK, (tls:connect_to_stream(peer, case[2], options)))
      conn:starttls(case[2] == "127.0.0.1" and certs.ip_only.tls() or certs.localhost.tls())
      support.until_true(function()
        tls:poll()
        return conn:handshake("step") and tls:get_status() == StreamPeerTLS.STATUS_CONNECTED
      end)
      local client = over(tls)
      support.request(client)
      local head = head_of(client, conn)
      assert.truthy(head:find("\r\nHost: " .. case[4] .. ":" .. listener:port() .. "\r\n", 1, true),
        head)
      conn:send(OK .. "Content-Length: 2\r\n\r\nhi")
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("hi", (support.read_all(client)))
      assert.equal("TLSv1.3", client:get_tls_version())
    end)
  end

  it("can be TLS that another client made through a proxy, with the Host of its origin", function()
    local listener = listen()
    local first = keep(HTTPClient.new())
    first:set_https_proxy("127.0.0.1", listener:port())
    first:connect_to_host("localhost", 8443, httpclient.TLSOptions.client(certs.ca.cert))
    local conn = keep(support.accept(listener, first))
    head_of(first, conn)
    conn:send("HTTP/1.1 200 Yes\r\n\r\n")
    assert.is_true(support.handshake(first, conn, certs.localhost.tls()))
    support.pump(first, HTTPClient.STATUS_CONNECTED)
    local second = over(first:get_connection())
    support.request(second)
    local head = head_of(second, conn)
    assert.truthy(head:find("\r\nHost: localhost:8443\r\n", 1, true), head)
  end)

  it("can go from one client to another", function()
    local peer, conn = tcp(listen())
    local first, second = over(peer), keep(HTTPClient.new())
    support.request(first)
    head_of(first, conn)
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(first, HTTPClient.STATUS_CONNECTED)
    second:set_connection(first:get_connection())
    support.request(second, "GET", "/two")
    assert.truthy(head_of(second, conn):find("^GET /two "))
  end)

  it("goes on after its client is collected, when the script still has it", function()
    local peer, conn = tcp(listen())
    local client = HTTPClient.new()
    client:set_connection(peer)
    client = nil -- luacheck: ignore
    for _ = 1, 4 do collectgarbage() end
    assert.equal(Error.OK, (peer:put_data("still here")))
    assert.equal("still here", conn:recv_n(10))
  end)
end)

describe("set_connection", function()
  it("closes the present connection and forgets the response", function()
    local client, conn = support.connect(listen())
    keep(conn)
    support.request(client)
    head_of(client, conn)
    conn:send(OK .. "Content-Length: 9\r\n\r\nabc")
    support.pump(client, HTTPClient.STATUS_BODY)
    client:set_connection(streams.served(streams.numbering))
    assert.equal("", conn:recv())
    assert.is_false(client:has_response())
    assert.equal("STATUS_CONNECTED", status_of(client))
    assert.equal("1", streams.ask(client))
    client:close()
  end)

  it("of nil only closes", function()
    local client, conn = support.connect(listen())
    client:set_connection(nil)
    assert.equal("STATUS_DISCONNECTED", status_of(client))
    assert.is_nil(client:get_connection())
    assert.equal("", conn:recv())
    client.connection = nil
    assert.equal("STATUS_DISCONNECTED", status_of(client))
    conn:close()
  end)

  it("leads out of an error", function()
    local client = keep(HTTPClient.new())
    client:connect_to_host("no-such-host.invalid", 1)
    support.pump(client, HTTPClient.STATUS_CANT_RESOLVE)
    client:set_connection(streams.served(streams.numbering))
    assert.same({ 0, "" }, { client:get_last_error() })
    assert.equal("1", streams.ask(client))
  end)

  it("of the present connection starts afresh on it", function()
    local client, conn = support.connect(listen())
    keep(client)
    client:set_connection(client:get_connection())
    assert.equal("STATUS_CONNECTED", status_of(client))
    support.request(client)
    head_of(client, conn)
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    conn:close()
  end)

  it("does not use a proxy", function()
    local client = keep(HTTPClient.new())
    client:set_http_proxy("127.0.0.1", 9, "user", "pass")
    local peer = streams.served(streams.numbering)
    client:set_connection(peer)
    assert.equal("1", streams.ask(client))
    assert.truthy(peer.sent:find("^GET / HTTP"))
    assert.is_nil(peer.sent:find("Proxy", 1, true))
  end)

  it("keeps the stream alive, and lets it go", function()
    local weak = setmetatable({ streams.served(streams.numbering) }, { __mode = "v" })
    local client = over(weak[1])
    for _ = 1, 4 do collectgarbage() end
    assert.is_table(weak[1])
    client:set_connection(nil)
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(weak[1])
  end)

  -- what knows whom; each returns the client and what else is to go with it
  local cycles = {
    { "a stream that knows its client", function()
      local peer = streams.served(streams.numbering)
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      assert.equal("1", streams.ask(peer.client))
      return peer.client, peer
    end },
    { "a stream that knows two clients", function()
      local peer = streams.served(streams.numbering)
      peer.first, peer.second = HTTPClient.new(), HTTPClient.new()
      peer.first:set_connection(peer)
      peer.second:set_connection(peer)
      assert.equal("1", streams.ask(peer.second))
      return peer.first, peer, peer.second
    end },
    { "a stream that was handed out", function()
      local peer = streams.served(streams.numbering)
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      peer.again = peer.client:get_connection()
      return peer.client, peer
    end },
    { "a stream whose methods know its client", function()
      local client = HTTPClient.new()
      local peer = streams.served(streams.numbering,
        { get_connected_host = function() return client and "table.test" end })
      client:set_connection(peer)
      assert.equal("1", streams.ask(client))
      return client, peer
    end },
    { "a StreamPeerTLS over a stream that knows both", function()
      local peer, tls = streams.served(function() return "" end), StreamPeerTLS.new()
      assert.equal(Error.OK,
        (tls:connect_to_stream(peer, "localhost", httpclient.TLSOptions.client_unsafe())))
      tls:poll()
      peer.client, peer.tls = HTTPClient.new(), tls
      peer.client:set_connection(tls)
      support.request(peer.client)
      peer.client:poll()
      return peer.client, peer, tls
    end },
    { "a client that failed over a stream that knows it", function()
      local peer = streams.served(streams.numbering,
        { put_partial_data = function() error("no ink") end })
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      assert.is_nil((streams.ask(peer.client)))
      return peer.client, peer
    end },
  }
  for _, case in ipairs(cycles) do
    it("leaves no root: collected is " .. case[1], function()
      local weak = setmetatable({}, { __mode = "v" })
      -- In a coroutine: what it had on its stack goes with it.
      assert(coroutine.resume(coroutine.create(function()
        for index, value in ipairs({ case[2]() }) do weak[index] = value end
      end)))
      for _ = 1, 6 do collectgarbage() end
      assert.same({}, weak)
    end)
  end

  it("ends TLS in good order when all is collected together", function()
    local sent = {}
    assert(coroutine.resume(coroutine.create(function()
      local conn, wire
      local peer = { outgoing = "" }
      local listener = listen()
      local tcp_client, server = support.connect(listener)
      conn, wire = keep(server), tcp_client:get_connection()
      function peer.put_partial_data(_, data)
        sent[#sent + 1] = data:byte(1)
        return wire:put_partial_data(data)
      end
      function peer.get_partial_data(_, n) return wire:get_partial_data(n) end
      local tls = StreamPeerTLS.new()
      assert.equal(Error.OK,
        (tls:connect_to_stream(peer, "localhost", httpclient.TLSOptions.client(certs.ca.cert,
        nil, { max_version = "1.2" }))))
      conn:starttls(certs.localhost.tls())
      support.until_true(function()
        tls:poll()
        return conn:handshake("step") and tls:get_status() == StreamPeerTLS.STATUS_CONNECTED
      end)
      peer.client, peer.tls = HTTPClient.new(), tls
      peer.client:set_connection(tls)
      sent = {}
    end)))
    for _ = 1, 6 do collectgarbage() end
    assert.same({ 21 }, sent) -- the record of an alert, RFC 5246 section 6.2.1
  end)
end)
