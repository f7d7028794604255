-- A connection's life: every state and what poll says in it, keeping alive, how each answer ends.
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local native = require("spec_native")
local ports = require("spec.support.ports")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\n"

local head_of, status_of = support.head_of, support.status_of
local _, listen, world = require("spec.support.world")(after_each)

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
      support.answer(client, conn, OK .. "Content-Length: 3\r\n\r\nab")
      return client
    end, "OK" },
    { "CONNECTION_ERROR", function()
      local client, conn = world()
      support.answer(client, conn, "NO\r\n")
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

    it("and all else in " .. name
      .. " is safe; close leads out, and the client connects again", function()
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
      support.answer(client, conn, "HTTP/1.1 204 No\r\n\r\n")
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
      support.answer(client, conn, OK .. "Content-Length: 1\r\n\r\n" .. i)
      assert.equal(tostring(i), (support.read_all(client)))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(Error.OK, (client:poll()))
    end
    assert.equal("timeout", select(2, listener:accept(0)))
  end)

  -- what comes, a part of the message
  local intrusions = {
    { "a late 408",
      function(conn) conn:send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") end,
      "unexpected" },
    { "a line end", function(conn) conn:send("\r\n") end, "unexpected" },
    { "the end of the connection", function(conn) conn:shutdown() end, "closed" },
    { "a reset", function(conn) conn:reset() end, "reset" },
  }
  for _, case in ipairs(intrusions) do
    it(case[1] .. " is CONNECTION_ERROR at the next poll", function()
      local client, conn = world()
      support.answer(client, conn, OK .. "Content-Length: 1\r\n\r\na")
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
      support.answer(client, conn, OK .. "Content-Length: 1\r\n\r\na")
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
    it("bytes that came in one piece with the answer before are no answer, blocking mode "
      .. tostring(blocking), function()
      for _, poll_between in ipairs({ false, true }) do
        local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
          { "send", OK .. "Content-Length: 2\r\n\r\nhi" .. OK .. "Content-Length: 4\r\n\r\nevil" },
          { "stall" } })
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
    support.answer(client, conn, "HTTP/1.1 204 No\r\n\r\n" .. OK .. "Content-Length: 0\r\n\r\n")
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
    support.answer(client, conn, "HTTP/1.1 201 Made\r\nContent-Length: 1\r\nA: b\r\n\r\nx")
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
    { "with a body, and Connection: close", "GET",
      OK .. "Connection: close\r\nContent-Length: 1\r\n\r\nx", "BODY", "DISCONNECTED" },
    { "with Content-Length 0", "GET", OK .. "Content-Length: 0\r\n\r\n", "BODY", "CONNECTED" },
    { "with Content-Length 0, and Connection: close", "GET",
      OK .. "Connection: close\r\nContent-Length: 0\r\n\r\n", "BODY", "DISCONNECTED" },
    { "with an empty chunked body", "GET", OK .. "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "BODY", "CONNECTED" },
    { "to HEAD", "HEAD", OK .. "Content-Length: 9\r\n\r\n", "BODY", "CONNECTED" },
    { "to HEAD, chunked", "HEAD", OK .. "Transfer-Encoding: chunked\r\n\r\n", "BODY", "CONNECTED" },
    { "to HEAD, and Connection: close", "HEAD", OK .. "Connection: close\r\n\r\n", "BODY",
      "DISCONNECTED" },
    { "204", "GET", "HTTP/1.1 204 No\r\n\r\n", "CONNECTED" },
    { "204, and Connection: close", "GET", "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
      "DISCONNECTED" },
    { "204 of HTTP/1.0", "GET", "HTTP/1.0 204 No\r\n\r\n", "DISCONNECTED" },
    { "304", "GET", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", "CONNECTED" },
    { "101", "GET", "HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "CONNECTED" },
    { "204 to HEAD", "HEAD", "HTTP/1.1 204 No\r\n\r\n", "CONNECTED" },
  }
  for _, case in ipairs(ends) do
    it(("%s goes to %s%s"):format(case[1], case[4], case[5] and ", and its end to " .. case[5]
      or ""), function()
      local client, conn = world()
      support.answer(client, conn, case[3], case[2])
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
