-- HTTP and HTTPS proxies: what goes to them, what comes from them and may not go further, tinyproxy and squid.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local proxies = require("spec.support.proxy")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions
local AGENT = "User-Agent: lua-httpclient/" .. httpclient._VERSION:match("%S+$")
local ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n"
local BASIC = "Basic dXNlcjpwYXNz" -- user:pass

local opened = {}

after_each(function()
  for i = #opened, 1, -1 do
    opened[i]:close()
    opened[i] = nil
  end
end)

local function keep(object)
  opened[#opened + 1] = object
  return object
end

local function listen() return keep(assert(native.listen({}))) end

local function trusting() return TLSOptions.client(certs.ca.cert, "localhost") end

local function status_of(client) return support.status_name(client:get_status()) end

local function head_of(client, conn)
  return support.until_true(function()
    client:poll()
    return conn:recv_until("\r\n\r\n", 0)
  end)
end

-- A client that has sent its CONNECT to a proxy of this thread. -> client, conn, CONNECT's head
local function tunnelling(options)
  options = options or {}
  local listener = listen()
  local client = keep(HTTPClient.new())
  client.max_header_size = options.max_header_size or client.max_header_size
  assert.equal(Error.OK, (client:set_https_proxy("127.0.0.1", listener:port(), options.user, options.password)))
  assert.equal(Error.OK, (client:connect_to_host(options.host or "origin.test", options.port or -1, trusting())))
  local conn = keep(support.accept(listener, client))
  return client, conn, head_of(client, conn), listener
end

describe("a plain request through a proxy", function()
  local function world(host, port, user, password)
    local listener = listen()
    local client = keep(HTTPClient.new())
    assert.equal(Error.OK, (client:set_http_proxy("127.0.0.1", listener:port(), user, password)))
    assert.equal(Error.OK, (client:connect_to_host(host, port or -1)))
    local conn = keep(support.accept(listener, client))
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    return client, conn
  end

  -- name, host, port, method, url, request line, Host
  local targets = {
    { "a path", "origin.test", -1, "GET", "/a?b#c", "GET http://origin.test/a?b HTTP/1.1", "origin.test" },
    { "another port", "origin.test", 8080, "GET", "/", "GET http://origin.test:8080/ HTTP/1.1", "origin.test:8080" },
    { "an IPv6 address", "::1", 8080, "GET", "/", "GET http://[::1]:8080/ HTTP/1.1", "[::1]:8080" },
    { "a zone, which stays here", "fe80::1%lo", -1, "GET", "/", "GET http://[fe80::1]/ HTTP/1.1", "[fe80::1]" },
    { "a POST", "origin.test", -1, "POST", "/", "POST http://origin.test/ HTTP/1.1", "origin.test" },
    { "an absolute URL, as it is", "origin.test", -1, "GET", "http://other.test:81/x", "GET http://other.test:81/x HTTP/1.1", "other.test:81" },
    { "OPTIONS *", "origin.test", -1, "OPTIONS", "*", "OPTIONS http://origin.test HTTP/1.1", "origin.test" },
    { "a CONNECT of the script's own", "origin.test", -1, "CONNECT", "h.test:25", "CONNECT h.test:25 HTTP/1.1", "h.test:25" },
  }
  for _, case in ipairs(targets) do
    it("carries the absolute URL for " .. case[1], function()
      local client, conn = world(case[2], case[3])
      support.request(client, case[4], case[5])
      local head = head_of(client, conn)
      assert.equal(case[6], head:match("^[^\r]*"))
      assert.equal(case[7], head:match("\r\nHost: ([^\r]*)"))
      assert.is_nil(head:find("Proxy-Authorization", 1, true))
    end)
  end

  it("skips the lookup of the origin, which is the proxy's", function()
    local client, conn = world("no-such-host.invalid")
    support.request(client)
    assert.truthy(head_of(client, conn):find("^GET http://no%-such%-host%.invalid/ "))
  end)

  it("carries the credentials, with every request, unless the script gives its own", function()
    local client, conn = world("origin.test", -1, "user", "pass")
    for i, headers in ipairs({ {}, {}, { "proxy-authorization: Mine x" } }) do
      support.request(client, "GET", "/", headers)
      local head = head_of(client, conn)
      assert.equal(i < 3 and BASIC or nil, head:match("\r\nProxy%-Authorization: ([^\r]*)"))
      assert.equal(i == 3 and "Mine x" or nil, head:match("\r\nproxy%-authorization: ([^\r]*)"))
      conn:send("HTTP/1.1 204 No\r\n\r\n")
      support.pump(client, HTTPClient.STATUS_CONNECTED)
    end
  end)

  it("keeps to the proxy and the credentials that it was connected with", function()
    local client, conn = world("origin.test", -1, "user", "pass")
    assert.equal(Error.OK, (client:set_http_proxy("127.0.0.1", 9, "other", "secret")))
    support.request(client)
    assert.equal(BASIC, head_of(client, conn):match("\r\nProxy%-Authorization: ([^\r]*)"))
    client:close()
    client, conn = world("origin.test", -1, "user", "pass")
    assert.equal(Error.OK, (client:set_http_proxy("", -1)))
    support.request(client)
    local head = head_of(client, conn)
    assert.truthy(head:find("^GET http://origin.test/ "))
    assert.equal(BASIC, head:match("\r\nProxy%-Authorization: ([^\r]*)"))
  end)

  it("gives a 407 as the response", function()
    local client, conn = world("origin.test")
    support.request(client)
    head_of(client, conn)
    conn:send("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal(407, client:get_response_code())
  end)

  it("is not for TLS, nor the other way round", function()
    local origin = listen()
    for _, case in ipairs({ { "set_http_proxy", true, "\22" }, { "set_https_proxy", false, "G" } }) do
      local client = keep(HTTPClient.new())
      assert.equal(Error.OK, (client[case[1]](client, "127.0.0.1", 9)))
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", origin:port(), case[2])))
      local conn = keep(support.accept(origin, client))
      if not case[2] then
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        support.request(client)
      end
      assert.equal(case[3], support.until_true(function()
        client:poll()
        return conn:recv_n(1, 0)
      end))
    end
  end)

  it("goes without a proxy again after it is unset", function()
    local origin = listen()
    for _, unset in ipairs({ { "", 3128 }, { "127.0.0.1", -1 }, { "", -1 }, {} }) do
      local client = keep(HTTPClient.new())
      client:set_http_proxy("127.0.0.1", 9, "user", "pass")
      assert.equal(Error.OK, (client:set_http_proxy(unset[1], unset[2])))
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", origin:port())))
      local conn = keep(support.accept(origin, client))
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      support.request(client)
      local head = head_of(client, conn)
      assert.truthy(head:find("^GET / HTTP/1.1\r\n"), head)
      assert.is_nil(head:find("Authorization", 1, true))
    end
  end)
end)

describe("a proxy's setting", function()
  -- arguments, a part of the message
  local refused = {
    { { "a b", 80 }, "space" }, { { "u@h", 80 }, "user info" }, { { "h:80", 80 }, "port" }, { { "h", 0 }, "port 0" },
    { { "h", 65536 }, "port 65536" }, { { "h", -2 }, "port -2" }, { { "https://h", 80 }, "without TLS" },
    { { "h", 80, "us:er", "x" }, "colon" }, { { "h", 80, "user", "a\r\nb" }, "control" }, { { "h", 80, "u\0", "x" }, "control" },
  }
  for i, case in ipairs(refused) do
    it(("is refused for %s, and the one before stays (%d)"):format(case[2], i), function()
      local listener = listen()
      for _, name in ipairs({ "set_http_proxy", "set_https_proxy" }) do
        local client = keep(HTTPClient.new())
        assert.equal(Error.OK, (client[name](client, "http://127.0.0.1", listener:port())))
        local code, message = client[name](client, (unpack or table.unpack)(case[1]))
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.truthy(message:find(case[2], 1, true), message)
        assert.equal(Error.OK, (client:connect_to_host("origin.test", 80, name == "set_https_proxy")))
        keep(support.accept(listener, client))
      end
    end)
  end
end)

describe("a tunnel", function()
  -- host, port, authority
  local targets = {
    { "origin.test", -1, "origin.test:443" }, { "origin.test", 8443, "origin.test:8443" },
    { "127.0.0.1", -1, "127.0.0.1:443" }, { "::1", -1, "[::1]:443" }, { "https://[::1]", 8443, "[::1]:8443" },
    { "fe80::1%lo", -1, "[fe80::1]:443" },
  }
  for _, case in ipairs(targets) do
    it("is asked for by CONNECT to " .. case[3], function()
      local client, _, head = tunnelling({ host = case[1], port = case[2] })
      local expected = ("CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s"):format(case[3], case[3], AGENT)
      assert.equal(expected, head:sub(1, #expected))
      assert.is_nil(head:find("Authorization", 1, true))
      assert.equal("STATUS_CONNECTING", status_of(client))
    end)
  end

  it("carries TLS and its requests, and keeps alive", function()
    local client, conn = tunnelling({ user = "user", password = "pass" })
    conn:send(ESTABLISHED)
    assert.is_true(support.handshake(client, conn, certs.localhost.tls()))
    assert.equal("STATUS_CONNECTED", status_of(client))
    for i = 1, 3 do
      support.request(client, "GET", "/" .. i)
      local head = head_of(client, conn)
      assert.truthy(head:find("^GET /" .. i .. " HTTP/1.1\r\nHost: origin.test\r\n"), head)
      assert.is_nil(head:lower():find("proxy", 1, true))
      assert.is_nil(head:find(BASIC, 1, true))
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" .. i)
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal(tostring(i), (support.read_all(client)))
      assert.equal("STATUS_CONNECTED", status_of(client))
    end
    assert.equal("127.0.0.1", (client:get_remote_address()))
  end)

  it("carries the credentials to the proxy it was connected to, and no other's", function()
    local _, _, head = tunnelling({ user = "user", password = "pass" })
    assert.equal(BASIC, head:match("\r\nProxy%-Authorization: ([^\r]*)"))
    local listener = listen()
    local client = keep(HTTPClient.new())
    client:set_https_proxy("127.0.0.1", listener:port())
    client:connect_to_host("origin.test", 443, true)
    client:set_https_proxy("127.0.0.1", 9, "user", "pass")
    local conn = keep(support.accept(listener, client))
    assert.is_nil(head_of(client, conn):find("Authorization", 1, true))
  end)

  -- what the proxy answers; each is the way to a tunnel
  local opening = {
    { "200", ESTABLISHED },
    { "a status line that ends after the code", "HTTP/1.1 200\r\n\r\n" },
    { "HTTP/1.0", "HTTP/1.0 200 Connection established\r\n\r\n" },
    { "204", "HTTP/1.1 204 Fine\r\n\r\n" },
    { "299", "HTTP/1.1 299 Fine\r\n\r\n" },
    { "1xx before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" .. ESTABLISHED },
    { "a Content-Length that counts for nothing", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" },
    { "a Transfer-Encoding that counts for nothing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { "Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nProxy-Agent: x\r\n\r\n" },
    { "bare line feeds", "HTTP/1.1 200 OK\nA: b\n\n" },
  }
  for _, case in ipairs(opening) do
    it("is opened by " .. case[1] .. ", whole or byte by byte", function()
      for _, whole in ipairs({ true, false }) do
        local client, conn = tunnelling()
        if whole then
          conn:send(case[2])
        else
          for i = 1, #case[2] do
            conn:send(case[2]:sub(i, i))
            client:poll()
            assert.equal("STATUS_CONNECTING", status_of(client))
          end
        end
        assert.is_true(support.handshake(client, conn, certs.localhost.tls()))
        assert.equal("STATUS_CONNECTED", status_of(client))
      end
    end)
  end

  it("hands the bytes behind the answer to TLS", function()
    local client, conn = tunnelling()
    -- No server speaks first in TLS: an alert in clear, handshake_failure, is a fair first word all the same.
    conn:send(ESTABLISHED .. "\21\3\3\0\2\2\40")
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", status_of(client))
    local _, message = client:get_last_error()
    assert.truthy(message:find("handshake failure", 1, true), message)
  end)

  it("that is opened by somebody who does not speak TLS is a TLS_HANDSHAKE_ERROR", function()
    local client, conn = tunnelling()
    conn:send(ESTABLISHED .. "HTTP/1.1 400 Bad Request\r\n\r\n")
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", status_of(client))
  end)

  it("that ends in the handshake is a TLS_HANDSHAKE_ERROR", function()
    local client, conn = tunnelling()
    conn:send(ESTABLISHED)
    conn:shutdown()
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", status_of(client))
  end)

  -- name, what the proxy does, a part of the message
  local failing = {
    { "refuses with 403", function(c) c:send("HTTP/1.1 403 Not here\r\nContent-Length: 2\r\n\r\nno") end, "403 Not here" },
    { "wants credentials", function(c) c:send("HTTP/1.1 407 Authentication Required\r\n\r\n") end, "407" },
    { "can not reach the origin", function(c) c:send("HTTP/1.1 502 Bad Gateway\r\n\r\n") end, "502 Bad Gateway" },
    { "redirects", function(c) c:send("HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n") end, "302" },
    { "switches to something else", function(c) c:send("HTTP/1.1 101 Up\r\n\r\n") end, "101" },
    { "refuses and hangs up", function(c)
      c:send("HTTP/1.1 503 Busy\r\n\r\n")
      c:close()
    end, "503 Busy" },
    { "speaks another protocol", function(c) c:send("SSH-2.0-x\r\n") end, "proxy" },
    { "speaks HTTP/2", function(c) c:send("HTTP/2 200\r\n\r\n") end, "proxy" },
    { "sends a bad field", function(c) c:send("HTTP/1.1 200 OK\r\nno colon\r\n\r\n") end, "proxy" },
    { "closes without an answer", function(c) c:shutdown() end, "proxy closed" },
    { "closes in the answer", function(c)
      c:send("HTTP/1.1 200 OK\r\nA: b")
      c:shutdown()
    end, "proxy closed" },
    { "resets", function(c) c:reset() end, "proxy" },
    { "sends a head that is too large", function(c) c:send("HTTP/1.1 200 OK\r\nA: " .. ("x"):rep(3000)) end, "proxy" },
    { "sends an endless line", function(c) c:send("HTTP/1.1 200 " .. ("x"):rep(3000)) end, "proxy" },
    { "sends 1xx without end", function(c) c:send(("HTTP/1.1 100 Go on\r\n\r\n"):rep(200)) end, "1xx" },
  }
  for _, case in ipairs(failing) do
    it("whose proxy " .. case[1] .. " is CANT_CONNECT, and the message says why", function()
      local client, conn = tunnelling({ max_header_size = 2000, user = "user", password = "hunter2" })
      case[2](conn)
      local _, code, message = support.pump(client, support.is_connected_or_failed)
      assert.equal("STATUS_CANT_CONNECT", status_of(client))
      assert.equal(Error.ERR_CANT_CONNECT, code)
      assert.truthy(message:find(case[3], 1, true), message)
      assert.truthy(message:find("proxy", 1, true), message)
      assert.is_nil(message:find("hunter2", 1, true))
      assert.same({ Error.ERR_CANT_CONNECT, message }, { client:get_last_error() })
      assert.is_false(client:has_response())
    end)
  end

  it("whose proxy can not be reached is CANT_CONNECT, with an unknown name CANT_RESOLVE", function()
    local port = listen():port()
    opened[#opened]:close()
    local client = keep(HTTPClient.new())
    client:set_https_proxy("127.0.0.1", port)
    assert.equal(Error.OK, (client:connect_to_host("origin.test", 443, true)))
    assert.equal("STATUS_CONNECTING", status_of(client))
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_CANT_CONNECT", status_of(client))
    client:set_https_proxy("no-such-proxy.invalid", port)
    assert.equal(Error.OK, (client:connect_to_host("origin.test", 443, true)))
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_CANT_RESOLVE", status_of(client))
    assert.truthy(select(2, client:get_last_error()):find("no-such-proxy.invalid", 1, true))
  end)

  it("verifies the origin's name, not the proxy's", function()
    local listener = listen()
    local client = keep(HTTPClient.new())
    client:set_https_proxy("localhost", listener:port())
    assert.equal(Error.OK, (client:connect_to_host("origin.test", 443, TLSOptions.client(certs.ca.cert))))
    local conn = keep(support.accept(listener, client))
    head_of(client, conn)
    conn:send(ESTABLISHED)
    support.handshake(client, conn, certs.localhost.tls())
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", status_of(client))
    local _, message = client:get_last_error()
    assert.truthy(message:find("hostname mismatch", 1, true), message)
  end)

  it("can be closed under way, and the client used again", function()
    local client, conn = tunnelling()
    client:close()
    assert.equal("", conn:recv())
    client:set_https_proxy("", -1)
    local second = keep(select(2, support.connect(listen(), { client = client })))
    assert.equal("STATUS_CONNECTED", status_of(client))
    second:close()
  end)

  it("sleeps while the proxy thinks", function()
    local client = tunnelling()
    assert.equal("r", client:events())
    local cpu = native.cputime()
    assert.same({ Error.OK, false }, { client:wait(0.1) })
    assert.is_true(native.cputime() - cpu < 0.05 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1))
  end)
end)

for _, name in ipairs({ "tinyproxy", "squid" }) do
  describe(name, function()
    if not proxies.has(name) then
      pending("is not installed")
      return
    end

    -- A proxy and an origin; -> client through them
    local function world(secure, user, password)
      local proxy = proxies[name](user and { user = "user", password = "pass" } or {})
      local steps = { { "accept" } }
      if secure then steps[2] = { "starttls", certs.localhost.tls() } end
      for i = 1, 3 do
        -- tinyproxy makes a new connection for every request, and ends the client's.
        if i > 1 and not secure and name == "tinyproxy" then steps[#steps + 1] = { "accept" } end
        steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
        steps[#steps + 1] = { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood" .. i }
      end
      local origin = native.script(steps)
      local client = keep(HTTPClient.new())
      opened[#opened + 1] = { close = function()
        origin:stop()
        proxy:stop()
      end }
      local set = secure and client.set_https_proxy or client.set_http_proxy
      assert.equal(Error.OK, (set(client, "127.0.0.1", proxy:port(), user, password)))
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", origin:port(), secure and trusting() or nil)))
      support.pump(client, support.is_connected_or_failed)
      return client, origin
    end

    for _, user in ipairs({ false, "user" }) do
      local suffix = user and " for those with credentials" or ""
      it("carries plain requests" .. suffix, function()
        local client, origin = world(false, user or nil, user and "pass" or nil)
        for i = 1, 3 do
          if i > 1 and name == "tinyproxy" then
            assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", origin:port())))
            support.pump(client, HTTPClient.STATUS_CONNECTED)
          end
          local outcome = support.exchange(client, "GET", "/" .. i)
          assert.equal(200, outcome.code)
          assert.equal("good" .. i, outcome.body)
          assert.equal("STATUS_CONNECTED", outcome.status)
        end
        local received = origin:received()
        assert.truthy(received:find("^GET /1 HTTP/1.1\r\n"), received)
        assert.truthy(received:find("\r\nHost: 127.0.0.1:" .. origin:port() .. "\r\n", 1, true), received)
        assert.is_nil(received:find("Proxy-Authorization", 1, true))
      end)

      it("carries TLS through a tunnel" .. suffix, function()
        local client, origin = world(true, user or nil, user and "pass" or nil)
        assert.equal("STATUS_CONNECTED", status_of(client), (select(2, client:get_last_error())))
        for i = 1, 3 do
          local outcome = support.exchange(client, "GET", "/" .. i)
          assert.equal("good" .. i, outcome.body)
        end
        assert.is_nil(origin:received():find("Proxy", 1, true))
      end)
    end

    it("refuses wrong credentials, and the message has its status", function()
      local client = world(true, "user", "wrong")
      assert.equal("STATUS_CANT_CONNECT", status_of(client))
      local _, message = client:get_last_error()
      assert.truthy(message:find("refused the tunnel: 40[17]"), message)
      client = world(false, "user", "wrong")
      local code = support.exchange(client, "GET", "/").code
      assert.is_true(code == 407 or code == 401, tostring(code))
    end)
  end)
end
