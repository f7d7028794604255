-- TLSOptions: what the constructors take, refuse and give back.
local httpclient = require("httpclient")
local pems = require("spec.support.pems")

local TLSOptions = httpclient.TLSOptions

local CERTIFICATE, OTHER, KEY = pems.one, pems.two, pems.key
local PIN = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

local function certificate(pem)
  local object = httpclient.X509Certificate.new()
  assert.equal(0, object:load_from_string(pem))
  return object
end

-- Both constructors, with `extra` in its place. No tail calls: LuaJIT does not name the function of one.
local function make_client(extra)
  local options = TLSOptions.client(nil, nil, extra)
  return options
end
local function make_client_unsafe(extra)
  local options = TLSOptions.client_unsafe(CERTIFICATE, extra)
  return options
end
local constructors = { { "client", 3, make_client }, { "client_unsafe", 2, make_client_unsafe } }

describe("TLSOptions.client", function()
  it("verifies, by the system's store", function()
    local options = TLSOptions.client()
    assert.is_false(options:is_unsafe_client())
    assert.is_false(options:is_server())
    assert.equal("", options:get_common_name_override())
    assert.is_nil(options:get_trusted_ca_chain())
  end)
  it("takes nil for everything", function()
    assert.is_false(TLSOptions.client(nil, nil, nil):is_unsafe_client())
  end)
  it("gives back the chain's very object", function()
    local chain = certificate(CERTIFICATE)
    assert.equal(chain, TLSOptions.client(chain):get_trusted_ca_chain())
  end)
  it("takes the chain as PEM text", function()
    local chain = TLSOptions.client(CERTIFICATE .. OTHER):get_trusted_ca_chain()
    assert.equal(CERTIFICATE .. OTHER, chain:save_to_string())
  end)
  it("keeps the chain while it lives", function()
    local options = TLSOptions.client(certificate(CERTIFICATE))
    collectgarbage()
    collectgarbage()
    assert.equal(CERTIFICATE, options:get_trusted_ca_chain():save_to_string())
  end)
  it("gives back the name", function()
    assert.equal("other.example",
      TLSOptions.client(nil, "other.example"):get_common_name_override())
    assert.equal("::1", TLSOptions.client(nil, "::1"):get_common_name_override())
  end)
  local refused = {
    { "a chain of another type", { 3 }, "bad argument #1",
      "X509Certificate or PEM text expected, got number" },
    { "a key as chain", { httpclient.CryptoKey.new() }, "bad argument #1", "got CryptoKey" },
    { "an empty certificate as chain", { httpclient.X509Certificate.new() }, "bad argument #1",
      "no certificate" },
    { "a text without certificate as chain", { "hello" }, "bad argument #1", "no certificate" },
    { "a name of another type", { nil, 3 }, "bad argument #2", "string expected" },
    { "a name with a NUL byte", { nil, "good.example\0.bad" }, "bad argument #2", "NUL" },
    { "an extra of another type", { nil, nil, "x" }, "bad argument #3", "table expected" },
  }
  for _, case in ipairs(refused) do
    it("raises on " .. case[1], function()
      local ok, message = pcall(function()
        local options = TLSOptions.client(case[2][1], case[2][2], case[2][3])
        return options
      end)
      assert.is_false(ok)
      assert.truthy(message:find(case[3], 1, true), message)
      assert.truthy(message:find(case[4], 1, true), message)
    end)
  end
end)

describe("TLSOptions.client_unsafe", function()
  it("is unsafe, with and without a chain", function()
    assert.is_true(TLSOptions.client_unsafe():is_unsafe_client())
    local options = TLSOptions.client_unsafe(CERTIFICATE)
    assert.is_true(options:is_unsafe_client())
    assert.equal(CERTIFICATE, options:get_trusted_ca_chain():save_to_string())
    assert.equal("", options:get_common_name_override())
    assert.is_false(options:is_server())
  end)
  it("refuses revocation checks that have no chain to stand on", function()
    assert.is_false((pcall(TLSOptions.client_unsafe, nil, { require_ocsp_stapling = true })))
  end)
end)

it("there is no server side", function()
  assert.is_nil(TLSOptions.server)
end)

for _, constructor in ipairs(constructors) do
  local name, place, make = constructor[1], constructor[2], constructor[3]
  describe("extra of TLSOptions." .. name, function()
    local accepted = {
      { "nothing", {} },
      { "each version as minimum and maximum", { min_version = "1.2", max_version = "1.3" } },
      { "old versions", { min_version = "1.0", max_version = "1.1" } },
      { "pins", { pinned_keys = { PIN, PIN } } },
      { "stapling", { require_ocsp_stapling = true } },
      { "no stapling", { require_ocsp_stapling = false } },
      { "a client certificate as texts", { certificate = CERTIFICATE, private_key = KEY } },
      { "ciphers", { ciphers = "ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" } },
      { "protocol names", { alpn = { "http/1.1", "x\0y" } } },
      { "no protocol names", { alpn = {} } },
    }
    for _, case in ipairs(accepted) do
      it("takes " .. case[1], function()
        assert.equal("userdata", type(make(case[2])))
      end)
    end
    it("takes a client certificate as objects", function()
      local key = httpclient.CryptoKey.new()
      key:load_from_string(KEY)
      assert.equal("userdata",
        type(make({ certificate = certificate(CERTIFICATE), private_key = key })))
    end)

    local refused = {
      { "an unknown key", { min_verison = "1.2" }, "extra.min_verison: unknown key" },
      { "a key that is no string", { "x" }, "unknown key of type number" },
      { "a version as number", { min_version = 1.2 },
        "extra.min_version: string expected, got number" },
      { "an unknown version", { max_version = "1.4" }, "extra.max_version:" },
      { "SSL 3", { min_version = "3.0" }, "extra.min_version:" },
      { "versions the wrong way round", { min_version = "1.3", max_version = "1.2" }, "version" },
      { "a pin that is no list", { pinned_keys = PIN },
        "extra.pinned_keys: array of strings expected, got string" },
      { "a malformed pin", { pinned_keys = { PIN, "sha256/short" } }, "pin" },
      { "a pin with another digest", { pinned_keys = { "sha1/AAAA" } }, "pin" },
      { "an empty list of pins", { pinned_keys = {} }, "extra.pinned_keys:" },
      { "a list of pins with a gap", { pinned_keys = { [1] = PIN, [3] = PIN } },
        "extra.pinned_keys:" },
      { "a pin of another type", { pinned_keys = { 3 } },
        "extra.pinned_keys: array of strings expected, got number" },
      { "a CRL file of another type", { crl_file = true }, "extra.crl_file: string expected" },
      { "an empty path", { crl_file = "" }, "extra.crl_file:" },
      { "a CRL file that is not there", { crl_file = "/no/such/file.pem" }, "/no/such/file.pem" },
      { "stapling as a word", { require_ocsp_stapling = "yes" },
        "extra.require_ocsp_stapling: boolean expected" },
      { "a certificate of another type", { certificate = 1, private_key = KEY },
        "extra.certificate: X509Certificate" },
      { "a certificate without key", { certificate = CERTIFICATE }, "key" },
      { "a key without certificate", { private_key = KEY }, "certificate" },
      { "a key of another certificate", { certificate = OTHER, private_key = KEY }, "key" },
      { "a certificate text that is none", { certificate = "x", private_key = KEY },
        "extra.certificate:" },
      { "a key text that is none", { certificate = CERTIFICATE, private_key = "x" },
        "extra.private_key:" },
      { "a certificate as key", { private_key = certificate(CERTIFICATE) },
        "extra.private_key: CryptoKey" },
      { "ciphers of another type", { ciphers = {} }, "extra.ciphers: string expected" },
      { "ciphers that are none", { ciphers = "NO-SUCH-CIPHER" }, "cipher" },
      { "protocol names as text", { alpn = "h2" }, "extra.alpn: array of strings" },
      { "an empty protocol name", { alpn = { "" } }, "lpn" },
      { "a protocol name over 255 bytes", { alpn = { ("x"):rep(256) } }, "lpn" },
    }
    for _, case in ipairs(refused) do
      it("raises on " .. case[1], function()
        local ok, message = pcall(make, case[2])
        assert.is_false(ok)
        assert.truthy(message:lower():find(case[3]:lower(), 1, true), message)
        if case[3]:find("extra", 1, true) then
          assert.truthy(message:find("bad argument #" .. place .. " to 'client", 1, true), message)
        end
      end)
    end
  end)
end
