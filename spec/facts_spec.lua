-- What a response and its connection turned out to be.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local wire = require("spec.support.wire")(after_each)

local function world(answer, options)
  local client, conn, listener = wire.connect(options)
  if answer then
    support.ask(client, conn)
    conn:send(answer)
    support.pump(client, HTTPClient.STATUS_BODY)
  end
  return client, conn, listener
end

describe("header fields", function()
  it("are found in any letter case, joined or as a list", function()
    local client = world("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVary: a\r\nset-cookie: x=1\r\nvary: b\r\n" ..
      "Set-Cookie: y=2\r\nEmpty:\r\n\r\n")
    assert.equal("a, b", client:get_response_header("VARY"))
    assert.same({ "x=1", "y=2" }, client:get_response_header_values("Set-Cookie"))
    assert.equal("", client:get_response_header("empty"))
    assert.is_nil(client:get_response_header("absent"))
    assert.same({}, client:get_response_header_values("absent"))
  end)
end)

describe("trailers and counters", function()
  it("are there when the body is done", function()
    local client = world("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\nsum:2\r\n\r\n")
    assert.same({}, client:get_response_trailers())
    assert.equal(0, client:get_response_body_received())
    assert.equal("abc", (support.read_all(client)))
    assert.equal(3, client:get_response_body_received())
    assert.same({ "Sum: 1", "sum: 2" }, client:get_response_trailers())
  end)
end)

describe("the connection", function()
  it("tells its remote address, and no TLS where there is none", function()
    local client, _, listener = world()
    local address, port = client:get_remote_address()
    assert.same({ "127.0.0.1", listener:port() }, { address, port })
    for _, name in ipairs({ "get_peer_certificate", "get_tls_version", "get_tls_cipher",
      "get_alpn" }) do
      assert.is_nil((client[name](client)))
      assert.is_nil((client[name](HTTPClient.new())))
    end
    assert.is_nil((HTTPClient.new():get_remote_address()))
  end)

  it("tells TLS version, cipher, protocol and certificate", function()
    local client = world(nil, {
      tls = httpclient.TLSOptions.client_unsafe(nil, { alpn = { "http/1.1" } }),
      server_tls = certs.localhost.tls({ alpn = { "http/1.1" } }),
    })
    assert.equal("TLSv1.3", client:get_tls_version())
    assert.truthy(client:get_tls_cipher():find("^TLS_"))
    assert.equal("http/1.1", client:get_alpn())
    local certificate = client:get_peer_certificate()
    assert.truthy(certificate.subject:find("localhost", 1, true))
    assert.equal(certs.localhost.pin, certificate.public_key_pin)
    assert.is_true(certificate.not_before < os.time() and certificate.not_after > os.time())
  end)
end)
