-- HTTP and HTTPS proxies that want to know their user, or know names that nobody else does: squid, tinyproxy, and a
-- scripted one for what those never do.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local ports = require("spec.support.ports")
local proxies = require("spec.support.proxy")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local answer = serve.answer
local keep = require("spec.support.kept")(after_each)
local NAMES = { ["only.squid.invalid"] = "127.0.0.1" }

after_each(function()
  httpclient.pool.close_idle()
end)

local function url_of(scheme, proxy, user)
  return ("%s://%slocalhost:%d"):format(scheme, user and user .. "@" or "", proxy:port())
end

local TRUSTING = tls.trusting() -- one object: connections belong to it

local function fetched(url, options)
  options.timeout, options.tls_options, options.proxy_tls_options = 20, TRUSTING, TRUSTING
  local response, message, code = httpclient.fetch(url, options)
  return response and response.status or false, response and response.body or message, code,
    response
end

if not proxies.has("squid") then
  pending("squid is not there")
else
  for _, scheme in ipairs({ "http", "https" }) do
    describe("squid as an " .. scheme .. ":// proxy", function()
      local function start(options)
        options.names, options.tls = NAMES, scheme == "https" and certs.localhost or nil
        return keep(proxies.squid(options))
      end

      it("carries plain requests and TLS to names that it alone knows", function()
        local squid = start({})
        local origin = keep(serve({ { answer("a") } }))
        local secure = keep(serve({ { answer("b"), answer("c") } },
          { tls = certs.localhost.tls() }))
        local proxy = url_of(scheme, squid)
        local status, body, _, response = fetched(
          ("http://only.squid.invalid:%d/x"):format(origin:port()), { proxy = proxy })
        assert.same({ 200, "a", proxy }, { status, body, response and response.proxy })
        local url = ("https://localhost:%d/"):format(secure:port())
        assert.same(200, (fetched(url, { proxy = proxy })))
        assert.same(200, (fetched(url, { proxy = proxy })))
      end)

      it("gets Digest, which it asks for", function()
        local squid = start({ user = "us er", password = "p@w", auth = "digest" })
        local posted = { content = 1, send = answer("b") }
        local origin = keep(serve({ { answer("a") }, { posted }, { answer("c") } }))
        local secure = keep(serve({ { answer("d") } }, { tls = certs.localhost.tls() }))
        local proxy = url_of(scheme, squid, "us%20er:p%40w")
        local base = ("http://localhost:%d/"):format(origin:port())
        assert.same(200, (fetched(base, { proxy = proxy })))
        assert.same(200, (fetched(base .. "b?c", { proxy = proxy, method = "POST", body = "x" })))
        assert.same(200, (fetched(base, { proxy = proxy, proxy_auth = "digest" })))
        assert.same(200,
          (fetched(("https://localhost:%d/"):format(secure:port()), { proxy = proxy })))
        local status, message, code = fetched(("https://localhost:%d/"):format(secure:port()),
          { proxy = url_of(scheme, squid, "us%20er:wrong") })
        assert.same({ false, Error.ERR_CANT_CONNECT }, { status, code })
        assert.truthy(message:find("407", 1, true), message)
        assert.is_nil(message:find("wrong", 1, true), message)
        assert.same(407, (fetched(base, { proxy = url_of(scheme, squid, "us%20er:wrong") })))
      end)
    end)
  end

  it("an https:// proxy's certificate is verified, whatever holds for the server", function()
    local squid = keep(proxies.squid({ tls = certs.localhost }))
    local client = keep(HTTPClient.new())
    client:set_proxy(url_of("https", squid))
    client:connect_to_host("localhost", 1, httpclient.TLSOptions.client_unsafe())
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_CANT_CONNECT", support.status_name(client:get_status()))
    local _, message = client:get_last_error()
    assert.truthy(message:find("^the proxy localhost:%d+: "), message)
  end)
end

local nghttpd = ports.find_program("nghttpd")

if nghttpd and proxies.has("squid") and proxies.has("microsocks") then
  it("HTTP/2 goes through a tunnel in TLS and through SOCKS as it does without", function()
    local process, list = ports.start(1, function(list)
      return assert(native.spawn({ nghttpd, "-d", certs.localhost.cert_file:match("^(.*)/"),
        tostring(list[1]), certs.localhost.key_file, certs.localhost.cert_file },
        { stdout = "/dev/null", stderr = "/dev/null" }))
    end)
    keep(process)
    local squid = keep(proxies.squid({ tls = certs.localhost }))
    local socks = keep(proxies.microsocks())
    local url = ("https://localhost:%d/none"):format(list[1])
    for _, proxy in ipairs({ url_of("https", squid), url_of("socks5h", socks) }) do
      local status, _, _, response = fetched(url, { proxy = proxy })
      assert.same({ 404, "2", proxy }, { status, response.http_version, response.proxy })
    end
  end)
end

describe("A proxy's Digest", function()
  local CHALLENGE = 'Proxy-Authenticate: Digest realm="r", nonce="%s", qop="auth", algorithm=SHA-256%s\r\n'
  local function refusal(nonce, more, rest)
    return "HTTP/1.1 407 No\r\n" .. CHALLENGE:format(nonce, more or "")
      .. (rest or "Content-Length: 2\r\n\r\nno")
  end

  local function authorizations(server)
    local list = {}
    for _, request in ipairs(server:requests()) do
      for head in request:gmatch("(.-)\r\n\r\n") do
        list[#list + 1] = head:match("\r\nProxy%-Authorization: ([^\r]*)") or "none"
      end
    end
    return list
  end

  it("is asked for once, and a stale nonce is replaced", function()
    local server = keep(serve({ { refusal("n1"), refusal("n2", ", stale=true"), answer("a"),
      answer("b") } }))
    local proxy = url_of("http", server, "u:w")
    assert.same(200, (fetched("http://h.invalid/x?y", { proxy = proxy, proxy_auth = "digest" })))
    assert.same(200, (fetched("http://h.invalid/z", { proxy = proxy, proxy_auth = "digest" })))
    local list = authorizations(server)
    assert.equal("none", list[1])
    assert.truthy(list[2]:find('nonce="n1", uri="http://h.invalid/x?y"', 1, true), list[2])
    assert.truthy(list[3]:find('nonce="n2"', 1, true), list[3])
    assert.truthy(list[3]:find("nc=00000001", 1, true), list[3])
    assert.truthy(list[4]:find("nc=00000002", 1, true), list[4])
  end)

  it("is replaced at each step of a redirect, where the proxy takes a nonce once", function()
    local answers = {}
    for index = 1, 4 do
      answers[2 * index - 1] = refusal("n" .. index, index > 1 and ", stale=true" or "")
      answers[2 * index] = index == 4 and answer("end")
        or ("HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"):format(index)
    end
    local server = keep(serve({ answers }))
    local status, body = fetched("http://h.invalid/0", { proxy = url_of("http", server, "u:w") })
    assert.same({ 200, "end" }, { status, body })
    local list = authorizations(server)
    assert.equal(8, #list)
    assert.truthy(list[8]:find('nonce="n4", uri="http://h.invalid/3"', 1, true), list[8])
  end)

  it("ends where the proxy and the server ask in turns", function()
    local answers = {}
    for index = 1, 12, 2 do
      answers[index] = refusal("p" .. index, ", stale=true")
      answers[index + 1] = "HTTP/1.1 401 No\r\n"
        .. ('WWW-Authenticate: Digest realm="s", nonce="s%d", qop="auth"\r\n'):format(index)
        .. "Content-Length: 0\r\n\r\n"
    end
    local server = keep(serve({ answers }))
    local status = fetched("http://h.invalid/", { proxy = url_of("http", server, "u:w"),
      auth = { "me", "pw", "digest" } })
    assert.equal(407, status)
    assert.equal(5, #authorizations(server))
  end)

  it("ends after a proxy that calls every nonce stale", function()
    local refusals = {}
    for index = 1, 9 do refusals[index] = refusal("n" .. index, ", stale=true") end
    local server = keep(serve({ refusals }))
    assert.same(407, (fetched("http://h.invalid/", { proxy = url_of("http", server, "u:w") })))
    assert.equal(3, #authorizations(server))
  end)

  local rests = {
    { "a length", "Content-Length: 2\r\n\r\nno", true },
    { "chunks", "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", true },
    { "no content", "Content-Length: 0\r\n\r\n", true },
    { "an end of the connection", "Connection: close\r\n\r\nno", false },
    { "too much", "Content-Length: 100000\r\n\r\n", false },
    { "bytes behind it", "Content-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n\r\n", false },
  }
  for _, case in ipairs(rests) do
    it("for a tunnel follows a refusal with " .. case[1], function()
      local server
      if case[3] then
        server = keep(serve({ { refusal("n1", nil, case[2]), "HTTP/1.1 503 Later\r\n\r\n" } }))
      else
        server = keep(serve({ { refusal("n1", nil, case[2]) }, { "HTTP/1.1 503 Later\r\n\r\n" } }))
      end
      local client = keep(HTTPClient.new())
      client:set_proxy(url_of("http", server, "u:w"))
      client:connect_to_host("h.invalid", 443, tls.trusting())
      support.pump(client, support.is_connected_or_failed)
      local _, message = client:get_last_error()
      assert.truthy(message:find("503 Later", 1, true), message)
      local list = authorizations(server)
      assert.equal("Basic dTp3", list[1])
      assert.truthy(list[2]:find('uri="h.invalid:443"', 1, true), list[2])
      assert.truthy(list[2]:find("nc=00000001", 1, true), list[2])
      assert.equal(2, #list)
    end)
  end

  it("is handed over by HTTPClient, whose next request has it", function()
    local server = keep(serve({ { refusal("n1"), answer("a") } }))
    local client = keep(HTTPClient.new())
    client:set_proxy(url_of("http", server, "u:w"))
    client:connect_to_host("h.invalid", 80)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    local first = support.exchange(client, "GET", "/")
    local second = support.exchange(client, "GET", "/")
    assert.same({ 407, 200 }, { first.code, second.code })
  end)
end)
