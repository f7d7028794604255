-- TLS handshakes that go wrong, each with the words that say so.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

describe("a server that", function()
  local HELLO = "\22\3\3\0\74\2\0\0\70"
  -- What it does, the bytes that it sends, the ending, words of the message.
  local cases = {
    { "hangs up", "", "close", "the server closed the connection" },
    { "resets", "", "reset", "reset" },
    { "ends its side", "", "shutdown", "the server closed the connection" },
    { "speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "keep", "no TLS record" },
    { "speaks SMTP", "220 mail.example ESMTP\r\n", "keep", "no TLS record" },
    { "speaks SSH", "SSH-2.0-OpenSSH_9.2\r\n", "keep", "no TLS record" },
    { "sends zeros", ("\0"):rep(600), "keep", "no TLS record" },
    { "sends FF", ("\255"):rep(600), "keep", "" },
    { "sends a record that is too long", "\22\3\3\255\255" .. ("x"):rep(600), "keep", "length" },
    { "sends a record of no known kind", "\99\3\3\0\1x", "keep", "" },
    { "sends empty records", ("\22\3\3\0\0"):rep(100), "keep", "" },
    { "sends application data", "\23\3\3\0\5hello", "keep", "" },
    { "sends a change of ciphers", ("\20\3\3\0\1\1"):rep(100), "keep", "" },
    { "sends a broken ServerHello", HELLO .. ("\255"):rep(70), "keep", "TLS handshake: " },
    { "hangs up in the ServerHello", HELLO .. "\3\3", "close", "the server closed the connection" },
    { "hangs up in a record's head", "\22\3", "close", "the server closed the connection" },
    { "alerts a handshake failure", "\21\3\3\0\2\2\40", "close",
      "server alert: handshake failure (40)" },
    { "alerts an unknown name", "\21\3\3\0\2\2\112", "close",
      "server alert: unrecognized name (localhost)" },
    { "alerts a version", "\21\3\3\0\2\2\70", "close",
      "server alert: protocol version (offered: TLS 1.2 to 1.3)" },
    { "alerts an internal error", "\21\3\3\0\2\2\80", "reset",
      "server alert: internal error (80)" },
    { "alerts without an end", ("\21\3\3\0\2\1\90"):rep(100), "keep", "" },
    { "says good-bye at once", "\21\3\3\0\2\1\0", "keep", "the server closed the connection" },
  }
  -- RFC 8446 section 6 and appendix B.2.
  local alerts = {
    [10] = "unexpected message", [20] = "bad record mac", [22] = "record overflow",
    [40] = "handshake failure", [42] = "bad certificate", [43] = "unsupported certificate",
    [44] = "certificate revoked", [45] = "certificate expired", [46] = "certificate unknown",
    [47] = "illegal parameter", [48] = "unknown ca", [49] = "access denied", [50] = "decode error",
    [51] = "decrypt error", [71] = "insufficient security", [80] = "internal error",
    [86] = "inappropriate fallback", [109] = "missing extension", [110] = "unsupported extension",
    [113] = "bad certificate status response", [115] = "unknown psk identity",
    [116] = "certificate required", [120] = "no application protocol", [99] = "unknown alert",
  }
  for number, name in pairs(alerts) do
    cases[#cases + 1] = { ("alerts number %d"):format(number), "\21\3\3\0\2\2"
      .. string.char(number), "close",
      ("server alert: %s (%d)"):format(name, number) }
  end
  cases[#cases + 1] = { "speaks none of several protocols", "\21\3\3\0\2\2\120", "close",
    "server alert: no application protocol (120); offered: h2, other/1",
    { alpn = { "h2", "other/1" } } }
  for _, case in ipairs(cases) do
    it(case[1] .. " is a handshake's failure, and says so", function()
      local listener = assert(native.listen({}))
      local client = HTTPClient.new()
      assert.equal(Error.OK, client:connect_to_host("localhost", listener:port(),
        tls.trusting(nil, case[5])))
      local conn = support.accept(listener, client)
      finally(function()
        client:close()
        conn:close()
        listener:close()
      end)
      support.until_true(function()
        client:poll()
        return conn:recv(65536, 0) -- the ClientHello: a close must not become a reset by it
      end)
      conn:send(case[2])
      if case[3] ~= "keep" then
        conn[case[3]](conn)
      end
      support.pump(client, support.is_connected_or_failed)
      tls.expect_error(client, "STATUS_TLS_HANDSHAKE_ERROR", case[4])
    end)
  end

  it("hangs up before the ClientHello is a handshake's failure", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    assert.equal(Error.OK, client:connect_to_host("127.0.0.1", listener:port(), tls.trusting()))
    local conn = assert(listener:accept())
    conn:close()
    support.pump(client, support.is_connected_or_failed)
    listener:close()
    tls.expect_error(client, "STATUS_TLS_HANDSHAKE_ERROR", "TLS handshake: ")
  end)

  it("stays silent runs into the connect timeout, in the handshake's phase", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    client.connect_timeout = 0.05
    -- Without a poll: the timeout is told once.
    assert.equal(Error.OK, client:connect_to_host("127.0.0.1", listener:port(), tls.trusting()))
    local conn = assert(listener:accept())
    finally(function()
      conn:close()
      listener:close()
    end)
    local code
    support.until_true(function()
      code = client:wait(1)
      return support.is_connected_or_failed(client)
    end)
    assert.equal(Error.ERR_TIMEOUT, code)
    local _, message = client:get_last_error()
    assert.truthy(message:find("connect timeout after 0.050 s", 1, true), message)
    assert.equal(HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, client:get_status())
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
  end)
end)

describe("a connection", function()
  it("is held to a higher security level where the ciphers ask for it", function()
    local outcome = tls.attempt({ tls = tls.trusting(nil, { ciphers = "DEFAULT@SECLEVEL=3" }),
      server = certs.localhost_rsa.tls() })
    finally(function() tls.close(outcome) end)
    tls.expect_error(outcome.client, "STATUS_TLS_HANDSHAKE_ERROR", "key too weak")
  end)
end)
