-- wait, wait_any, and what event loops ask: sleeping in the kernel, in every state.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local wire = require("spec.support.wire")(after_each)
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local function wait_for(client, status)
  support.until_true(function()
    client:wait(0.05)
    return client:get_status() == status
  end)
end

describe("wait", function()
  -- what the script connected -> the stream, given the client's
  for what, make in pairs({
    ["a stream"] = function(port)
      local stream = httpclient.StreamPeerTCP.new()
      assert.equal(Error.OK, stream:connect_to_host("127.0.0.1", port))
      support.until_true(function()
        stream:poll()
        return stream:get_status() == stream.STATUS_CONNECTED
      end)
      return stream
    end,
    ["a stream that still connects"] = function(port)
      local stream = httpclient.StreamPeerTCP.new()
      assert.equal(Error.OK, stream:connect_to_host("localhost", port))
      return stream
    end,
  }) do
    it("leads through an exchange over " .. what .. " that the script made", function()
      local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
        { "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" }, { "stall" } })
      local client = HTTPClient.new()
      client:set_connection(make(server:port()))
      support.request(client)
      local rounds = 0
      while client:get_status() == HTTPClient.STATUS_REQUESTING do
        local code, ready, why = client:wait(support.LIMIT)
        assert.is_true(ready, "it slept over something")
        assert.equal(Error.OK, code, why)
        rounds = rounds + 1
        assert.is_true(rounds < 30, "it spins")
      end
      assert.equal("hi", client:read_response_body_chunk())
      client:close()
      server:stop()
    end)
  end
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
    assert.same({ Error.OK, true }, { client:wait(support.LIMIT) })
    assert.equal("ab", (support.read_all(client)))
    conn:close()
  end)

  it("says that the time is over, without using the processor", function()
    local client = wire.connect()
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
    local client, conn = wire.connect({ tls = httpclient.TLSOptions.client_unsafe(),
      server_tls = certs.localhost.tls() })
    client.read_chunk_size = 256
    support.request(client)
    support.head_of(client, conn)
    local body = ("0123456789abcdef"):rep(512)
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n" .. body)
    wait_for(client, HTTPClient.STATUS_BODY)
    local parts, waits = {}, 0
    while client:get_status() == HTTPClient.STATUS_BODY do
      assert.same({ Error.OK, true }, { client:wait(support.LIMIT) })
      waits = waits + 1
      parts[#parts + 1] = client:read_response_body_chunk()
      assert.is_true(waits < 200)
    end
    assert.equal(body, table.concat(parts))
  end)
end)

describe("what event loops ask", function()
  local hole
  setup(function() hole = native.blackhole() end)
  teardown(function()
    if hole then hole:close() end
  end)

  -- leads a client into the state -> client; the events; whether there is a time
  local states = {
    { "CONNECTING", function(options)
      if not hole then return nil end
      local client = HTTPClient.new()
      client.connect_timeout = options.timeout or 0
      client:connect_to_host("127.0.0.1", hole:port())
      client:poll()
      return client
    end, "w" },
    { "the TLS handshake", function(options)
      local listener = assert(native.listen({}))
      local client = HTTPClient.new()
      client.connect_timeout = options.timeout or 0
      client:connect_to_host("127.0.0.1", listener:port(), true)
      local conn = support.accept(listener, client)
      support.until_true(function()
        client:poll()
        return conn:recv(1, 0)
      end)
      return client, listener, conn
    end, "r" },
    { "the tunnel", function(options)
      local listener = assert(native.listen({}))
      local client = HTTPClient.new()
      client.connect_timeout = options.timeout or 0
      client:set_https_proxy("127.0.0.1", listener:port())
      client:connect_to_host("origin.test", 443, true)
      local conn = support.accept(listener, client)
      support.head_of(client, conn)
      return client, listener, conn
    end, "r" },
    { "CONNECTED", function() return wire.connect() end, "r", true },
    { "REQUESTING", function(options)
      local client, conn = wire.connect()
      client.response_timeout = options.timeout or 0
      support.request(client)
      client:poll()
      return client, conn
    end, "r" },
    { "REQUESTING, the socket full", function(options)
      local client, conn = wire.connect()
      client.idle_timeout = options.timeout or 0
      support.request(client, "POST", "/", {}, ("x"):rep(16 * 1048576))
      support.until_true(function()
        -- Some systems find more room after a while.
        local before = client:get_request_body_sent()
        client:wait(0.1)
        return client:get_request_body_sent() == before
          and native.wait_fd(client:get_fd(), "w", 0.1) == ""
      end)
      return client, conn
    end, "rw" },
    { "BODY", function(options)
      local client, conn = wire.connect()
      client.idle_timeout = options.timeout or 0
      support.request(client)
      client:poll()
      assert(conn:recv_until("\r\n\r\n"))
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("abc", client:read_response_body_chunk())
      return client, conn
    end, "r" },
  }
  for _, case in ipairs(states) do
    it("is there in " .. case[1] .. ", and waiting sleeps", function()
      local client, a, b = case[2]({})
      if not client then return pending("no black hole here") end
      assert.is_true(client:get_fd() >= 0)
      assert.equal(client:get_fd(), client:pollfd())
      assert.equal(client:get_fd(), client:getfd())
      assert.equal(case[3], client:events())
      assert.is_nil(client:timeout())
      local status, cpu = client:get_status(), native.cputime()
      assert.equal("", native.wait_fd(client:get_fd(), case[3], 0.02))
      assert.same({ Error.OK, false }, { client:wait(0.05) })
      assert.same({}, HTTPClient.wait_any({ client }, 0.05))
      local poller = httpclient.Poller.new()
      poller:add(client)
      poller:wait(0.05)
      poller:wait(0.05)
      assert.is_true(native.cputime() - cpu < 0.08 * factor)
      assert.equal(status, client:get_status())
      client:close()
      if a then a:close() end
      if b then b:close() end
    end)

    if not case[4] then
      it("tells the time that is left in " .. case[1], function()
        local client, a, b = case[2]({ timeout = 0.5 * factor })
        if not client then return pending("no black hole here") end
        local left = client:timeout()
        assert.is_true(left > 0 and left <= 0.5 * factor, tostring(left))
        local before = native.monotonic()
        support.until_true(function() return client:wait(30) ~= Error.OK end)
        assert.is_true(native.monotonic() - before < 20)
        assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
        if a then a:close() end
        if b then b:close() end
      end)
    end
  end

  it("is enough to go through a whole exchange with few polls", function()
    for _, secure in ipairs({ false, true }) do
      local steps = { { "accept" }, { "recv_until", "\r\n\r\n" }, { "discard", 4000000 },
        { "sleep", 0.05 },
        { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" }, { "drip", "hello", 0.01 } }
      if secure then table.insert(steps, 2, { "starttls", certs.localhost.tls() }) end
      local server = native.script(steps)
      local client, polls = HTTPClient.new(), 0
      client:connect_to_host("localhost", server:port(), secure
        and httpclient.TLSOptions.client(certs.ca.cert) or nil)
      local function turn()
        local time, fd = client:timeout(), client:get_fd()
        if time ~= 0 then native.wait_fd(fd, client:events() or "r", time or 5) end
        polls = polls + 1
        assert.equal(Error.OK, (client:poll()))
      end
      while client:get_status() ~= HTTPClient.STATUS_CONNECTED do turn() end
      support.request(client, "POST", "/", {}, ("x"):rep(4000000))
      while client:get_status() ~= HTTPClient.STATUS_BODY do turn() end
      local body = ""
      while client:get_status() == HTTPClient.STATUS_BODY do
        turn()
        body = body .. client:read_response_body_chunk()
      end
      assert.equal("hello", body)
      assert.is_true(polls < 1000, tostring(polls))
      client:close()
      server:stop()
    end
  end)

  it("is nothing where there is nothing to wait for", function()
    local refused, gone = HTTPClient.new(), HTTPClient.new()
    refused:connect_to_host("127.0.0.1", require("spec.support.ports").free(1)[1])
    support.pump(refused, HTTPClient.STATUS_CANT_CONNECT)
    gone:connect_to_host("no-such-host.invalid", 1)
    support.pump(gone, HTTPClient.STATUS_CANT_RESOLVE)
    for _, client in ipairs({ HTTPClient.new(), refused, gone }) do
      assert.equal(-1, client:get_fd())
      assert.is_nil(client:pollfd())
      assert.is_nil(client:events())
      assert.equal(0, client:timeout())
      local code, ready = client:wait()
      assert.is_true(code ~= Error.OK and ready)
      assert.equal(1, #HTTPClient.wait_any({ client }))
    end
  end)
end)

describe("wait_any", function()
  it("names those that are ready", function()
    local a, conn_a = wire.connect()
    local b, conn_b = wire.connect()
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

  it("takes a client twice, and clients in every state together", function()
    local a, conn = wire.connect()
    local new, looking = HTTPClient.new(), HTTPClient.new()
    looking:connect_to_host("no-such-host.invalid", 1)
    local ready = HTTPClient.wait_any({ a, new, a }, 5)
    assert.equal(1, #ready)
    assert.is_true(rawequal(new, ready[1]))
    support.until_true(function()
      HTTPClient.wait_any({ a, looking }, 1)
      return looking:get_status() == HTTPClient.STATUS_CANT_RESOLVE
    end)
    support.request(a)
    assert.equal(2, #HTTPClient.wait_any({ a, a }, 5))
    assert(conn:recv_until("\r\n\r\n"))
  end)

  it("keeps to its clients when a body function empties the list, or uses them", function()
    local a, conn = wire.connect()
    local list, refused = { a, (wire.connect()), (wire.connect()) }, 0
    local done = false
    support.request(a, "POST", "/", {}, function()
      if done then return nil end
      done = true
      for _, name in ipairs({ "poll", "close", "wait", "read_response_body_chunk" }) do
        if not pcall(a[name], a) then refused = refused + 1 end
      end
      for i = 1, 3 do list[i] = nil end
      for _ = 1, 4 do collectgarbage() end
      return "piece"
    end)
    support.until_true(function()
      HTTPClient.wait_any(list[1] and list or { a }, 0.05)
      return conn:recv_until("0\r\n\r\n", 0)
    end)
    assert.equal(4, refused)
  end)

  it("takes an empty list and refuses what is no client", function()
    assert.same({}, HTTPClient.wait_any({}, 0))
    assert.same({}, HTTPClient.wait_any({}))
    assert.same({}, httpclient.Poller.new():wait())
    assert.has_error(function() HTTPClient.wait_any({ 1 }, 0) end)
    assert.has_error(function() HTTPClient.wait_any(nil, 0) end)
  end)
end)
