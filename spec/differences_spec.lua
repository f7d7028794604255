-- Where HTTPClient differs from the reference on purpose: one test for each row of the contract's
-- table. The details are in the other specs.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions
local OK = "HTTP/1.1 200 OK\r\n"

local head_of, status_of = support.head_of, support.status_of
local keep, listen, world = require("spec.support.world")(after_each)

-- What the answer comes to; options as for support.play.
local function play(answer, options)
  return support.play(listen(), { answer }, options or { ending = "keep" })
end

describe("unlike the reference", function()
  it("an http:// prefix together with TLS options is refused", function()
    local client = HTTPClient.new()
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (client:connect_to_host("http://h", 443, TLSOptions.client())))
  end)

  it("get_response_headers leaves the list as it is", function()
    local client, conn = world()
    support.request(client)
    head_of(client, conn)
    conn:send(OK .. "A: b\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    for _ = 1, 3 do assert.same({ "A: b", "Content-Length: 0" }, client:get_response_headers()) end
  end)

  it("a body cut short is an error", function()
    local outcome = play(OK .. "Content-Length: 5\r\n\r\nabc", { ending = "shutdown" })
    assert.same({ "abc", "STATUS_CONNECTION_ERROR" }, { outcome.body, outcome.status })
  end)

  it("100 and 103 are not the final response", function()
    local outcome = play("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n" .. OK
      .. "Content-Length: 1\r\n\r\nx")
    assert.same({ 200, "x", "Content-Length: 1" },
      { outcome.code, outcome.body, table.concat(outcome.headers, "|") })
  end)

  it("204 and 304 have no body, whatever their Content-Length says", function()
    for _, code in ipairs({ 204, 304 }) do
      local outcome = play("HTTP/1.1 " .. code .. " x\r\nContent-Length: 5\r\n\r\n")
      assert.same({ code, "", "STATUS_CONNECTED" }, { outcome.code, outcome.body, outcome.status })
    end
  end)

  it("a body without Content-Length and without Connection: close runs to the end of the connection", function()
    local outcome = play(OK .. "\r\nall of it", { ending = "shutdown" })
    assert.same({ "all of it", "STATUS_DISCONNECTED", -1 },
      { outcome.body, outcome.status, outcome.length })
  end)

  it("a chunk over 16 MiB, and one with an extension, work", function()
    local outcome = play(OK
      .. "Transfer-Encoding: chunked\r\n\r\n3;name=\"va;lue\"\r\nabc\r\n0\r\n\r\n")
    assert.equal("abc", outcome.body)
    local size = 16 * 1048576 + 1
    local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send", OK .. ("Transfer-Encoding: chunked\r\n\r\n%x\r\n"):format(size) },
      { "send", ("x"):rep(65536), 256 },
      { "send", "y\r\n0\r\n\r\n" }, { "stall" } })
    local client = keep(support.connect_port(server:port()))
    support.request(client)
    support.pump(client, HTTPClient.STATUS_BODY)
    local body, status = support.read_all(client)
    assert.is_true(#body == size and body:sub(-2) == "xy")
    assert.equal(HTTPClient.STATUS_CONNECTED, status)
    server:stop()
  end)

  it("an endless head, banner or 1xx is refused, not waited for", function()
    for _, answer in ipairs({ OK .. "A: " .. ("x"):rep(70000), "220 mail server ready",
      ("HTTP/1.1 100 C\r\n\r\n"):rep(4000) }) do
      assert.equal("STATUS_CONNECTION_ERROR", play(answer).status)
    end
  end)

  it("the content of a chunk is there as it arrives", function()
    local client, conn = world()
    support.request(client)
    head_of(client, conn)
    conn:send(OK .. "Transfer-Encoding: chunked\r\n\r\nff\r\nabc")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("abc", support.until_true(function()
      local chunk = client:read_response_body_chunk()
      return chunk ~= "" and chunk
    end))
  end)

  it("Connection: close leads to DISCONNECTED behind the body, not to an error", function()
    local outcome = play(OK .. "Connection: close\r\nContent-Length: 1\r\n\r\nx")
    assert.same({ "x", "STATUS_DISCONNECTED", 0 }, { outcome.body, outcome.status, outcome.error })
  end)

  it("TLS 1.3 is spoken, and versions below 1.2 only by extra", function()
    local client = world({ tls = TLSOptions.client(certs.ca.cert),
      server_tls = certs.localhost.tls() })
    assert.equal("TLSv1.3", client:get_tls_version())
    client = world({ tls = TLSOptions.client(certs.ca.cert),
      server_tls = certs.localhost.tls({ max = "1.1", min = "1.0" }) })
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", status_of(client))
    client = world({ tls = TLSOptions.client(certs.ca.cert, "", { min_version = "1.0" }),
      server_tls = certs.localhost.tls({ max = "1.1", min = "1.0" }) })
    assert.equal("TLSv1.1", client:get_tls_version())
  end)

  it("revocation and pinning are there, by extra", function()
    for _, case in ipairs({
      { "localhost", { pinned_keys = { certs.localhost.pin } }, true },
      { "localhost", { pinned_keys = { certs.revoked.pin } }, false },
      { "localhost", { crl_file = certs.crl_file("good") }, true },
      { "revoked", { crl_file = certs.crl_file("good") }, false },
    }) do
      local client = world({ tls = TLSOptions.client(certs.ca.cert, "", case[2]),
        server_tls = certs[case[1]].tls() })
      assert.equal(case[3] and "STATUS_CONNECTED" or "STATUS_TLS_HANDSHAKE_ERROR",
        status_of(client))
    end
  end)

  it("request does not block for a large body: poll uploads", function()
    local client, conn = world()
    support.request(client, "POST", "/", {}, ("x"):rep(16 * 1048576))
    assert.equal(0, client:get_request_body_sent())
    assert.equal("timeout", select(2, conn:recv(1, 0)))
    client:poll()
    local sent = client:get_request_body_sent()
    assert.is_true(sent > 0 and sent < 16 * 1048576)
  end)

  it("blocking mode sleeps", function()
    local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "sleep", 0.1 },
      { "send", "HTTP/1.1 204 No\r\n\r\n" } })
    local client = keep(support.connect_port(server:port()))
    client.blocking_mode_enabled = true
    support.request(client)
    local cpu = native.cputime()
    client:poll()
    assert.is_true(native.cputime() - cpu < 0.05 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1))
    assert.equal(204, client:get_response_code())
    server:stop()
  end)

  it("addresses are raced, not tried until each has timed out", function()
    local text, why = isolated.run([[
      local native = require("spec_native")
      local hole, listener
      for _ = 1, 20 do
        hole = assert(native.blackhole("::1"))
        listener = native.listen({ host = "127.0.0.1", port = hole:port() })
        if listener then break end
      end
      local client = require("httpclient").new()
      client:connect_to_host("both.test", listener:port())
      local before = native.monotonic()
      repeat client:wait(30) until client:get_status() ~= client.STATUS_RESOLVING and client:get_status() ~= client.STATUS_CONNECTING
      print(client:get_status(), native.monotonic() - before < 10)
    ]], { hosts = "::1 both.test\n127.0.0.1 both.test\n" })
    if not text then
      pending(why)
      return
    end
    assert.truthy(text:find("^5%s+true"), text)
  end)

  it("hosts under 4 characters are taken, and an IPv6 Host has brackets", function()
    assert.equal(Error.OK, (HTTPClient.new():connect_to_host("h", 80)))
    local listener = listen("::1")
    local client, conn = support.connect(listener, { host = "::1" })
    keep(client)
    support.request(client)
    assert.truthy(head_of(client, keep(conn)):find("\r\nHost: [::1]:" .. listener:port() .. "\r\n",
      1, true))
  end)

  it("a line end inside a header value is refused", function()
    local client = world()
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (client:request(HTTPClient.METHOD_GET, "/", { "A: b\r\nC: d" })))
  end)

  it("chunked is known in any letter case, and close anywhere in a list", function()
    local outcome = play(OK
      .. "Connection: x, Close\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n")
    assert.same({ "a", "STATUS_DISCONNECTED" }, { outcome.body, outcome.status })
  end)

  it("a status line that is none is an error", function()
    local outcome = play("hello\r\n\r\n")
    assert.same({ "STATUS_CONNECTION_ERROR", 0 }, { outcome.status, outcome.code })
  end)

  it("an answer that comes before the upload is done is read, and the upload stops", function()
    local client, conn = world()
    support.request(client, "POST", "/", {}, ("x"):rep(16 * 1048576))
    head_of(client, conn)
    conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal(413, client:get_response_code())
    support.read_all(client)
    assert.equal("STATUS_DISCONNECTED", status_of(client))
  end)

  it("CONNECT is answered by any 2xx, which has no body", function()
    local outcome = play("HTTP/1.1 201 Yes\r\nContent-Length: 5\r\n\r\n",
      { method = "CONNECT", path = "h:1", ending = "keep" })
    assert.same({ 201, "", 0, "STATUS_CONNECTED" },
      { outcome.code, outcome.body, outcome.length, outcome.status })
    local listener = listen()
    local client = keep(HTTPClient.new())
    client:set_https_proxy("127.0.0.1", listener:port())
    client:connect_to_host("localhost", 443, TLSOptions.client(certs.ca.cert))
    local conn = keep(support.accept(listener, client))
    head_of(client, conn)
    conn:send("HTTP/1.1 201 Yes\r\nContent-Length: 5\r\n\r\n")
    assert.is_true(support.handshake(client, conn, certs.localhost.tls()))
  end)

  it("a GET's body is ignored by request, sent by request_raw", function()
    local client, conn = world()
    assert.equal(Error.OK, (client:request(HTTPClient.METHOD_GET, "/", {}, "body")))
    assert.is_nil(head_of(client, conn):find("Content-Length", 1, true))
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    assert.equal(Error.OK, (client:request_raw(HTTPClient.METHOD_GET, "/", {}, "body")))
    assert.truthy(head_of(client, conn):find("\r\nContent-Length: 4\r\n", 1, true))
    assert.equal("body", conn:recv_n(4))
  end)

  it("an empty POST says Content-Length: 0", function()
    local client, conn = world()
    support.request(client, "POST")
    assert.truthy(head_of(client, conn):find("\r\nContent-Length: 0\r\n", 1, true))
  end)

  it("query strings write true, all digits, null and percent-encoding as they should", function()
    assert.equal("a=true&b=0.1234567891&c&d=%09", HTTPClient.new():query_string_from_dict(
      { a = true, b = 0.1234567891, c = httpclient.null, d = "\t" }))
  end)

  it("a new request sets the code back to 0", function()
    local client, conn = world()
    support.request(client)
    head_of(client, conn)
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    assert.equal(204, client:get_response_code())
    support.request(client)
    assert.equal(0, client:get_response_code())
  end)

  it("set_connection sends a right Host, and watches the given stream", function()
    local listener = listen()
    local peer = httpclient.StreamPeerTCP.new()
    assert.equal(Error.OK, (peer:connect_to_host("127.0.0.1", listener:port())))
    local conn = keep(assert(listener:accept()))
    local client = keep(HTTPClient.new())
    client:set_connection(peer)
    support.request(client)
    assert.truthy(head_of(client, conn):find("\r\nHost: 127.0.0.1:" .. listener:port() .. "\r\n", 1,
      true))
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    conn:shutdown()
    support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
  end)

  it("stray bytes are an error, never the next answer", function()
    local client, conn = world()
    conn:send("HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n")
    native.wait_fd(client:get_fd(), "r", 5)
    support.request(client)
    support.pump(client, support.is_answered_or_failed)
    assert.same({ "STATUS_CONNECTION_ERROR", 0 }, { status_of(client), client:get_response_code() })
  end)

  it("the dictionary joins repeated headers", function()
    local client, conn = world()
    support.request(client)
    head_of(client, conn)
    conn:send(OK .. "A: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("1; 2", client:get_response_headers_as_dictionary().A)
  end)
end)
