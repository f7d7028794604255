-- A build without TLS (make HC_TLS=0): http is as ever, whatever needs TLS says that it is not there.
-- `make test-notls` runs it.
local core = require("httpclient.core")
local httpclient = require("httpclient")
local play = require("spec.support.steps")(after_each)

local Error = httpclient.Error
local LACK = "this build is without TLS"
local PEM = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"

describe("a build without TLS", function()
  it("says so in features()", function()
    local features = httpclient.features()
    assert.same({ false, false }, { features.openssl, features.mbedtls })
  end)

  it("has nothing to load before a first connection", function()
    httpclient.prepare()
    assert.is_true(core.prepare_tls())
  end)

  it("gets http", function()
    local server = play({ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" })
    local response = assert(httpclient.fetch(server.url("/")))
    assert.equal("hello", response.body)
  end)

  it("refuses https at once, with ERR_UNAVAILABLE", function()
    local client = httpclient.HTTPClient.new()
    for _, options in ipairs({ httpclient.TLSOptions.client(),
      httpclient.TLSOptions.client_unsafe() }) do
      local code, message = client:connect_to_host("127.0.0.1", 443, options)
      assert.same({ Error.ERR_UNAVAILABLE, LACK }, { code, message })
      assert.equal(httpclient.HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end
  end)

  it("refuses https in fetch", function()
    local response, message, code = httpclient.fetch("https://127.0.0.1/")
    assert.is_nil(response)
    assert.equal(Error.ERR_UNAVAILABLE, code)
    assert.truthy(message:find(LACK, 1, true), message)
  end)

  it("refuses a proxy that is spoken to by TLS", function()
    local response, _, code = httpclient.fetch("http://127.0.0.1/",
      { proxy = "https://127.0.0.1:9" })
    assert.is_nil(response)
    assert.equal(Error.ERR_UNAVAILABLE, code)
  end)

  it("refuses TLS over a stream", function()
    local server = play({ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" })
    local below = httpclient.StreamPeerTCP.new()
    below:connect_to_host("127.0.0.1", tonumber(server.url("/"):match(":(%d+)/")))
    repeat
      below:poll()
    until below:get_status() ~= httpclient.StreamPeerTCP.STATUS_CONNECTING
    local code, message = httpclient.StreamPeerTLS.new():connect_to_stream(below, "a.example")
    assert.same({ Error.ERR_UNAVAILABLE, LACK }, { code, message })
  end)

  it("refuses certificates and keys", function()
    for _, object in ipairs({ httpclient.X509Certificate.new(), httpclient.CryptoKey.new() }) do
      local code, message = object:load_from_string(PEM)
      assert.equal(Error.ERR_UNAVAILABLE, code)
      assert.truthy(message:find(LACK, 1, true), message)
    end
  end)

  it("refuses options that can't be kept", function()
    for _, extra in ipairs({ { min_version = "1.3" }, { ciphers = "HIGH" } }) do
      local done, message = pcall(httpclient.TLSOptions.client, nil, nil, extra)
      assert.is_false(done)
      assert.truthy(message:find(LACK, 1, true), message)
    end
  end)

  it("has random bytes", function()
    local one, two = core.random_bytes(64), core.random_bytes(64)
    assert.equal(64, #one)
    assert.are_not.equal(one, two)
  end)
end)
