-- An https:// proxy that is rude: what it says comes in pieces, is cut off, is none of what it should say, or too much.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local proxy_answers = require("spec.support.proxy_answers")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TRUSTING = tls.trusting()
local OPENED = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"

local keep, listen = require("spec.support.world")(after_each)

after_each(function()
  httpclient.pool.close_idle()
end)

local listener
before_each(function()
  listener = listen()
end)

-- A client on its way through the proxy to h.example, in clear unless `secure`. -> client, and the proxy's side before
-- the handshake
local function begin(secure, user)
  local client = keep(HTTPClient.new())
  local url = ("https://%slocalhost:%d"):format(user or "", listener:port())
  assert.equal(Error.OK, (client:set_proxy(url, { tls_options = TRUSTING })))
  client.connect_to = "h.example:81" -- so that there is a tunnel without TLS, too
  assert.equal(Error.OK,
    (client:connect_to_host("h.example", secure and 443 or 80, secure and TRUSTING or nil)))
  return client, keep(support.accept(listener, client))
end

-- The same, with the proxy's handshake done and its CONNECT read. -> client, conn, the head of CONNECT
local function ask(secure, user)
  local client, conn = begin(secure, user)
  local head
  assert(conn:starttls(certs.localhost.tls()))
  support.until_true(function()
    client:poll()
    return conn:handshake("step")
  end)
  support.until_true(function()
    client:poll()
    head = conn:recv_until("\r\n\r\n", 0)
    return head
  end)
  assert.truthy(head:find("^CONNECT h%.example:81 HTTP/1%.1\r\n"), head)
  return client, conn, head
end

-- It has failed with the proxy, which the message names. -> message
local function expect_proxys_fault(client, what)
  support.pump(client, support.is_connected_or_failed)
  local code, message = client:get_last_error()
  assert.same({ "STATUS_CANT_CONNECT", Error.ERR_CANT_CONNECT },
    { support.status_name(client:get_status()), code }, message)
  assert.truthy(message:find("proxy", 1, true), message)
  assert.truthy(not what or message:find(what, 1, true), message)
  return message
end

-- Each byte is a record of its own.
local function send_bytes(client, conn, bytes)
  for byte in bytes:gmatch("[%z\1-\255]") do
    if not conn:send(byte) then
      return
    end
    client:poll()
  end
end

local function expect_tunnel(client, conn)
  support.pump(client, HTTPClient.STATUS_CONNECTED)
  assert.equal("hello", tls.exchange(client, conn))
end

-- The end of what the proxy sends, with and without a word of TLS.
local endings = {
  { "said", function(conn)
    conn:close_notify(10) -- where the client has not hung up before
    conn:shutdown()
  end },
  { "cut off", function(conn)
    conn:shutdown()
  end },
  { "reset", function(conn)
    conn:reset()
  end },
}

describe("An https:// proxy's 200 to CONNECT", function()
  it("opens the tunnel when it comes byte by byte, and so does what is spoken there", function()
    local client, conn = ask()
    send_bytes(client, conn, OPENED)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    tls.ask(client, conn)
    send_bytes(client, conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert(conn:send("hello"))
    assert.equal("hello", (support.read_all(client)))
  end)

  it("opens the tunnel however it is split", function()
    for at = 1, #OPENED - 1 do
      local client, conn = ask()
      assert(conn:send(OPENED:sub(1, at)))
      for _ = 1, 3 do client:poll() end
      assert.equal("STATUS_CONNECTING", support.status_name(client:get_status()))
      assert(conn:send(OPENED:sub(at + 1)))
      expect_tunnel(client, conn)
      client:close()
    end
  end)

  it("opens the tunnel behind 1xx, in one record with them", function()
    local client, conn = ask()
    assert(conn:send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      .. OPENED))
    expect_tunnel(client, conn)
  end)

  for _, ending in ipairs(endings) do
    it("opens none where its end is " .. ending[1] .. " before it is whole", function()
      for at = 0, #OPENED - 1 do
        local client, conn = ask()
        if at > 0 then assert(conn:send(OPENED:sub(1, at))) end
        ending[2](conn)
        expect_proxys_fault(client)
        client:close()
      end
    end)
  end

  it("has bytes behind it that the handshake with the host gets", function()
    local client, conn = ask("secure")
    assert(conn:send(OPENED .. "HTTP/1.1 400 Bad Request\r\n\r\n"))
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_name(client:get_status()))
  end)

  it("has bytes behind it that a connection in clear wants none of before its request", function()
    local client, conn = ask()
    assert(conn:send(OPENED .. "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    client:request(HTTPClient.METHOD_GET, "/", {})
    support.pump(client, support.is_answered_or_failed)
    assert.equal("STATUS_CONNECTION_ERROR", support.status_name(client:get_status()))
  end)

  it("may be there before it was asked for", function()
    local client, conn = begin()
    assert(conn:starttls(certs.localhost.tls()))
    support.until_true(function()
      client:poll()
      return conn:handshake("step")
    end)
    assert(conn:send(OPENED))
    support.head_of(client, conn)
    expect_tunnel(client, conn)
  end)
end)

describe("An https:// proxy that answers CONNECT with", function()
  for _, case in ipairs(proxy_answers) do
    for _, how in ipairs({ "whole", "byte by byte" }) do
      it(case[1] .. ", " .. how .. ", is CANT_CONNECT and gets no more bytes", function()
        for _, ending in ipairs(endings) do
          local client, conn = ask("secure")
          if how == "byte by byte" then
            send_bytes(client, conn, case[2])
          elseif case[2] ~= "" then
            conn:send(case[2])
          end
          if ending[1] ~= "reset" then
            ending[2](conn)
            expect_proxys_fault(client, case[3])
            local rest = conn:recv_all()
            assert.is_true(rest == "" or rest == nil, "the proxy got more bytes")
          end
          client:close()
        end
      end)
    end
  end

  local floods = {
    { "1xx without end", "HTTP/1.1 102 Processing\r\nX-Wait: " .. ("w"):rep(200) .. "\r\n\r\n" },
    { "a line without end", ("x"):rep(1000), "HTTP/1.1 200 " },
    { "field lines without end", ("X-Field: %s\r\n"):format(("v"):rep(900)),
      "HTTP/1.1 200 OK\r\n" },
    { "a field without end", ("v"):rep(1000), "HTTP/1.1 200 OK\r\nX: " },
  }
  for _, case in ipairs(floods) do
    it(case[1] .. " is refused once the limit for heads is passed", function()
      local client, conn = ask()
      local limit, sent = client.max_header_size, 0
      conn:send(case[3] or "")
      support.until_true(function()
        if conn:send(case[2]) then
          sent = sent + #case[2]
        end
        client:poll()
        return client:get_status() ~= HTTPClient.STATUS_CONNECTING
      end)
      expect_proxys_fault(client, "limit")
      assert.is_true(sent >= limit - 2000 and sent <= limit + 70000, sent)
    end)
  end
end)

describe("An https:// proxy that shakes no hands", function()
  local hello = {
    { "an answer in clear", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" },
    { "a 200 in clear", OPENED },
    { "an alert", "\21\3\3\0\2\2\40" },
    { "zero bytes", ("\0"):rep(100) },
    { "a record that is too long", "\22\3\3\255\255" .. ("x"):rep(100) },
    { "an end at once", "" },
  }
  for _, case in ipairs(hello) do
    for _, how in ipairs({ "whole", "byte by byte" }) do
      it("but gives " .. case[1] .. ", " .. how .. ", is CANT_CONNECT", function()
        local client, conn = begin("secure", "u:SECRET@")
        support.until_true(function()
          client:poll()
          return conn:recv(1, 0)
        end)
        if how == "byte by byte" then
          send_bytes(client, conn, case[2])
        elseif case[2] ~= "" then
          conn:send(case[2])
        end
        conn:shutdown()
        local message = expect_proxys_fault(client)
        assert.is_nil(message:find("SECRET", 1, true), message)
        local rest = conn:recv_all() or ""
        assert.is_nil(rest:find("CONNECT", 1, true), "CONNECT went out in clear")
        assert.is_nil(rest:find("Proxy-Authorization", 1, true))
      end)
    end
  end
end)

describe("An https:// proxy that answers 407 again and again", function()
  local function refusal(number)
    return ('HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="r", nonce="n%d", qop="auth", stale=true\r\n')
      :format(number) .. "Content-Length: 2\r\n\r\nno"
  end

  for _, scheme in ipairs({ "http", "https" }) do
    it("is given up after three requests, for " .. scheme, function()
      local refusals = {}
      for index = 1, 9 do refusals[index] = refusal(index) end
      local server = keep(serve({ refusals }, { tls = certs.localhost.tls() }))
      local response, message, code = httpclient.fetch(scheme .. "://h.invalid/",
        { proxy = ("https://u:SECRET@localhost:%d"):format(server:port()), timeout = 20,
          proxy_tls_options = TRUSTING })
      if scheme == "http" then
        assert.equal(407, response and response.status, message)
      else
        assert.is_nil(response)
        assert.equal(Error.ERR_CANT_CONNECT, code)
        assert.truthy(message:find("407", 1, true), message)
        assert.is_nil(message:find("SECRET", 1, true), message)
      end
      local _, count = server:requests()[1]:gsub("\r\n\r\n", "")
      assert.equal(3, count)
    end)
  end
end)
