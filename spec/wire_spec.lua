-- What goes over the wire, both ways: requests byte for byte, and responses, each played whole, byte by byte and split.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local AGENT = "User-Agent: lua-httpclient/" .. httpclient._VERSION:match("%S+$")
local wire = require("spec.support.wire")(after_each)

describe("A request", function()
  -- name, method, url, headers, body, the head without User-Agent and Accept; PORT is the server's
  local sent = {
    { "in origin form", "GET", "/a?b", {}, nil, "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
    { "without its fragment", "GET", "/a#b", {}, nil, "GET /a HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
    { "in absolute form, whose authority is the Host", "GET", "http://Ex.test:80?x=1", {}, nil,
      "GET http://Ex.test:80/?x=1 HTTP/1.1\r\nHost: Ex.test:80" },
    { "in asterisk form", "OPTIONS", "*", {}, nil, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
    { "in authority form", "CONNECT", "h.test:443", {}, nil,
      "CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443" },
    { "with bytes over 7F as they are", "GET", "/\195\164", {}, nil,
      "GET /\195\164 HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
    { "with the caller's headers in order and spelling", "GET", "/", { "b: 1", "A:2" }, nil,
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nb: 1\r\nA:2" },
    { "with headers from a map, sorted", "GET", "/", { ["X-B"] = "2", ["X-A"] = 1 }, nil,
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-A: 1\r\nX-B: 2" },
    { "with the caller's Host", "GET", "/", { "A: 1", "host: z.test" }, nil,
      "GET / HTTP/1.1\r\nhost: z.test\r\nA: 1" },
    { "with the length of its body", "POST", "/", {}, "hello",
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 5" },
    { "with a length of 0 for an empty POST", "POST", "/", {}, nil,
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 0" },
    { "with a length of 0 for an empty PUT", "PUT", "/", {}, "",
      "PUT / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 0" },
    { "without a length for an empty DELETE", "DELETE", "/", {}, nil,
      "DELETE / HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
    { "by GET without its body", "GET", "/", {}, "ignored",
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT" },
  }
  for _, case in ipairs(sent) do
    it("is sent " .. case[1], function()
      wire.with_connection(function(client, conn, port)
        assert.equal(Error.OK,
          (client:request(HTTPClient.Method["METHOD_" .. case[2]], case[3], case[4], case[5])))
        local expected = case[6]:gsub("PORT", tostring(port))
        local head = support.head_of(client, conn)
        local own = head:find("\r\n" .. AGENT, 1, true)
        assert.truthy(own, head)
        assert.equal(expected, head:sub(1, own - 1))
        assert.truthy(head:find("\r\nAccept: */*\r\n\r\n", 1, true), head)
      end)
    end)
  end

  it("by request_raw sends its body for GET, also from an array of bytes", function()
    wire.with_connection(function(client, conn)
      assert.equal(Error.OK,
        (client:request_raw(HTTPClient.METHOD_GET, "/", {}, { 104, 105, 0, 255 })))
      assert.truthy(support.head_of(client, conn):find("Content-Length: 4\r\n", 1, true))
      assert.equal("hi\0\255", conn:recv_n(4))
    end)
  end)

  -- name, method, url, headers, body, a part of the message
  local refused = {
    { "a method out of range", 9, "/", {}, nil, "method" },
    { "a negative method", -1, "/", {}, nil, "method" },
    { "a space in the URL", 0, "/a b", {}, nil, "space" },
    { "a NUL in the URL", 0, "/a\0", {}, nil, "control" },
    { "a relative URL", 0, "a", {}, nil, "url" },
    { "an empty URL", 0, "", {}, nil, "url" },
    { "user info in the URL", 0, "http://u:secret@h/", {}, nil, "user info" },
    { "an asterisk with GET", 0, "*", {}, nil, "OPTIONS" },
    { "a path with CONNECT", 7, "/", {}, nil, "CONNECT" },
    { "CONNECT without a port", 7, "h.test", {}, nil, "CONNECT" },
    { "another scheme", 0, "ftp://h/", {}, nil, "url" },
    { "a header without colon", 0, "/", { "abc" }, nil, "colon" },
    { "a header without name", 0, "/", { ": x" }, nil, "name" },
    { "a header whose name is no token", 0, "/", { "a b: x" }, nil, "token" },
    { "CR LF in a header", 0, "/", { "A: b\r\nC: d" }, nil, "A" },
    { "NUL in a header", 0, "/", { "A: b\0" }, nil, "A" },
    { "two Hosts", 0, "/", { "Host: a", "host: b" }, nil, "Host" },
    { "a body that is not as long as its Content-Length", 2, "/", { "Content-Length: 3" }, "ab",
      "Content%-Length" },
    { "a Content-Length without body", 0, "/", { "Content-Length: 3" }, nil, "Content%-Length" },
    { "a Content-Length that is no number", 2, "/", { "Content-Length: x" }, "ab",
      "Content%-Length" },
    { "both framings", 2, "/", { "Content-Length: 2", "Transfer-Encoding: chunked" }, "ab",
      "Transfer%-Encoding" },
    { "Transfer-Encoding with a string", 2, "/", { "Transfer-Encoding: chunked" }, "ab",
      "Transfer%-Encoding" },
    { "a body with TRACE", 6, "/", {}, "ab", "TRACE" },
    { "a body with CONNECT", 7, "h:1", {}, "ab", "CONNECT" },
  }
  for _, case in ipairs(refused) do
    it("is refused for " .. case[1] .. ", and nothing is sent", function()
      wire.with_connection(function(client, conn)
        local code, message = client:request(case[2], case[3], case[4], case[5])
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.truthy(message:find(case[6]), message)
        assert.falsy(message:find("secret"), message)
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        client:poll()
        support.request(client, "GET", "/clean")
        assert.truthy(support.head_of(client, conn):find("^GET /clean "))
      end)
    end)
  end

  it("is refused outside STATUS_CONNECTED", function()
    local code, message = HTTPClient.new():request(HTTPClient.METHOD_GET, "/", {})
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("STATUS_DISCONNECTED"), message)
  end)

  it("raises for a wrong type, naming the argument", function()
    local client = HTTPClient.new()
    assert.has_error(function() client:request(true, "/", {}) end,
      "bad argument #1 to 'request' (number or string expected, got boolean)")
    assert.has_error(function() client:request(0, 5, {}) end,
      "bad argument #2 to 'request' (string expected, got number)")
    assert.has_error(function() client:request(0, "/", "x") end,
      "bad argument #3 to 'request' (table expected, got string)")
    assert.has_error(function() client:connect_to_host("h", "80") end,
      "bad argument #2 to 'connect_to_host' (number expected, got string)")
    assert.has_error(function() client.read_chunk_size = 255 end)
    assert.has_error(function() client.no_such_field = 1 end)
  end)
end)

describe("A response", function()
  local OK = "HTTP/1.1 200 OK\r\n"
  local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"
  -- name, bytes, status then, body, options: method, code, length, chunked, headers, trailers, ending ("keep")
  local taken = {
    { "with a Content-Length", OK .. "Content-Length: 5\r\n\r\nhello", "CONNECTED", "hello",
      length = 5 },
    { "with a Content-Length of 0", OK .. "Content-Length: 0\r\n\r\n", "CONNECTED", "",
      length = 0 },
    { "with equal Content-Lengths", OK .. "Content-Length: 5, 05\r\nContent-Length: 5\r\n\r\nhello",
      "CONNECTED", "hello", length = 5 },
    { "in chunks", CHUNKED .. "5\r\nhello\r\n1 \t;a=\"b\"\r\n!\r\n000\r\n\r\n", "CONNECTED",
      "hello!", chunked = true, length = -1 },
    { "in chunks, with trailers", CHUNKED .. "2\r\nhi\r\n0\r\nA: b\r\nC:\r\n\r\n", "CONNECTED",
      "hi", chunked = true, length = -1, trailers = "A: b|C: " },
    { "to the end of the connection", OK .. "\r\nhello", "DISCONNECTED", "hello", length = -1,
      ending = "shutdown" },
    { "that says it closes", OK .. "Connection: x, CLOSE\r\nContent-Length: 1\r\n\r\na",
      "DISCONNECTED", "a", length = 1 },
    { "of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "DISCONNECTED", "a",
      length = 1 },
    { "of HTTP/1.0 that keeps alive",
      "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na", "CONNECTED", "a", length = 1 },
    { "with both framings",
      OK .. "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n", "DISCONNECTED", "a", chunked = true, length = -1 },
    { "to HEAD", OK .. "Content-Length: 5\r\n\r\n", "CONNECTED", "", method = "HEAD", length = 0 },
    { "204 with a Content-Length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "CONNECTED", "",
      code = 204, length = 0 },
    { "304 in chunks", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "CONNECTED", "",
      code = 304, length = 0 },
    { "behind 100 and 103", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\n" .. OK
      .. "Content-Length: 1\r\n\r\na", "CONNECTED", "a", length = 1 },
    { "with any code", "HTTP/1.1 999\r\nContent-Length: 0\r\n\r\n", "CONNECTED", "", code = 999,
      length = 0 },
    { "with bare LF in its head", "HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\na", "CONNECTED", "a",
      length = 1, headers = "A: b|Content-Length: 1" },
    { "with obs-fold", OK .. "A: b\r\n\t c\r\nContent-Length: 0\r\n\r\n", "CONNECTED", "",
      length = 0, headers = "A: b c|Content-Length: 0" },
    { "with odd but fair fields", OK .. "a:\r\nA:  \255 \r\nContent-Length:0\r\n\r\n", "CONNECTED",
      "", length = 0, headers = "a: |A: \255|Content-Length: 0" },
    { "to CONNECT, with framing fields", OK .. "Content-Length: 5\r\n\r\n", "CONNECTED", "",
      method = "CONNECT", path = "h:1", length = 0 },
  }
  for _, case in ipairs(taken) do
    it("is taken " .. case[1], function()
      support.split_play(case[2], function(outcome)
        assert.equal("STATUS_" .. case[3], outcome.status)
        assert.equal(case[4], outcome.body)
        assert.equal(case.code or 200, outcome.code)
        assert.equal(case.length, outcome.length)
        assert.equal(case.chunked or false, outcome.chunked)
        assert.equal(0, outcome.error)
        if case.headers then assert.equal(case.headers, table.concat(outcome.headers, "|")) end
        if case.trailers then assert.equal(case.trailers, table.concat(outcome.trailers, "|")) end
      end, { method = case.method, path = case.path, ending = case.ending or "keep", points = 30 })
    end)
  end

  -- name, bytes, body that came first
  local refused = {
    { "that is no HTTP", "SSH-2.0-x\r\n" },
    { "of HTTP/2", "HTTP/2 200\r\n" },
    { "with a code of four digits", "HTTP/1.1 2000 OK\r\n\r\n" },
    { "with a code below 100", "HTTP/1.1 099 x\r\n\r\n" },
    { "with two spaces", "HTTP/1.1  200 OK\r\n\r\n" },
    { "with a field line without colon", OK .. "abc\r\n\r\n" },
    { "with a space before the colon", OK .. "A : b\r\n\r\n" },
    { "with an empty name", OK .. ": b\r\n\r\n" },
    { "with white space before the first field", OK .. " A: b\r\n\r\n" },
    { "with NUL in a value", OK .. "A: b\0c\r\n\r\n" },
    { "with CR in a value", OK .. "A: b\rc\r\n\r\n" },
    { "with differing Content-Lengths", OK .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" },
    { "with a signed Content-Length", OK .. "Content-Length: +5\r\n\r\n" },
    { "with an empty Content-Length", OK .. "Content-Length:\r\n\r\n" },
    { "with a Content-Length over 63 bits", OK .. "Content-Length: 9223372036854775808\r\n\r\n" },
    { "with another coding", OK .. "Transfer-Encoding: gzip, chunked\r\n\r\n" },
    { "with chunked twice", OK .. "Transfer-Encoding: chunked, chunked\r\n\r\n" },
    { "with an empty Transfer-Encoding", OK .. "Transfer-Encoding:\r\n\r\n" },
    { "with a chunk size that is no hex", CHUNKED .. "g\r\n" },
    { "with a chunk size that overflows", CHUNKED .. "8000000000000000\r\n" },
    { "with a bare LF behind a chunk size", CHUNKED .. "1\na\r\n0\r\n\r\n" },
    { "with no CRLF behind a chunk", CHUNKED .. "1\r\nab\r\n", "a" },
    { "with bytes behind a chunk size", CHUNKED .. "1 x\r\na\r\n" },
    { "cut short in its head", OK .. "A: b" },
    { "without a byte", "" },
    { "cut short by its Content-Length", OK .. "Content-Length: 6\r\n\r\nhello", "hello" },
    { "cut short before the last chunk", CHUNKED .. "5\r\nhello\r\n", "hello" },
    { "cut short in a chunk", CHUNKED .. "9\r\nhello", "hello" },
    { "cut short in its trailers", CHUNKED .. "5\r\nhello\r\n0\r\nA: b\r\n", "hello" },
  }
  for _, case in ipairs(refused) do
    it("is refused " .. case[1], function()
      local function check(outcome)
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
        assert.equal(case[3] or "", outcome.body)
        assert.equal(Error.ERR_CONNECTION_ERROR, outcome.error)
        assert.is_true(#outcome.message > 10)
      end
      if case[2] == "" then
        local listener = assert(native.listen({}))
        check(support.play(listener, {}, { ending = "shutdown" }))
        listener:close()
      else
        support.split_play(case[2], check, { ending = "shutdown", points = 30 })
      end
    end)
  end

  it("is never complete before its last byte", function()
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    finally(function() listener:close() end)
    for _, answer in ipairs({ OK .. "Content-Length: 5\r\n\r\nhello", CHUNKED
      .. "5\r\nhello\r\n0\r\nA: b\r\n\r\n" }) do
      for size = 0, #answer - 1 do
        local outcome = support.play(listener, { answer:sub(1, size) },
          { ending = size % 2 == 0 and "shutdown" or "reset" })
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status, answer:sub(1, size))
        assert.equal(("hello"):sub(1, #outcome.body), outcome.body)
      end
    end
  end)

  it("keeps to max_header_size to the byte", function()
    local head = OK .. "A: " .. ("x"):rep(100) .. "\r\nContent-Length: 0\r\n\r\n"
    for _, case in ipairs({ { #head, "STATUS_CONNECTED" },
      { #head - 1, "STATUS_CONNECTION_ERROR" } }) do
      wire.with_connection(function(client, conn)
        client.max_header_size = case[1]
        support.request(client)
        support.head_of(client, conn)
        conn:send(head)
        support.pump(client, support.is_answered_or_failed)
        support.read_all(client)
        assert.equal(case[2], support.status_name(client:get_status()))
      end)
    end
  end)

  it("gives its fields in order, and as a dictionary of any letter case", function()
    wire.with_connection(function(client, conn)
      support.request(client)
      support.head_of(client, conn)
      conn:send(OK
        .. "X-A: 1\r\nSet-Cookie: a\r\nx-a: 2\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n")
      support.pump(client, HTTPClient.STATUS_BODY)
      local dictionary = client:get_response_headers_as_dictionary()
      assert.equal("1; 2", dictionary["X-A"])
      assert.equal("1; 2", dictionary["x-a"])
      assert.equal("a; b", dictionary["SET-COOKIE"])
      assert.is_nil(dictionary["nothing"])
      local names = {}
      for name in pairs(dictionary) do names[#names + 1] = name end
      table.sort(names)
      assert.equal("Content-Length Set-Cookie X-A", table.concat(names, " "))
      assert.equal("1, 2", client:get_response_header("x-A"))
      assert.same({ "a", "b" }, client:get_response_header_values("set-cookie"))
      assert.same(client:get_response_headers(), client:get_response_headers())
    end)
  end)
end)

describe("A connection", function()
  it("serves one request after another", function()
    wire.with_connection(function(client, conn)
      for i = 1, 3 do
        support.request(client, "GET", "/" .. i)
        assert.equal(0, client:get_response_code())
        assert.truthy(support.head_of(client, conn):find("^GET /" .. i))
        conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" .. i)
        support.pump(client, HTTPClient.STATUS_BODY)
        assert.equal(tostring(i), (support.read_all(client)))
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      end
    end)
  end)

  local between = {
    { "bytes that nobody asked for", function(conn) conn:send("HTTP/1.1 408 Late\r\n\r\n") end,
      "unexpected" },
    { "an end", function(conn) conn:shutdown() end, "closed" },
  }
  for _, case in ipairs(between) do
    it("that brings " .. case[1] .. " between requests is an error at the next poll", function()
      wire.with_connection(function(client, conn)
        case[2](conn)
        local _, code, message = support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.truthy(message:find(case[3]), message)
      end)
    end)

    it("that brings " .. case[1] .. " before a request goes out sends none", function()
      wire.with_connection(function(client, conn)
        case[2](conn)
        support.until_true(function()
          return client:get_connection():get_available_bytes() > 0 or case[3] == "closed"
        end)
        support.request(client)
        support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
        assert.equal(0, client:get_response_code())
      end)
    end)
  end

  it("gives the bytes behind a 101 to whoever takes it over", function()
    wire.with_connection(function(client, conn)
      support.request(client, "GET", "/", { "Upgrade: x", "Connection: Upgrade" })
      support.head_of(client, conn)
      conn:send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nfirst")
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      assert.equal(Error.OK, (client:poll()))
      local peer = client:get_connection()
      local code, data = peer:get_partial_data(100)
      assert.equal(Error.OK, code)
      assert.equal("first", data)
    end)
  end)

  it("can be a script's own table", function()
    local out, input = {}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    local peer = {
      put_partial_data = function(_, data)
        out[#out + 1] = data
        return 0, #data
      end,
      get_partial_data = function(_, n)
        if #out == 0 then return 0, "" end
        local piece = input:sub(1, n)
        input = input:sub(n + 1)
        return 0, piece
      end,
      get_available_bytes = function() return #out == 0 and 0 or #input end,
      get_connected_host = function() return "table.test" end,
    }
    local client = HTTPClient.new()
    client:set_connection(peer)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    assert.equal(peer, client:get_connection())
    support.request(client)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("hi", (support.read_all(client)))
    assert.truthy(table.concat(out):find("\r\nHost: table.test\r\n", 1, true))
    client:close()
  end)

  it("can be closed in every state and made again", function()
    wire.with_connection(function(client, conn, port)
      local listener = assert(native.listen({ host = "127.0.0.1" }))
      local function again()
        client:close()
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
        assert.is_false(client:has_response())
        assert.equal(Error.ERR_UNCONFIGURED, (client:poll()))
        assert.is_nil(client:get_connection())
      end
      again()
      client:connect_to_host("no-such-host.invalid", 1)
      assert.equal(HTTPClient.STATUS_RESOLVING, client:get_status())
      again()
      client:connect_to_host("127.0.0.1", port)
      assert.equal(HTTPClient.STATUS_CONNECTING, client:get_status())
      again()
      local _, second = support.connect(listener, { client = client })
      support.request(client)
      again()
      second:close()
      _, second = support.connect(listener, { client = client })
      support.request(client)
      support.head_of(client, second)
      second:send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("abc", client:read_response_body_chunk())
      again()
      second:close()
      listener:close()
      conn:close()
    end)
  end)

  it("in blocking mode waits for the head and for full chunks, in the kernel", function()
    local body = ("0123456789"):rep(100)
    local server = native.script({
      { "accept" }, { "recv_until", "\r\n\r\n" },
      { "drip", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" .. body }, { "stall" },
    })
    local client = support.connect_port(server:port())
    client.blocking_mode_enabled = true
    client.read_chunk_size = 600
    local cpu = native.cputime()
    support.request(client)
    assert.equal(Error.OK, (client:poll()))
    assert.equal(HTTPClient.STATUS_BODY, client:get_status())
    assert.equal(body:sub(1, 600), client:read_response_body_chunk())
    assert.equal(body:sub(601), client:read_response_body_chunk())
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    assert.is_true(native.cputime() - cpu < 2)
    client:close()
    server:stop()
  end)

  it("to a host that is none is refused", function()
    for _, host in ipairs({ "", "a b", "a:80", "a/b", "u@h", "[::1", "1::2::3", "h\0", "ftp://x",
      "a?b", "https://" }) do
      local code, message = HTTPClient.new():connect_to_host(host)
      assert.equal(Error.ERR_INVALID_PARAMETER, code, host)
      assert.truthy(message:find("host"), message)
    end
    for _, port in ipairs({ 0, -2, 65536 }) do
      assert.equal(Error.ERR_INVALID_PARAMETER, (HTTPClient.new():connect_to_host("h", port)))
    end
    local contradictory = HTTPClient.new()
    assert.equal(Error.ERR_INVALID_PARAMETER, (contradictory:connect_to_host("http://h", 80, true)))
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (contradictory:connect_to_host("http://h", 80, httpclient.TLSOptions.client())))
  end)

  it("is let go by the collector in every state", function()
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    local conns = {}
    for state = 1, 4 do
      local client, conn = support.connect(listener)
      conns[state] = conn
      if state > 1 then support.request(client) end
      if state > 2 then support.head_of(client, conn) end
      if state > 3 then
        conn:send("HTTP/1.1 200 OK\r\n\r\nsome")
        support.pump(client, HTTPClient.STATUS_BODY)
      end
    end
    HTTPClient.new():connect_to_host("no-such-host.invalid", 1)
    HTTPClient.new():connect_to_host("127.0.0.1", listener:port())
    collectgarbage()
    collectgarbage()
    for _, conn in ipairs(conns) do conn:close() end
    listener:close()
  end)
end)
