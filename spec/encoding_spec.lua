-- base64_encode, base64_decode, hex, digest, hmac, features, and the classes' other names.
local httpclient = require("httpclient")

local features = httpclient.features()
local INVALID = httpclient.Error.ERR_INVALID_PARAMETER
local library = features.openssl and "OpenSSL" or "this build"
local every = {}
for byte = 0, 255 do
  every[#every + 1] = string.char(byte)
end
every = table.concat(every)

local function hex(bytes, ...)
  assert(bytes, ...)
  return httpclient.hex(bytes)
end

describe("Base64", function()
  -- RFC 4648 section 10
  for text, encoded in pairs({
    [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
    foobar = "Zm9vYmFy", ["\255\255\254\0"] = "///+AA==",
  }) do
    it("writes and reads " .. encoded, function()
      assert.equal(encoded, httpclient.base64_encode(text))
      assert.equal(text, httpclient.base64_decode(encoded))
    end)
  end
  it("gives back any bytes of any length", function()
    local long = every:rep(1000)
    for _, text in ipairs({ every, every .. "a", every .. "ab", long }) do
      assert.is_true(httpclient.base64_decode(httpclient.base64_encode(text)) == text)
    end
  end)
  for name, text in pairs({
    ["text of another alphabet"] = "_-8=", ["a blank"] = "Zm 9", ["a line end"] = "Zm9v\n",
    ["missing padding"] = "Zg", ["one character"] = "Z", ["padding alone"] = "====",
    ["padding of three"] = "Z===", ["padding in between"] = "Zg==Zg==", ["a lone end"] = "Zm=v",
    ["bits that are over"] = "Zh==", ["bits over of two bytes"] = "Zm9=", ["a NUL"] = "Zm9\0",
  }) do
    it("refuses " .. name, function()
      local bytes, message, code = httpclient.base64_decode(text)
      assert.is_nil(bytes)
      assert.equal("the text is no Base64", message)
      assert.equal(httpclient.Error.ERR_INVALID_DATA, code)
    end)
  end
end)

describe("hex", function()
  it("writes two digits a byte, in lower case", function()
    assert.equal("", httpclient.hex(""))
    assert.equal("00ff10abcdef", httpclient.hex("\0\255\16\171\205\239"))
    assert.equal(512, #httpclient.hex(every))
  end)
end)

describe("digest", function()
  for algorithm, expected in pairs({
    md5 = "900150983cd24fb0d6963f7d28e17f72",
    sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d",
    SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ["SHA2-256"] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ["SHA512-256"] = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
    ["SHA3-256"] = features.openssl
      and "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" or nil,
    ["SHA-224"] = "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
    sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
      .. "8086072ba1e7cc2358baeca134c825a7",
    sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      .. "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ["SHA2-512/224"] = "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
  }) do
    it("knows " .. algorithm, function()
      assert.equal(expected, hex(httpclient.digest(algorithm, "abc")))
    end)
  end
  it("takes any bytes, none and many", function()
    assert.equal("d41d8cd98f00b204e9800998ecf8427e", hex(httpclient.digest("md5", "")))
    assert.equal("40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880",
      hex(httpclient.digest("sha256", every)))
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      hex(httpclient.digest("sha256", ("a"):rep(1000000))))
  end)
  it("says which algorithm there is not, and goes on", function()
    local bytes, message, code = httpclient.digest("no-such", "abc")
    assert.is_nil(bytes)
    assert.equal(library .. " has no digest with 'no-such'", message)
    assert.equal(INVALID, code)
    assert.truthy(httpclient.digest("sha256", "abc"))
  end)
end)

describe("hmac", function()
  -- RFC 4231, RFC 2202
  for _, case in ipairs({
    { "sha256", "\11", 20, "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "sha256", "Jefe", 1, "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "sha256", "\170", 131, "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { "sha1", "Jefe", 1, "what do ya want for nothing?",
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
    { "md5", "", 1, "", "74e6f7298a9c2d168935f58c001bad88" },
  }) do
    it(("is that of RFC 4231 and its like: %s of '%s'"):format(case[1], case[4]), function()
      assert.equal(case[5], hex(httpclient.hmac(case[1], case[2]:rep(case[3]), case[4])))
    end)
  end
  it("says which algorithm there is not", function()
    local bytes, message, code = httpclient.hmac("no-such", "key", "abc")
    assert.is_nil(bytes)
    assert.equal(library .. " has no HMAC with 'no-such'", message)
    assert.equal(INVALID, code)
  end)
end)

describe("arguments of these functions", function()
  for name, calls in pairs({
    base64_encode = { {}, { 5 } }, base64_decode = { {}, { {} } }, hex = { {}, { true } },
    digest = { {}, { "md5" }, { 5, "" }, { "md\0005", "" } },
    hmac = { {}, { "md5" }, { "md5", "" }, { "md5", "", 5 }, { "md\0005", "", "" } },
  }) do
    it("raise when they are wrong: " .. name, function()
      for _, arguments in ipairs(calls) do
        local ok, message = pcall(httpclient[name],
          (table.unpack or unpack)(arguments)) -- luacheck: ignore
        assert.is_false(ok)
        assert.truthy(message:find("bad argument #%d to '" .. name .. "'"), message)
      end
    end)
  end
end)

describe("features", function()
  it("has the version of everything that the build has, false for the rest, and the platform",
    function()
    for _, name in ipairs({ "openssl", "mbedtls" }) do
      local version = features[name]
      assert.truthy(version == false or version:find("^%d+%.%d+%.%d+"), name)
    end
    assert.truthy(features.zlib:find("^%d+%.%d+"))
    for _, name in ipairs({ "nghttp2", "brotli", "zstd", "idn2", "psl" }) do
      local version = features[name]
      assert.is_true(version == false or version:find("^%d+%.%d+") ~= nil, name)
    end
    assert.equal(features.nghttp2, features.http2)
    assert.truthy(#features.platform > 0)
  end)
  it("is a table of the caller's own", function()
    httpclient.features().zlib = "mine"
    assert.are_not.equal("mine", httpclient.features().zlib)
  end)
end)

describe("a class that is called", function()
  it("makes an HTTPClient", function()
    local client = httpclient.HTTPClient()
    assert.equal(httpclient.HTTPClient.STATUS_DISCONNECTED, client:get_status())
    client:close()
  end)
  it("makes an HTTPRequest", function()
    local request = httpclient.HTTPRequest()
    assert.equal(8, request.max_redirects)
    assert.equal(-1, request:get_body_size())
  end)
end)

describe("StreamPeerSSL", function()
  it("is another name of StreamPeerTLS", function()
    assert.equal(httpclient.StreamPeerTLS, httpclient.StreamPeerSSL)
    assert.equal(httpclient.StreamPeerTLS.STATUS_DISCONNECTED,
      httpclient.StreamPeerSSL.new():get_status())
  end)
end)
