-- TLS end to end: trickling bytes, how connections end, what comes between the records of a body.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local HEAD = "HTTP/1.1 200 OK\r\n"

-- A client and its server behind a handshake. Options as tls.attempt, `server` being extra options for starttls.
local function world(server, options)
  options = options or {}
  local client, conn, outcome = tls.connect({ tls = options.tls or tls.trusting(),
    server = certs.localhost.tls(server) })
  finally(function() tls.close(outcome) end)
  return client, conn, outcome
end

local both = { "1.2", "1.3" }

-- A client whose bytes, both ways, pass through a relay that moves at most `size` at a time.
local function through_relay(size, server, run)
  local front, back = assert(native.listen({})), assert(native.listen({}))
  local client = HTTPClient.new()
  assert.equal(Error.OK, client:connect_to_host("localhost", front:port(), tls.trusting()))
  local near = support.accept(front, client)
  local far = assert(native.connect({ port = back:port() }))
  local conn = assert(back:accept())
  finally(function()
    for _, object in ipairs({ client, near, far, conn, front, back }) do
      object:close()
    end
  end)
  assert(conn:starttls(certs.localhost.tls(server)))
  local function move(from, to)
    local bytes = from:recv(size, 0)
    if bytes and bytes ~= "" then
      assert(to:send(bytes))
    end
  end
  run(client, conn, function()
    move(near, far)
    client:poll()
    move(far, near)
    client:poll()
  end)
end

for _, version in ipairs(both) do
  it("a handshake and an answer that trickle byte by byte work, TLS " .. version, function()
    through_relay(1, { max = version }, function(client, conn, relay)
      local done
      support.until_true(function()
        relay()
        done = done or assert(conn:handshake("step") ~= nil) and conn:handshake_done()
        return done and client:get_status() == HTTPClient.STATUS_CONNECTED
      end)
      support.request(client)
      support.until_true(function()
        relay()
        return conn:recv_until("\r\n\r\n", 0)
      end)
      conn:send(HEAD .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
      local body = ""
      support.until_true(function()
        relay()
        if client:get_status() == HTTPClient.STATUS_BODY then
          body = body .. client:read_response_body_chunk()
        end
        return client:get_status() == HTTPClient.STATUS_CONNECTED
      end)
      assert.equal("hello", body)
    end)
  end)

  describe("over TLS " .. version, function()
    local server = { max = version }

    -- Plays head and body, then the ending. -> client, body, status (name)
    local function play(head, body, ending)
      local client, conn = world(server)
      tls.ask(client, conn)
      conn:send(HEAD .. head .. "\r\n" .. body)
      if ending == "close_notify" then
        conn:close_notify()
      end
      support.pump(client, support.is_answered_or_failed)
      if ending == "reset" then
        local first = client:read_response_body_chunk() -- a reset takes away what was not read
        conn:reset()
        local rest, status = support.read_all(client)
        return client, first .. rest, support.status_name(status)
      end
      if ending then
        conn:close()
      end
      local received, status = support.read_all(client)
      return client, received, support.status_name(status)
    end

    local chunked = "Transfer-Encoding: chunked\r\n"
    -- Framing, body, ending, status, words of the message.
    local cases = {
      { "", "hello", "close_notify", "STATUS_DISCONNECTED" },
      { "", "hello", "close", "STATUS_CONNECTION_ERROR", "without close_notify" },
      { "", "", "close_notify", "STATUS_DISCONNECTED" },
      { "", "", "close", "STATUS_CONNECTION_ERROR", "without close_notify" },
      { "", "hello", "reset", "STATUS_CONNECTION_ERROR", "reset" },
      { "Content-Length: 5\r\n", "hello", "close", "STATUS_CONNECTED" },
      { "Content-Length: 5\r\n", "hello", "close_notify", "STATUS_CONNECTED" },
      { "Content-Length: 5\r\nConnection: close\r\n", "hello", "close", "STATUS_DISCONNECTED" },
      { "Content-Length: 6\r\n", "hello", "close", "STATUS_CONNECTION_ERROR",
        "without close_notify" },
      { "Content-Length: 6\r\n", "hello", "close_notify", "STATUS_CONNECTION_ERROR",
        "cut short: 5 of 6 bytes" },
      { "Content-Length: 6\r\n", "hello", "reset", "STATUS_CONNECTION_ERROR", "reset" },
      { chunked, "5\r\nhello\r\n0\r\n\r\n", "close", "STATUS_CONNECTED" },
      { chunked, "5\r\nhello\r\n0\r\n", "close_notify", "STATUS_CONNECTION_ERROR", "cut short" },
      { chunked, "5\r\nhello\r\n", "close", "STATUS_CONNECTION_ERROR", "without close_notify" },
      { chunked, "6\r\nhello", "close_notify", "STATUS_CONNECTION_ERROR", "cut short" },
      { "Connection: close\r\n" .. chunked, "5\r\nhello\r\n0\r\n\r\n", "close",
        "STATUS_DISCONNECTED" },
    }
    for _, case in ipairs(cases) do
      it(("%s with %s, ended by %s, is %s"):format(#case[1] == 0 and "no length"
        or case[1]:gsub("%c+", ", "),
        ("%q"):format(case[2]):gsub("\\?%c+", "."), case[3], case[4]), function()
        local client, body, status = play(case[1], case[2], case[3])
        assert.equal(case[4], status, select(2, client:get_last_error()))
        assert.equal(case[2]:find("hello", 1, true) and "hello" or "", body)
        if case[5] then
          tls.expect_error(client, case[4], case[5])
        end
      end)
    end

    it("an idle connection that ends is an error at the next poll, with and without close_notify",
      function()
      for _, ending in ipairs({ "close_notify", "close", "reset" }) do
        local client, conn, outcome = tls.connect({ tls = tls.trusting(),
          server = certs.localhost.tls(server) })
        assert.equal("hello", tls.exchange(client, conn))
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        assert.equal(Error.OK, (client:poll()))
        conn[ending](conn)
        assert.equal(Error.ERR_CONNECTION_ERROR, (client:wait(support.LIMIT)))
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
        tls.close(outcome)
      end
    end)

    it("application data on an idle connection are an error", function()
      local client, conn = world(server)
      conn:send("HTTP/1.1 408 Request Timeout\r\n\r\n")
      assert.equal(Error.ERR_CONNECTION_ERROR, (client:wait(support.LIMIT)))
      tls.expect_error(client, "STATUS_CONNECTION_ERROR", "unexpected bytes")
    end)

    it("application data behind the body of an answer are an error", function()
      local client, conn = world(server)
      tls.ask(client, conn)
      conn:send(HEAD .. "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n")
      support.pump(client, support.is_answered_or_failed)
      assert.equal("hello", (support.read_all(client)))
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      tls.expect_error(client, "STATUS_CONNECTION_ERROR", "unexpected bytes")
    end)

    it("what is decrypted already keeps nobody waiting", function()
      local client, conn = world(server)
      local poller = httpclient.Poller.new()
      poller:add(client)
      client.read_chunk_size = 256
      tls.ask(client, conn)
      local body = ("0123456789abcdef"):rep(2500)
      conn:send(HEAD .. "Content-Length: " .. #body .. "\r\n\r\n" .. body)
      local parts, size, turn = {}, 0, 0
      local started = native.monotonic()
      while size < #body do
        turn = turn + 1
        if turn % 3 == 0 then
          assert.same({ Error.OK, true }, { client:wait(support.LIMIT) })
        elseif turn % 3 == 1 then
          assert.equal(client, poller:wait(support.LIMIT)[1])
        else
          assert.equal(client, HTTPClient.wait_any({ client }, support.LIMIT)[1])
        end
        if client:get_status() == HTTPClient.STATUS_BODY then
          if size > 0 and #body - size > 16384 then
            assert.equal(0, client:timeout()) -- for event loops
          end
          parts[#parts + 1] = client:read_response_body_chunk()
          size = size + #parts[#parts]
        end
      end
      assert.is_true(table.concat(parts) == body)
      assert.is_true(native.monotonic() - started < support.LIMIT / 2)
      poller:remove(client)
    end)

    it("a blocking read fills its chunk out of many records", function()
      local client, conn = world(server)
      tls.ask(client, conn)
      client.blocking_mode_enabled = true
      local body = ("x"):rep(100000)
      conn:send(HEAD .. "Content-Length: 100000\r\n\r\n" .. body:sub(1, 70000))
      client:poll()
      assert.equal(65536, #client:read_response_body_chunk())
      conn:send(body:sub(70001))
      assert.equal(100000 - 65536, #client:read_response_body_chunk())
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)

    it("a large body comes and goes whole", function()
      local client, conn = world(server)
      local parts = {}
      for i = 1, 40000 do
        parts[i] = ("%08d"):format(i):rep(6)
      end
      local body = table.concat(parts)
      support.request(client, "PUT", "/", {}, body)
      support.receive_until(client, conn, function(size, bytes)
        return size > #body and bytes():match("\r\n\r\n(.*)$") == body
      end)
      local at = 1
      local head = HEAD .. "Content-Length: " .. #body .. "\r\n\r\n"
      local all, received = head .. body, {}
      support.until_true(function()
        if at <= #all then
          at = at + assert(conn:send_some(all:sub(at, at + 65535)))
        end
        client:poll()
        if client:get_status() == HTTPClient.STATUS_BODY then
          received[#received + 1] = client:read_response_body_chunk()
        end
        return client:get_status() == HTTPClient.STATUS_CONNECTED
      end)
      assert.is_true(table.concat(received) == body)
    end)

    it("an answer that comes before the upload is done is read, and the upload stops", function()
      for _, ending in ipairs({ "keep", "close_notify", "shutdown" }) do
        local client, conn = world(server)
        support.request(client, "PUT", "/", {}, ("x"):rep(8000000))
        support.head_of(client, conn)
        conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        if ending ~= "keep" then
          conn[ending](conn)
        end
        support.pump(client, support.is_answered_or_failed)
        assert.equal(413, client:get_response_code())
        assert.equal("large", (support.read_all(client)))
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
        assert.is_true(client:get_request_body_sent() < 8000000)
      end
    end)

    it("blocking mode works from the request to the end of the body", function()
      local script = assert(native.script({ { "accept" },
        { "starttls", certs.localhost.tls(server) },
        { "recv_until", "\r\n\r\n" }, { "drip", HEAD .. "Transfer-Encoding: chunked\r\n\r\n",
          0.0002 },
        { "drip", "5\r\nhello\r\n", 0.0002 }, { "drip", "6\r\n world\r\n0\r\n\r\n", 0.0002 },
        { "recv_eof" } }))
      local client = support.connect_port(script:port(),
        { host = "localhost", tls = tls.trusting() })
      finally(function()
        client:close()
        script:stop()
      end)
      client.blocking_mode_enabled = true
      support.request(client)
      assert.equal(Error.OK, (client:poll()))
      assert.equal(HTTPClient.STATUS_BODY, client:get_status())
      local body = ""
      while client:get_status() == HTTPClient.STATUS_BODY do
        local chunk = client:read_response_body_chunk()
        assert.is_true(chunk ~= "" or client:get_status() ~= HTTPClient.STATUS_BODY)
        body = body .. chunk
      end
      assert.equal("hello world", body)
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)

    it("a server that is gone sends no SIGPIPE, and its end is told", function()
      native.sigpipe_default()
      local client, conn = world(server)
      conn:reset()
      support.request(client, "PUT", "/", {}, ("x"):rep(1000000))
      support.pump(client, support.is_answered_or_failed)
      tls.expect_error(client, "STATUS_CONNECTION_ERROR")
      client:close()
    end)
  end)
end

describe("in a body", function()
  local function half(client, conn)
    tls.ask(client, conn)
    conn:send(HEAD .. "Content-Length: 10\r\n\r\nhello")
    support.pump(client, support.is_answered_or_failed)
    assert.equal("hello", client:read_response_body_chunk())
    assert.equal("", client:read_response_body_chunk())
  end

  it("new keys are agreed on", function()
    local client, conn = world()
    half(client, conn)
    for _ = 1, 3 do
      assert.is_true(conn:key_update())
      conn:send("w")
    end
    conn:send("or")
    assert.equal("wwwor", (support.read_all(client)))
    -- The client's answer to the updates goes out with its next bytes, which the server can read.
    assert.equal("hello", tls.exchange(client, conn))
  end)

  it("new keys are agreed on while an upload is stuck in the middle of a record", function()
    local client, conn = world()
    local parts = {}
    for i = 1, 30000 do
      parts[i] = ("%08d"):format(i):rep(32)
    end
    local body = table.concat(parts)
    support.request(client, "PUT", "/", {}, body)
    local sent = -1
    support.until_true(function() -- the system's buffers are full
      client:poll()
      local before = sent
      sent = client:get_request_body_sent()
      return sent == before and sent > 0
    end)
    assert.is_true(sent < #body)
    assert.is_true(conn:key_update())
    conn:send("HTTP/1.1 103 Early Hints\r\n\r\n")
    support.receive_until(client, conn, function(size, bytes)
      return size > #body and bytes():match("\r\n\r\n(.*)$") == body
    end, function(size)
      return ("the end of the body; %d bytes came, the client says %s"):format(size,
        select(2, client:get_last_error()))
    end)
    conn:send(HEAD .. "Content-Length: 5\r\n\r\nhello")
    support.pump(client, support.is_answered_or_failed)
    assert.equal("hello", (support.read_all(client)))
  end)

  -- How many there may be is test_tls_flood.c's; TLS 1.2 has none here.
  it("session tickets before it are passed over, and a flood of them ends the connection",
    function()
    if (httpclient.features().mbedtls or ""):find("^2%.") then
      return pending("it has no TLS 1.3")
    end
    local client, conn = world({ min = "1.3", session_tickets = 20 })
    tls.ask(client, conn)
    conn:send(HEAD .. "Content-Length: 5\r\n\r\nhello")
    support.pump(client, support.is_answered_or_failed)
    assert.equal("hello", (support.read_all(client)))
    client = world({ min = "1.3", session_tickets = 600 })
    client:request(httpclient.HTTPClient.METHOD_GET, "/", {}) -- it may be over before that
    support.pump(client, support.is_answered_or_failed)
    assert.equal("STATUS_CONNECTION_ERROR", support.status_name(client:get_status()))
    assert.matches("one record after the other that brings nothing",
      (select(2, client:get_last_error())))
  end)

  it("a wish for a new handshake is refused without harm", function()
    local client, conn = world({ max = "1.2" })
    half(client, conn)
    assert.is_true(conn:renegotiate())
    assert.equal("", client:read_response_body_chunk())
    -- The server's side gives up when it reads the refusal; the client's has no reason to.
    assert.equal(HTTPClient.STATUS_BODY, client:get_status())
    client:close()
  end)

  it("a forged record is an error, behind what was in order", function()
    local client, conn = world()
    tls.ask(client, conn)
    conn:send(HEAD .. "Content-Length: 10\r\n\r\nhello")
    conn:send_raw("\23\3\3\0\32" .. ("x"):rep(32))
    support.pump(client, support.is_answered_or_failed)
    local body = support.read_all(client)
    assert.equal("hello", body)
    tls.expect_error(client, "STATUS_CONNECTION_ERROR", "TLS: ")
  end)

  it("plain text between the records is an error", function()
    local client, conn = world()
    half(client, conn)
    conn:send_raw("world")
    support.read_all(client)
    tls.expect_error(client, "STATUS_CONNECTION_ERROR", "TLS: ")
  end)
end)

describe("session tickets", function()
  it("on an idle connection are no stray bytes", function()
    local client, conn = world({ session_tickets = 4, max = "1.3" })
    for _ = 1, 20 do
      assert.equal(Error.OK, (client:wait(0.001)))
    end
    assert.same({ Error.OK, false }, { client:wait(0.001) })
    assert.equal("hello", tls.exchange(client, conn))
    assert.same({ Error.OK, false }, { client:wait(0.001) })
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)
end)
