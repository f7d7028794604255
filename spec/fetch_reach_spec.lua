-- fetch: Unix sockets, and where connections go and come from.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local answer = serve.answer
local fetch = httpclient.fetch
local TLSOptions = httpclient.TLSOptions

local with_server = require("spec.support.served")(after_each)
local keep = require("spec.support.kept")(after_each)

local function redirect(to)
  return ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(to)
end

local function unix_server(connections, options)
  local folder = keep(tempdir.new())
  options = options or {}
  options.host = folder:file("d.sock")
  local server = with_server(connections, options)
  return server, options.host
end

describe("fetch over a Unix socket", function()
  it("plays the part of Docker's command", function()
    local server, path = unix_server({ {
      { send = answer("[]"), ending = "keep" },
      { send = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", content = 16,
        ending = "keep" },
      { send = answer("OK"), ending = "close" } } })
    local list = assert(fetch("http://localhost/v1.43/containers/json", { unix_socket = path }))
    assert.equal("[]", list.body)
    assert.is_nil(list.remote_address)
    local made = assert(fetch("http://localhost/v1.43/containers/create", { unix_socket = path,
      body = '{"Image":"base"}', headers = { ["Content-Type"] = "application/json" } }))
    assert.equal(201, made.status)
    assert.equal("OK", assert(fetch("http://localhost/_ping", { unix_socket = path })).body)
    local got = server:requests()[1]
    assert.truthy(got:find("^GET /v1.43/containers/json HTTP/1.1\r\nHost: localhost\r\n"), got)
    assert.truthy(got:find("POST /v1.43/containers/create HTTP/1.1\r\nHost: localhost\r\n", 1,
      true), got)
  end)

  it("keeps its connections apart from those of the network, and of other sockets", function()
    local _, first = unix_server({ { { send = answer("one"), ending = "stall" } } })
    local _, second = unix_server({ { { send = answer("two"), ending = "stall" } } })
    assert.equal("one", assert(fetch("http://localhost/", { unix_socket = first })).body)
    assert.equal("two", assert(fetch("http://localhost/", { unix_socket = second })).body)
    local response = fetch("http://localhost:9/", { proxy = false })
    assert.is_nil(response)
  end)

  it("follows redirects over the socket, and names the host and the port of each URL", function()
    local server, path = unix_server({ { { send = redirect("http://other.test:81/b"),
      ending = "close" } },
      { answer("done") } })
    local response = assert(fetch("http://docker/a",
      { unix_socket = path, proxy = "http://127.0.0.1:9" }))
    assert.equal("done", response.body)
    local got = server:requests()
    assert.truthy(got[1]:find("\r\nHost: docker\r\n", 1, true), got[1])
    assert.truthy(got[2]:find("^GET /b HTTP/1.1\r\nHost: other.test:81\r\n"), got[2])
  end)

  it("speaks TLS for https", function()
    local _, path = unix_server({ { answer("safe") } }, { tls = certs.localhost.tls() })
    local options = { unix_socket = path, tls_options = TLSOptions.client(certs.ca.cert),
      http_version = "1.1" }
    assert.equal("safe", assert(fetch("https://localhost/", options)).body)
  end)

  it("says what is wrong with the path", function()
    local response, message, code = fetch("http://localhost/", { unix_socket = "/nowhere/d.sock" })
    assert.is_nil(response)
    assert.equal("no such file or directory (Unix socket /nowhere/d.sock)", message)
    assert.equal(Error.ERR_CANT_CONNECT, code)
    for path, expected in pairs({ [("x"):rep(200)] = "has 200 bytes", ["x\0"] = "a NUL byte" }) do
      response, message, code = fetch("http://localhost/", { unix_socket = path,
        retry = { on_retry = function() error("what is wrong is wrong in a second, too") end } })
      assert.is_nil(response)
      assert.truthy(message:find(expected, 1, true), message)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
    end
  end)
end)

describe("fetch's remote_address", function()
  it("is the server's, of the first and of kept connections", function()
    local server = with_server({ { { send = answer("1"), ending = "keep" }, answer("2") } })
    local expected = "127.0.0.1:" .. server:port()
    assert.equal(expected, assert(fetch(server:url())).remote_address)
    assert.equal(expected, assert(fetch(server:url())).remote_address)
  end)

  it("is the proxy's where there is one, and has brackets for IPv6", function()
    local probe = native.listen({ host = "::1" })
    local host = probe and "::1" or "127.0.0.1"
    if probe then
      probe:close()
    end
    local server = with_server({ { answer("1") } }, { host = host })
    local shown = (probe and "[::1]:" or "127.0.0.1:") .. server:port()
    local response = assert(fetch("http://origin.test/", { proxy = "http://" .. shown }))
    assert.equal(shown, response.remote_address)
  end)

  it("is that of the last answer after redirects", function()
    local last = with_server({ { answer("end") } })
    local first = with_server({ { redirect(last:url("/")) } })
    assert.equal("127.0.0.1:" .. last:port(), assert(fetch(first:url())).remote_address)
  end)
end)

describe("fetch's connect_to", function()
  it("leads the URL's host elsewhere, and Host stays", function()
    local server = with_server({ { answer("here") } })
    local response = assert(fetch("http://Example.test/x", { proxy = false,
      connect_to = { ["example.TEST:80"] = "127.0.0.1:" .. server:port(),
        ["other.test"] = "127.0.0.1:9" } }))
    assert.equal("here", response.body)
    assert.truthy(server:requests()[1]:find("\r\nHost: example.test\r\n", 1, true))
  end)

  local maps = {
    { "the host", "a.test" }, { "the port", ":80" }, { "the host with a colon", "a.test:" },
    { "anything", "" },
    { "anything with a colon", ":" },
  }
  for _, case in ipairs(maps) do
    it("takes an entry that names " .. case[1], function()
      local server = with_server({ { answer("here") } })
      assert.equal("here", assert(fetch("http://a.test/", { proxy = false,
        connect_to = { [case[2]] = "127.0.0.1:" .. server:port() } })).body)
    end)
  end

  it("takes the most exact entry, and keeps what the target does not name", function()
    local server = with_server({ { { send = answer("1") } }, { answer("2") } })
    local port = server:port()
    assert.equal("1", assert(fetch("http://a.test/", { proxy = false, connect_to = {
      [""] = "127.0.0.1:9", [":80"] = "127.0.0.1:9", ["a.test"] = "127.0.0.1:9",
      ["a.test:80"] = "127.0.0.1:" .. port } })).body)
    assert.equal("2", assert(fetch(("http://a.test:%d/"):format(port), { proxy = false,
      connect_to = { ["a.test"] = "127.0.0.1" } })).body)
  end)

  it("changes neither SNI nor the certificate's check", function()
    local server = with_server({ { answer("safe") }, {} }, { tls = certs.localhost.tls() })
    local options = TLSOptions.client(certs.ca.cert)
    local to = "127.0.0.1:" .. server:port()
    assert.equal("safe", assert(fetch("https://localhost/", { proxy = false, tls_options = options,
      http_version = "1.1", connect_to = { ["localhost:443"] = to } })).body)
    local response, message = fetch("https://wrong.test/", { proxy = false, tls_options = options,
      http_version = "1.1", connect_to = { ["wrong.test:443"] = to } })
    assert.is_nil(response)
    assert.truthy(message:find("hostname mismatch", 1, true), message)
  end)

  it("counts for the target of a redirect as well", function()
    local last = with_server({ { answer("end") } })
    local first = with_server({ { redirect("http://b.test/") } })
    assert.equal("end", assert(fetch(first:url(), { proxy = false,
      connect_to = { ["b.test:80"] = "127.0.0.1:" .. last:port() } })).body)
  end)

  it("raises for what is no such map", function()
    for _, map in ipairs({ { "a" }, { ["a:80"] = 1 }, { ["a b:80"] = "c" }, { ["a:0"] = "c" },
      { ["a:80"] = "c:70000" },
      { ["a:b:c"] = "d" }, { ["[::g]:80"] = "d" }, { ["http://a"] = "d" }, { a = "u@d" } }) do
      local ok, message = pcall(fetch, "http://a/", { connect_to = map })
      assert.is_false(ok)
      assert.truthy(message:find("bad option 'connect_to'", 1, true), message)
    end
  end)
end)

describe("fetch's other options of addresses", function()
  it("connects from local_address", function()
    local listener = native.listen({ host = "127.0.0.9" })
    if not listener then
      pending("127.0.0.9 is not of this machine")
      return
    end
    listener:close()
    local server = with_server({ { answer("1") }, { answer("2") } })
    assert.equal("1", assert(fetch(server:url(), { local_address = "127.0.0.9" })).body)
    assert.equal("2", assert(fetch(server:url(), { address_family = 4 })).body)
    local response, message = fetch(server:url(), { address_family = 6 })
    assert.is_nil(response)
    assert.equal("the host has no IPv6 address, as was asked for", message)
    response, message = fetch(server:url(), { local_address = "192.0.2.1" })
    assert.is_nil(response)
    assert.truthy(message:find("can't use the local address", 1, true), message)
  end)

  it("limits the head by max_header_size, of kept connections too", function()
    local head = answer("x", "X-Long: " .. ("y"):rep(2000) .. "\r\n")
    local server = with_server({ { { send = head, ending = "keep" }, head } })
    assert.equal("x", assert(fetch(server:url(), { max_header_size = 4096 })).body)
    local response, message = fetch(server:url(), { max_header_size = 1000 })
    assert.is_nil(response)
    assert.truthy(message:find("1000", 1, true), message)
  end)

  it("raises for what can't be", function()
    for name, values in pairs({ address_family = { 5, "4" }, local_address = { "lo", "127.1", "" },
      max_header_size = { 0, 1.5, 16777217 }, unix_socket = { "", 1 },
      allow_address = { true } }) do
      for _, value in ipairs(values) do
        local ok, message = pcall(fetch, "http://a/", { [name] = value })
        assert.is_false(ok)
        assert.truthy(message:find("bad option '" .. name, 1, true), message)
      end
    end
  end)
end)
