-- HTTP/2 against servers that are not ours: which version is spoken, and that all else is the same.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local ports = require("spec.support.ports")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local nghttpd = ports.find_program("nghttpd")

local function options() return httpclient.TLSOptions.client(certs.ca.cert) end

local function connect(version, port, tls)
  local client = HTTPClient.new()
  client.http_version = version
  return support.connect_port(port, { client = client, host = tls and "localhost" or "127.0.0.1",
    tls = tls })
end

local function exchange(client, method, path, headers, body)
  support.request(client, method, path, headers, body)
  support.pump(client, support.is_answered_or_failed)
  local text = support.read_all(client)
  return client:get_response_code(), text, client:get_response_version()
end

describe("http_version", function()
  it("is 1.1 unless it is set, and takes three values", function()
    local client = HTTPClient.new()
    assert.equal("1.1", client.http_version)
    for _, version in ipairs({ "auto", "2", "1.1" }) do
      client.http_version = version
      assert.equal(version, client:get_http_version())
    end
    client:set_http_version("auto")
    assert.equal("auto", client.http_version)
    assert.has_error(function() client.http_version = "3" end,
      'HTTPClient.http_version must be "1.1", "auto" or "2"')
    assert.has_error(function() client.http_version = 2 end,
      "HTTPClient.http_version: string expected, got number")
  end)
end)

if not nghttpd then return end

describe("HTTP/2", function()
  local folder, plain, secure, only1
  setup(function()
    folder = tempdir.new()
    folder:write("hello", "hello")
    folder:write("big", ("0123456789abcdef"):rep(262144))
    local process, list = ports.start(2, function(free)
      local started = native.spawn({ nghttpd, "-d", folder.path, "--no-tls", "--echo-upload",
        "--trailer=x-end: yes", tostring(free[1]) }, {})
      folder.other = native.spawn({ nghttpd, "-d", folder.path, tostring(free[2]),
        certs.localhost.key_file, certs.localhost.chain_file }, {})
      return started
    end)
    folder.process, plain, secure = process, list[1], list[2]
    only1 = nginx.start({ secure = { tls = certs.localhost,
      body = "location / { return 200 'one'; }" } })
  end)
  teardown(function()
    folder.process:close()
    folder.other:close()
    folder:close()
    only1:stop()
  end)

  it("is spoken in clear by prior knowledge", function()
    local client = connect("2", plain)
    finally(function() client:close() end)
    local code, body, version = exchange(client, "GET", "/hello")
    assert.same({ 200, "hello", "2" }, { code, body, version })
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    assert.is_false(client:is_response_chunked())
    assert.equal("", client:get_response_reason())
    assert.equal("yes", client:get_response_trailers()[1]:match("^x%-end: (.*)"))
  end)

  it("is what ALPN gives where the version is left open", function()
    local client = connect("auto", secure, options())
    finally(function() client:close() end)
    local code, body, version = exchange(client, "GET", "/hello")
    assert.same({ 200, "hello", "2", "h2" }, { code, body, version, client:get_alpn() })
  end)

  it("is not offered where 1.1 is asked for", function()
    local client = connect("1.1", only1:port("secure"), options())
    finally(function() client:close() end)
    assert.equal("http/1.1", client:get_alpn())
    local _, _, version = exchange(client, "GET", "/")
    assert.equal("1.1", version)
  end)

  it("gives way to 1.1 where the server has nothing else", function()
    local client = connect("auto", only1:port("secure"), options())
    finally(function() client:close() end)
    local code, body, version = exchange(client, "GET", "/")
    assert.same({ 200, "one", "1.1" }, { code, body, version })
    local other, message, error = client:share_connection()
    assert.same({ "the connection speaks HTTP/1.1, which has one request at a time",
      Error.ERR_UNAVAILABLE }, { message, error })
    assert.is_nil(other)
  end)

  it("is in clear 1.1 where the version is left open", function()
    local server = nginx.start({ plain = "location / { return 200 'clear'; }" })
    local client = connect("auto", (server:port("plain")))
    finally(function()
      client:close()
      server:stop()
    end)
    local code, body, version = exchange(client, "GET", "/")
    assert.same({ 200, "clear", "1.1" }, { code, body, version })
  end)

  it("or no connection", function()
    local client = connect("2", only1:port("secure"), options())
    assert.equal("TLS_HANDSHAKE_ERROR", (support.status_of(client):gsub("^STATUS_", "")))
    assert.truthy(select(2, client:get_last_error()):find("no application protocol", 1, true) or
      select(2, client:get_last_error()):find("does not speak HTTP/2", 1, true),
      select(2, client:get_last_error()))
  end)

  it("contradicts TLS options that leave it out", function()
    local client = HTTPClient.new()
    client.http_version = "2"
    local code, message = client:connect_to_host("localhost", secure,
      httpclient.TLSOptions.client(certs.ca.cert, "", { alpn = { "http/1.1" } }))
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal('HTTP/2 is wanted, and the alpn of the TLS options has no "h2"', message)
  end)

  it("carries bodies both ways", function()
    local client = connect("2", plain)
    finally(function() client:close() end)
    local sent = ("upload-"):rep(500000)
    local code, body = exchange(client, "POST", "/echo", {}, sent)
    assert.equal(200, code)
    assert.is_true(body == sent)
    code, body = exchange(client, "GET", "/big")
    assert.equal(200, code)
    assert.is_true(body == ("0123456789abcdef"):rep(262144))
    assert.equal(4194304, client:get_response_body_length())
  end)

  it("carries a body from a function", function()
    local client = connect("auto", secure, options())
    finally(function() client:close() end)
    local left = 50
    local code = exchange(client, "POST", "/hello", {}, function()
      left = left - 1
      return left >= 0 and ("x"):rep(1000) or nil
    end)
    assert.equal(200, code)
  end)

  it("answers HEAD without a body", function()
    local client = connect("2", plain)
    finally(function() client:close() end)
    local code, body = exchange(client, "HEAD", "/big")
    assert.same({ 200, "" }, { code, body })
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)

  it("waits in the kernel in blocking mode", function()
    local client = connect("2", plain)
    finally(function() client:close() end)
    client.blocking_mode_enabled = true
    support.request(client, "GET", "/big")
    client:poll()
    assert.equal(200, client:get_response_code())
    local size = 0
    while client:get_status() == HTTPClient.STATUS_BODY do
      size = size + #client:read_response_body_chunk()
    end
    assert.equal(4194304, size)
  end)

  it("has room for several requests, each of a client of its own", function()
    local first = connect("2", plain)
    local second, message = first:share_connection()
    assert.truthy(second, message)
    finally(function()
      first:close()
      second:close()
    end)
    assert.equal(HTTPClient.STATUS_CONNECTED, second:get_status())
    assert.equal("2", second.http_version)
    assert.equal(100, first:get_free_streams())
    support.request(first, "GET", "/big")
    support.request(second, "GET", "/hello")
    assert.equal(98, first:get_free_streams())
    support.pump(second, support.is_answered_or_failed)
    assert.equal("hello", (support.read_all(second)))
    support.pump(first, support.is_answered_or_failed)
    assert.equal(4194304, #support.read_all(first))
  end)

  it("ends with the last client on it", function()
    local first = connect("2", plain)
    local second = first:share_connection()
    finally(function() second:close() end)
    support.request(first, "GET", "/big")
    support.pump(first, support.is_answered_or_failed)
    first:close()
    assert.equal(HTTPClient.STATUS_DISCONNECTED, first:get_status())
    local code, body = exchange(second, "GET", "/hello")
    assert.same({ 200, "hello" }, { code, body })
  end)

  it("goes in a Poller, many clients on one descriptor", function()
    local poller = httpclient.Poller.new()
    local first = connect("2", plain)
    local clients, done = { first }, 0
    for i = 2, 20 do
      clients[i] = assert(first:share_connection())
    end
    finally(function()
      for _, client in ipairs(clients) do
        client:close()
      end
      poller:close()
    end)
    local left = {}
    for _, client in ipairs(clients) do
      support.request(client, "GET", "/hello")
      assert(poller:add(client))
      left[client] = true
    end
    support.until_true(function()
      for _, client in ipairs(poller:wait(0.1)) do
        if client:get_status() == HTTPClient.STATUS_BODY and left[client] then
          local text = support.read_all(client)
          assert.equal("hello", text)
          left[client] = nil
          done = done + 1
        end
      end
      return done == 20
    end)
  end)

  it("refuses what it has no words for", function()
    local client = connect("2", plain)
    finally(function() client:close() end)
    local code, message = client:request(HTTPClient.METHOD_CONNECT, "a.test:1", {})
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal("CONNECT needs HTTP/1.1, and this connection speaks HTTP/2", message)
    code, message = client:request(HTTPClient.METHOD_GET, "/",
      { "Upgrade: websocket", "Connection: upgrade" })
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal("Upgrade needs HTTP/1.1, and this connection speaks HTTP/2", message)
    code = exchange(client, "GET", "/hello")
    assert.equal(200, code)
  end)
end)
