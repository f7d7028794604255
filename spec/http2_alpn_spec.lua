-- What ALPN decides for fetch: who waits for it, what comes of HTTP_1_1_REQUIRED, and tunnels.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local nginx = require("spec.support.nginx")
local proxies = require("spec.support.proxy")
local support = require("spec.support.client")

local fetch, pool = httpclient.fetch, httpclient.pool
local HTTP_1_1_REQUIRED = 13

after_each(function() pool.close_idle() end)

local function answer_http1(conn, body)
  support.until_true(function()
    httpclient.process()
    return conn:recv_until("\r\n\r\n", 0)
  end)
  assert(conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)))
end

describe("fetch with ALPN", function()
  it("offers h2 before http/1.1, and waits with all others for what comes of it", function()
    local world = h2_tasks.start(finally)
    local tls = httpclient.TLSOptions.client(certs.ca.cert)
    local tasks = {}
    for i = 1, 4 do tasks[i] = world:fetch_tls("/" .. i, { tls_options = tls }) end
    local agreed, conn = world:accept_tls({ "h2", "http/1.1" })
    assert.equal("h2", agreed)
    assert.is_nil(world:try_accept())
    local peer = world:greet(conn)
    for _, stream in ipairs(peer:requests(4)) do peer:answer(stream, "x") end
    for _, task in ipairs(tasks) do assert.equal("2", world:result(task).http_version) end
  end)

  it("lets all go their own ways with a server that has 1.1 alone", function()
    local world = h2_tasks.start(finally)
    local tls = httpclient.TLSOptions.client(certs.ca.cert)
    local tasks = {}
    for i = 1, 3 do tasks[i] = world:fetch_tls("/" .. i, { tls_options = tls }) end
    local conns = {}
    for i = 1, 3 do
      local agreed
      agreed, conns[i] = world:accept_tls({ "http/1.1" })
      assert.equal("http/1.1", agreed)
    end
    for i = 1, 3 do answer_http1(conns[i], "x") end
    for _, task in ipairs(tasks) do assert.equal("1.1", world:result(task).http_version) end
  end)

  it("makes a waiting one the next to connect when the first is cancelled", function()
    local world = h2_tasks.start(finally)
    local tls = httpclient.TLSOptions.client(certs.ca.cert)
    local first = world:fetch_tls("/1", { tls_options = tls })
    local second = world:fetch_tls("/2", { tls_options = tls })
    world:accept_tls({ "http/1.1", "h2" })
    first:cancel()
    local agreed, conn = world:accept_tls({ "h2" })
    assert.equal("h2", agreed)
    local peer = world:greet(conn)
    peer:answer(peer:await("HEADERS").stream, "x")
    assert.equal("x", world:result(second).body)
  end)

  it("asks once again by 1.1 where the server requires that", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch_tls("/", { body = "content" })
    local _, conn = world:accept_tls({ "h2" })
    local peer = world:greet(conn)
    peer:send(h2.rst(peer:await("HEADERS").stream, HTTP_1_1_REQUIRED))
    local agreed, other = world:accept_tls({ "http/1.1" })
    assert.equal("http/1.1", agreed)
    answer_http1(other, "by 1.1")
    local response = world:result(task)
    assert.same({ "by 1.1", "1.1" }, { response.body, response.http_version })
  end)

  it("asks once again by 1.1 where the connection ends for that reason", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch_tls("/")
    local _, conn = world:accept_tls({ "h2" })
    local peer = world:greet(conn)
    local stream = peer:await("HEADERS").stream
    peer:send(h2.goaway(stream, HTTP_1_1_REQUIRED))
    peer:close()
    local _, other = world:accept_tls({ "http/1.1" })
    answer_http1(other, "by 1.1")
    assert.equal("by 1.1", world:result(task).body)
  end)

  it("asks nothing again once a head has come", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch_tls("/")
    local _, conn = world:accept_tls({ "h2" })
    local peer = world:greet(conn)
    local stream = peer:await("HEADERS").stream
    peer:send(h2.headers(stream, h2.OK), h2.data(stream, "half"), h2.rst(stream, HTTP_1_1_REQUIRED))
    local none, message = world:result(task)
    assert.is_nil(none)
    assert.truthy(message:find("HTTP_1_1_REQUIRED", 1, true), message)
    world:settle()
    assert.is_nil(world:try_accept())
  end)
end)

describe("fetch through a proxy", function()
  local server
  setup(function()
    server = nginx.start({
      both = { tls = certs.localhost, http2 = true,
        body = "location / { return 200 '$server_protocol $connection'; }" },
      plain = "location / { return 200 'plain'; }",
    })
  end)
  teardown(function() server:stop() end)

  it("speaks HTTP/2 in a tunnel, which all share", function()
    if not proxies.has("tinyproxy") then
      pending("tinyproxy is not installed")
      return
    end
    local proxy = proxies.tinyproxy()
    finally(function()
      pool.close_idle()
      proxy:stop()
    end)
    local tls = httpclient.TLSOptions.client(certs.ca.cert)
    local tasks, seen = {}, {}
    for i = 1, 10 do
      tasks[i] = httpclient.async(fetch, ("https://localhost:%d/"):format(server:port("both")),
        { tls_options = tls, proxy = ("http://127.0.0.1:%d"):format(proxy:port()) })
    end
    httpclient.run()
    for _, task in ipairs(tasks) do
      local response = assert(task:result())
      assert.equal("2", response.http_version)
      seen[response.body] = true
    end
    assert.truthy(next(seen):find("^HTTP/2.0"))
    assert.is_nil(next(seen, (next(seen))))
  end)

  it("speaks HTTP/2 behind SOCKS as it does without", function()
    if not proxies.has("microsocks") then
      pending("microsocks is not installed")
      return
    end
    local proxy = proxies.microsocks()
    finally(function()
      pool.close_idle()
      proxy:stop()
    end)
    local response = assert(fetch(("https://localhost:%d/"):format(server:port("both")),
      { tls_options = httpclient.TLSOptions.client(certs.ca.cert),
        proxy = ("socks5h://127.0.0.1:%d"):format(proxy:port()) }))
    assert.same({ 200, "2" }, { response.status, response.http_version })
    assert.truthy(response.body:find("^HTTP/2.0"), response.body)
  end)

  it("never speaks it to the proxy itself", function()
    if not proxies.has("tinyproxy") then
      pending("tinyproxy is not installed")
      return
    end
    local proxy = proxies.tinyproxy()
    finally(function()
      pool.close_idle()
      proxy:stop()
    end)
    local url = ("http://127.0.0.1:%d/"):format(server:port("plain"))
    local options = { proxy = ("http://127.0.0.1:%d"):format(proxy:port()) }
    assert.equal("1.1", assert(fetch(url, options)).http_version)
    options.http_version = "2"
    local response, message = fetch(url, options)
    assert.is_nil(response)
    assert.truthy(message:find("proxy", 1, true), message)
  end)
end)
