-- connect_to_host: which hosts and ports it takes, names and addresses, and connections that can not be made.
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
      assert.equal(Error.OK,
        (client:connect_to_host("127.0.0.1", listener:port(), case[2][1], case[2][2])))
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
      assert.truthy(head_of(client, conn):find("\r\nHost: 127.0.0.1:" .. listener:port() .. "\r\n",
        1, true))
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
      assert.truthy(head_of(client, conn):find("\r\nHost: " .. expected .. ":" .. listener:port()
        .. "\r\n", 1, true))
      conn:close()
    end)
  end

  -- Windows has other names of interfaces, and the same numbers.
  local zones = package.config:sub(1, 1) == "\\" and { "::1%1", "[::1%1]" }
    or { "::1%lo", "[::1%lo]", "[::1%25lo]", "::1%1" }
  for _, host in ipairs(zones) do
    it("takes the zone of " .. host .. " and keeps it off the wire", function()
      if not os.execute("test -d /sys/class/net/lo") then
        pending("no interface lo")
        return
      end
      local listener = listen("::1")
      local client, conn = support.connect(listener, { host = host })
      support.request(client)
      assert.truthy(head_of(client, conn):find("\r\nHost: [::1]:" .. listener:port() .. "\r\n", 1,
        true))
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
    assert.truthy(head_of(client, conn):find("\r\nHost: localhost:" .. listener:port() .. "\r\n", 1,
      true))
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
    { "", "empty" }, { "http://", "empty" }, { "https://", "empty" }, { "a b", "space" },
    { " a", "space" }, { "a ", "space" }, { "a:80", "port" }, { "[::1]:80", "port" },
    { "http://h:80", "port" }, { "a/", "path" }, { "http://a/b", "path" }, { "a?b", "query" },
    { "a#b", "fragment" }, { "u@h", "user info" }, { "u:p@h", "user info" },
    { "https://u:p@h", "user info" }, { "h\0", "control" }, { "h\r\n", "control" },
    { "h\127", "control" }, { "h\195(", httpclient.features().idn2 and "UTF-8" or "xn--" },
    { "a%41", "percent" }, { "[::1", "without" }, { "[]", "IPv6" }, { "[::1%]", "IPv6" },
    { "[1.2.3.4]", "IPv6" }, { "1::2::3", "IPv6" }, { "ftp://h", "scheme" },
    { ("a"):rep(256), "255" },
    { "a<b", "no host name" },
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
    { { "h", 80.5 },
      "bad argument #2 to 'connect_to_host' (number has no integer representation)" },
    { { "h", 80, 1 },
      "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got number)" },
    { { "h", 80, {} },
      "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got table)" },
    { { "h", 80, httpclient.X509Certificate.new() },
      "bad argument #3 to 'connect_to_host' (boolean or TLSOptions expected, got X509Certificate)" },
    { { "h", 80, true, "no" },
      "bad argument #4 to 'connect_to_host' (boolean expected, got string)" },
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
      support.answer(client, conn, OK .. "Content-Length: 3\r\n\r\nab")
      client:connect_to_host(host, listener:port())
      assert.is_false(client:has_response())
      assert.equal("", conn:recv())
      assert.equal(host == "a b" and "STATUS_DISCONNECTED" or "STATUS_CONNECTING",
        status_of(client))
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
    local status, other, message = status_of(client), status_of(named),
      select(2, client:get_last_error())
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
        client:wait(support.LIMIT)
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
      -- Once is enough: who waits for the other address needs a quarter of a second each time.
      local best = math.huge
      for _ = 1, 10 do
        local seconds, address = race(([[
          keep[1] = assert(native.listen({ host = %q }))
          port = keep[1]:port()
        ]]):format(host))
        if not seconds then return end
        assert.equal(host, address)
        best = math.min(best, seconds)
        if best < 0.2 then return end
      end
      error("the best of ten took " .. best)
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
      assert.is_true(seconds > 0.2 and seconds < 10, tostring(seconds))
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
      print("took", native.monotonic() - before < 10)
    ]], { hang = true })
    if not text then
      pending(why)
      return
    end
    assert.truthy(text:find("^STATUS_CANT_RESOLVE%s+24%s+connect timeout after 0.050 s\ntook%s+true\nexit 0"), text)
  end)
end)
