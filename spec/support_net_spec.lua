-- The specs' own sockets, TLS and scripted server, without the client: what they promise has to hold.
local native = require("spec_native")
local certs = require("spec.support.certs")
local ports = require("spec.support.ports")

local function pair(host)
  local listener = assert(native.listen({ host = host }))
  local near = assert(native.connect({ host = host, port = listener:port() }))
  local far = assert(listener:accept())
  listener:close()
  return near, far
end

local function handshake(client, server)
  local client_done, server_done, why
  for _ = 1, 1000 do
    if not client_done then
      client_done, why = client:handshake("step")
      if why then
        return nil, why
      end
    end
    if not server_done then
      server_done, why = server:handshake("step")
      if why then
        return nil, why
      end
    end
    if client_done and server_done then
      return true
    end
  end
  return nil, "no end"
end

local function tls_pair(server_options, client_options, name)
  local near, far = pair()
  client_options.client = true
  assert(near:starttls(client_options, name))
  assert(far:starttls(server_options))
  local ok, why = handshake(near, far)
  return ok and near, ok and far or why
end

describe("sockets", function()
  it("carry bytes both ways, on both families", function()
    for _, host in ipairs({ "127.0.0.1", "::1" }) do
      local near, far = pair(host)
      assert.is_true((near:send("hello\0world")))
      assert.equal("hello\0world", far:recv_n(11))
      assert.is_true((far:send("back")))
      assert.equal("back", near:recv())
      near:close()
      assert.equal("", far:recv())
      far:close()
    end
  end)
  it("receive up to a text, and keep the rest", function()
    local near, far = pair()
    near:send("head\r\n\r\nbody")
    assert.equal("head\r\n\r\n", far:recv_until("\r\n\r\n"))
    assert.equal("bo", far:recv(2))
    near:shutdown()
    local bytes, why, rest = far:recv_n(9)
    assert.is_nil(bytes)
    assert.equal("eof", why)
    assert.equal("dy", rest)
    assert.equal("dy", far:recv_all())
    near:close()
    far:close()
  end)
  it("give up after the time limit", function()
    local near, far = pair()
    local before = native.monotonic()
    local bytes, why = near:recv(1, 0.05)
    local passed = native.monotonic() - before
    assert.is_nil(bytes)
    assert.equal("timeout", why)
    assert.is_true(passed >= 0.05 and passed < 5, tostring(passed))
    local listener = native.listen({})
    assert.equal("timeout", select(2, listener:accept(0)))
    listener:close()
    near:close()
    far:close()
  end)
  it("stop sending when nobody reads", function()
    local near, far = pair()
    near:set_sndbuf(4096)
    local ok, why, sent = near:send(("x"):rep(50000000), 0.05)
    assert.is_nil(ok)
    assert.equal("timeout", why)
    assert.is_true(sent > 0 and sent < 50000000)
    -- On a busy machine the time may have passed before the buffers were full.
    repeat until near:send_some(("x"):rep(4096)) == 0
    near:close()
    far:close()
  end)
  it("reset", function()
    local near, far = pair()
    near:send("unread")
    far:reset()
    local bytes, why = near:recv()
    assert.is_nil(bytes)
    assert.truthy(why:find("reset"), why)
    near:close()
  end)
  it("refuse where nobody listens", function()
    local conn, why = native.connect({ port = ports.free(1)[1] })
    assert.is_nil(conn)
    assert.truthy(why:find("refused"), why)
  end)
  it("tell of readiness", function()
    local near, far = pair()
    assert.equal("", native.wait_fd(near:fd(), "r", 0))
    assert.equal("w", native.wait_fd(near:fd(), "rw", 1))
    far:send("x")
    assert.equal("r", native.wait_fd(near:fd(), "r", 5))
    near:close()
    far:close()
  end)
  it("hang at a black hole", function()
    local hole, why = native.blackhole()
    if not hole then
      pending(why)
      return
    end
    local conn, timeout = native.connect({ port = hole:port(), seconds = 0.1 })
    assert.is_nil(conn)
    assert.equal("timeout", timeout)
    hole:close()
  end)
end)

describe("TLS", function()
  it("carries bytes and tells what was agreed", function()
    local near, far = tls_pair(certs.localhost.tls({ alpn = { "h2", "http/1.1" } }),
      { ca = certs.ca.cert, alpn = { "http/1.1" } }, "localhost")
    assert(near, far)
    assert.is_true((near:send("secret")))
    assert.equal("secret", far:recv_n(6))
    assert.equal("localhost", far:sni())
    assert.equal("TLSv1.3", far:version())
    assert.equal("http/1.1", far:alpn())
    assert.equal("", far:client_subject())
    assert.is_false(far:session_reused())
    assert.is_true((near:close_notify()))
    assert.equal("", far:recv())
    near:close()
    far:close()
  end)
  it("notices an end without close_notify", function()
    local near, far = tls_pair(certs.localhost.tls(), { ca = certs.ca.cert })
    near:shutdown() -- close() with bytes unread would be a reset
    local bytes, why = far:recv()
    assert.is_nil(bytes)
    assert.is_string(why)
    near:close()
    far:close()
  end)
  it("speaks the versions that it is told", function()
    for _, version in ipairs({ "1.2", "1.3" }) do
      local near, far = tls_pair(certs.localhost.tls({ min = version, max = version }), {})
      assert.equal("TLSv" .. version, far:version())
      near:close()
      far:close()
    end
    local near, why = tls_pair(certs.localhost.tls({ max = "1.2" }), { min = "1.3" })
    assert.falsy(near)
    assert.truthy(why:find("protocol version") or why:find("unsupported protocol"), why)
  end)
  it("asks for a client certificate", function()
    local near, far = tls_pair(certs.localhost.tls({ ca = certs.ca.cert, verify_client = true,
      max = "1.2" }),
      { cert = certs.client.cert, key = certs.client.key })
    assert(near, far)
    assert.truthy(far:client_subject():find("spec client", 1, true), far:client_subject())
    near:close()
    far:close()
    local none, why = tls_pair(certs.localhost.tls({ ca = certs.ca.cert, verify_client = true,
      max = "1.2" }), {})
    assert.falsy(none)
    assert.truthy(why:find("certificate"), why)
  end)
  it("sends bytes past the encryption", function()
    local near, far = tls_pair(certs.localhost.tls(), {})
    near:send_raw("this is no TLS record")
    local bytes, why = far:recv()
    assert.is_nil(bytes)
    assert.is_string(why)
    near:close()
    far:close()
  end)
  it("is understood by openssl's client", function()
    local server = native.script({
      { "accept" },
      { "starttls", certs.localhost.tls({ ocsp_response = certs.ocsp(certs.localhost) }) },
      { "recv_until", "\r\n\r\n" }, { "send", "HTTP/1.1 200 OK\r\n\r\nfine" }, { "close_notify" },
      { "close" },
    })
    local process = assert(native.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:"
      .. server:port(), "-CAfile",
      certs.ca.cert_file, "-verify_return_error", "-verify_hostname", "localhost", "-servername",
      "localhost", "-status",
      "-ign_eof" }, { stdin = "pipe", stdout = "pipe" }))
    process:write("GET / HTTP/1.1\r\n\r\n")
    local text = process:read()
    assert.truthy(text:find("Verify return code: 0 (ok)", 1, true), text)
    assert.truthy(text:find("OCSP Response Status: successful", 1, true), text)
    assert.truthy(text:find("Cert Status: good", 1, true), text)
    assert.truthy(text:find("\r\n\r\nfine", 1, true), text)
    assert.is_true(server:wait())
    assert.equal("localhost", server:tls_info().sni)
    assert.is_true(server:stop())
    process:close()
  end)
end)

describe("scripts", function()
  it("play their steps and keep what they received", function()
    local server = native.script({
      { "repeat", 2, { { "accept" }, { "recv_until", "\n" }, { "drip", "answer" }, { "close" } } },
    })
    for i = 1, 2 do
      local conn = assert(native.connect({ port = server:port() }))
      conn:send("question " .. i .. "\n")
      assert.equal("answer", conn:recv_all())
      conn:close()
    end
    assert.is_true(server:wait())
    assert.equal("question 1\nquestion 2\n", server:received())
    assert.equal("question 2\n", server:received(2))
    assert.equal(2, server:connections())
    assert.is_true(server:done())
    assert.is_true(server:stop())
  end)
  it("wait at gates", function()
    local server = native.script({ { "accept" }, { "gate", "go" }, { "send", "x", 3 },
      { "stall" } })
    local conn = assert(native.connect({ port = server:port() }))
    assert.is_true(server:wait_gate("go"))
    assert.equal("timeout", select(2, conn:recv(1, 0)))
    server:open_gate("go")
    assert.equal("xxx", conn:recv_n(3))
    assert.is_false(server:done())
    conn:close()
    assert.is_true(server:stop())
  end)
  it("say which step failed", function()
    local server = native.script({ seconds = 0.05, { "accept" }, { "recv_n", 5 } })
    local conn = assert(native.connect({ port = server:port() }))
    local ok, why = server:wait()
    assert.is_nil(ok)
    assert.equal("step 2 (recv_n): timeout", why)
    assert.equal(why, server:error())
    conn:close()
    server:stop()
  end)
  it("reset, refuse and keep connections apart", function()
    local server = native.script({
      { "accept" }, { "accept" }, { "refuse" }, { "select", 1 }, { "send", "first" }, { "reset" },
      { "select", 2 },
      { "send", "second" },
    })
    local first = assert(native.connect({ port = server:port() }))
    local second = assert(native.connect({ port = server:port() }))
    assert.is_true(server:wait())
    assert.equal("second", second:recv_n(6))
    assert.falsy(native.connect({ port = server:port() }))
    assert.is_nil((first:recv_n(6)))
    first:close()
    second:close()
    server:stop()
  end)
  it("tunnel", function()
    local target = native.script({ { "accept" }, { "recv_until", "\n" }, { "send", "through" },
      { "close" } })
    local tunnel = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", "OK\n" },
      { "tunnel", target:port() } })
    local conn = assert(native.connect({ port = tunnel:port() }))
    conn:send("CONNECT\r\n\r\nhello\n")
    assert.equal("OK\n", conn:recv_until("\n"))
    assert.equal("through", conn:recv_all())
    assert.equal("hello\n", target:received())
    conn:close()
    assert.is_true(tunnel:stop())
    assert.is_true(target:stop())
  end)
  it("refuse steps that do not exist", function()
    assert.has_error(function() native.script({ { "dance" } }) end, "no such step: dance")
    assert.has_error(function() native.script({ { "send" } }) end, "step send needs a string")
  end)
end)
