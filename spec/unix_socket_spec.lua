-- connect_to_unix_socket: a server behind a path of this machine, as Docker's.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions

local keep = require("spec.support.kept")(after_each)

local function listen(path)
  return keep(assert(native.listen({ host = path })))
end

-- A folder, the path of a socket in it, and who listens there.
local function server()
  local folder = keep(tempdir.new())
  local path = folder:file("server.sock")
  return listen(path), path, folder
end

local function new_client()
  return keep(httpclient.new())
end

-- -> a connected client and the server's side
local function world(...)
  local listener, path = server()
  local client = new_client()
  assert.equal(Error.OK, client:connect_to_unix_socket(path, ...))
  local conn = keep(support.accept(listener, client))
  support.pump(client, HTTPClient.STATUS_CONNECTED)
  return client, conn, listener, path
end

-- The client asks for the path; -> the head that the server got
local function ask(client, conn, path, lines)
  assert.equal(Error.OK, client:request(HTTPClient.METHOD_GET, path or "/", lines or {}))
  return support.head_of(client, conn)
end

local function is_linux()
  local file = io.open("/proc/version")
  return file ~= nil and file:close() ~= nil
end

describe("connect_to_unix_socket", function()
  it("plays the part of Docker's command: two requests on one connection, one of them an endless stream", function()
    local client, conn = world()
    local head = ask(client, conn, "/v1.43/containers/json?all=1")
    assert.truthy(head:find("GET /v1.43/containers/json?all=1 HTTP/1.1\r\nHost: localhost\r\n", 1,
      true), head)
    conn:send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n[{\"Id\":\"0af\"}]")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("[{\"Id\":\"0af\"}]", support.read_all(client))
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    ask(client, conn, "/events")
    conn:send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstart\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("start", support.until_true(function()
      local piece = client:read_response_body_chunk()
      return piece ~= "" and piece
    end))
    conn:send("3\r\ndie\r\n0\r\n\r\n")
    assert.equal("die", support.read_all(client))
  end)

  it("is CONNECTING, then CONNECTED, and never RESOLVING", function()
    local _, path = server()
    local client = new_client()
    assert.equal(Error.OK, client:connect_to_unix_socket(path))
    assert.equal("STATUS_CONNECTING", support.status_of(client))
    assert.equal(Error.OK, (client:poll()))
    assert.equal("STATUS_CONNECTED", support.status_of(client))
    assert.is_nil(client:get_remote_address())
  end)

  local hosts = {
    { nil, "Host: localhost\r\n" },
    { "", "Host: localhost\r\n" },
    { "docker", "Host: docker\r\n" },
    { "docker:2375", "Host: docker:2375\r\n" },
    { "docker:80", "Host: docker\r\n" },
    { "[::1]:81", "Host: [::1]:81\r\n" },
    { "http://docker", "Host: docker\r\n" },
  }
  for _, case in ipairs(hosts) do
    it(("sends %q for the host %s"):format(case[2]:sub(1, -3), tostring(case[1])), function()
      local client, conn = world(case[1])
      local head = ask(client, conn)
      assert.truthy(head:find("\r\n" .. case[2], 1, true), head)
    end)
  end

  it("lets the caller's own Host stand", function()
    local client, conn = world()
    local head = ask(client, conn, "/", { "Host: other" })
    assert.truthy(head:find("\r\nHost: other\r\n", 1, true), head)
    assert.falsy(head:find("localhost", 1, true), head)
  end)

  it("goes by no proxy, whatever is set", function()
    local listener, path = server()
    local client = new_client()
    client:set_http_proxy("127.0.0.1", 9)
    client:set_https_proxy("127.0.0.1", 9)
    client.connect_to = "127.0.0.1:9"
    client:connect_to_unix_socket(path)
    local conn = keep(support.accept(listener, client))
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    assert.truthy(ask(client, conn):find("^GET / HTTP/1.1\r\n"))
  end)

  for _, name in ipairs({ "@", "\0" }) do
    it(("finds an abstract name that begins with %q"):format(name), function()
      if not is_linux() then
        pending("abstract names are Linux's")
        return
      end
      -- Of this process alone: the same spec may run for another Lua at the same time.
      local rest = keep(tempdir.new()).path:gsub("[^%w]", "-")
      local listener = listen("@" .. rest)
      local client = new_client()
      assert.equal(Error.OK, client:connect_to_unix_socket(name .. rest))
      local conn = keep(support.accept(listener, client))
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      assert.truthy(ask(client, conn):find("\r\nHost: localhost\r\n", 1, true))
    end)
  end

  it("speaks TLS where that is asked for, with the host for SNI and the certificate", function()
    for _, case in ipairs({ { "localhost", true }, { "https://localhost", nil },
      { "other.test", true } }) do
      local listener, path = server()
      local client = new_client()
      local options = case[2] and TLSOptions.client(certs.ca.cert) or false
      if options then
        client:connect_to_unix_socket(path, case[1], options)
      else
        client:connect_to_unix_socket(path, case[1], false, false)
      end
      local conn = keep(support.accept(listener, client))
      local done = support.handshake(client, conn, certs.localhost.tls())
      if case[1] == "other.test" then
        assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_of(client))
      else
        assert.truthy(done)
        assert.equal("STATUS_CONNECTED", support.status_of(client))
        assert.truthy(ask(client, conn):find("\r\nHost: localhost\r\n", 1, true))
      end
      client:close()
    end
  end)

  local refused = {
    { "", "the path of the Unix socket is empty" },
    { "/tmp/a\0b", "the path of the Unix socket holds a NUL byte" },
    { "/" .. ("x"):rep(200),
      "the path of the Unix socket has 201 bytes; the system takes at most " },
    { "@", "the abstract name of the Unix socket is empty" },
    { "@" .. ("x"):rep(200),
      "the path of the Unix socket has 200 bytes; the system takes at most " },
    { "/tmp/x", "the host holds a space", "a b" },
    { "/tmp/x", "the port is no number", "a:b" },
    { "/tmp/x", "\"http://\" contradicts the wish for TLS", "http://a", true },
  }
  for _, case in ipairs(refused) do
    it("refuses at once where " .. case[2], function()
      local client = new_client()
      local code, message = client:connect_to_unix_socket(case[1], case[3], case[4])
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find(case[2], 1, true), message)
      assert.equal("STATUS_DISCONNECTED", support.status_of(client))
    end)
  end

  it("takes the longest path that the system does", function()
    local _, message = new_client():connect_to_unix_socket("/" .. ("x"):rep(200))
    local most = tonumber(message:match("at most (%d+)"))
    local folder = keep(tempdir.new())
    local path = folder:file(("x"):rep(most - #folder.path - 1))
    local listener = listen(path)
    local client = new_client()
    assert.equal(Error.OK, client:connect_to_unix_socket(path))
    keep(support.accept(listener, client))
  end)

  it("says which path it is that nobody listens at", function()
    local listener, path, folder = server()
    listener:close()
    for _, case in ipairs({ { path, "connection refused" },
      { folder:file("none"), "no such file or directory" } }) do
      local client = new_client()
      assert.equal(Error.OK, client:connect_to_unix_socket(case[1]))
      local _, code, text = support.pump(client, HTTPClient.STATUS_CANT_CONNECT)
      assert.equal(Error.ERR_CANT_CONNECT, code)
      assert.equal(("%s (Unix socket %s)"):format(case[2], case[1]), text)
    end
  end)

  it("waits where the server has more callers than it takes, and gets in when there is room",
    function()
    local folder = keep(tempdir.new())
    local path = folder:file("busy.sock")
    local listener = keep(assert(native.listen({ host = path, backlog = 0 })))
    local waiting
    local poller = httpclient.Poller.new()
    for _ = 1, 20 do
      local client = new_client()
      client:connect_to_unix_socket(path)
      client:poll()
      if client:get_status() == HTTPClient.STATUS_CONNECTING then
        waiting = client
        break
      end
    end
    assert.truthy(waiting)
    poller:add(waiting)
    poller:wait(0.03)
    assert.equal("STATUS_CONNECTING", support.status_of(waiting))
    local timeout = waiting:timeout()
    assert.truthy(timeout and timeout <= 0.011, tostring(timeout))
    support.until_true(function()
      local conn = listener:accept(0)
      if conn then
        keep(conn)
      end
      poller:wait(0.05)
      return waiting:get_status() == HTTPClient.STATUS_CONNECTED
    end)
    poller:close()
  end)

  it("keeps to the connect timeout meanwhile", function()
    local folder = keep(tempdir.new())
    local path = folder:file("busy.sock")
    keep(assert(native.listen({ host = path, backlog = 0 })))
    local client
    for _ = 1, 20 do
      client = new_client()
      client.connect_timeout = 0.05
      client:connect_to_unix_socket(path)
      client:poll()
      if client:get_status() == HTTPClient.STATUS_CONNECTING then
        break
      end
    end
    support.until_true(function()
      client:wait(0.05)
      return client:get_status() == HTTPClient.STATUS_CANT_CONNECT
    end)
    assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
  end)

  it("raises for what is no text", function()
    local client = new_client()
    for _, arguments in ipairs({ { 1 }, { "/x", 1 }, { "/x", "h", 1 }, { "/x", "h", true, 1 } }) do
      local ok, message = pcall(client.connect_to_unix_socket, client, arguments[1], arguments[2],
        arguments[3],
        arguments[4])
      assert.is_false(ok)
      assert.truthy(message:find("to 'connect_to_unix_socket'", 1, true), message)
    end
  end)

  it("reads what comes behind an upgrade from the connection", function()
    local client, conn = world()
    ask(client, conn, "/attach", { "Connection: Upgrade", "Upgrade: tcp" })
    conn:send("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    local peer = client:get_connection()
    assert.same({ Error.OK, "hello" }, { peer:get_data(5) })
    assert.equal("localhost", peer:get_connected_host())
    assert.equal(0, peer:get_connected_port())
  end)
end)
