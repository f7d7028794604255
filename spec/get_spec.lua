-- examples/get.lua: what it fetches, where to, and its exit statuses.
local certs = require("spec.support.certs")
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local unpack = table.unpack or unpack -- luacheck: compat

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

-- A server that answers one request. Options: tls, host.
local function serve(answer, options)
  options = options or {}
  local steps = { { "accept" } }
  if options.tls then
    steps[#steps + 1] = { "trytls", options.tls }
  end
  steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
  steps[#steps + 1] = { "send", answer }
  steps[#steps + 1] = { options.ending or "close" }
  steps.host = options.host
  return native.script(steps)
end

local function get(arguments, options)
  return program.run(program.lua("examples/get.lua", unpack(arguments)), options)
end

-- Fetches from a server that gives this answer. Options: those of serve, and arguments, scheme, authority, path, env.
-- -> result, the request's bytes
local function fetch(answer, options)
  options = options or {}
  local server = serve(answer, options)
  local arguments = {}
  for i, argument in ipairs(options.arguments or {}) do
    arguments[i] = argument
  end
  arguments[#arguments + 1] = ("%s://%s:%d%s"):format(options.scheme or "http", options.authority
    or "127.0.0.1",
    server:port(), options.path or "/")
  local result = get(arguments, { env = options.env })
  local received = server:received(1)
  server:stop()
  return result, received
end

-- One line that begins with the program's name: no traceback, no echo.
local function assert_one_line(result)
  assert.truthy(result.err:find("^get%.lua: [^\n]+\n$"), result.err)
end

describe("get.lua", function()
  it("writes the body to standard output", function()
    local result = fetch(HELLO)
    assert.same({ code = 0, out = "hello", err = "" }, result)
  end)
  it("asks for path and query, without the fragment", function()
    local _, received = fetch(HELLO, { path = "/a/b?c=d#e" })
    assert.equal("GET /a/b?c=d HTTP/1.1\r\n", received:match("^[^\n]*\n"))
  end)
  it("asks for / where a query follows the host at once", function()
    local _, received = fetch(HELLO, { path = "?q" })
    assert.equal("GET /?q HTTP/1.1\r\n", received:match("^[^\n]*\n"))
  end)
  it("takes a scheme in any letter case", function()
    assert.equal("hello", fetch(HELLO, { scheme = "HTTP" }).out)
  end)
  it("passes every byte through", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local body = table.concat(bytes):rep(300)
    assert.equal(body, fetch("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. body).out)
  end)
  it("fetches from an IPv6 address", function()
    if not native.listen({ host = "::1" }) then
      return pending("there is no IPv6 here")
    end
    local result, received = fetch(HELLO, { host = "::1", authority = "[::1]" })
    assert.same({ code = 0, out = "hello", err = "" }, result)
    assert.truthy(received:find("\r\nHost: [::1]:", 1, true), received)
  end)

  describe("over TLS", function()
    local tls = { tls = certs.localhost.tls(), scheme = "https", authority = "localhost" }
    local function with(changes)
      local options = {}
      for name, value in pairs(tls) do
        options[name] = value
      end
      for name, value in pairs(changes) do
        options[name] = value
      end
      return options
    end

    it("fetches when SSL_CERT_FILE names the authority", function()
      local result = fetch(HELLO, with({ env = { SSL_CERT_FILE = certs.ca.cert_file } }))
      assert.same({ code = 0, out = "hello", err = "" }, result)
    end)
    it("refuses a certificate of an unknown authority", function()
      local result, received = fetch(HELLO,
        with({ env = { SSL_CERT_FILE = certs.other_ca.cert_file } }))
      assert.equal(3, result.code)
      assert.equal("", result.out)
      assert.truthy(result.err:find("unknown authority", 1, true), result.err)
      assert_one_line(result)
      assert.equal("", received or "")
    end)
    it("refuses a certificate for another host", function()
      local result = fetch(HELLO,
        with({ tls = certs.wrong_host.tls(), env = { SSL_CERT_FILE = certs.ca.cert_file } }))
      assert.equal(3, result.code)
      assert.truthy(result.err:find("hostname mismatch: certificate is for wrong.test", 1, true),
        result.err)
      assert_one_line(result)
    end)
  end)

  describe("with -o", function()
    local folder = tempdir.new()
    local path = folder:file("out")

    it("writes the body into the file, and nothing to standard output", function()
      folder:write("out", "what was there before")
      local result = fetch(HELLO, { arguments = { "-o", path } })
      assert.same({ code = 0, out = "", err = "" }, result)
      assert.equal("hello", tempdir.read(path))
    end)
    it("takes it behind the URL too", function()
      local server = serve(HELLO)
      local result = get({ ("http://127.0.0.1:%d/"):format(server:port()), "-o", path })
      server:stop()
      assert.equal(0, result.code, result.err)
      assert.equal("hello", tempdir.read(path))
    end)
    it("makes an empty file of a response that has no body", function()
      folder:write("out", "what was there before")
      local result = fetch("HTTP/1.1 204 No Content\r\n\r\n", { arguments = { "-o", path } })
      assert.same({ code = 0, out = "", err = "" }, result)
      assert.equal("", tempdir.read(path))
    end)
    it("says when the file can't be written, status 5", function()
      local result = fetch(HELLO, { arguments = { "-o", folder:file("no/such/folder") } })
      assert.equal(5, result.code)
      assert.truthy(result.err:find("no/such/folder", 1, true), result.err)
      assert_one_line(result)
    end)
    it("says when the disk is full, status 5", function()
      if not io.open("/dev/full") then
        return pending("there is no /dev/full here")
      end
      local result = fetch(HELLO, { arguments = { "-o", "/dev/full" } })
      assert.equal(5, result.code)
      assert_one_line(result)
    end)
  end)

  -- What the server answers -> exit status, output, part of the message.
  local answers = {
    { "an answer of 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 1, "gone",
      "404 Not Found" },
    { "an answer of 500", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 1, "", "500 Oh" },
    { "a redirect, which it does not follow",
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 1, "",
      "302 Found, Location: /x" },
    { "an empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "" },
    { "a chunked body",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 0,
      "abc" },
    { "a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 4, "hello", "" },
    { "chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 4,
      "hello", "" },
    { "no answer", "", 4, "", "" },
    { "something that is not HTTP", "SSH-2.0-OpenSSH\r\n", 4, "", "" },
  }
  for _, case in ipairs(answers) do
    local what, answer, code, out, message = unpack(case)
    it(("ends with status %d after %s"):format(code, what), function()
      local result = fetch(answer)
      assert.equal(code, result.code, result.err)
      assert.equal(out, result.out)
      if message then
        assert_one_line(result)
        assert.truthy(result.err:find(message, 1, true), result.err)
      else
        assert.equal("", result.err)
      end
    end)
  end

  -- Arguments -> status 2.
  local calls = {
    { "no URL", {} },
    { "two URLs", { "http://a/", "http://b/" } },
    { "-o without a file", { "http://a/", "-o" } },
    { "an unknown option", { "--help" } },
    { "no scheme", { "localhost" } },
    { "another scheme", { "ftp://localhost/" } },
    { "no host", { "http:///x" } },
    { "user info", { "http://u:p@localhost/" } },
    { "a port out of range", { "http://localhost:65536/" } },
    { "a port that is no number", { "http://localhost:http/" } },
    { "a space in the host", { "http://local host/" } },
    { "an open bracket", { "http://[::1/" } },
  }
  for _, case in ipairs(calls) do
    it("ends with status 2 for " .. case[1], function()
      local result = get(case[2])
      assert.equal(2, result.code, result.err)
      assert.equal("", result.out)
      assert_one_line(result)
      assert.falsy(result.err:find("u:p", 1, true), result.err)
    end)
  end
  it("ends with status 2 for a space in the path", function()
    local result = fetch(HELLO, { path = "/a b" })
    assert.equal(2, result.code)
    assert_one_line(result)
  end)

  it("ends with status 3 where nobody listens", function()
    local listener = assert(native.listen({}))
    local port = listener:port()
    listener:close()
    local result = get({ ("http://127.0.0.1:%d/"):format(port) })
    assert.equal(3, result.code)
    assert_one_line(result)
  end)
  it("ends with status 3 for a name that does not exist", function()
    local result = get({ "http://no-such-host.invalid/" })
    assert.equal(3, result.code)
    assert.truthy(result.err:find("no-such-host.invalid", 1, true), result.err)
    assert_one_line(result)
  end)
end)
