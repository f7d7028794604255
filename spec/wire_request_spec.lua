-- The ways in which a script can give URL, headers and body, and what of it goes over the wire.
local httpclient = require("httpclient")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local Method = HTTPClient.Method
local wire = require("spec.support.wire")(after_each)

-- What arrives until `ending`.
local function arrived(client, conn, ending)
  return support.until_true(function()
    client:poll()
    return conn:recv_until(ending or "\r\n\r\n", 0)
  end)
end

-- The lines of the head that the caller has a part in, joined with "|".
local function own_lines(head, port)
  local lines = {}
  for line in head:gmatch("(.-)\r\n") do
    if line ~= "" and not line:find("^User%-Agent: lua%-httpclient/") and line ~= "Accept: */*" then
      lines[#lines + 1] = line
    end
  end
  return (table.concat(lines, "|"):gsub("127%.0%.0%.1:" .. port, "HERE"))
end

local function answer_nothing(client, conn)
  conn:send("HTTP/1.1 204 No Content\r\n\r\n")
  support.pump(client, support.is_answered_or_failed)
  assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
end

local function text_body(...)
  local pieces, at = { ... }, 0
  return function()
    at = at + 1
    return pieces[at]
  end
end

describe("The headers of a request", function()
  local taken = {
    { "none", nil, "" },
    { "an empty table", {}, "" },
    { "an array", { "B: 2", "a:1", "A:  3 " }, "|B: 2|a:1|A:  3 " },
    { "a map, sorted", { ["X-B"] = "2", ["X-A"] = "1" }, "|X-A: 1|X-B: 2" },
    { "an array and a map in one", { "Z: 0", ["X-A"] = "1" }, "|Z: 0|X-A: 1" },
    { "an empty value in a map", { ["X-A"] = "" }, "|X-A: " },
    { "an integer in a map", { ["X-A"] = -12 }, "|X-A: -12" },
    { "a large integer in a map", { ["X-A"] = 2 ^ 52 }, "|X-A: 4503599627370496" },
    { "blanks and tabs around a value", { "A: \t b \t" }, "|A: \t b \t" },
    { "a tab inside a value", { "A: b\tc" }, "|A: b\tc" },
    { "bytes over 7F in a value", { "A: \128\255" }, "|A: \128\255" },
    { "a colon in a value", { ["A"] = ":b:c" }, "|A: :b:c" },
    { "a name of odd token characters", { "!#$%&'*+-.^_`|~: x" }, "|!#$%&'*+-.^_`|~: x" },
    { "a name twice", { "A: 1", "A: 1" }, "|A: 1|A: 1" },
  }
  for _, case in ipairs(taken) do
    it("can be " .. case[1], function()
      wire.with_connection(function(client, conn, port)
        assert.equal(Error.OK, (client:request(Method.METHOD_GET, "/", case[2])))
        assert.equal("GET / HTTP/1.1|Host: HERE" .. case[3], own_lines(arrived(client, conn), port))
      end)
    end)
  end

  local refused = {
    { "a colon in a map's name", { ["A:B"] = "c" }, "token" },
    { "a map's name that would be a Host", { ["Host: evil"] = "x" }, "token" },
    { "an empty name in a map", { [""] = "c" }, "name" },
    { "a space in a map's name", { ["A B"] = "c" }, "token" },
    { "a line end in a map's name", { ["A\r\nB"] = "c" }, "token" },
    { "a line end in a map's value", { A = "b\r\nC: d" }, "control" },
    { "NUL in a map's value", { A = "\0" }, "control" },
    { "two Hosts in a map", { Host = "a", host = "a" }, "two Host" },
    { "a Host in the array and one in the map", { "HOST: a", Host = "a" }, "two Host" },
    { "an empty line", { "" }, "colon" },
    { "a continuation line", { "A: b", " c" }, "header 2" },
    { "a lone line end", { "A: b\n" }, "control" },
    { "a name over 7F", { "\195\164: b" }, "token" },
  }
  for _, case in ipairs(refused) do
    it("are refused with " .. case[1], function()
      wire.with_connection(function(client, conn)
        local code, message = client:request(Method.METHOD_GET, "/", case[2])
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.truthy(message:find(case[3], 1, true), message)
        support.request(client, "GET", "/clean")
        assert.truthy(arrived(client, conn):find("^GET /clean "))
      end)
    end)
  end

  local wrong = {
    { "a number in the array", { 5 }, "header 1 must be a string, got number" },
    { "a gap in the array", { "A: 1", nil, "B: 2" }, "header" },
    { "a far gap", { [1] = "A: 1", [9] = "B: 2" }, "the array of headers has a gap" },
    { "a fraction in a map", { A = 1.5 },
      "the value of header 'A' must be a string or an integer, got number" },
    { "a boolean in a map", { A = true },
      "the value of header 'A' must be a string or an integer, got boolean" },
    { "a table in a map", { A = {} },
      "the value of header 'A' must be a string or an integer, got table" },
    { "a key that is no string", { [true] = "x" }, "a header's name must be a string" },
  }
  for _, case in ipairs(wrong) do
    it("raise for " .. case[1], function()
      local client = HTTPClient.new()
      local ok, message = pcall(function() client:request(0, "/", case[2]) end)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #3", 1, true), message)
      assert.truthy(message:find(case[3], 1, true), message)
    end)
  end

  it("and the URL may be very long", function()
    wire.with_connection(function(client, conn)
      local long = ("x"):rep(300000)
      assert.equal(Error.OK, (client:request(Method.METHOD_GET, "/" .. long, { "A: " .. long })))
      local head = arrived(client, conn)
      assert.equal(1, (head:find("GET /" .. long .. " HTTP/1.1\r\n", 1, true)))
      assert.truthy(head:find("\r\nA: " .. long .. "\r\n", 1, true))
    end)
  end)

  it("may be very many", function()
    wire.with_connection(function(client, conn)
      local lines = {}
      for i = 1, 3000 do lines[i] = "N" .. i .. ": " .. i end
      assert.equal(Error.OK, (client:request(Method.METHOD_GET, "/", lines)))
      assert.truthy(arrived(client, conn):find("\r\n" .. table.concat(lines, "\r\n") .. "\r\n", 1,
        true))
    end)
  end)
end)

describe("The URL of a request", function()
  -- method, URL, the request line's target, Host
  local taken = {
    { "GET", "/", "/", "HERE" },
    { "GET", "/?", "/?", "HERE" },
    { "GET", "/a%20b?c=%", "/a%20b?c=%", "HERE" },
    { "GET", "/\128\255", "/\128\255", "HERE" },
    { "GET", "//a//b", "//a//b", "HERE" },
    { "GET", "/..", "/..", "HERE" },
    { "GET", "/#", "/", "HERE" },
    { "GET", "/*", "/*", "HERE" },
    { "GET", "http://a.test", "http://a.test/", "a.test" },
    { "GET", "http://a.test/b#c", "http://a.test/b", "a.test" },
    { "GET", "http://a.test?b#c?d", "http://a.test/?b", "a.test" },
    { "GET", "http://a.test#b", "http://a.test/", "a.test" },
    { "GET", "HtTp://A.test:8080/", "HtTp://A.test:8080/", "A.test:8080" },
    { "GET", "http://a.test:443/", "http://a.test:443/", "a.test:443" },
    { "GET", "https://a.test/?@", "https://a.test/?@", "a.test" },
    { "GET", "http://[::1]/", "http://[::1]/", "[::1]" },
    { "GET", "http://[::1]:81/a", "http://[::1]:81/a", "[::1]:81" },
    { "OPTIONS", "*", "*", "HERE" },
    { "OPTIONS", "/", "/", "HERE" },
    { "OPTIONS", "http://a.test", "http://a.test", "a.test" },
    { "CONNECT", "a.test:1", "a.test:1", "a.test:1" },
    { "CONNECT", "[::1]:65535", "[::1]:65535", "[::1]:65535" },
    { "CONNECT", "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80" },
  }
  for _, case in ipairs(taken) do
    it("can be " .. case[2] .. " with " .. case[1], function()
      wire.with_connection(function(client, conn, port)
        assert.equal(Error.OK, (client:request(Method["METHOD_" .. case[1]], case[2], {})))
        assert.equal(("%s %s HTTP/1.1|Host: %s"):format(case[1], case[3], case[4]),
          own_lines(arrived(client, conn), port))
      end)
    end)
  end

  local refused = {
    { "GET", "" }, { "GET", "a" }, { "GET", "?a" }, { "GET", "#a" }, { "GET", "*" },
    { "GET", "**" }, { "GET", "a.test:80" }, { "GET", "http:/a" }, { "GET", "http://" },
    { "GET", "http:///a" }, { "GET", "http://:80/" }, { "GET", "http://?a" },
    { "GET", "http://u@a/" }, { "GET", "http://u:p@a/" }, { "GET", "http://@a/" },
    { "GET", "http://a:x/" }, { "GET", "http://a:0/" }, { "GET", "http://a:65536/" },
    { "GET", "http://a:-1/" }, { "GET", "http://[::1/" }, { "GET", "http://[::1]x/" },
    { "GET", "http://[]/" }, { "GET", "http://[1.2.3.4]/" }, { "GET", "http://a\\b/" },
    { "GET", "http://a/b c" }, { "GET", "http://a/\r\nX: y" }, { "GET", "http://a?\127" },
    { "GET", "http://a/#\0" }, { "CONNECT", "a:1 " }, { "CONNECT", "a:1\r\n" }, { "OPTIONS", "* " },
    { "GET", "ftp://a/" }, { "GET", "file:///a" }, { "GET", " /" }, { "GET", "/ " },
    { "GET", "/\t" }, { "GET", "/\127" }, { "GET", "/\0" }, { "GET", "/\1" }, { "GET", "/\31" },
    { "GET", "/a HTTP/1.1\r\nX: y" }, { "GET", "/#\n" }, { "POST", "*" }, { "OPTIONS", "*a" },
    { "OPTIONS", "*?a" }, { "CONNECT", "" }, { "CONNECT", "a" }, { "CONNECT", "a:" },
    { "CONNECT", ":1" }, { "CONNECT", "a:0" }, { "CONNECT", "/" }, { "CONNECT", "http://a:1" },
    { "CONNECT", "a:1/" }, { "CONNECT", "a:1#b" }, { "CONNECT", "u@a:1" }, { "CONNECT", "::1:1" },
    { "CONNECT", "*" },
  }
  it("is refused when it is none", function()
    wire.with_connection(function(client, conn)
      for _, case in ipairs(refused) do
        local code, message = client:request(Method["METHOD_" .. case[1]], case[2], {})
        assert.equal(Error.ERR_INVALID_PARAMETER, code, case[1] .. " " .. case[2])
        assert.truthy(message:find("url", 1, true), message)
      end
      support.request(client, "GET", "/clean")
      assert.truthy(arrived(client, conn):find("^GET /clean "))
    end)
  end)
end)

describe("The body of a request", function()
  local LENGTH_0, LENGTH_5 = "|Content-Length: 0", "|Content-Length: 5"
  -- call, method, headers, body, own fields, what follows the head
  local taken = {
    { "request", "POST", {}, "hello", LENGTH_5, "hello" },
    { "request", "PUT", {}, "hello", LENGTH_5, "hello" },
    { "request", "PATCH", {}, "hello", LENGTH_5, "hello" },
    { "request", "DELETE", {}, "hello", LENGTH_5, "hello" },
    { "request", "OPTIONS", {}, "hello", LENGTH_5, "hello" },
    { "request", "HEAD", {}, "hello", LENGTH_5, "hello" },
    { "request", "POST", {}, "", LENGTH_0, "" },
    { "request", "PUT", {}, nil, LENGTH_0, "" },
    { "request", "PATCH", {}, nil, LENGTH_0, "" },
    { "request_raw", "POST", {}, {}, LENGTH_0, "" },
    { "request", "DELETE", {}, "", "", "" },
    { "request", "HEAD", {}, "", "", "" },
    { "request", "TRACE", {}, "", "", "" },
    { "request", "GET", {}, "hello", "", "" },
    { "request", "GET", {}, text_body("hello"), "", "" },
    { "request_raw", "GET", {}, "hello", LENGTH_5, "hello" },
    { "request_raw", "GET", {}, { 0, 255, 13.0, 10, 48 }, LENGTH_5, "\0\255\r\n0" },
    { "request", "POST", { "content-length: 5" }, "hello", "|content-length: 5", "hello" },
    { "request", "POST", { "Content-Length: 0" }, nil, "|Content-Length: 0", "" },
    { "request", "GET", { "Content-Length: 0" }, nil, "|Content-Length: 0", "" },
    { "request", "POST", {}, text_body("he", "llo"), "|Transfer-Encoding: chunked",
      "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" },
    { "request", "POST", { "Transfer-Encoding:chunked" }, text_body("hello"),
      "|Transfer-Encoding:chunked", "5\r\nhello\r\n0\r\n\r\n" },
    { "request", "POST", { "transfer-encoding: CHUNKED" }, text_body(),
      "|transfer-encoding: CHUNKED", "0\r\n\r\n" },
    { "request", "POST", { "Content-Length: 5" }, text_body("he", "llo"), LENGTH_5, "hello" },
    { "request", "POST", { "Content-Length: 0" }, text_body(), LENGTH_0, "" },
    { "request", "PUT", {}, text_body(("x"):rep(4096)), "|Transfer-Encoding: chunked", "1000\r\n"
      .. ("x"):rep(4096) .. "\r\n0\r\n\r\n" },
    { "request_raw", "GET", {}, text_body("a", "", "b"), "|Transfer-Encoding: chunked",
      "1\r\na\r\n1\r\nb\r\n0\r\n\r\n" },
  }
  for i, case in ipairs(taken) do
    it(("goes out as it is given, %d: %s %s"):format(i, case[1], case[2]), function()
      wire.with_connection(function(client, conn, port)
        local code, message = client[case[1]](client, Method["METHOD_" .. case[2]], "/", case[3],
          case[4])
        assert.equal(Error.OK, code, message)
        local head = own_lines(arrived(client, conn), port)
        assert.equal(case[2] .. " / HTTP/1.1|Host: HERE" .. case[5], head)
        if #case[6] > 0 then assert.equal(case[6], arrived(client, conn, case[6])) end
        answer_nothing(client, conn)
        -- Nothing went out behind it: the next request begins at once.
        support.request(client, "GET", "/next")
        assert.truthy(arrived(client, conn):find("^GET /next "))
      end)
    end)
  end

  it("is counted without its framing", function()
    wire.with_connection(function(client, conn)
      assert.equal(0, client:get_request_body_sent())
      support.request(client, "POST", "/", {}, text_body("hello", "!"))
      arrived(client, conn, "0\r\n\r\n")
      assert.equal(6, client:get_request_body_sent())
      answer_nothing(client, conn)
      assert.equal(6, client:get_request_body_sent())
      support.request(client, "GET", "/")
      assert.equal(0, client:get_request_body_sent())
    end)
  end)

  -- headers, body, a part of the message
  local refused = {
    { { "Content-Length: 4" }, "hello", "contradicts" },
    { { "Content-Length: 6" }, "hello", "contradicts" },
    { { ["Content-Length"] = 6 }, "hello", "contradicts" },
    { { "Content-Length: 5, 5" }, "hello", "decimal" },
    { { "Content-Length: 5", "Content-Length: 5" }, "hello", "two Content-Length" },
    { { "Content-Length: 5", ["content-length"] = "5" }, "hello", "two Content-Length" },
    { { "Content-Length: +5" }, "hello", "decimal" },
    { { "Content-Length: 0x5" }, "hello", "decimal" },
    { { "Content-Length:" }, "", "decimal" },
    { { "Content-Length: 9223372036854775808" }, text_body("a"), "decimal" },
    { { "Transfer-Encoding: chunked" }, "hello", "Transfer-Encoding" },
    { { "Transfer-Encoding: chunked" }, "", "Transfer-Encoding" },
    { { "Transfer-Encoding: chunked" }, nil, "Transfer-Encoding" },
    { { "Transfer-Encoding: gzip" }, text_body("a"), "Transfer-Encoding" },
    { { "Transfer-Encoding: chunked, chunked" }, text_body("a"), "Transfer-Encoding" },
    { { "Transfer-Encoding: chunked", "Content-Length: 1" }, text_body("a"), "both" },
    { { ["transfer-encoding"] = "chunked", ["content-length"] = "1" }, text_body("a"), "both" },
  }
  it("is refused when the headers contradict it", function()
    wire.with_connection(function(client, conn)
      for i, case in ipairs(refused) do
        local code, message = client:request(Method.METHOD_POST, "/", case[1], case[2])
        assert.equal(Error.ERR_INVALID_PARAMETER, code, tostring(i))
        assert.truthy(message:find(case[3], 1, true), message)
      end
      for _, method in ipairs({ "TRACE", "CONNECT" }) do
        for _, body in ipairs({ "x", text_body("x"), text_body() }) do
          local code, message = client:request(Method["METHOD_" .. method], method == "TRACE"
            and "/" or "a:1", {}, body)
          assert.equal(Error.ERR_INVALID_PARAMETER, code)
          assert.truthy(message:find(method, 1, true), message)
        end
      end
      support.request(client, "GET", "/clean")
      assert.truthy(arrived(client, conn):find("^GET /clean "))
    end)
  end)

  it("raises when it is of another type, or an element of its array is no byte", function()
    local client = HTTPClient.new()
    for _, body in ipairs({ 5, true, {}, client }) do
      local ok, message = pcall(function() client:request(Method.METHOD_POST, "/", {}, body) end)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #4", 1, true), message)
    end
    for _, body in ipairs({ { 256 }, { -1 }, { 1.5 }, { "a" }, { 1, false } }) do
      local ok, message = pcall(function()
        client:request_raw(Method.METHOD_POST, "/", {}, body)
      end)
      assert.is_false(ok)
      assert.truthy(message:find("is no integer from 0 to 255", 1, true), message)
    end
    for _, body in ipairs({ { a = 1 }, { 1, 2, a = 3 }, { [2] = 1 }, { [0] = 1, 2 } }) do
      local ok, message = pcall(function()
        client:request_raw(Method.METHOD_POST, "/", {}, body)
      end)
      assert.is_false(ok)
      assert.truthy(message:find("must be an array of integers", 1, true), message)
    end
  end)
end)

describe("A request's Connection header", function()
  local OK = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
  -- headers, answer, method, does the connection end?
  local cases = {
    { { "Connection: close" }, OK, "GET", true },
    { { ["connection"] = "CLOSE" }, OK, "GET", true },
    { { "Connection: te", "Connection: x, close" }, OK, "GET", true },
    { { "Connection: close" }, "HTTP/1.1 204 No\r\n\r\n", "GET", true },
    { { "Connection: close" }, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", true },
    { { "Connection: close" },
      "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET", true },
    { { "Connection: keep-alive" }, OK, "GET", false },
    { { "Connection: closed" }, OK, "GET", false },
    { { "X-Connection: close" }, OK, "GET", false },
    { {}, OK, "GET", false },
  }
  for i, case in ipairs(cases) do
    it(("decides on the connection's life, %d"):format(i), function()
      wire.with_connection(function(client, conn)
        assert.equal(Error.OK, (client:request(Method["METHOD_" .. case[3]], "/", case[1])))
        arrived(client, conn)
        conn:send(case[2])
        support.pump(client, support.is_answered_or_failed)
        support.read_all(client)
        assert.equal(case[4] and HTTPClient.STATUS_DISCONNECTED or HTTPClient.STATUS_CONNECTED,
          client:get_status())
        assert.is_true(client:has_response())
        assert.equal(0, (client:get_last_error()))
        if case[4] then assert.equal("eof", (select(2, conn:recv_n(1, support.LIMIT)))) end
      end)
    end)
  end
end)

describe("The Host of a stream of the script's own", function()
  -- what get_connected_host gives, the Host (none: refused)
  local cases = {
    { "a.test", "a.test" }, { "127.0.0.1", "127.0.0.1" }, { "::1", "[::1]" }, { "", "" },
    { "a.test\r\nX: y" }, { "a b" }, { "a/b" }, { "u@a" }, { "a\0" }, { "\195\164.test" },
  }
  for _, case in ipairs(cases) do
    it("is checked like the caller's when it is " .. ("%q"):format(case[1]), function()
      local out = {}
      local client = HTTPClient.new()
      client:set_connection({
        put_partial_data = function(_, data)
          out[#out + 1] = data
          return 0, #data
        end,
        get_partial_data = function() return 0, "" end,
        get_available_bytes = function() return 0 end,
        get_connected_host = function() return case[1] end,
      })
      assert.equal(case[2] and Error.OK or Error.ERR_INVALID_PARAMETER,
        (client:request(Method.METHOD_GET, "/", {})))
      for _ = 1, 3 do client:poll() end
      local head = table.concat(out)
      assert.equal(case[2] and "GET / HTTP/1.1\r\nHost: " .. case[2] .. "\r\n" or "",
        head:sub(1, case[2] and 24 + #case[2] or 1))
      client:close()
    end)
  end
end)

describe("A request that is refused", function()
  it("leaves the last response as it is", function()
    wire.with_connection(function(client, conn)
      support.request(client)
      arrived(client, conn)
      conn:send("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n")
      support.pump(client, HTTPClient.STATUS_BODY)
      support.read_all(client)
      for _, method in ipairs({ -1, 9, 100, 2 ^ 31, 2 ^ 40, -2 ^ 40 }) do
        assert.equal(Error.ERR_INVALID_PARAMETER, (client:request(method, "/", {})))
      end
      assert.equal(200, client:get_response_code())
      assert.equal("b", client:get_response_header("a"))
      assert.is_true(client:has_response())
      support.request(client, "GET", "/next")
      assert.equal(0, client:get_response_code())
      assert.is_false(client:has_response())
      assert.equal(-1, client:get_response_body_length())
      assert.same({}, client:get_response_headers())
      assert.is_nil(client:get_response_header("a"))
    end)
  end)

  it("is one more while one is under way", function()
    wire.with_connection(function(client, conn)
      support.request(client, "GET", "/one")
      assert.equal(Error.ERR_INVALID_PARAMETER, (client:request(Method.METHOD_GET, "/two", {})))
      assert.truthy(arrived(client, conn):find("^GET /one "))
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal(Error.ERR_INVALID_PARAMETER, (client:request(Method.METHOD_GET, "/two", {})))
      assert.equal("hi", (support.read_all(client)))
    end)
  end)
end)
