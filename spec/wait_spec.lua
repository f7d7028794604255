-- wait, wait_any, and what event loops ask: sleeping in the kernel, in every state.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local function world(options)
  local listener = assert(native.listen({}))
  local client, conn = support.connect(listener, options)
  finally(function()
    client:close()
    conn:close()
    listener:close()
  end)
  return client, conn
end

local function wait_for(client, status)
  support.until_true(function()
    client:wait(0.05)
    return client:get_status() == status
  end)
end

describe("wait", function()
  it("leads through every state, a name's resolution included", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    finally(function()
      client:close()
      listener:close()
    end)
    assert.equal(Error.OK, client:connect_to_host("localhost", listener:port()))
    assert.equal(HTTPClient.STATUS_RESOLVING, client:get_status())
    assert.is_true(client:get_fd() >= 0)
    assert.equal(client:get_fd(), client:pollfd())
    assert.truthy(client:events())
    wait_for(client, HTTPClient.STATUS_CONNECTED)
    local conn = assert(listener:accept())
    support.request(client)
    assert.equal(0, client:timeout())
    client:wait(1)
    assert(conn:recv_until("\r\n\r\n"))
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
    wait_for(client, HTTPClient.STATUS_BODY)
    assert.same({ Error.OK, true }, { client:wait(5) })
    assert.equal("ab", (support.read_all(client)))
    conn:close()
  end)

  it("says that the time is over, without using the processor", function()
    local client = world()
    local before, cpu = native.monotonic(), native.cputime()
    assert.same({ Error.OK, false }, { client:wait(0.2) })
    assert.is_true(native.monotonic() - before >= 0.19)
    assert.is_true(native.cputime() - cpu < 0.1 * factor)
    assert.same({ Error.OK, false }, { client:wait(0) })
  end)

  it("returns at once where there is nothing to wait for", function()
    local client = HTTPClient.new()
    assert.equal(Error.ERR_UNCONFIGURED, (client:wait()))
    assert.equal(-1, client:get_fd())
    assert.is_nil(client:pollfd())
    assert.is_nil(client:events())
    assert.has_error(function() client:wait(-1) end)
  end)

  it("is ready at once for bytes that are decrypted already", function()
    local client, conn = world({ tls = httpclient.TLSOptions.client_unsafe(), server_tls = certs.localhost.tls() })
    client.read_chunk_size = 256
    support.request(client)
    support.until_true(function()
      client:poll()
      return conn:recv_until("\r\n\r\n", 0)
    end)
    local body = ("0123456789abcdef"):rep(512)
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n" .. body)
    wait_for(client, HTTPClient.STATUS_BODY)
    local parts, waits = {}, 0
    while client:get_status() == HTTPClient.STATUS_BODY do
      assert.same({ Error.OK, true }, { client:wait(5) })
      waits = waits + 1
      parts[#parts + 1] = client:read_response_body_chunk()
      assert.is_true(waits < 200)
    end
    assert.equal(body, table.concat(parts))
  end)
end)

describe("wait_any", function()
  it("names those that are ready", function()
    local a, conn_a = world()
    local b, conn_b = world()
    for _, pair in ipairs({ { a, conn_a }, { b, conn_b } }) do
      support.request(pair[1])
      pair[1]:poll()
      assert(pair[2]:recv_until("\r\n\r\n"))
    end
    assert.same({}, HTTPClient.wait_any({ a, b }, 0.02))
    conn_b:send("HTTP/1.1 204 No\r\n\r\n")
    local ready = HTTPClient.wait_any({ a, b }, 5)
    assert.equal(1, #ready)
    assert.is_true(rawequal(b, ready[1]))
    assert.equal(204, b:get_response_code())
    assert.equal(HTTPClient.STATUS_REQUESTING, a:get_status())
  end)

  it("takes an empty list and refuses what is no client", function()
    assert.same({}, HTTPClient.wait_any({}, 0))
    assert.has_error(function() HTTPClient.wait_any({ 1 }, 0) end)
    assert.has_error(function() HTTPClient.wait_any(nil, 0) end)
  end)
end)
