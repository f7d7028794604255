-- X509Certificate and CryptoKey: PEM in, PEM out, Errors for what is none.
local httpclient = require("httpclient")
local pems = require("spec.support.pems")

local Error = httpclient.Error

local ONE, TWO, KEY = pems.one, pems.two, pems.key
local PUBLIC = [[
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/f3OdNeJyQBmnVzoqjjs8mGkgrG6
5n28D1HonKMkTbPEqJOT+STLhn8AAWwJaVZOKe+LN655uEoxsWYsjPyaDQ==
-----END PUBLIC KEY-----
]]
local ENCRYPTED = [[
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjT89uIMJ6VZgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEENJ8PjzsnuP/F2YPMJoIjREEgZAc
F1MoNkBZ3tGRrQla4OEEEjJVTjQkv75n9Zq920gfyazVrgXZ23mGky/J3jETzg3n
1iu5KtQKxSE/wvbHogHscBXL3+mvNo+7dW8NrUVtj0TdqomZ0BZT4QCAvA6WrgKo
7PM2DJEX2RcTLWBDO5opFvQ9/5v5yHe8cnu7ULov83RD7iGiEkrTrbNs3EPW+nc=
-----END ENCRYPTED PRIVATE KEY-----
]]

local function temporary(content)
  local path = os.tmpname()
  if content then
    local file = assert(io.open(path, "wb"))
    file:write(content)
    file:close()
  end
  finally(function() os.remove(path) end)
  return path
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read("*a")
  file:close()
  return content
end

-- An Error and a message of that kind.
local function failed(expected, code, message)
  assert.equal(expected, code)
  assert.equal("string", type(message))
  assert.is_true(#message > 0)
end

local function count(text, part)
  return select(2, text:gsub(part, ""))
end

describe("X509Certificate", function()
  local certificate
  before_each(function() certificate = httpclient.X509Certificate.new() end)

  it("is empty at first", function()
    assert.equal("", certificate:save_to_string())
  end)
  it("gives back the PEM that it was given", function()
    assert.equal(Error.OK, certificate:load_from_string(ONE))
    assert.equal(ONE, certificate:save_to_string())
  end)
  it("holds several certificates in their order", function()
    assert.equal(Error.OK, certificate:load_from_string(ONE .. "between\n" .. TWO .. TWO))
    assert.equal(ONE .. TWO .. TWO, certificate:save_to_string())
  end)
  it("replaces what it held", function()
    certificate:load_from_string(ONE)
    certificate:load_from_string(TWO)
    assert.equal(TWO, certificate:save_to_string())
  end)
  local bad = {
    { "an empty text", "" },
    { "a text without certificate", "hello" },
    { "a key", KEY },
    { "a broken certificate", (ONE:gsub("MII", "AAA", 1)) },
    { "a cut certificate", ONE:sub(1, 200) },
    { "NUL bytes", ("\0"):rep(100) },
  }
  for _, case in ipairs(bad) do
    it("refuses " .. case[1] .. " and keeps what it held", function()
      certificate:load_from_string(ONE)
      failed(Error.ERR_INVALID_DATA, certificate:load_from_string(case[2]))
      assert.equal(ONE, certificate:save_to_string())
    end)
  end
  it("loads from a file and saves to one", function()
    local from, to = temporary(ONE .. TWO), temporary()
    assert.equal(Error.OK, certificate:load(from))
    assert.equal(Error.OK, certificate:save(to))
    assert.equal(ONE .. TWO, read(to))
  end)
  it("says which file is not there", function()
    local code, message = certificate:load("/no/such/file.pem")
    failed(Error.ERR_FILE_NOT_FOUND, code, message)
    assert.truthy(message:find("/no/such/file.pem", 1, true), message)
  end)
  it("refuses paths that are none", function()
    certificate:load_from_string(ONE)
    failed(Error.ERR_FILE_BAD_PATH, certificate:load(""))
    failed(Error.ERR_FILE_BAD_PATH, certificate:load("a\0b"))
    failed(Error.ERR_FILE_BAD_PATH, certificate:save("a\0b"))
  end)
  it("does not save to a place that is none", function()
    certificate:load_from_string(ONE)
    local code, message = certificate:save("/no/such/folder/file.pem")
    assert.not_equal(Error.OK, code)
    assert.truthy(message:find("/no/such/folder/file.pem", 1, true), message)
  end)
  it("does not save what is not there", function()
    failed(Error.ERR_UNCONFIGURED, certificate:save("/tmp/never-made.pem"))
  end)
  it("raises on wrong types", function()
    for _, method in ipairs({ "load", "save", "load_from_string" }) do
      for _, wrong in ipairs({ 3, true, {}, httpclient.null }) do
        assert.is_false((pcall(certificate[method], certificate, wrong)))
      end
      local ok, message = pcall(function() certificate[method](certificate) end)
      assert.is_false(ok)
      assert.truthy(message:find("string expected, got no value", 1, true), message)
    end
  end)
end)

describe("CryptoKey", function()
  local key
  before_each(function() key = httpclient.CryptoKey.new() end)

  it("is empty at first", function()
    assert.equal("", (key:save_to_string()))
    assert.is_false(key:is_public_only())
  end)
  it("gives back the private key", function()
    assert.equal(Error.OK, key:load_from_string(KEY))
    assert.equal(KEY, key:save_to_string())
    assert.is_false(key:is_public_only())
  end)
  it("gives the public half when asked", function()
    key:load_from_string(KEY)
    assert.equal(PUBLIC, key:save_to_string(true))
  end)
  it("loads a public key when told so", function()
    assert.equal(Error.OK, key:load_from_string(PUBLIC, true))
    assert.is_true(key:is_public_only())
    assert.equal(PUBLIC, key:save_to_string(true))
  end)
  it("has no private half to give for a public key", function()
    key:load_from_string(PUBLIC, true)
    local text, message = key:save_to_string(false)
    assert.equal("", text)
    assert.equal("string", type(message))
  end)
  it("does not take a public key for a private one when told so", function()
    failed(Error.ERR_INVALID_DATA, key:load_from_string(PUBLIC, false))
  end)
  it("finds out by itself which half a text holds, and saves what there is", function()
    local from, to = temporary(PUBLIC), temporary()
    assert.equal(Error.OK, key:load_from_string(PUBLIC))
    assert.is_true(key:is_public_only())
    assert.equal(PUBLIC, key:save_to_string())
    assert.equal(Error.OK, key:load_from_string(KEY))
    assert.is_false(key:is_public_only())
    assert.equal(Error.OK, key:load(from))
    assert.is_true(key:is_public_only())
    assert.equal(Error.OK, key:save(to))
    assert.equal(PUBLIC, read(to))
    assert.has_error(function() key:load(from, 1) end)
  end)
  it("refuses an encrypted key, without asking anybody", function()
    local code, message = key:load_from_string(ENCRYPTED)
    failed(Error.ERR_INVALID_DATA, code, message)
    assert.truthy(message:lower():find("encrypt", 1, true), message)
  end)
  it("keeps what it held when a load fails", function()
    key:load_from_string(KEY)
    failed(Error.ERR_INVALID_DATA, key:load_from_string("nothing"))
    assert.equal(KEY, key:save_to_string())
  end)
  it("loads from a file and saves to one that others can't read", function()
    local from, to = temporary(KEY), temporary()
    os.remove(to)
    assert.equal(Error.OK, key:load(from))
    assert.equal(Error.OK, key:save(to))
    assert.equal(KEY, read(to))
    local listing = io.popen("ls -l '" .. to .. "'")
    local mode = listing:read("*a")
    listing:close()
    assert.equal("-rw-------", mode:sub(1, 10))
  end)
  it("refuses paths that are none", function()
    key:load_from_string(KEY)
    failed(Error.ERR_FILE_BAD_PATH, key:load("a\0b"))
    failed(Error.ERR_FILE_BAD_PATH, key:save("a\0b"))
    assert.equal(KEY, key:save_to_string())
  end)
  it("does not save what is not there", function()
    local to = temporary("before")
    failed(Error.ERR_UNCONFIGURED, key:save(to))
    failed(Error.ERR_UNCONFIGURED, key:save(to, true))
    assert.equal("before", read(to))
  end)
  it("saves the public half to a file", function()
    local to = temporary()
    key:load_from_string(KEY)
    assert.equal(Error.OK, key:save(to, true))
    assert.equal(PUBLIC, read(to))
    assert.equal(0, count(read(to), "PRIVATE"))
  end)
  it("says which file is not there", function()
    local code, message = key:load("/no/such/file.pem")
    failed(Error.ERR_FILE_NOT_FOUND, code, message)
    assert.truthy(message:find("/no/such/file.pem", 1, true), message)
  end)
  it("raises on wrong types", function()
    assert.is_false((pcall(key.load, key, 3)))
    assert.is_false((pcall(key.load_from_string, key, KEY, 1)))
    assert.is_false((pcall(key.save_to_string, key, "yes")))
    assert.is_false((pcall(key.save, key)))
  end)
end)
