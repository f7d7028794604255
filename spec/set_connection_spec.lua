-- HTTP over a stream that the script brings: a table of its own, a StreamPeerTCP, a StreamPeerTLS; and taking one over.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local OK = "HTTP/1.1 200 OK\r\n"
local unpack = table.unpack or unpack -- luacheck: ignore

local head_of, status_of = support.head_of, support.status_of
local keep, listen = require("spec.support.world")(after_each)

-- A stream whose other side is `serve`: called with all that was sent so far, it returns what comes back in all.
local function table_peer(serve, overrides)
  local peer = { sent = "", given = 0, closed = false, calls = 0 }
  function peer:put_partial_data(data)
    self.sent = self.sent .. data
    return 0, #data
  end
  function peer:get_partial_data(n)
    local all = serve(self.sent)
    local piece = all:sub(self.given + 1, self.given + n)
    self.given = self.given + #piece
    return 0, piece
  end
  function peer:get_available_bytes() return #serve(self.sent) - self.given end
  function peer.get_connected_host() return "table.test" end
  function peer:disconnect_from_host() self.closed = true end
  for name, method in pairs(overrides or {}) do
    peer[name] = method or nil
  end
  return peer
end

-- Answers every request with its number.
local function numbering(sent)
  local answer, count = "", 0
  for _ in sent:gmatch("\r\n\r\n") do
    count = count + 1
    answer = answer .. OK .. "Content-Length: 1\r\n\r\n" .. count
  end
  return answer
end

local function over(peer)
  local client = keep(HTTPClient.new())
  client:set_connection(peer)
  return client
end

-- One request to its end. -> body, or nil and the message of the failure
local function ask(client)
  support.request(client)
  support.pump(client, support.is_answered_or_failed)
  local body = support.read_all(client)
  local code, message = client:get_last_error()
  if code ~= 0 then return nil, message, code end
  return body
end

describe("a table as connection", function()
  it("is CONNECTED at once, is what get_connection gives, and serves requests", function()
    local peer = table_peer(numbering)
    local client = over(peer)
    assert.equal("STATUS_CONNECTED", status_of(client))
    assert.equal(peer, client:get_connection())
    assert.equal(peer, client.connection)
    for i = 1, 3 do
      assert.equal(tostring(i), ask(client))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(Error.OK, (client:poll()))
    end
    assert.truthy(peer.sent:find("\r\nHost: table.test\r\n", 1, true))
    assert.is_nil((client:get_remote_address()))
    assert.equal(-1, client:get_fd())
    client:close()
    assert.is_true(peer.closed)
    assert.is_nil(client:get_connection())
  end)

  -- methods in place of the good ones; they must not matter
  local odd = {
    { "takes three bytes at a time, and sometimes none", { put_partial_data = function(self, data)
      self.calls = self.calls + 1
      if self.calls % 2 == 0 then return 0, 0 end
      self.sent = self.sent .. data:sub(1, 3)
      return 0, math.min(3, #data)
    end } },
    { "gives one byte at a time, and sometimes none", { get_partial_data = function(self)
      self.calls = self.calls + 1
      if self.calls % 2 == 0 then return 0, "" end
      local piece = numbering(self.sent):sub(self.given + 1, self.given + 1)
      self.given = self.given + #piece
      return 0, piece
    end } },
    { "gives nil for nothing", { get_partial_data = function(self, n)
      local piece = numbering(self.sent):sub(self.given + 1, self.given + n)
      self.given = self.given + #piece
      return 0, piece ~= "" and piece or nil
    end } },
    { "does not count what has come", { get_available_bytes = false } },
    { "counts wrongly", { get_available_bytes = function() return -5 end } },
    { "counts in words", { get_available_bytes = function() return "many" end } },
    { "fails to count", { get_available_bytes = function() error("can't count") end } },
    { "has a status", { get_status = function() return 2 end, poll = function() return 0 end } },
    { "has no way to close", { disconnect_from_host = false } },
    { "fails to close", { disconnect_from_host = function() error("stuck") end } },
    { "tells a descriptor that is none", { get_fd = function() return -1 end } },
    { "tells a descriptor that no system has", { get_fd = function() return 2 ^ 40 end } },
    { "counts more than there can be", { get_available_bytes = function(self)
      return #numbering(self.sent) > self.given and 2 ^ 40 or 0
    end } },
    { "names a port that is none", { get_connected_port = function() return 65536 end } },
    { "names a port below all", { get_connected_port = function() return 0 end } },
    { "connects at first", { get_status = function(self)
      self.asked = (self.asked or 0) + 1
      return self.asked < 4 and 1 or 2
    end } },
    { "tells a descriptor in words", { get_fd = function() return "three" end } },
  }
  for _, case in ipairs(odd) do
    it("that " .. case[1] .. " serves all the same", function()
      for _, blocking in ipairs({ false, true }) do
        local client = over(table_peer(numbering, case[2]))
        client.blocking_mode_enabled = blocking
        assert.equal("1", ask(client))
        assert.equal("2", ask(client))
        client:close()
      end
    end)
  end

  -- methods in place of the good ones, a part of the message; each ends the request
  local bad = {
    { "raises while it sends", { put_partial_data = function() error("no ink") end }, "no ink" },
    { "raises a table while it sends", { put_partial_data = function() error({}) end }, "stream" },
    { "raises while it receives", { get_partial_data = function() error("no paper") end, get_available_bytes = false }, "no paper" },
    { "raises in poll", { poll = function() error("no power") end }, "no power" },
    { "raises in get_status", { get_status = function() error("no state") end }, "no state" },
    { "answers sending with an Error", { put_partial_data = function() return Error.ERR_CONNECTION_ERROR, 0, "line cut" end }, "line cut" },
    { "answers receiving with an Error", { get_partial_data = function() return Error.FAILED, "" end, get_available_bytes = false }, "get_partial_data" },
    { "answers sending with nothing", { put_partial_data = function() end }, "put_partial_data" },
    { "answers sending with a string", { put_partial_data = function() return "ok" end }, "put_partial_data" },
    { "says that it sent more than there was", { put_partial_data = function(_, d) return 0, #d + 1 end }, "put_partial_data" },
    { "says that it sent less than nothing", { put_partial_data = function() return 0, -1 end }, "put_partial_data" },
    { "says that it sent half a byte", { put_partial_data = function() return 0, 0.5 end }, "put_partial_data" },
    { "gives more than was asked for", { get_partial_data = function(_, n) return 0, ("x"):rep(n + 1) end, get_available_bytes = false }, "more than was asked" },
    { "gives a table", { get_partial_data = function() return 0, {} end, get_available_bytes = false }, "get_partial_data" },
    { "gives a number", { get_partial_data = function() return 0, 5 end, get_available_bytes = false }, "get_partial_data" },
    { "answers receiving with nothing", { get_partial_data = function() end, get_available_bytes = false }, "get_partial_data" },
    { "yields", { put_partial_data = function() coroutine.yield() end }, "stream's method" },
    { "answers poll with an Error", { poll = function() return Error.ERR_CONNECTION_ERROR, "cable pulled" end }, "cable pulled" },
    { "answers poll with an Error alone", { poll = function() return Error.ERR_CONNECTION_ERROR end }, "stream's poll: " },
    { "answers with a code that is no Error", { put_partial_data = function() return -7, 0, "code from below" end }, "code from below" },
    { "answers with a code above all Errors", { put_partial_data = function() return 4711, 0, "code from above" end }, "code from above" },
    { "loses its method to send", { put_partial_data = function(self)
      self.put_partial_data = nil
      return 0, 1
    end }, "put_partial_data: there is no such method any more" },
    { "loses its method to receive", { get_partial_data = function(self)
      self.get_partial_data = nil
      return 0, ""
    end, get_available_bytes = false }, "get_partial_data: there is no such method any more" },
    { "has a status that is none", { get_status = function() return 12345 end }, "not connected" },
    { "has a status below all", { get_status = function() return -2 end }, "not connected" },
    { "is not connected", { get_status = function() return 3 end }, "not connected" },
    { "ends", { get_partial_data = function() return Error.ERR_FILE_EOF, "" end, get_available_bytes = false }, "closed" },
    { "names a host that is none", { get_connected_host = function() return "a b\r\nX: y" end }, false },
  }
  for _, case in ipairs(bad) do
    it("that " .. case[1] .. " ends in CONNECTION_ERROR with a message, never in a Lua error", function()
      for _, blocking in ipairs({ false, true }) do
        local client = over(table_peer(numbering, case[2]))
        client.blocking_mode_enabled = blocking
        if case[3] then
          local ran, body, message, code
          local thread = coroutine.create(function() return ask(client) end)
          ran, body, message, code = coroutine.resume(thread)
          assert.is_true(ran, tostring(body))
          assert.equal("dead", coroutine.status(thread))
          assert.is_nil(body)
          assert.equal(Error.ERR_CONNECTION_ERROR, code)
          assert.truthy(message:find(case[3], 1, true), message)
          assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
        else
          local code, message = client:request(HTTPClient.METHOD_GET, "/", {})
          assert.equal(Error.ERR_INVALID_PARAMETER, code)
          assert.truthy(message:find("host", 1, true), message)
        end
        client:close()
      end
    end)
  end

  it("that uses its own client is refused there, and the client goes on", function()
    local client, refusals = nil, 0
    local peer = table_peer(numbering)
    for _, name in ipairs({ "put_partial_data", "get_partial_data", "get_available_bytes", "get_connected_host" }) do
      local method = peer[name]
      peer[name] = function(...)
        for _, call in ipairs({ "poll", "close", "read_response_body_chunk", "wait" }) do
          if not pcall(client[call], client) then refusals = refusals + 1 end
        end
        if not pcall(client.set_connection, client, nil) then refusals = refusals + 1 end
        return method(...)
      end
    end
    client = over(peer)
    assert.equal("1", ask(client))
    assert.is_true(refusals >= 15, tostring(refusals))
    assert.equal("STATUS_CONNECTED", status_of(client))
  end)

  it("works in a Poller, in wait and in wait_any, without spinning", function()
    local silent = true
    local peer = table_peer(function(sent) return silent and "" or numbering(sent) end)
    local client = over(peer)
    support.request(client)
    client:poll()
    local cpu = native.cputime()
    assert.same({ Error.OK, false }, { client:wait(0.1) })
    assert.same({}, HTTPClient.wait_any({ client }, 0.1))
    local poller = httpclient.Poller.new()
    poller:add(client)
    poller:wait(0.1)
    assert.is_true(native.cputime() - cpu < 0.15 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1))
    silent = false
    support.until_true(function()
      poller:wait(1)
      return client:get_status() == HTTPClient.STATUS_BODY
    end)
    poller:remove(client)
    assert.equal("1", (support.read_all(client)))
  end)

  it("sees bytes and the end between requests", function()
    local extra = ""
    local client = over(table_peer(function(sent) return numbering(sent) .. extra end))
    assert.equal("1", ask(client))
    assert.equal(Error.OK, (client:poll()))
    extra = "stray"
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    local ended = false
    local peer = table_peer(numbering)
    local receive = peer.get_partial_data
    function peer:get_partial_data(n)
      if ended then return Error.ERR_FILE_EOF, "" end
      return receive(self, n)
    end
    client = over(peer)
    assert.equal("1", ask(client))
    ended = true
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
  end)

  it("ends a body to its end", function()
    local peer = table_peer(function(sent) return sent ~= "" and OK .. "\r\nall of it" or "" end)
    local receive = peer.get_partial_data
    function peer:get_partial_data(n)
      local code, data = receive(self, n)
      if data == "" and self.sent ~= "" then return Error.ERR_FILE_EOF, "" end
      return code, data
    end
    local client = over(peer)
    assert.equal("all of it", ask(client))
    assert.equal("STATUS_DISCONNECTED", status_of(client))
    assert.is_true(peer.closed)
  end)

  it("gets the framing of a body function's chunks whole, however little it takes at a time", function()
    local expected = "5\r\nhello\r\n1\r\n \r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    for most = 1, 40 do
      local peer = table_peer(function(sent) return sent:find("0\r\n\r\n$") and numbering("\r\n\r\n") or "" end)
      function peer:put_partial_data(data)
        self.sent = self.sent .. data:sub(1, most)
        return 0, math.min(most, #data)
      end
      local client = over(peer)
      local left = { "hello", " ", "0123456789abcdef" }
      support.request(client, "POST", "/", {}, function() return table.remove(left, 1) end)
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal(expected, peer.sent:match("\r\n\r\n(.*)$"))
      assert.equal(22, client:get_request_body_sent())
    end
  end)

  it("sends body functions and large bodies", function()
    local function whole(sent) return sent:find("0\r\n\r\n$") and numbering("\r\n\r\n") or "" end
    local peer = table_peer(whole)
    local client = over(peer)
    local left = { "abc", "def" }
    support.request(client, "POST", "/", {}, function() return table.remove(left, 1) end)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.truthy(peer.sent:find("\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 1, true), peer.sent)
    client:close()
    local large = ("0123456789abcdef"):rep(65536 / 4)
    peer = table_peer(function(sent) return sent:sub(-#large) == large and numbering("\r\n\r\n") or "" end)
    client = over(peer)
    support.request(client, "POST", "/", {}, large)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.is_true(peer.sent:sub(-#large) == large)
  end)
end)

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
      local peer = table_peer(numbering, {
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
    local peer = table_peer(numbering)
    local client = over(peer)
    support.request(client, "GET", "http://url.test:81/x")
    client:poll()
    assert.equal("url.test:81", peer.sent:match("\r\nHost: ([^\r]*)\r\n"))
  end)

  it("is not that of the connection before", function()
    local client = support.connect(listen())
    local peer = table_peer(numbering)
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
      assert.truthy(head_of(client, conn):find("\r\nHost: 127.0.0.1:" .. listener:port() .. "\r\n", 1, true))
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
    assert.truthy(head_of(client, conn):find("\r\nHost: localhost:" .. listener:port() .. "\r\n", 1, true))
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
    { "the name that an override stands in for", "a.test", { certs.ca.cert, "localhost" }, "a.test" },
    { "that of the stream below, for want of a name", "", false, "127.0.0.1" },
    { "that of the stream below, for want of a name but the override", "", { certs.ca.cert, "localhost" }, "127.0.0.1" },
  }
  for _, case in ipairs(names) do
    it("can be a StreamPeerTLS, with the Host of " .. case[1], function()
      local listener = listen()
      local peer, conn = tcp(listener)
      local tls = StreamPeerTLS.new()
      local options = case[3] and httpclient.TLSOptions.client(unpack(case[3])) or httpclient.TLSOptions.client_unsafe()
      assert.equal(Error.OK, (tls:connect_to_stream(peer, case[2], options)))
      conn:starttls(case[2] == "127.0.0.1" and certs.ip_only.tls() or certs.localhost.tls())
      support.until_true(function()
        tls:poll()
        return conn:handshake("step") and tls:get_status() == StreamPeerTLS.STATUS_CONNECTED
      end)
      local client = over(tls)
      support.request(client)
      local head = head_of(client, conn)
      assert.truthy(head:find("\r\nHost: " .. case[4] .. ":" .. listener:port() .. "\r\n", 1, true), head)
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
    client:set_connection(table_peer(numbering))
    assert.equal("", conn:recv())
    assert.is_false(client:has_response())
    assert.equal("STATUS_CONNECTED", status_of(client))
    assert.equal("1", ask(client))
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
    client:set_connection(table_peer(numbering))
    assert.same({ 0, "" }, { client:get_last_error() })
    assert.equal("1", ask(client))
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
    local peer = table_peer(numbering)
    client:set_connection(peer)
    assert.equal("1", ask(client))
    assert.truthy(peer.sent:find("^GET / HTTP"))
    assert.is_nil(peer.sent:find("Proxy", 1, true))
  end)

  it("keeps the stream alive, and lets it go", function()
    local weak = setmetatable({ table_peer(numbering) }, { __mode = "v" })
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
      local peer = table_peer(numbering)
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      assert.equal("1", ask(peer.client))
      return peer.client, peer
    end },
    { "a stream that knows two clients", function()
      local peer = table_peer(numbering)
      peer.first, peer.second = HTTPClient.new(), HTTPClient.new()
      peer.first:set_connection(peer)
      peer.second:set_connection(peer)
      assert.equal("1", ask(peer.second))
      return peer.first, peer, peer.second
    end },
    { "a stream that was handed out", function()
      local peer = table_peer(numbering)
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      peer.again = peer.client:get_connection()
      return peer.client, peer
    end },
    { "a stream whose methods know its client", function()
      local client = HTTPClient.new()
      local peer = table_peer(numbering, { get_connected_host = function() return client and "table.test" end })
      client:set_connection(peer)
      assert.equal("1", ask(client))
      return client, peer
    end },
    { "a StreamPeerTLS over a stream that knows both", function()
      local peer, tls = table_peer(function() return "" end), StreamPeerTLS.new()
      assert.equal(Error.OK, (tls:connect_to_stream(peer, "localhost", httpclient.TLSOptions.client_unsafe())))
      tls:poll()
      peer.client, peer.tls = HTTPClient.new(), tls
      peer.client:set_connection(tls)
      support.request(peer.client)
      peer.client:poll()
      return peer.client, peer, tls
    end },
    { "a client that failed over a stream that knows it", function()
      local peer = table_peer(numbering, { put_partial_data = function() error("no ink") end })
      peer.client = HTTPClient.new()
      peer.client:set_connection(peer)
      assert.is_nil((ask(peer.client)))
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
      assert.equal(Error.OK, (tls:connect_to_stream(peer, "localhost", httpclient.TLSOptions.client(certs.ca.cert,
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

describe("get_connection", function()
  it("is nil where there is none", function()
    local client = keep(HTTPClient.new())
    assert.is_nil(client:get_connection())
    client:connect_to_host("no-such-host.invalid", 1)
    support.pump(client, HTTPClient.STATUS_CANT_RESOLVE)
    assert.is_nil(client:get_connection())
    local second, conn = support.connect(listen())
    support.request(second)
    head_of(second, conn)
    conn:send("HTTP/1.0 204 No\r\n\r\n")
    support.pump(second, HTTPClient.STATUS_DISCONNECTED)
    assert.is_nil(second:get_connection())
    conn:close()
  end)

  it("gives the same object again and again", function()
    local client, conn = support.connect(listen())
    assert.equal(client:get_connection(), client:get_connection())
    assert.truthy(tostring(client:get_connection()):find("^StreamPeerTCP"))
    conn:close()
    client:close()
  end)

  -- name, method, url, headers, answer
  local takeovers = {
    { "101", "GET", "/", { "Upgrade: x", "Connection: upgrade" }, "HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
    { "a 2xx to CONNECT", "CONNECT", "h.test:25", {}, "HTTP/1.1 200 Yes\r\nContent-Length: 4\r\n\r\n" },
  }
  for _, case in ipairs(takeovers) do
    it("hands out the bytes behind " .. case[1] .. " first, then the stream's", function()
      for _, blocking in ipairs({ false, true }) do
        local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", case[5] .. "first" },
          { "recv_until", "go" }, { "send", " second" }, { "recv_eof" } })
        local client = support.connect_port(server:port())
        client.blocking_mode_enabled = blocking
        support.request(client, case[2], case[3], case[4])
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        -- Polls take nothing away and find nothing wrong: the bytes are the new protocol's.
        for _ = 1, 3 do assert.equal(Error.OK, (client:poll())) end
        local peer = client:get_connection()
        assert.is_true(peer:get_available_bytes() >= 5)
        assert.same({ Error.OK, "fir" }, { peer:get_partial_data(3) })
        assert.equal(Error.OK, (peer:put_data("go")))
        local rest = ""
        support.until_true(function()
          local code, data = peer:get_partial_data(100)
          assert.equal(Error.OK, code)
          rest = rest .. data
          return rest == "st second"
        end)
        client:close()
        server:stop()
      end
    end)

    it("hands out the bytes behind " .. case[1] .. " however they are cut", function()
      local listener = listen()
      local answer = case[5] .. "first"
      for at = 1, #answer - 1, 3 do
        local client, conn = support.connect(listener)
        support.request(client, case[2], case[3], case[4])
        head_of(client, conn)
        conn:send(answer:sub(1, at))
        client:poll()
        conn:send(answer:sub(at + 1))
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        local got = ""
        support.until_true(function()
          got = got .. select(2, client:get_connection():get_partial_data(100))
          return #got >= 5
        end)
        assert.equal("first", got)
        client:close()
        conn:close()
      end
    end)
  end

  it("after CONNECT can carry TLS of the script's own, and requests over it", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    support.request(client, "CONNECT", "localhost:443")
    head_of(client, conn)
    conn:send("HTTP/1.1 200 Yes\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    local tls = StreamPeerTLS.new()
    assert.equal(Error.OK, (tls:connect_to_stream(client:get_connection(), "localhost", httpclient.TLSOptions.client(certs.ca.cert))))
    client:set_connection(tls)
    assert.equal("STATUS_CONNECTED", status_of(client))
    support.request(client, "GET", "/", { "Host: localhost" })
    conn:starttls(certs.localhost.tls())
    local done, head
    support.until_true(function()
      client:poll()
      if not done then
        done = conn:handshake("step")
        return false
      end
      head = conn:recv_until("\r\n\r\n", 0)
      return head
    end, nil, function() return status_of(client) .. " " .. select(2, client:get_last_error()) end)
    assert.truthy(head:find("\r\nHost: localhost\r\n", 1, true), head)
    conn:send(OK .. "Content-Length: 2\r\n\r\nhi")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("hi", (support.read_all(client)))
  end)

  it("that the script disconnects is CONNECTION_ERROR at the next poll", function()
    local client, conn = support.connect(listen())
    client:get_connection():disconnect_from_host()
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    conn:close()
  end)
end)
