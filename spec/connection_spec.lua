-- A connection's life: hosts and ports, names and addresses, every state and what poll says in it, keeping alive, ends.
local finalizer = require("httpclient.base.finalizer")
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local native = require("spec_native")
local ports = require("spec.support.ports")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions
local OK = "HTTP/1.1 200 OK\r\n"

local head_of, status_of = support.head_of, support.status_of
local keep, listen, world = require("spec.support.world")(after_each)

-- Sends a request and the answer to it, and polls until the head is in.
local function answer(client, conn, bytes, method)
  support.request(client, method)
  head_of(client, conn)
  assert(conn:send(bytes))
  support.pump(client, support.is_answered_or_failed)
end

describe("connect_to_host", function()
  -- third and fourth argument, whether TLS is meant
  local forms = {
    { "no third argument", {}, false },
    { "nil", { nil, nil }, false },
    { "false", { false }, false },
    { "true", { true }, true },
    { "true and false", { true, false }, true },
    { "TLSOptions", { TLSOptions.client() }, true },
    { "unsafe TLSOptions", { TLSOptions.client_unsafe() }, true },
  }
  for _, case in ipairs(forms) do
    it("with " .. case[1] .. (case[3] and " speaks TLS" or " speaks plainly"), function()
      local listener = listen()
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listener:port(), case[2][1], case[2][2])))
      local conn = support.accept(listener, client)
      if case[3] then
        local hello = support.until_true(function()
          client:poll()
          return conn:recv_n(2, 0)
        end)
        assert.equal("\22\3", hello)
        assert.equal("STATUS_CONNECTING", status_of(client))
      else
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        assert.equal("timeout", select(2, conn:recv(1, 0)))
      end
      client:close()
      conn:close()
    end)
  end

  for _, scheme in ipairs({ "http://", "HTTP://", "hTTp://" }) do
    it("strips " .. scheme, function()
      local client, conn, listener = world({ host = scheme .. "127.0.0.1" })
      support.request(client)
      assert.truthy(head_of(client, conn):find("\r\nHost: 127.0.0.1:" .. listener:port() .. "\r\n", 1, true))
    end)
  end

  for _, scheme in ipairs({ "https://", "HTTPS://", "httpS://" }) do
    it("takes " .. scheme .. " for a wish for TLS", function()
      local listener = listen()
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host(scheme .. "127.0.0.1", listener:port())))
      local conn = support.accept(listener, client)
      assert.equal("\22", support.until_true(function()
        client:poll()
        return conn:recv_n(1, 0)
      end))
      conn:close()
    end)
  end

  for _, host in ipairs({ "127.0.0.1", "::1", "[::1]", "http://[::1]", "::ffff:127.0.0.1" }) do
    it("reaches the address " .. host .. " without a lookup", function()
      local listener = listen(host:find("::1]?$") and "::1" or "127.0.0.1")
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host(host, listener:port())))
      assert.equal("STATUS_CONNECTING", status_of(client))
      local conn = support.accept(listener, client)
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      support.request(client)
      local bare = host:gsub("^http://", ""):gsub("[%[%]]", "")
      local expected = bare:find(":", 1, true) and "[" .. bare .. "]" or bare
      assert.truthy(head_of(client, conn):find("\r\nHost: " .. expected .. ":" .. listener:port() .. "\r\n", 1, true))
      conn:close()
    end)
  end

  for _, host in ipairs({ "::1%lo", "[::1%lo]", "[::1%25lo]", "::1%1" }) do
    it("takes the zone of " .. host .. " and keeps it off the wire", function()
      if not os.execute("test -d /sys/class/net/lo") then
        pending("no interface lo")
        return
      end
      local listener = listen("::1")
      local client, conn = support.connect(listener, { host = host })
      support.request(client)
      assert.truthy(head_of(client, conn):find("\r\nHost: [::1]:" .. listener:port() .. "\r\n", 1, true))
      conn:close()
    end)
  end

  it("looks a name up", function()
    local listener = listen()
    local client = HTTPClient.new()
    assert.equal(Error.OK, (client:connect_to_host("localhost", listener:port())))
    assert.equal("STATUS_RESOLVING", status_of(client))
    local conn = support.accept(listener, client)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    support.request(client)
    assert.truthy(head_of(client, conn):find("\r\nHost: localhost:" .. listener:port() .. "\r\n", 1, true))
    conn:close()
  end)

  it("leaves the default port out of Host", function()
    local server = isolated.run([[
      local native, support = require("spec_native"), require("spec.support.client")
      local listener = native.listen({ port = 80 })
      if not listener then return print("no port 80") end
      local client = require("httpclient").new()
      assert(client:connect_to_host("127.0.0.1") == 0)
      local conn = support.accept(listener, client)
      support.pump(client, client.STATUS_CONNECTED)
      support.request(client)
      client:poll()
      print((conn:recv_until("\r\n\r\n")))
    ]])
    if server:find("no port 80", 1, true) then
      pending("port 80 is not free")
      return
    end
    assert.truthy(server:find("\r\nHost: 127.0.0.1\r\n", 1, true), server)
  end)

  -- host, a part of the message
  local hosts = {
    { "", "empty" }, { "http://", "empty" }, { "https://", "empty" }, { "a b", "space" }, { " a", "space" },
    { "a ", "space" }, { "a:80", "port" }, { "[::1]:80", "port" }, { "http://h:80", "port" }, { "a/", "path" },
    { "http://a/b", "path" }, { "a?b", "query" }, { "a#b", "fragment" }, { "u@h", "user info" },
    { "u:p@h", "user info" }, { "https://u:p@h", "user info" }, { "h\0", "control" }, { "h\r\n", "control" },
    { "h\127", "control" }, { "h\195\164", "ASCII" }, { "a%41", "percent" }, { "[::1", "without" },
    { "[]", "IPv6" }, { "[::1%]", "IPv6" }, { "[1.2.3.4]", "IPv6" }, { "1::2::3", "IPv6" }, { "ftp://h", "scheme" },
    { ("a"):rep(256), "255" }, { "a<b", "no host name" },
  }
  for _, case in ipairs(hosts) do
    it(("refuses the host %q and says why"):format(case[1]:sub(1, 20)), function()
      for _, tls in ipairs({ false, true }) do
        local client = HTTPClient.new()
        local code, message = client:connect_to_host(case[1], 80, tls)
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.truthy(message:find("host", 1, true), message)
        assert.truthy(message:find(case[2], 1, true), message)
        assert.equal("STATUS_DISCONNECTED", status_of(client))
        assert.equal(Error.ERR_UNCONFIGURED, (client:poll()))
      end
    end)
  end

  for _, port in ipairs({ 0, -2, 65536, 80000, 2 ^ 40 }) do
    it(("refuses the port %.0f and names it"):format(port), function()
      local code, message = HTTPClient.new():connect_to_host("h", port)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find(("port %.0f "):format(port), 1, true), message)
    end)
  end

  it("refuses http:// together with a wish for TLS", function()
    for _, tls in ipairs({ true, TLSOptions.client(), TLSOptions.client_unsafe() }) do
      local code, message = HTTPClient.new():connect_to_host("Http://h", 80, tls)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find("TLS", 1, true), message)
    end
    assert.equal(Error.OK, (HTTPClient.new():connect_to_host("http://127.0.0.1", 80, false)))
  end)

  -- arguments, message
  local wrong = {
    { {}, "bad argument #1 to 'connect_to_host' (string expected, got nil)" },
    { { 5 }, "bad argument #1 to 'connect_to_host' (string expected, got number)" },
    { { "h", "80" }, "bad argument #2 to 'connect_to_host' (number expected, got string)" },
    { { "h", 80.5 }, "bad argument #2 to 'connect_to_host' (number has no integer representation)" },
    { { "h", 80, 1 }, "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got number)" },
    { { "h", 80, {} }, "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got table)" },
    { { "h", 80, httpclient.X509Certificate.new() },
      "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got X509Certificate)" },
    { { "h", 80, true, "no" }, "bad argument #4 to 'connect_to_host' (boolean expected, got string)" },
  }
  for i, case in ipairs(wrong) do
    it("raises for a wrong type and leaves the connection alone, case " .. i, function()
      local client = world()
      local unpack = table.unpack or unpack
      assert.has_error(function() client:connect_to_host(unpack(case[1], 1, 4)) end, case[2])
      assert.equal("STATUS_CONNECTED", status_of(client))
    end)
  end

  it("closes an open connection first, also when it is refused itself", function()
    for _, host in ipairs({ "127.0.0.1", "a b" }) do
      local client, conn, listener = world()
      answer(client, conn, OK .. "Content-Length: 3\r\n\r\nab")
      client:connect_to_host(host, listener:port())
      assert.is_false(client:has_response())
      assert.equal("", conn:recv())
      assert.equal(host == "a b" and "STATUS_DISCONNECTED" or "STATUS_CONNECTING", status_of(client))
    end
  end)
end)

describe("a connection that can not be made", function()
  it("is CANT_RESOLVE for an unknown name, which the message tells", function()
    local client = HTTPClient.new()
    assert.equal(Error.OK, (client:connect_to_host("no-such-host.invalid", 80)))
    local status, code, message = support.pump(client, HTTPClient.STATUS_CANT_RESOLVE)
    assert.equal(HTTPClient.STATUS_CANT_RESOLVE, status)
    assert.equal(Error.ERR_CANT_RESOLVE, code)
    assert.truthy(message:find("no-such-host.invalid", 1, true), message)
    assert.same({ Error.ERR_CANT_RESOLVE, message }, { client:get_last_error() })
  end)

  for _, host in ipairs({ "127.0.0.1", "::1", "localhost" }) do
    it("is CANT_CONNECT for a port where nobody listens on " .. host, function()
      local port = ports.free(1)[1]
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host(host, port)))
      local _, code, message = support.pump(client, support.is_connected_or_failed)
      assert.equal("STATUS_CANT_CONNECT", status_of(client))
      assert.equal(Error.ERR_CANT_CONNECT, code)
      assert.truthy(message:find("refused", 1, true), message)
      assert.truthy(message:find(tostring(port), 1, true), message)
      assert.same({ Error.ERR_CANT_CONNECT, message }, { client:get_last_error() })
    end)
  end

  it("is CANT_CONNECT, not a crash, when descriptors are out", function()
    local port = listen():port()
    local client, named, held = HTTPClient.new(), HTTPClient.new(), {}
    local before = native.rlimit_nofile(64)
    finally(function() native.rlimit_nofile(before) end)
    repeat
      local file = io.open("/dev/null")
      held[#held + 1] = file and keep(file)
    until not file
    assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", port)))
    assert.equal(Error.OK, (named:connect_to_host("localhost", port)))
    local made, why = pcall(httpclient.Poller.new)
    support.pump(client, support.is_connected_or_failed)
    support.until_true(function()
      named:wait(0.02)
      return support.is_connected_or_failed(named)
    end)
    local status, other, message = status_of(client), status_of(named), select(2, client:get_last_error())
    native.rlimit_nofile(before)
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.truthy(message:find("open files", 1, true), message)
    assert.truthy(other:find("CANT_", 1, true), other)
    assert.is_false(made)
    assert.truthy(why:find("Poller", 1, true), why)
    assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", port)))
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    client:close()
  end)
end)

describe("the race between addresses", function()
  -- The child has its own hosts file, in which both.test is ::1 and 127.0.0.1, and does `body` with a client; it prints
  -- the seconds until CONNECTED and the address.
  local function race(prepare)
    local text, why = isolated.run([[
      local native, support = require("spec_native"), require("spec.support.client")
      local client, port, keep = require("httpclient").new(), nil, {}
      ]] .. prepare .. [[
      assert(client:connect_to_host("both.test", port) == 0)
      local before = native.monotonic()
      while client:get_status() == client.STATUS_RESOLVING or client:get_status() == client.STATUS_CONNECTING do
        client:wait(5)
      end
      print(support.status_name(client:get_status()), native.monotonic() - before, (client:get_remote_address()))
    ]], { hosts = "::1 both.test\n127.0.0.1 both.test\n" })
    if not text then
      pending(why)
      return
    end
    local status, seconds, address = text:match("(%S+)%s+(%S+)%s+(%S+)")
    assert.equal("STATUS_CONNECTED", status, text)
    return tonumber(seconds), address
  end

  for _, host in ipairs({ "::1", "127.0.0.1" }) do
    it("is won at once by " .. host .. " when it alone listens", function()
      local seconds, address = race(([[
        keep[1] = assert(native.listen({ host = %q }))
        port = keep[1]:port()
      ]]):format(host))
      if seconds then
        assert.equal(host, address)
        assert.is_true(seconds < 0.2 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1), tostring(seconds))
      end
    end)
  end

  it("is not held up by a first address that does not answer", function()
    local seconds, address = race([[
      for _ = 1, 20 do
        local hole = native.blackhole("::1")
        if not hole then print("no black hole", 0, "-") return end
        port = hole:port()
        keep[1], keep[2] = hole, native.listen({ host = "127.0.0.1", port = port })
        if keep[2] then break end
      end
    ]])
    if seconds then
      assert.equal("127.0.0.1", address)
      assert.is_true(seconds > 0.2 and seconds < 0.5 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1), tostring(seconds))
    end
  end)
end)

describe("a lookup that hangs", function()
  it("holds up neither poll nor wait nor close nor the end of the program", function()
    local text, why = isolated.run([[
      local native, support = require("spec_native"), require("spec.support.client")
      local httpclient = require("httpclient")
      local client, other = httpclient.new(), httpclient.new()
      local before = native.monotonic()
      assert(client:connect_to_host("a.test", 1) == 0)
      assert(client:poll() == 0)
      local code, ready = client:wait(0.05)
      assert(code == 0 and ready == false)
      assert(client:get_status() == client.STATUS_RESOLVING and client:get_fd() >= 0)
      other.connect_timeout = 0.05
      assert(other:connect_to_host("b.test", 1) == 0)
      while other:get_status() == client.STATUS_RESOLVING do other:wait(1) end
      print(support.status_name(other:get_status()), other:get_last_error())
      client:close()
      assert(client:get_status() == 0)
      assert(client:connect_to_host("c.test", 1) == 0)
      print("took", native.monotonic() - before < 5)
    ]], { hang = true })
    if not text then
      pending(why)
      return
    end
    assert.truthy(text:find("^STATUS_CANT_RESOLVE%s+24%s+connect timeout after 0.050 s\ntook%s+true\nexit 0"), text)
  end)
end)

describe("poll", function()
  -- state, a function that leads a client there -> client, what poll answers again and again
  local states = {
    { "DISCONNECTED", function() return HTTPClient.new() end, "ERR_UNCONFIGURED" },
    { "CONNECTING", function()
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listen():port(), true)))
      return client
    end, "OK" },
    { "CANT_RESOLVE", function()
      local client = HTTPClient.new()
      client:connect_to_host("no-such-host.invalid", 80)
      support.pump(client, HTTPClient.STATUS_CANT_RESOLVE)
      return client
    end, "ERR_CANT_RESOLVE" },
    { "CANT_CONNECT", function()
      local client = HTTPClient.new()
      client:connect_to_host("127.0.0.1", ports.free(1)[1])
      support.pump(client, HTTPClient.STATUS_CANT_CONNECT)
      return client
    end, "ERR_CANT_CONNECT" },
    { "CONNECTED", function() return (world()) end, "OK" },
    { "REQUESTING", function()
      local client = world()
      support.request(client)
      return client
    end, "OK" },
    { "BODY", function()
      local client, conn = world()
      answer(client, conn, OK .. "Content-Length: 3\r\n\r\nab")
      return client
    end, "OK" },
    { "CONNECTION_ERROR", function()
      local client, conn = world()
      answer(client, conn, "NO\r\n")
      return client
    end, "ERR_CONNECTION_ERROR" },
    { "TLS_HANDSHAKE_ERROR", function()
      local listener = listen()
      local client = HTTPClient.new()
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listener:port(), true)))
      support.accept(listener, client):close()
      support.pump(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
      return client
    end, "ERR_CONNECTION_ERROR" },
  }

  for _, case in ipairs(states) do
    local name, lead, expected = case[1], case[2], Error[case[3]]
    it("answers " .. case[3] .. " in " .. name .. ", however often it is asked", function()
      local client = lead()
      for _ = 1, 3 do
        assert.equal("STATUS_" .. name, status_of(client))
        local code, message = client:poll()
        assert.equal(expected, code)
        assert.equal(code == Error.OK and "nil" or "string", type(message))
      end
      local code, message = client:get_last_error()
      if name:find("ERROR") or name:find("CANT") then
        assert.equal(expected, code)
        assert.is_true(#message > 5)
      else
        assert.same({ 0, "" }, { code, message })
      end
      client:close()
    end)

    it("and all else in " .. name .. " is safe; close leads out, and the client connects again", function()
      local client = lead()
      client:wait(0)
      client:get_fd()
      client:pollfd()
      client:events()
      client:timeout()
      client:get_connection()
      client:get_response_headers()
      client:get_remote_address()
      if name ~= "BODY" then assert.equal("", client:read_response_body_chunk()) end
      assert.truthy(tostring(client):find("^HTTPClient: .*%(" .. name .. "%)$"), tostring(client))
      if name ~= "CONNECTED" then
        local code, message = client:request(HTTPClient.METHOD_GET, "/", {})
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.truthy(message:find("STATUS_" .. name, 1, true), message)
        assert.equal("STATUS_" .. name, status_of(client))
      end
      client:close()
      client:close()
      assert.equal("STATUS_DISCONNECTED", status_of(client))
      assert.same({ 0, "" }, { client:get_last_error() })
      assert.is_false(client:has_response())
      assert.is_nil(client:get_connection())
      local _, conn = support.connect(listen(), { client = client })
      answer(client, conn, "HTTP/1.1 204 No\r\n\r\n")
      assert.equal(204, client:get_response_code())
      client:close()
    end)

    it("and connect_to_host leads straight out of " .. name, function()
      local client = lead()
      local _, conn = support.connect(listen(), { client = client })
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.same({ 0, "" }, { client:get_last_error() })
      conn:close()
      client:close()
    end)

    it("and the collector takes a client in " .. name, function()
      local weak = setmetatable({ lead() }, { __mode = "v" })
      for _ = 1, 4 do collectgarbage() end
      assert.is_nil(weak[1])
    end)
  end

  it("answers OK in RESOLVING", function()
    local text, why = isolated.run([[
      local client = require("httpclient").new()
      client:connect_to_host("a.test", 1)
      for _ = 1, 3 do print(client:poll(), client:get_status()) end
      print(client)
    ]], { hang = true })
    if not text then
      pending(why)
      return
    end
    assert.truthy(text:find("^0%s1\n0%s1\n0%s1\nHTTPClient: %S+ %(RESOLVING%)\nexit 0"), text)
  end)

  it("walks through the states in their order", function()
    local listener = listen()
    local client, seen = HTTPClient.new(), {}
    local function note()
      local name = status_of(client):gsub("STATUS_", "")
      if seen[#seen] ~= name then seen[#seen + 1] = name end
    end
    note()
    client:connect_to_host("localhost", listener:port())
    note()
    local conn
    support.until_true(function()
      client:poll()
      note()
      conn = conn or listener:accept(0)
      return conn and client:get_status() == HTTPClient.STATUS_CONNECTED
    end)
    support.request(client)
    note()
    head_of(client, conn)
    conn:send(OK .. "Content-Length: 1\r\n\r\na")
    support.until_true(function()
      client:poll()
      note()
      return client:get_status() == HTTPClient.STATUS_BODY
    end)
    assert.equal("a", client:read_response_body_chunk())
    note()
    client:close()
    note()
    local walk = table.concat(seen, " ")
    assert.truthy(walk:find("^DISCONNECTED RESOLVING ?C?O?N?N?E?C?T?I?N?G? CONNECTED REQUESTING BODY CONNECTED DISCONNECTED$"),
      walk)
  end)
end)

describe("between requests", function()
  it("one connection is kept", function()
    local client, conn, listener = world()
    for i = 1, 5 do
      answer(client, conn, OK .. "Content-Length: 1\r\n\r\n" .. i)
      assert.equal(tostring(i), (support.read_all(client)))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(Error.OK, (client:poll()))
    end
    assert.equal("timeout", select(2, listener:accept(0)))
  end)

  -- what comes, a part of the message
  local intrusions = {
    { "a late 408", function(conn) conn:send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") end, "unexpected" },
    { "a line end", function(conn) conn:send("\r\n") end, "unexpected" },
    { "the end of the connection", function(conn) conn:shutdown() end, "closed" },
    { "a reset", function(conn) conn:reset() end, "reset" },
  }
  for _, case in ipairs(intrusions) do
    it(case[1] .. " is CONNECTION_ERROR at the next poll", function()
      local client, conn = world()
      answer(client, conn, OK .. "Content-Length: 1\r\n\r\na")
      support.read_all(client)
      case[2](conn)
      assert.equal("r", native.wait_fd(client:get_fd(), "r", 5))
      local code, message = client:poll()
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      assert.truthy(message:find(case[3], 1, true), message)
      assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
    end)

    it(case[1] .. " is so when a request is made before that poll, and never its answer", function()
      local client, conn = world()
      answer(client, conn, OK .. "Content-Length: 1\r\n\r\na")
      support.read_all(client)
      case[2](conn)
      assert.equal("r", native.wait_fd(client:get_fd(), "r", 5))
      support.request(client, "GET", "/second")
      local code = client:poll()
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
      assert.is_false(client:has_response())
      assert.equal(0, client:get_response_code())
    end)
  end

  for _, blocking in ipairs({ false, true }) do
    it("bytes that came in one piece with the answer before are no answer, blocking mode " .. tostring(blocking), function()
      for _, poll_between in ipairs({ false, true }) do
        local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
          { "send", OK .. "Content-Length: 2\r\n\r\nhi" .. OK .. "Content-Length: 4\r\n\r\nevil" } })
        local client = support.connect_port(server:port())
        client.blocking_mode_enabled = blocking
        support.request(client)
        support.pump(client, HTTPClient.STATUS_BODY)
        assert.equal("hi", (support.read_all(client)))
        assert.equal("STATUS_CONNECTED", status_of(client))
        if poll_between then
          assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
        else
          support.request(client)
          assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
          assert.is_false(client:has_response())
        end
        assert.truthy(select(2, client:get_last_error()):find("unexpected", 1, true))
        server:stop()
      end
    end)
  end

  it("bytes behind a 204 are no answer", function()
    local client, conn = world()
    answer(client, conn, "HTTP/1.1 204 No\r\n\r\n" .. OK .. "Content-Length: 0\r\n\r\n")
    assert.equal(204, client:get_response_code())
    support.request(client)
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    assert.is_false(client:has_response())
  end)
end)

describe("the response", function()
  it("is there from its head on, and forgotten by request and close alone", function()
    local client, conn = world()
    local function facts()
      return { client:has_response(), client:get_response_code(), client:is_response_chunked(),
        client:get_response_body_length(), #client:get_response_headers() }
    end
    assert.same({ false, 0, false, -1, 0 }, facts())
    answer(client, conn, "HTTP/1.1 201 Made\r\nContent-Length: 1\r\nA: b\r\n\r\nx")
    assert.same({ true, 201, false, 1, 2 }, facts())
    support.read_all(client)
    client:poll()
    assert.same({ true, 201, false, 1, 2 }, facts())
    client:request(HTTPClient.METHOD_GET, "no url", {})
    assert.same({ true, 201, false, 1, 2 }, facts())
    support.request(client)
    assert.same({ false, 0, false, -1, 0 }, facts())
    head_of(client, conn)
    conn:send(OK .. "Transfer-Encoding: chunked\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.same({ true, 200, true, -1, 1 }, facts())
    conn:close()
    support.read_all(client)
    assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
    assert.same({ true, 200, true, -1, 1 }, facts())
    client:close()
    assert.same({ false, 0, false, -1, 0 }, facts())
  end)

  -- name, request method, answer, status behind the head, status behind the body
  local ends = {
    { "with a body", "GET", OK .. "Content-Length: 1\r\n\r\nx", "BODY", "CONNECTED" },
    { "with a body, and Connection: close", "GET", OK .. "Connection: close\r\nContent-Length: 1\r\n\r\nx", "BODY", "DISCONNECTED" },
    { "with Content-Length 0", "GET", OK .. "Content-Length: 0\r\n\r\n", "BODY", "CONNECTED" },
    { "with Content-Length 0, and Connection: close", "GET", OK .. "Connection: close\r\nContent-Length: 0\r\n\r\n", "BODY", "DISCONNECTED" },
    { "with an empty chunked body", "GET", OK .. "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "BODY", "CONNECTED" },
    { "to HEAD", "HEAD", OK .. "Content-Length: 9\r\n\r\n", "BODY", "CONNECTED" },
    { "to HEAD, chunked", "HEAD", OK .. "Transfer-Encoding: chunked\r\n\r\n", "BODY", "CONNECTED" },
    { "to HEAD, and Connection: close", "HEAD", OK .. "Connection: close\r\n\r\n", "BODY", "DISCONNECTED" },
    { "204", "GET", "HTTP/1.1 204 No\r\n\r\n", "CONNECTED" },
    { "204, and Connection: close", "GET", "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", "DISCONNECTED" },
    { "204 of HTTP/1.0", "GET", "HTTP/1.0 204 No\r\n\r\n", "DISCONNECTED" },
    { "304", "GET", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", "CONNECTED" },
    { "101", "GET", "HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "CONNECTED" },
    { "204 to HEAD", "HEAD", "HTTP/1.1 204 No\r\n\r\n", "CONNECTED" },
  }
  for _, case in ipairs(ends) do
    it(("%s goes to %s%s"):format(case[1], case[4], case[5] and ", and its end to " .. case[5] or ""), function()
      local client, conn = world()
      answer(client, conn, case[3], case[2])
      assert.equal("STATUS_" .. case[4], status_of(client))
      if case[5] then
        -- Polls change nothing: the read that finds the end does.
        assert.equal(Error.OK, (client:poll()))
        assert.equal("STATUS_BODY", status_of(client))
        local body, status = support.read_all(client)
        assert.equal(case[3]:find("x$") and "x" or "", body)
        assert.equal("STATUS_" .. case[5], support.status_name(status))
      end
      assert.is_true(client:has_response())
      assert.same({ 0, "" }, { client:get_last_error() })
      if (case[5] or case[4]) == "DISCONNECTED" then
        assert.equal("", conn:recv())
        assert.equal(Error.ERR_UNCONFIGURED, (client:poll()))
      else
        assert.equal(Error.OK, (client:poll()))
      end
    end)
  end

  it("of a 2xx to CONNECT goes to CONNECTED", function()
    for _, code in ipairs({ 200, 204, 299 }) do
      local client, conn = world()
      assert.equal(Error.OK, (client:request(HTTPClient.METHOD_CONNECT, "h.test:443", {})))
      head_of(client, conn)
      conn:send("HTTP/1.1 " .. code .. " Yes\r\nContent-Length: 5\r\n\r\n")
      support.pump(client, support.is_answered_or_failed)
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(0, client:get_response_body_length())
    end
  end)

  it("ends the connection when the request said Connection: close", function()
    local client, conn = world()
    support.request(client, "GET", "/", { "Connection: close" })
    head_of(client, conn)
    conn:send(OK .. "Content-Length: 1\r\n\r\nx")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("x", client:read_response_body_chunk())
    assert.equal("STATUS_DISCONNECTED", status_of(client))
    assert.equal("", conn:recv())
  end)

  it("is read whole when the server closes right behind it", function()
    for _, ending in ipairs({ "shutdown", "close" }) do
      local client, conn = world()
      support.request(client)
      head_of(client, conn)
      conn:send(OK .. "Content-Length: 5\r\n\r\nhello")
      conn[ending](conn)
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("hello", (support.read_all(client)))
      assert.equal("STATUS_CONNECTED", status_of(client))
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
    end
  end)
end)

-- Every step of the collector is a whole cycle, until the test ends.
local function collect_whole_cycles(finally)
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 100000)
  finally(function()
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
    collectgarbage("restart")
  end)
end

describe("the object", function()
  it("has its properties as fields and by setter and getter", function()
    local client = HTTPClient.new()
    for _, case in ipairs({
      { "read_chunk_size", 65536, 4096 }, { "max_header_size", 65536, 1000 }, { "connect_timeout", 0, 1.5 },
      { "response_timeout", 0, 2 }, { "idle_timeout", 0, 0.25 },
    }) do
      local name, default, value = case[1], case[2], case[3]
      assert.equal(default, client[name])
      client[name] = value
      assert.equal(value, client["get_" .. name](client))
      client["set_" .. name](client, default)
      assert.equal(default, client[name])
    end
    assert.is_false(client.blocking_mode_enabled)
    client:set_blocking_mode(true)
    assert.is_true(client.blocking_mode_enabled)
    client.blocking_mode_enabled = false
    assert.is_false(client:is_blocking_mode_enabled())
    assert.is_nil(client.connection)
  end)

  it("keeps its properties through close and connect", function()
    local client = HTTPClient.new()
    client.read_chunk_size, client.idle_timeout = 256, 9
    local _, conn = support.connect(listen(), { client = client })
    client:close()
    assert.same({ 256, 9 }, { client.read_chunk_size, client.idle_timeout })
    conn:close()
  end)

  -- what is done, a part of the message
  local wrong = {
    { "an unknown field", function(c) c.no_such = 1 end, "no_such" },
    { "a method's name", function(c) c.poll = 1 end, "poll" },
    { "a number for a field's name", function(c) c[1] = 1 end, "number" },
    { "a small read_chunk_size", function(c) c.read_chunk_size = 255 end, "read_chunk_size must be from 256 to 16777216" },
    { "a large read_chunk_size", function(c) c:set_read_chunk_size(16777217) end, "read_chunk_size must be from 256" },
    { "a read_chunk_size that is no number", function(c) c.read_chunk_size = "256" end, "read_chunk_size: number expected, got string" },
    { "a read_chunk_size with a fraction", function(c) c.read_chunk_size = 256.5 end, "integer" },
    { "a max_header_size of 0", function(c) c.max_header_size = 0 end, "max_header_size" },
    { "a negative timeout", function(c) c.connect_timeout = -1 end, "connect_timeout" },
    { "nil for a boolean", function(c) c.blocking_mode_enabled = nil end, "blocking_mode_enabled: boolean expected, got nil" },
    { "a number for a boolean", function(c) c:set_blocking_mode(1) end, "boolean expected, got number" },
    { "no stream", function(c) c.connection = 5 end, "connection: StreamPeer expected, got number" },
    { "an empty table as stream", function(c) c:set_connection({}) end, "StreamPeer expected, got table" },
    { "a call without the object", function(c) c.poll() end, "HTTPClient expected, got no value" },
    { "a call on another object", function(c) c.poll(httpclient.TLSOptions.client()) end, "HTTPClient expected, got TLSOptions" },
    { "a proxy host that is no string", function(c) c:set_http_proxy({}, 1) end, "string expected, got table" },
  }
  for _, case in ipairs(wrong) do
    it("raises for " .. case[1], function()
      local client = HTTPClient.new()
      local ok, message = pcall(case[2], client)
      assert.is_false(ok)
      assert.truthy(message:find(case[3], 1, true), message)
    end)
  end

  it("gives nil for an unknown field", function()
    assert.is_nil(HTTPClient.new().no_such)
    assert.equal(HTTPClient.METHOD_POST, HTTPClient.new().METHOD_POST)
  end)

  it("closes at the end of its scope, and stays usable", function()
    local load = loadstring or load
    local scope = load("local make, use = ... local client <close> = make() use(client)")
    if not scope then return end -- before 5.4
    local kept, conn
    scope(function()
      kept, conn = world()
      return kept
    end, function(client) assert.equal("STATUS_CONNECTED", status_of(client)) end)
    assert.equal("", conn:recv())
    assert.equal("STATUS_DISCONNECTED", status_of(kept))
    assert.equal(Error.ERR_UNCONFIGURED, (kept:poll()))
    local _, second = support.connect(listen(), { client = kept })
    second:close()
    kept:close()
  end)

  it("is not closed by a finalizer while it makes strings of what it holds", function()
    local client, ran = HTTPClient.new(), 0
    local function litter()
      for _ = 1, 200 do
        local function finalize()
          ran = ran + 1
          pcall(client.close, client)
        end
        finalizer(finalize)
      end
    end
    local fields = {}
    for i = 1, 20 do fields[i] = ("X-%d: %s\r\n"):format(i, ("v"):rep(i)) end
    collect_whole_cycles(finally)
    for _, name in ipairs({ "get_response_headers", "get_response_headers_as_dictionary", "get_response_reason",
      "read_response_body_chunk" }) do
      collectgarbage()
      collectgarbage("stop")
      local _, conn = support.connect(listen(), { client = client })
      answer(client, conn, "HTTP/1.1 200 Very fine\r\n" .. table.concat(fields) .. "Content-Length: 30000\r\n\r\n" .. ("x"):rep(30000))
      native.wait_fd(client:get_fd(), "r", 5)
      litter()
      collectgarbage("restart")
      -- A finalizer may close it between two calls, and then nothing is left to read; never within one.
      for _ = 1, 2 do client[name](client) end
      collectgarbage("stop")
      conn:close()
    end
    collectgarbage()
    assert.is_true(ran > 100, tostring(ran))
  end)

  it("gives each byte once, though a finalizer reads while a string is made", function()
    local client, conn = world()
    local pieces, wanted, ran = {}, {}, 0
    for i = 1, 300 do wanted[i] = ("piece %03d "):format(i) .. ("."):rep(246) end
    client.read_chunk_size = 256
    answer(client, conn, OK .. "Content-Length: " .. 256 * #wanted .. "\r\n\r\n" .. table.concat(wanted))
    client.blocking_mode_enabled = true -- for pieces of just that size
    local function finalize()
      ran = ran + 1
      local ok, piece = pcall(client.read_response_body_chunk, client)
      if ok and piece ~= "" then pieces[#pieces + 1] = piece end
    end
    collect_whole_cycles(finally)
    collectgarbage()
    while client:get_status() == HTTPClient.STATUS_BODY do
      collectgarbage("stop")
      finalizer(finalize)
      collectgarbage("restart")
      local piece = client:read_response_body_chunk()
      if piece ~= "" then pieces[#pieces + 1] = piece end
    end
    assert.is_true(ran > 10, tostring(ran))
    table.sort(pieces)
    assert.is_true(table.concat(wanted) == table.concat(pieces))
  end)

  it("ends its connection when it is collected", function()
    local client, conn = world()
    answer(client, conn, OK .. "Content-Length: 9\r\n\r\nabc")
    client = nil -- luacheck: ignore
    for _ = 1, 4 do collectgarbage() end
    assert.equal("", conn:recv())
  end)
end)
