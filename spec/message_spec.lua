-- Messages name the one whose fault it was: the proxy, the server that hangs up at once, the one
-- that speaks HTTP/2 only.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local SETTINGS = "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\100"

local function finish(client)
  support.until_true(function()
    client:poll()
    local status = client:get_status()
    return status ~= HTTPClient.STATUS_RESOLVING and status ~= HTTPClient.STATUS_CONNECTING and
      status ~= HTTPClient.STATUS_CONNECTED and status ~= HTTPClient.STATUS_REQUESTING
  end)
  local _, message = client:get_last_error()
  client:close()
  return message
end

local function listen()
  local listener = assert(native.listen({}))
  finally(function() listener:close() end)
  return listener
end

describe("A new connection that ends is not called idle:", function()
  it("one that was never used", function()
    local client, conn = support.connect(listen())
    conn:close()
    assert.equal("the server closed the new connection before any request", finish(client))
  end)

  it("one that has had its exchange", function()
    local client, conn = support.connect(listen())
    support.ask(client, conn)
    conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    conn:close()
    assert.equal("the server closed the idle connection", finish(client))
  end)
end)

describe("A server that speaks only HTTP/2 is called that,", function()
  it("when it speaks first", function()
    local client, conn = support.connect(listen())
    conn:send(SETTINGS)
    assert.equal("the server speaks HTTP/2 only", finish(client))
    conn:close()
  end)

  it("when it answers a request so", function()
    for _, answer in ipairs({ SETTINGS, "\0\0\0\4\0\0\0\0\0",
      "\0\0\8\7\0\0\0\0\0\0\0\0\0\0\0\0\13" }) do
      local client, conn = support.connect(listen())
      support.ask(client, conn)
      conn:send(answer)
      assert.equal("the server speaks HTTP/2 only", finish(client))
      conn:close()
    end
  end)

  it("but not one that sends other bytes", function()
    for _, answer in ipairs({ "\0\0\7\4\0\0\0\0\0", "\0\0\6\4\0\0\0\0\1", "\0\0\6\3\0\0\0\0\0",
      "\0" }) do
      local client, conn = support.connect(listen())
      support.ask(client, conn)
      conn:send(answer)
      assert.falsy(finish(client):find("HTTP/2", 1, true))
      conn:close()
    end
  end)
end)

describe("A proxy that fails is named as the proxy:", function()
  local function through(listener, secure, act)
    local client = HTTPClient.new()
    client[secure and "set_https_proxy" or "set_http_proxy"](client, "127.0.0.1", listener:port(),
      "user", "SECRET")
    assert.equal(0, (client:connect_to_host("origin.test", -1, secure)))
    local conn
    support.until_true(function()
      client:poll()
      conn = conn or listener:accept(0)
      return conn
    end)
    act(conn, client)
    local message = finish(client)
    assert.falsy(message:find("SECRET", 1, true))
    conn:close()
    return message, "the proxy 127.0.0.1:" .. listener:port()
  end

  local function ask(client, conn)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    support.ask(client, conn)
  end

  local cases = {
    { "it closes at once", false, function(conn) conn:close() end,
      " closed the new connection before any request" },
    { "it does not answer", false, function(conn, client) ask(client, conn) conn:close() end,
      " closed the connection without an answer" },
    { "it answers garbage", false,
      function(conn, client) ask(client, conn) conn:send("garbage\r\n") end,
      ": response status line: expected \"HTTP/1.\"" },
    { "it speaks HTTP/2 only", false,
      function(conn, client) ask(client, conn) conn:send(SETTINGS) end, " speaks HTTP/2 only" },
    { "it closes before it answers CONNECT", true,
      function(conn) conn:recv_until("\r\n\r\n", support.LIMIT) conn:close() end,
      " closed the connection before it answered CONNECT" },
    { "it refuses the tunnel", true, function(conn) conn:send("HTTP/1.1 403 No\r\n\r\n") end,
      " refused the tunnel: 403 No" },
    { "it answers CONNECT with garbage", true, function(conn) conn:send("garbage\r\n") end,
      "'s answer to CONNECT: response status line: expected \"HTTP/1.\"" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local message, name = through(listen(), case[2], case[3])
      assert.equal(name .. case[4], message)
    end)
  end

  for _, secure in ipairs({ false, true }) do
    it("it refuses the connection, TLS " .. tostring(secure), function()
      local listener = listen()
      local port = listener:port()
      listener:close()
      local client = HTTPClient.new()
      client[secure and "set_https_proxy" or "set_http_proxy"](client, "127.0.0.1", port)
      client:connect_to_host("origin.test", -1, secure)
      assert.equal(("the proxy 127.0.0.1:%d: connection refused by 127.0.0.1 port %d"):format(port,
        port), finish(client))
    end)

    it("its name can not be found, TLS " .. tostring(secure), function()
      local client = HTTPClient.new()
      client[secure and "set_https_proxy" or "set_http_proxy"](client, "no_such_proxy.invalid",
        3128)
      client:connect_to_host("origin.test", -1, secure)
      assert.truthy(finish(client):find("^the proxy no_such_proxy%.invalid:3128: can't resolve no_such_proxy%.invalid: "))
    end)
  end

  it("it is silent until the connect timeout", function()
    local client = HTTPClient.new()
    local listener = listen()
    client.connect_timeout = 0.05
    client:set_https_proxy("127.0.0.1", listener:port())
    client:connect_to_host("origin.test", -1, true)
    assert.equal(("the proxy 127.0.0.1:%d: connect timeout after 0.050 s"):format(listener:port()),
      finish(client))
  end)

  it("but the server behind its tunnel is itself", function()
    local message = through(listen(), true, function(conn)
      assert(conn:recv_until("\r\n\r\n", support.LIMIT))
      conn:send("HTTP/1.1 200 OK\r\n\r\nno TLS at all")
    end)
    assert.falsy(message:find("proxy", 1, true), message)
  end)
end)
