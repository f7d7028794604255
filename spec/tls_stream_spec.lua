-- StreamPeerTLS over other streams under an HTTPClient: TLS in TLS, and a script's own stream below.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local streams = require("spec.support.streams")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

-- Polls the stream until its handshake is over. -> code, message of the last poll
local function shake(stream, step)
  local code, message
  support.until_true(function()
    code, message = stream:poll()
    if step then
      step()
    end
    return code ~= Error.OK or stream:get_status() ~= StreamPeerTLS.STATUS_HANDSHAKING
  end)
  return code, message
end

local function client_of(stream)
  local client = HTTPClient.new()
  finally(function() client:close() end)
  client:set_connection(stream)
  return client
end

local keep, listen = require("spec.support.world")(after_each)

-- Two servers, one behind the other's TLS. -> the port of the outer one, both scripts
local function nested_servers(outer, inner, steps)
  local list = { { "accept" }, { "trytls", certs.localhost.tls(inner) }, seconds = support.LIMIT }
  for i, step in ipairs(steps) do
    list[i + 2] = step
  end
  local behind = keep(assert(native.script(list)))
  local front = keep(assert(native.script({ { "accept" },
    { "starttls", certs.wrong_host.tls(outer) }, { "tunnel", behind:port() },
    seconds = support.LIMIT })))
  return front:port(), front, behind
end

describe("TLS in TLS", function()
  for _, outer in ipairs({ "1.2", "1.3" }) do
    for _, inner in ipairs({ "1.2", "1.3" }) do
      it(("serves requests, TLS %s in %s"):format(inner, outer), function()
        local body = ("0123456789"):rep(30000)
        local port, front, behind = nested_servers({ max = outer }, { max = inner }, {
          { "recv_until", "\r\n\r\n" }, { "send", ANSWER }, { "recv_until", "\r\n\r\n" },
          { "discard", #body },
          { "send", "HTTP/1.1 200 OK\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body },
          { "recv_eof" } })
        local below = streams.tls(streams.tcp(port), "wrong.test")
        assert.equal(Error.OK, (shake(below)))
        local client = client_of(streams.tls(below))
        assert.equal("hello", support.exchange(client, "GET", "/").body)
        assert.equal("TLSv" .. inner, client:get_tls_version())
        assert.equal("127.0.0.1", (client:get_remote_address()))
        assert.is_true(support.exchange(client, "PUT", "/", {}, body).body == body)
        assert.equal("wrong.test", front:tls_info().sni)
        assert.equal("localhost", behind:tls_info().sni)
        client:close()
        assert.is_true(behind:wait())
      end)
    end
  end

  it("does not sleep over what lies in either of the two", function()
    local body = ("0123456789"):rep(4000)
    local port = nested_servers({}, {}, { { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body },
      { "recv_eof" } })
    local below = streams.tls(streams.tcp(port), "wrong.test")
    assert.equal(Error.OK, (shake(below)))
    local client = client_of(streams.tls(below))
    client.read_chunk_size = 256
    local poller = httpclient.Poller.new()
    poller:add(client)
    support.request(client)
    local size, turn = 0, 0
    support.until_true(function()
      turn = turn + 1
      if turn % 2 == 0 then
        assert.equal(Error.OK, (client:wait(support.LIMIT / 2)))
      else
        poller:wait(support.LIMIT / 2)
      end
      if client:get_status() == HTTPClient.STATUS_BODY then
        size = size + #client:read_response_body_chunk()
      end
      return size == #body
    end, support.LIMIT / 2)
    poller:remove(client)
  end)

  it("tells which of the two fails", function()
    local port = nested_servers({}, {}, { { "recv_eof" } })
    local below = streams.tls(streams.tcp(port))
    local code, message = shake(below)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.truthy(message:find("certificate is for wrong.test", 1, true), message)
    assert.equal(StreamPeerTLS.STATUS_ERROR_HOSTNAME_MISMATCH, below:get_status())

    port = nested_servers({}, {}, {})
    below = streams.tls(streams.tcp(port), "wrong.test")
    assert.equal(Error.OK, (shake(below)))
    local above = streams.tls(below, "elsewhere.test")
    code, message = shake(above)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.truthy(message:find("not elsewhere.test", 1, true), message)
    assert.equal(StreamPeerTLS.STATUS_ERROR_HOSTNAME_MISMATCH, above:get_status())
    assert.equal(StreamPeerTLS.STATUS_CONNECTED, below:get_status())
  end)

  it("takes the end of the outer one for no end of the inner one", function()
    local port = nested_servers({}, {},
      { { "recv_until", "\r\n\r\n" }, { "send", "HTTP/1.1 200 OK\r\n\r\nhello" }, { "close" } })
    local below = streams.tls(streams.tcp(port), "wrong.test")
    assert.equal(Error.OK, (shake(below)))
    local outcome = support.exchange(client_of(streams.tls(below)), "GET", "/")
    assert.equal("hello", outcome.body)
    assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
    assert.truthy(outcome.message:find("close_notify", 1, true), outcome.message)
  end)
end)

describe("TLS over a script's own stream", function()
  local function world(limit, hook)
    local listener = listen()
    local peer = streams.tcp(listener:port())
    local conn = assert(listener:accept())
    finally(function() conn:close() end)
    assert(conn:starttls(certs.localhost.tls()))
    local below = streams.relayed(peer, limit, hook)
    local stream = streams.tls(below)
    return stream, conn, below, function() conn:handshake("step") end
  end

  for _, limit in ipairs({ 1, 100, 1e6 }) do
    it(("serves requests, at most %d bytes at once"):format(limit), function()
      local stream, conn, below, step = world(limit)
      local client = client_of(stream)
      support.request(client)
      support.until_true(function()
        step()
        client:poll()
        return conn:handshake_done() and conn:recv_until("\r\n\r\n", 0)
      end)
      conn:send(ANSWER)
      assert.equal(Error.OK, (client:wait(support.LIMIT)))
      support.pump(client, support.is_answered_or_failed)
      assert.equal("hello", (support.read_all(client)))
      assert.equal(below, stream:get_stream())
      conn:close_notify()
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
    end)
  end

  for _, limit in ipairs({ 1, 1e6 }) do
    for _, shown in ipairs({ true, false }) do
      it(("sleeps in blocking mode, %d bytes at once, %s a descriptor"):format(limit,
        shown and "with" or "without"), function()
        local pause, factor = 0.06, tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
        local server = keep(assert(native.script({ { "accept" },
          { "starttls", certs.localhost.tls() }, { "recv_until", "\r\n\r\n" },
          { "sleep", pause }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello" },
          { "sleep", pause }, { "send", "world" },
          { "stall" } })))
        local below, held, reads = {}, "", 0
        local conn = keep(assert(native.connect({ port = server:port() })))
        function below.put_partial_data(_, data) return 0, (conn:send_some(data:sub(1, limit))) end
        function below.get_partial_data(_, count)
          reads = reads + 1
          held = held .. (conn:recv(1e6, 0) or "")
          local piece = held:sub(1, math.min(count, limit))
          held = held:sub(#piece + 1)
          return 0, piece
        end
        function below.get_available_bytes() return #held end
        if shown then
          function below.get_fd() return conn:fd() end
        end
        local stream = streams.tls(below)
        assert.equal(Error.OK, (shake(stream)))
        local client = client_of(stream)
        client.blocking_mode_enabled = true
        support.request(client)
        local cpu, before = native.cputime(), native.monotonic()
        reads = 0
        assert.equal(Error.OK, (client:poll()))
        assert.equal("STATUS_BODY", support.status_name(client:get_status()))
        assert.equal("helloworld", client:read_response_body_chunk())
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        assert.is_true(native.monotonic() - before >= 2 * pause * 0.9)
        assert.is_true(native.cputime() - cpu < pause * factor, native.cputime() - cpu)
        if shown and limit > 1 then
          assert.is_true(reads < 20, reads .. " reads")
        end
      end)
    end
  end

  -- What its methods do to those above; each is refused with an error, or without effect.
  local acts = {
    { "polls the stream above", function(above) above.stream:poll() end },
    { "disconnects the stream above", function(above) above.stream:disconnect_from_stream() end },
    { "connects the stream above anew",
      function(above) above.stream:connect_to_stream(above.below, "localhost") end },
    { "sends over the stream above", function(above) above.stream:put_data("x") end },
    { "reads from the stream above", function(above) above.stream:get_partial_data(10) end },
    { "closes the client", function(above) above.client:close() end },
    { "polls the client", function(above) above.client:poll() end },
    { "takes the client's connection away", function(above) above.client:set_connection(nil) end },
    { "sends the client elsewhere",
      function(above) above.client:connect_to_host("127.0.0.1", 9) end },
    { "asks for the client's facts", function(above)
      above.client:get_peer_certificate()
      above.client:get_tls_version()
      above.client:get_remote_address()
    end },
    { "puts the client into TLS of its own", function(above) streams.tls(above.stream) end },
    { "collects the garbage", function() collectgarbage() end },
  }
  for _, act in ipairs(acts) do
    it("that " .. act[1] .. " does no harm", function()
      local above = {}
      local calls = 0
      local stream, conn, below, step = world(1000, function()
        calls = calls + 1
        if above.client then
          pcall(act[2], above)
        end
      end)
      local client = client_of(stream)
      above.client, above.stream, above.below = client, stream, below
      client:request(HTTPClient.METHOD_GET, "/", {})
      local answered
      for _ = 1, 400 do
        step()
        client:poll()
        if client:get_status() == HTTPClient.STATUS_BODY then
          client:read_response_body_chunk()
          break
        end
        if not answered and conn:handshake_done() and conn:recv_until("\r\n\r\n", 0) then
          answered = conn:send(ANSWER)
        end
        if client:get_status() ~= HTTPClient.STATUS_REQUESTING then
          break
        end
        native.sleep(0.0005)
      end
      assert.is_true(calls > 0)
      above.client, above.stream, below.hook = nil, nil, nil
      client:close()
      assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end)
  end

  it("that fails while it is written to says so", function()
    local stream = streams.tls({
      put_partial_data = function() error("no ink", 0) end,
      get_partial_data = function() return Error.OK, "" end,
    })
    local client = client_of(stream)
    support.request(client)
    support.pump(client, support.is_answered_or_failed)
    local code, message = client:get_last_error()
    assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.truthy(message:find("no ink", 1, true), message)
  end)
end)

describe("the connection of a client", function()
  it("is a StreamPeerTLS over a StreamPeerTCP, which both outlive it", function()
    local client, conn, outcome = tls.connect({ tls = tls.trusting() })
    finally(function() tls.close(outcome) end)
    local stream = client:get_connection()
    assert.equal(StreamPeerTLS.STATUS_CONNECTED, stream:get_status())
    assert.equal(stream, client:get_connection())
    local below = stream:get_stream()
    assert.equal("localhost", below:get_connected_host())
    assert.equal(outcome.listener:port(), below:get_connected_port())
    assert.equal(StreamPeerTCP.STATUS_CONNECTED, below:get_status())
    assert.equal(Error.OK, (stream:put_data("by hand")))
    assert.equal("by hand", conn:recv_n(7))
    client:close()
    assert.equal(StreamPeerTLS.STATUS_DISCONNECTED, stream:get_status())
    assert.equal(StreamPeerTCP.STATUS_NONE, below:get_status())
    assert.equal(Error.ERR_UNCONFIGURED, (stream:put_data("x")))
    assert.equal("", conn:recv(1)) -- with a close_notify
  end)
end)

describe("a StreamPeerTLS whose handshake has failed", function()
  -- The bytes of the server, the ending.
  local cases = {
    { "HTTP/1.1 400 No\r\n\r\n", "keep" }, { "", "close" }, { "", "reset" },
    { "\21\3\3\0\2\1\0", "keep" },
    { "\21\3\3\0\2\2\40", "close" },
  }
  for i, case in ipairs(cases) do
    it("goes on saying so, case " .. i, function()
      local listener = listen()
      local stream = streams.tls(streams.tcp(listener:port()))
      local conn = assert(listener:accept())
      support.until_true(function()
        stream:poll()
        return conn:recv(65536, 0)
      end)
      conn:send(case[1])
      if case[2] ~= "keep" then
        conn[case[2]](conn)
      end
      local code, message = shake(stream)
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      for _ = 1, 2 do
        assert.equal(StreamPeerTLS.STATUS_ERROR, stream:get_status())
        assert.same({ code, message }, { stream:poll() })
        assert.same({ code, "", message }, { stream:get_data(1) })
        assert.same({ code, "", message }, { stream:get_partial_data(1) })
        assert.same({ code, message }, { stream:put_data("x") })
        assert.equal(0, stream:get_available_bytes())
      end
      stream:disconnect_from_stream()
      assert.equal(StreamPeerTLS.STATUS_DISCONNECTED, stream:get_status())
      conn:close()
    end)
  end
end)
