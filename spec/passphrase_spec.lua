-- Encrypted private keys: passphrases as text and as functions, wrong ones, none at all, and nobody
-- asked on the terminal.
local certs = require("spec.support.certs")
local der = require("spec.support.der")
local httpclient = require("httpclient")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local CryptoKey, Error = httpclient.CryptoKey, httpclient.Error
local SECRET = "correct horse"

-- How a key is encrypted: name, arguments of openssl.
local ways = {
  { "PKCS#8, AES-256 and PBKDF2", "pkcs8", "-topk8", "-v2", "aes-256-cbc" },
  { "PKCS#8, AES-128 and HMAC-SHA512", "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf",
    "hmacWithSHA512" },
  { "PKCS#8, scrypt", "pkcs8", "-topk8", "-scrypt" },
  { "PKCS#8, triple DES", "pkcs8", "-topk8", "-v2", "des3" },
  { "traditional PEM, AES-256", "pkey", "-traditional", "-aes256" },
  { "traditional PEM, triple DES", "pkey", "-traditional", "-des3" },
}

local function encrypt(way)
  local argv = { "openssl" }
  for i = 2, #way do argv[i] = way[i] end
  for _, word in ipairs({ "-in", certs.client.key_file, "-passout", "pass:" .. SECRET }) do
    argv[#argv + 1] = word
  end
  local run = program.run(argv)
  assert(run.code == 0, run.err)
  return run.out
end

local function pem(bytes)
  return "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    .. httpclient.base64_encode(bytes):gsub(("."):rep(64), "%0\n")
    .. "\n-----END ENCRYPTED PRIVATE KEY-----\n"
end

-- As each library writes it.
local locked, plain
setup(function()
  locked = encrypt(ways[1])
  local key = CryptoKey.new()
  assert(key:load_from_string(certs.client.key) == Error.OK)
  plain = key:save_to_string()
end)

local function options_of(passphrase, key)
  return tls.trusting(nil, { certificate = certs.client.cert, private_key = key or locked,
    passphrase = passphrase })
end

local function refusal(...)
  local ok, message = pcall(options_of, ...)
  assert.is_false(ok)
  assert.is_nil(tostring(message):find(SECRET, 1, true))
  return message
end

local function expect_words(words, message)
  assert.truthy(message:find(words, 1, true), message)
end

describe("A passphrase", function()
  for _, way in ipairs(ways) do
    it("opens a key in " .. way[1] .. ", and no other one does", function()
      local text = encrypt(way)
      local key = CryptoKey.new()
      assert.equal(Error.OK, key:load_from_string(text, SECRET))
      assert.equal(Error.OK, key:load_from_string(text, nil, SECRET))
      assert.equal(Error.OK, key:load(certs.file(text), false, function() return SECRET end))
      assert.equal(plain, key:save_to_string())
      for _, wrong in ipairs({ "wrong", SECRET .. " ", SECRET:sub(1, -2), ("x"):rep(1024) }) do
        local code, message = key:load_from_string(text, wrong)
        assert.same({ Error.ERR_INVALID_DATA, "wrong passphrase for the encrypted key" },
          { code, message })
      end
      local code, message = key:load_from_string(text)
      assert.same({ Error.ERR_INVALID_DATA, "the key is encrypted, and no passphrase was given" },
        { code, message })
      code, message = key:load(certs.file(text))
      assert.equal(Error.ERR_INVALID_DATA, code)
      expect_words("the key is encrypted, and no passphrase was given", message)
      assert.equal(plain, key:save_to_string())
      options_of(SECRET, text)
      expect_words("extra.private_key: wrong passphrase", refusal("wrong", text))
      expect_words("extra.private_key: the key is encrypted, and no passphrase was given",
        refusal(nil, text))
    end)
  end

  for _, way in ipairs({ { "PBES2", "-v2", "aes-256-cbc" },
    { "PKCS#12's", "-v1", "PBE-SHA1-3DES" } }) do
    it(("that is to be hashed for hours is refused at once, %s way"):format(way[1]), function()
      -- Nobody waits for such a file to be made: 1000 rounds become 2^31 - 1 afterwards.
      local text = encrypt({ "", "pkcs8", "-topk8", way[2], way[3], "-iter", "1000", "-outform",
        "DER" })
      local key, began = CryptoKey.new(), httpclient.monotonic_time()
      local code, message = key:load_from_string(pem(der.replace(text, "\2\2\3\232",
        "\2\4\127\255\255\255")), SECRET)
      assert.same({ Error.ERR_INVALID_DATA,
        "its passphrase would have to be hashed more than 10000000 times" }, { code, message })
      assert.is_true(httpclient.monotonic_time() - began < 5)
    end)
  end

  it("that is to be hashed for hours by scrypt is refused at once", function()
    local text = encrypt({ "", "pkcs8", "-topk8", "-scrypt", "-scrypt_N", "1024", "-outform",
      "DER" })
    local code, message = CryptoKey.new():load_from_string(pem(der.replace(text, "\2\2\4\0",
      "\2\4\64\0\0\0")), SECRET)
    assert.same({ Error.ERR_INVALID_DATA,
      "its passphrase would have to be hashed more than 10000000 times" }, { code, message })
  end)

  it("too long for OpenSSL is called that", function()
    expect_words("longer than 1024 bytes", refusal(("x"):rep(1025)))
  end)

  it("of a key that is not encrypted does no harm", function()
    local key = CryptoKey.new()
    assert.equal(Error.OK, key:load_from_string(certs.client.key, SECRET))
    options_of(SECRET, certs.client.key)
    local calls = 0
    options_of(function() calls = calls + 1 end, key)
    assert.equal(0, calls) -- it is loaded already
  end)

  it("can be given by a function, which is called once for each load", function()
    local calls = 0
    local function give()
      calls = calls + 1
      return SECRET
    end
    local client, conn, outcome = tls.connect({ tls = options_of(give),
      server = certs.localhost.tls({ ca = certs.ca.cert, verify_client = true }) })
    assert.equal("hello", tls.exchange(client, conn))
    expect_words("spec client", outcome.info.peer)
    tls.close(outcome)
    assert.equal(1, calls)
  end)

  it("that is none is refused, without a word of it", function()
    expect_words("extra.passphrase: string or function expected, got number", refusal(5))
    expect_words("extra.passphrase: the text is empty", refusal(""))
    expect_words("extra.passphrase: the text holds a NUL byte", refusal(SECRET .. "\0"))
    expect_words("extra.passphrase: string expected of the function, got nil",
      refusal(function() end))
    expect_words("extra.passphrase: string expected of the function, got table",
      refusal(function() return { SECRET } end))
    expect_words("the vault is shut", refusal(function() error("the vault is shut") end))
    local thrown = {}
    assert.equal(thrown, select(2, pcall(options_of, function() error(thrown) end)))
    assert.has_error(function()
      CryptoKey.new():load_from_string(locked, function() error("shut") end)
    end)
    assert.has_error(function()
      CryptoKey.new():load_from_string(locked, function() return 1 end)
    end)
    assert.has_error(function() CryptoKey.new():load_from_string(locked, false, 5) end)
    expect_words("there is no private_key",
      select(2, pcall(tls.trusting, nil, { passphrase = SECRET })))
  end)

  it("function may change or drop all that was given", function()
    local chain = httpclient.X509Certificate.new()
    chain:load_from_string(certs.ca.cert)
    local extra = { certificate = certs.client.cert, private_key = locked,
      alpn = { "a" .. #locked },
      pinned_keys = { certs.localhost.pin .. "" } }
    extra.passphrase = function()
      chain:load_from_string(certs.other_ca.cert)
      extra.alpn, extra.pinned_keys = nil, nil
      collectgarbage()
      collectgarbage()
      return SECRET
    end
    local options = httpclient.TLSOptions.client(chain, nil, extra)
    assert.equal(chain, options:get_trusted_ca_chain())
  end)

  it("is never asked for on the terminal", function()
    if not pcall(program.run, { "script", "--version" }) then
      pending("there is no script(1)")
      return
    end
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local argv = program.lua("-e", [[
      local httpclient = require("httpclient")
      local path = os.getenv("SPEC_KEY")
      local file = io.open(path)
      local text = file:read("*a")
      file:close()
      assert(io.open("/dev/tty")):close()
      print(select(2, httpclient.CryptoKey.new():load(path)))
      print(pcall(httpclient.TLSOptions.client, nil, "", { certificate = text, private_key = text }))
      print(select(2, httpclient.CryptoKey.new():load(path, "wrong")))
      print("the end")
    ]])
    local words = {}
    for i, word in ipairs(argv) do words[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
    local run = program.run({ "script", "-qec", table.concat(words, " "),
      folder:file("typescript") },
      { env = { SPEC_KEY = certs.file(locked .. certs.client.cert) }, seconds = 60 })
    assert.equal(0, run.code, run.out)
    expect_words("no passphrase was given", run.out)
    expect_words("wrong passphrase", run.out)
    expect_words("the end", run.out)
    assert.is_nil(run.out:find("[Ee]nter"), run.out)
  end)
end)
