-- load_pkcs12: certificate, key and chain out of one file, and what is wrong with others.
local certs = require("spec.support.certs")
local der = require("spec.support.der")
local httpclient = require("httpclient")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local SECRET = "correct horse"
local folder
setup(function() folder = tempdir.new() end)
teardown(function() folder:close() end)

local count = 0
local function export(passphrase, ...)
  count = count + 1
  local path = folder:file(count .. ".p12")
  local argv = { "openssl", "pkcs12", "-export", "-out", path, "-passout", "pass:" .. passphrase }
  for _, word in ipairs({ ... }) do argv[#argv + 1] = word end
  local run = program.run(argv)
  assert(run.code == 0, run.err)
  return path
end

local function client(passphrase, ...)
  return export(passphrase, "-in", certs.client.cert_file, "-inkey", certs.client.key_file, ...)
end

local function refuses(words, code, ...)
  local none, message, got = httpclient.load_pkcs12(...)
  assert.is_nil(none)
  assert.truthy(message:find(words, 1, true), message)
  assert.is_nil(message:find(SECRET, 1, true))
  assert.equal(code, got)
end

describe("load_pkcs12", function()
  it("gives certificate and key", function()
    for _, passphrase in ipairs({ SECRET, function() return SECRET end }) do
      local certificate, key, chain = httpclient.load_pkcs12(client(SECRET), passphrase)
      assert.equal(certs.client.cert, certificate:save_to_string())
      assert.equal(certs.client.key, key:save_to_string())
      assert.is_nil(chain)
    end
  end)

  it("gives the other certificates too", function()
    local more = certs.file(certs.intermediate.cert .. certs.ca.cert)
    local certificate, key, chain = httpclient.load_pkcs12(client(SECRET, "-certfile", more),
      SECRET)
    assert.equal(certs.client.cert, certificate:save_to_string())
    assert.is_false(key:is_public_only())
    local text = chain:save_to_string()
    assert.truthy(text:find(certs.ca.cert, 1, true))
    assert.truthy(text:find(certs.intermediate.cert, 1, true))
    assert.equal(#certs.ca.cert + #certs.intermediate.cert, #text)
  end)

  it("gives what TLSOptions take", function()
    local certificate, key = httpclient.load_pkcs12(client(SECRET), SECRET)
    local c, conn, outcome = tls.connect({ tls = tls.trusting(nil,
      { certificate = certificate, private_key = key }),
      server = certs.localhost.tls({ ca = certs.ca.cert, verify_client = true }) })
    assert.equal("hello", tls.exchange(c, conn))
    assert.truthy(outcome.info.peer:find("spec client", 1, true))
    tls.close(outcome)
  end)

  it("takes an empty passphrase, and none, for a file without", function()
    local path = client("")
    assert.truthy(httpclient.load_pkcs12(path))
    assert.truthy(httpclient.load_pkcs12(path, ""))
    refuses("wrong passphrase", Error.ERR_INVALID_DATA, path, SECRET)
  end)

  it("says what is wrong", function()
    local path = client(SECRET)
    refuses("wrong passphrase", Error.ERR_INVALID_DATA, path, "wrong")
    refuses("wrong passphrase", Error.ERR_INVALID_DATA, path)
    refuses("o such file", Error.ERR_FILE_NOT_FOUND, folder:file("none"), SECRET)
    refuses("it is no PKCS#12 file", Error.ERR_INVALID_DATA, folder:write("garbage", "garbage"),
      SECRET)
    refuses("it is no PKCS#12 file", Error.ERR_INVALID_DATA, folder:write("empty", ""), SECRET)
    refuses("it is no PKCS#12 file", Error.ERR_INVALID_DATA, certs.client.cert_file, SECRET)
    refuses("it is no PKCS#12 file", Error.ERR_INVALID_DATA,
      folder:write("cut", tempdir.read(path):sub(1, -2)), SECRET)
    refuses("can't read", Error.ERR_FILE_CANT_READ, folder.path, SECRET)
    refuses("too large", Error.ERR_FILE_CANT_READ, "/dev/zero", SECRET)
    refuses("the path is empty", Error.ERR_FILE_BAD_PATH, "", SECRET)
    refuses("it holds no private key", Error.ERR_INVALID_DATA,
      export(SECRET, "-nokeys", "-in", certs.client.cert_file), SECRET)
  end)

  it("says that an old algorithm is one", function()
    local ok, path = pcall(client, SECRET, "-legacy")
    if not ok then
      pending("this openssl has no legacy provider")
      return
    end
    refuses("old algorithm", Error.ERR_INVALID_DATA, path, SECRET)
    refuses("wrong passphrase", Error.ERR_INVALID_DATA, path, "wrong")
  end)

  it("raises for arguments of other types", function()
    for _, arguments in ipairs({ { 5, "" }, { "x", 5 }, { "x", {} }, { "x", function() end } }) do
      assert.has_error(function() httpclient.load_pkcs12(arguments[1], arguments[2]) end)
    end
  end)

  for _, which in ipairs({ "first", "last" }) do
    it("refuses a file that would be hashed for hours, by its " .. which .. " number", function()
      local bytes = tempdir.read(client(SECRET, "-iter", "1000"))
      refuses("hashed more than 10000000 times", Error.ERR_INVALID_DATA,
        folder:write("rounds.p12", der.replace(bytes, "\2\2\3\232", "\2\4\127\255\255\255", which)),
        SECRET)
    end)
  end
end)
