-- legacy_renegotiation: a server that does not know RFC 5746, whose ServerHello has no renegotiation_info.
local native = require("spec_native")
local httpclient = require("httpclient")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local function record(message)
  return "\22\3\3" .. string.char(math.floor(#message / 256), #message % 256) .. message
end

local function handshake(kind, body)
  return string.char(kind, 0, math.floor(#body / 256), #body % 256) .. body
end

-- TLS 1.2, ECDHE-RSA-AES128-GCM-SHA256, no compression; with the extension it is empty (RFC 5746 section 3.4).
local function server_hello(extensions)
  return handshake(2, "\3\3" .. ("r"):rep(32) .. "\0\192\47\0" .. extensions)
end

-- -> the message of the failed handshake
local function shake(extra, extensions)
  local listener = assert(native.listen({}))
  local client = httpclient.HTTPClient.new()
  client:connect_to_host("localhost", listener:port(), tls.trusting(nil, extra))
  local conn = support.accept(listener, client)
  finally(function()
    client:close()
    conn:close()
    listener:close()
  end)
  -- What follows is no certificate: who takes the hello stumbles over that.
  conn:send(record(server_hello(extensions) .. handshake(14, "")))
  support.pump(client, httpclient.HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
  return select(2, client:get_last_error())
end

describe("legacy_renegotiation", function()
  local refused = "legacy renegotiation"

  it("is off: such a server is refused at its hello", function()
    for _, extra in ipairs({ {}, { legacy_renegotiation = false } }) do
      local message = shake(extra, "")
      assert.truthy(message:find(refused, 1, true), message)
    end
  end)

  it("has the handshake go on", function()
    local message = shake({ legacy_renegotiation = true }, "")
    assert.is_nil(message:find(refused, 1, true), message)
    assert.truthy(message:find("unexpected message", 1, true), message)
  end)

  it("is of no matter for a server that knows it", function()
    local message = shake({}, "\0\5\255\1\0\1\0")
    assert.truthy(message:find("unexpected message", 1, true), message)
  end)
end)
