-- The three timeouts: which one runs when, what it says, and where it ends.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local wire = require("spec.support.wire")(after_each)
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local function expect_timeout(client, kind, status, code, message, seconds)
  assert.equal(HTTPClient.Status[status], client:get_status())
  assert.equal(Error.ERR_TIMEOUT, code)
  assert.truthy(message:find(("%s timeout after %.3f s"):format(kind, seconds or 0.08), 1,
    true), message)
  local again = client:poll()
  assert.is_true(again ~= Error.OK and again ~= Error.ERR_TIMEOUT)
  assert.same({ Error.ERR_TIMEOUT, message }, { client:get_last_error() })
end

-- Waits till the client is in an end state. -> the last wait's code and message
local function run_out(client)
  local code, _, message
  support.until_true(function()
    code, _, message = client:wait(1)
    return code ~= Error.OK
  end)
  return code, message
end

local function start_body(client, conn)
  support.request(client)
  support.head_of(client, conn)
  assert(conn:send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"))
  support.pump(client, HTTPClient.STATUS_BODY)
end

-- A client that is closed behind the test, as the other is.
local function client_beside(other)
  local client = HTTPClient.new()
  finally(function()
    client:close()
    other:close()
  end)
  return client
end

describe("connect_timeout", function()
  it("covers the TCP connect", function()
    local hole = native.blackhole()
    if not hole then
      return
    end
    local client = client_beside(hole)
    client.connect_timeout = 0.08
    assert.equal(Error.OK, client:connect_to_host("127.0.0.1", hole:port()))
    local code, message = run_out(client)
    expect_timeout(client, "connect", "STATUS_CANT_CONNECT", code, message)
  end)

  it("covers the TLS handshake", function()
    local listener = assert(native.listen({}))
    local client = client_beside(listener)
    client.connect_timeout = 0.08
    assert.equal(Error.OK, client:connect_to_host("127.0.0.1", listener:port(), true, false))
    local code, message = run_out(client)
    expect_timeout(client, "connect", "STATUS_TLS_HANDSHAKE_ERROR", code, message)
  end)

  it("covers the tunnel", function()
    local listener = assert(native.listen({}))
    local client = client_beside(listener)
    client.connect_timeout = 0.08
    client:set_https_proxy("127.0.0.1", listener:port())
    assert.equal(Error.OK, client:connect_to_host("example.test", 443, true))
    local code, message = run_out(client)
    expect_timeout(client, "connect", "STATUS_CANT_CONNECT", code, message)
  end)

  it("is over when the client is connected", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    client.connect_timeout = 0.08
    local _, conn = support.connect(listener, { client = client })
    finally(function()
      client:close()
      conn:close()
      listener:close()
    end)
    assert.same({ Error.OK, false }, { client:wait(0.15) })
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)
end)

describe("response_timeout", function()
  for _, blocking in ipairs({ false, true }) do
    it("runs from the request's last byte, blocking mode " .. tostring(blocking), function()
      local client = wire.connect()
      client.response_timeout = 0.08
      client.blocking_mode_enabled = blocking
      support.request(client)
      local before = native.monotonic()
      local code, message = run_out(client)
      assert.is_true(native.monotonic() - before >= 0.07)
      expect_timeout(client, "response", "STATUS_CONNECTION_ERROR", code, message)
    end)
  end

  it("is not restarted by a 1xx", function()
    local client, conn = wire.connect()
    client.response_timeout = 0.08 * factor
    support.request(client)
    support.head_of(client, conn)
    local before, sent = native.monotonic(), 0
    local code, message
    support.until_true(function()
      if conn:send("HTTP/1.1 103 Early Hints\r\n\r\n") then
        sent = sent + 1
      end
      local _
      code, _, message = client:wait(0.01)
      return code ~= Error.OK
    end)
    assert.is_true(sent > 2, tostring(sent))
    assert.is_true(native.monotonic() - before < 5 * factor)
    expect_timeout(client, "response", "STATUS_CONNECTION_ERROR", code, message, 0.08 * factor)
  end)

  it("does not run during the body", function()
    local client, conn = wire.connect()
    client.response_timeout = 0.08
    start_body(client, conn)
    assert.equal("ab", client:read_response_body_chunk())
    assert.same({ Error.OK, false }, { client:wait(0.15) })
    assert.equal(HTTPClient.STATUS_BODY, client:get_status())
  end)
end)

describe("idle_timeout", function()
  for _, blocking in ipairs({ false, true }) do
    it("ends a body that has stopped, blocking mode " .. tostring(blocking), function()
      local client, conn = wire.connect()
      client.idle_timeout = 0.08
      start_body(client, conn)
      client.blocking_mode_enabled = blocking
      local cpu = native.cputime()
      assert.equal("ab", client:read_response_body_chunk())
      assert.is_true(native.cputime() - cpu < 0.05 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1))
      if blocking then
        assert.equal("", client:read_response_body_chunk())
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
        local code, message = client:get_last_error()
        assert.equal(Error.ERR_TIMEOUT, code)
        assert.truthy(message:find("idle timeout after 0.080 s", 1, true), message)
      else
        local code, message = run_out(client)
        expect_timeout(client, "idle", "STATUS_CONNECTION_ERROR", code, message)
      end
    end)
  end

  it("does not count data that nobody has read", function()
    local client, conn = wire.connect()
    client.idle_timeout = 0.03
    start_body(client, conn)
    native.sleep(0.1)
    assert.equal(Error.OK, (client:poll()))
    assert.equal("ab", client:read_response_body_chunk())
  end)

  it("ends an upload that does not move", function()
    local client = wire.connect()
    client.idle_timeout = 0.08
    support.request(client, "POST", "/", {}, ("x"):rep(32 * 1048576))
    local code, message = run_out(client)
    expect_timeout(client, "idle", "STATUS_CONNECTION_ERROR", code, message)
  end)

  it("does not run while the head is awaited, nor between requests", function()
    local client, conn = wire.connect()
    client.idle_timeout = 0.03
    assert.same({ Error.OK, false }, { client:wait(0.08) })
    support.request(client)
    local deadline = native.monotonic() + 0.1
    while native.monotonic() < deadline do
      assert.equal(Error.OK, (client:wait(0.02)))
    end
    assert.truthy(conn:recv_until("\r\n\r\n", 0))
    assert.equal(HTTPClient.STATUS_REQUESTING, client:get_status())
  end)
end)

describe("the timeouts' settings", function()
  it("refuse what is no time", function()
    local client = HTTPClient.new()
    for _, name in ipairs({ "connect_timeout", "response_timeout", "idle_timeout" }) do
      assert.equal(0, client[name])
      for _, value in ipairs({ -1, 0 / 0, "soon", {} }) do
        assert.has_error(function() client[name] = value end)
      end
    end
  end)

  it("say what stands for no limit when they are too large", function()
    local client = HTTPClient.new()
    for _, name in ipairs({ "connect_timeout", "response_timeout", "idle_timeout" }) do
      for _, seconds in ipairs({ math.huge, 1e19 }) do
        local ok, message = pcall(function() client[name] = seconds end)
        assert.is_false(ok)
        assert.truthy(message:find(name .. " is over 1e18 seconds; 0 means no limit", 1, true),
          message)
      end
      client[name] = 1e18
      assert.equal(1e18, client[name])
    end
  end)
end)
