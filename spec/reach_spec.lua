-- HTTPClient: which addresses are connected to, and from which: allow_address, address_family, local_address,
-- connect_to.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions

local keep, listen = require("spec.support.world")(after_each)

local function new_client(settings)
  local client = keep(httpclient.new())
  for name, value in pairs(settings or {}) do
    client[name] = value
  end
  return client
end

-- Connects and goes on until that has an end. -> the status's name, poll's last answer
local function connect(client, ...)
  assert.equal(Error.OK, (client:connect_to_host(...)))
  local _, code, message = support.pump(client, support.is_connected_or_failed)
  return support.status_of(client), code, message
end

-- A function that notes what it is asked, and the list of that.
local function noting(answer)
  local asked = {}
  return function(address, port)
    asked[#asked + 1] = address .. " " .. port
    return type(answer) == "function" and answer(address) or answer == true
  end, asked
end

local function has_ipv6()
  local listener = native.listen({ host = "::1" })
  return listener ~= nil and (listener:close() or true)
end

describe("allow_address", function()
  local function pair_of(port)
    return has_ipv6() and { "::1 " .. port, "127.0.0.1 " .. port }
      or { "::1 " .. port, "127.0.0.1 " .. port }
  end

  it("is asked for each address between the lookup and the connection", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client = new_client({ allow_address = allow })
    assert.equal("STATUS_CONNECTED", (connect(client, "localhost", listener:port())))
    assert.same(pair_of(listener:port()), asked)
  end)

  it("is asked for literals too, inside poll", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client = new_client({ allow_address = allow })
    assert.equal(Error.OK, client:connect_to_host("127.0.0.1", listener:port()))
    assert.equal("STATUS_CONNECTING", support.status_of(client))
    assert.same({}, asked)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    assert.same({ "127.0.0.1 " .. listener:port() }, asked)
  end)

  it("keeps the client from those that it refuses", function()
    local refused, allowed = listen(), listen()
    local client = new_client({ allow_address = function(address) return address == "127.0.0.1" end })
    assert.equal("STATUS_CONNECTED", (connect(client, "localhost", allowed:port())))
    assert.equal("127.0.0.1", (client:get_remote_address()))
    client.allow_address = function() return false end
    local status, code, message = connect(client, "127.0.0.1", refused:port())
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.equal(("the address 127.0.0.1 port %d is not allowed"):format(refused:port()), message)
    assert.same({ Error.ERR_UNAUTHORIZED, message }, { client:get_last_error() })
    assert.is_nil(refused:accept(0.02))
  end)

  it("says how many there were where all are refused", function()
    local status, _, message = connect(new_client({ allow_address = function() end }), "localhost",
      9)
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.equal("the address ::1 port 9 is not allowed, nor are the host's other 1", message)
  end)

  -- inet_aton's spellings, as getaddrinfo takes them
  for _, host in ipairs({ "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001",
    "017700000001" }) do
    it("sees through " .. host, function()
      local allow, asked = noting(httpclient.is_public_address)
      local client = new_client({ allow_address = allow })
      assert.equal("STATUS_CANT_CONNECT", (connect(client, host, 9)))
      assert.same({ "127.0.0.1 9" }, asked)
    end)
  end

  for _, host in ipairs({ "::ffff:127.0.0.1", "[::ffff:7f00:1]", "64:ff9b::7f00:1", "::1",
    "0:0:0:0:0:0:0:1", "fe80::1",
    "169.254.169.254", "0.0.0.0", "::", "10.0.0.1" }) do
    it("with is_public_address refuses " .. host, function()
      local client = new_client({ allow_address = httpclient.is_public_address })
      local status, _, message = connect(client, host, 9)
      assert.equal("STATUS_CANT_CONNECT", status)
      assert.truthy(message:find("is not allowed", 1, true), message)
    end)
  end

  it("is asked for the proxy's address, and not for what the proxy connects to", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client = new_client({ allow_address = allow })
    client:set_http_proxy("127.0.0.1", listener:port())
    assert.equal("STATUS_CONNECTED", (connect(client, "origin.test", 80)))
    assert.same({ "127.0.0.1 " .. listener:port() }, asked)
    client.allow_address = function() return false end
    local status, _, message = connect(client, "origin.test", 80)
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.equal(("the proxy 127.0.0.1:%d: the address 127.0.0.1 port %d is not allowed"):format(listener:port(),
      listener:port()), message)
  end)

  it("is asked for the target of connect_to", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client = new_client({ allow_address = allow, connect_to = "127.0.0.1:"
      .. listener:port() })
    assert.equal("STATUS_CONNECTED", (connect(client, "origin.test", 80)))
    assert.same({ "127.0.0.1 " .. listener:port() }, asked)
  end)

  local faults = {
    { "raises", function() error("no, not that", 0) end, "no, not that" },
    { "raises what is no text", function() error({}) end, "no error message" },
    { "yields", function() coroutine.yield() end, "attempt to yield" }, -- LuaJIT says where, too
  }
  for _, case in ipairs(faults) do
    it("lets nothing be connected to where it " .. case[1], function()
      local listener = listen()
      local client = new_client({ allow_address = case[2] })
      local status, _, message
      local co = coroutine.wrap(function()
        status, _, message = connect(client, "localhost", listener:port())
      end)
      co()
      assert.equal("STATUS_CANT_CONNECT", status)
      assert.truthy(message:find("^error in allow_address: .*" .. case[3]), message)
      assert.is_nil(listener:accept(0.02))
    end)
  end

  it("can't use the client that asks, and can use others", function()
    local listener = listen()
    local client, other = new_client(), new_client()
    local errors = {}
    client.allow_address = function()
      for _, call in ipairs({
        function() client:close() end,
        function() client:poll() end,
        function() client:connect_to_host("127.0.0.1", 9) end,
        function() client:connect_to_unix_socket("/x") end,
        function() client:get_connection():get_status() end,
        function() client:get_connection():disconnect_from_host() end,
      }) do
        errors[#errors + 1] = not pcall(call)
      end
      other:connect_to_host("127.0.0.1", listener:port())
      support.pump(other, HTTPClient.STATUS_CONNECTED)
      return true
    end
    assert.equal("STATUS_CONNECTED", (connect(client, "127.0.0.1", listener:port())))
    assert.same({ true, true, true, true, true, true }, errors)
    assert.equal("STATUS_CONNECTED", support.status_of(other))
  end)

  it("fails where it is taken away meanwhile, and is not asked when it was before", function()
    local listener = listen()
    local client = new_client({ allow_address = function() return true end })
    client:connect_to_host("127.0.0.1", listener:port())
    client.allow_address = nil
    support.pump(client, HTTPClient.STATUS_CANT_CONNECT)
    local _, message = client:get_last_error()
    assert.equal("error in allow_address: it was taken away while connecting", message)
    assert.equal("STATUS_CONNECTED", (connect(client, "127.0.0.1", listener:port())))
  end)

  it("stays where the client connects again, and reads back", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client = new_client()
    assert.is_nil(client.allow_address)
    client:set_allow_address(allow)
    for _ = 1, 2 do
      connect(client, "127.0.0.1", listener:port())
      collectgarbage()
      client:close()
    end
    assert.equal(2, #asked)
    assert.equal(allow, client:get_allow_address())
    assert.equal(allow, client.allow_address)
  end)

  it("is nobody's once the client is gone, though a script holds its stream", function()
    local listener = listen()
    local client = httpclient.new()
    client.allow_address = function() return true end
    client:connect_to_host("127.0.0.1", listener:port())
    local peer = client:get_connection()
    client = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local code = peer:poll()
    assert.not_equal(Error.OK, code)
    assert.is_nil(listener:accept(0.02))
  end)

  it("is asked in a Poller's round, too", function()
    local listener = listen()
    local allow, asked = noting(true)
    local client, poller = new_client({ allow_address = allow }), httpclient.Poller.new()
    client:connect_to_host("127.0.0.1", listener:port())
    poller:add(client)
    support.until_true(function()
      poller:wait(0.05)
      return client:get_status() == HTTPClient.STATUS_CONNECTED
    end)
    assert.equal(1, #asked)
    poller:close()
  end)

  it("raises for what is no function", function()
    local client = new_client()
    for _, value in ipairs({ true, 1, "x", {} }) do
      local ok, message = pcall(client.set_allow_address, client, value)
      assert.is_false(ok)
      assert.truthy(message:find("function or nil expected", 1, true), message)
      assert.is_false((pcall(function() client.allow_address = value end)))
    end
  end)
end)

describe("address_family", function()
  it("leaves out the addresses of the other one", function()
    local listener = listen("127.0.0.1")
    local allow, asked = noting(true)
    local client = new_client({ address_family = 4, allow_address = allow })
    assert.equal("STATUS_CONNECTED", (connect(client, "localhost", listener:port())))
    assert.same({ "127.0.0.1 " .. listener:port() }, asked)
  end)

  it("fails where there is none of it", function()
    local client = new_client({ address_family = 6 })
    local status, code, message = connect(client, "127.0.0.1", 9)
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.equal("the host has no IPv6 address, as was asked for", message)
  end)

  it("is 0, 4 or 6", function()
    local client = new_client()
    assert.equal(0, client.address_family)
    for _, value in ipairs({ 4, 6, 0 }) do
      client:set_address_family(value)
      assert.equal(value, client:get_address_family())
    end
    for _, value in ipairs({ 5, -1, 4.5, 1e300, "4" }) do
      assert.is_false((pcall(client.set_address_family, client, value)))
    end
  end)
end)

describe("local_address", function()
  it("is where the connection comes from", function()
    local listener = listen()
    local client = new_client({ local_address = "127.0.0.9" })
    if connect(client, "127.0.0.1", listener:port()) ~= "STATUS_CONNECTED" then
      pending("127.0.0.9 is not of this machine")
      return
    end
    local conn = keep(support.accept(listener, client))
    assert.equal("127.0.0.9", conn:peer_address())
  end)

  it("may be IPv6, and leaves the other family out", function()
    if not has_ipv6() then
      pending("no IPv6")
      return
    end
    local listener = listen("::1")
    local allow, asked = noting(true)
    local client = new_client({ local_address = "::1", allow_address = allow })
    assert.equal("STATUS_CONNECTED", (connect(client, "localhost", listener:port())))
    assert.same({ "::1 " .. listener:port() }, asked)
    local status, _, message = connect(client, "127.0.0.1", listener:port())
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.equal("the host has no IPv6 address to connect to from ::1", message)
  end)

  it("has to be one of this machine", function()
    local listener = listen()
    local status, _, message = connect(new_client({ local_address = "192.0.2.1" }), "127.0.0.1",
      listener:port())
    assert.equal("STATUS_CANT_CONNECT", status)
    assert.truthy(message:find("can't use the local address: no local address or port available", 1,
      true), message)
  end)

  it("contradicts the other family", function()
    local client = new_client({ local_address = "127.0.0.1", address_family = 6 })
    local code, message = client:connect_to_host("localhost", 80)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal("the local address is not of the address family IPv6", message)
    assert.equal("STATUS_DISCONNECTED", support.status_of(client))
  end)

  it("is an address or \"\"", function()
    local client = new_client()
    assert.equal("", client.local_address)
    client:set_local_address("2001:DB8:0::1")
    assert.equal("2001:db8::1", client:get_local_address())
    client.local_address = ""
    assert.equal("", client.local_address)
    for _, value in ipairs({ "eth0", "localhost", "127.1", "127.0.0.1:80", "[::1]", 1, false }) do
      assert.is_false((pcall(client.set_local_address, client, value)))
      assert.is_false((pcall(function() client.local_address = value end)))
    end
  end)
end)

describe("connect_to", function()
  it("leads elsewhere, and Host stays that of the caller", function()
    local listener = listen()
    local client = new_client({ connect_to = "127.0.0.1:" .. listener:port() })
    assert.equal("STATUS_CONNECTED", (connect(client, "origin.test", 8080)))
    local conn = keep(support.accept(listener, client))
    client:request(HTTPClient.METHOD_GET, "/", {})
    assert.truthy(support.head_of(client, conn):find("\r\nHost: origin.test:8080\r\n", 1, true))
  end)

  it("keeps the host, or the port, that it does not name", function()
    local listener = listen()
    local port = listener:port()
    assert.equal("STATUS_CONNECTED",
      (connect(new_client({ connect_to = ":" .. port }), "127.0.0.1", 1)))
    assert.equal("STATUS_CONNECTED",
      (connect(new_client({ connect_to = "127.0.0.1" }), "origin.test", port)))
    assert.equal("STATUS_CONNECTED",
      (connect(new_client({ connect_to = "localhost:" .. port }), "origin.test", 1)))
  end)

  it("changes neither SNI nor whose certificate is wanted", function()
    local listener = listen()
    local client = new_client({ connect_to = "127.0.0.1:" .. listener:port() })
    client:connect_to_host("localhost", 443, TLSOptions.client(certs.ca.cert))
    local conn = keep(support.accept(listener, client))
    assert.truthy(support.handshake(client, conn, certs.localhost.tls()))
    assert.equal("localhost", conn:sni())
    local other = new_client({ connect_to = "127.0.0.1:" .. listener:port() })
    other:connect_to_host("origin.test", 443, TLSOptions.client(certs.ca.cert))
    conn = keep(support.accept(listener, other))
    support.handshake(other, conn, certs.localhost.tls())
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_of(other))
  end)

  it("makes a proxy connect elsewhere, through a tunnel without TLS as well", function()
    local listener = listen()
    local client = new_client({ connect_to = "inner.test:81" })
    client:set_http_proxy("127.0.0.1", listener:port())
    client:connect_to_host("origin.test", 80)
    local conn = keep(support.accept(listener, client))
    local head = support.head_of(client, conn)
    assert.truthy(head:find("^CONNECT inner.test:81 HTTP/1.1\r\n"), head)
    conn:send("HTTP/1.1 200 OK\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    client:request(HTTPClient.METHOD_GET, "/a", {})
    assert.truthy(support.head_of(client, conn):find("^GET /a HTTP/1.1\r\nHost: origin.test\r\n"))
  end)

  it("reads back, and is checked when it is set", function()
    local client = new_client()
    assert.equal("", client.connect_to)
    for _, value in ipairs({ "127.0.0.1:80", "[::1]:80", "host", ":80", "" }) do
      client:set_connect_to(value)
      assert.equal(value, client:get_connect_to())
    end
    client.connect_to = "::1"
    assert.equal("[::1]", client.connect_to)
    for _, value in ipairs({ "a b", "a:", "http://a", "a:0", "a:70000", "a:x", ":", "[::1", "a/b",
      "u@a" }) do
      local ok, message = pcall(client.set_connect_to, client, value)
      if value == "a:" then
        assert.is_true(ok)
      else
        assert.is_false(ok, value)
        assert.truthy(message:find("connect_to", 1, true), message)
      end
    end
  end)
end)
