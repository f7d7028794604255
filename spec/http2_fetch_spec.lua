-- fetch over HTTP/2, against servers that are not ours: which version is spoken, and who shares what.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local Error, fetch, pool = httpclient.Error, httpclient.fetch, httpclient.pool
local nghttpd = ports.find_program("nghttpd")
local tls = httpclient.TLSOptions.client(certs.ca.cert)

local COMMON = [[
    location = /guarded {
      auth_basic "here"; auth_basic_user_file {{root}}/users;
      client_body_buffer_size 1m; proxy_pass http://127.0.0.1:{{port:backend}}/length; proxy_set_header X-Length $content_length;
    }
    location = /connection { return 200 '$connection'; }
    location = /version { return 200 '$server_protocol'; }
    location = /redirect { return 302 /version; }
    location = /echo { client_body_buffer_size 1m; proxy_pass http://127.0.0.1:{{port:backend}}/length; proxy_set_header X-Length $content_length; }
    location / { root {{root}}; }]]

if not nghttpd then return end

describe("fetch", function()
  local server
  setup(function()
    server = nginx.start({
      both = { tls = certs.localhost, http2 = true, body = COMMON },
      only1 = { tls = certs.localhost, body = COMMON },
      plain = COMMON,
      backend = "location = /length { return 200 '$http_x_length'; }",
    }, { files = { big = ("0123456789abcdef"):rep(262144), users = "ada:{PLAIN}secret\n" } })
  end)
  teardown(function() server:stop() end)
  after_each(function()
    pool.max_per_host = 6
    pool.close_idle()
  end)

  local function url(name, path)
    local scheme = name == "plain" and "http" or "https"
    return ("%s://localhost:%d%s"):format(scheme, server:port(name), path)
  end

  local function get(name, path, options)
    options = options or {}
    options.tls_options = options.tls_options or tls
    return fetch(url(name, path), options)
  end

  local function many(name, count, options)
    local tasks = {}
    for i = 1, count do
      tasks[i] = httpclient.async(get, name, "/connection", options)
    end
    return tasks
  end

  local function bodies_of(tasks)
    local seen, count = {}, 0
    for _, task in ipairs(tasks) do
      local response = assert(task:result())
      assert.equal(200, response.status)
      if not seen[response.body] then
        seen[response.body], count = true, count + 1
      end
    end
    return count
  end

  it("speaks HTTP/2 where the server has it, and tells so", function()
    local response = assert(get("both", "/version"))
    assert.same({ "HTTP/2.0", "2", "" }, { response.body, response.http_version, response.reason })
  end)

  it("asks for what credentials are wanted before a body goes that can be had once", function()
    for name, version in pairs({ both = "2", only1 = "1.1" }) do
      local pieces = { "abc" }
      local response = assert(get(name, "/guarded", { auth = { "ada", "secret", "any" },
        headers = { "Content-Length: 3" }, body = function() return table.remove(pieces) end }))
      assert.same({ 200, "3", version }, { response.status, response.body, response.http_version })
    end
  end)

  it("speaks 1.1 with a server without ALPN for it, and in clear", function()
    for _, name in ipairs({ "only1", "plain" }) do
      local response = assert(get(name, "/version"))
      assert.same({ "HTTP/1.1", "1.1" }, { response.body, response.http_version })
    end
  end)

  it("speaks 1.1 where that is asked for", function()
    local response = assert(get("both", "/version", { http_version = "1.1" }))
    assert.same({ "HTTP/1.1", "1.1" }, { response.body, response.http_version })
  end)

  it("fails where HTTP/2 is asked for and is not there", function()
    local response, message, code = get("only1", "/version", { http_version = "2" })
    assert.is_nil(response)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.truthy(message:find("HTTP/2", 1, true) or message:find("application protocol", 1, true),
      message)
  end)

  it("takes three versions", function()
    assert.has_error(function() fetch(url("both", "/"), { http_version = "3" }) end,
      [[bad option 'http_version' of fetch ("auto", "1.1" or "2" expected, got string)]])
  end)

  it("uses 1.1 for a request with Upgrade, unless HTTP/2 is asked for", function()
    local upgrade = { Upgrade = "websocket", Connection = "Upgrade" }
    local response = assert(get("both", "/version", { headers = upgrade }))
    assert.same({ "HTTP/1.1", "1.1" }, { response.body, response.http_version })
    local none, message = get("both", "/version", { headers = upgrade, http_version = "2" })
    assert.is_nil(none)
    assert.equal("Upgrade needs HTTP/1.1, and this connection speaks HTTP/2", message)
  end)

  it("makes 100 requests of tasks over one connection", function()
    local tasks = many("both", 100)
    httpclient.run()
    assert.equal(1, bodies_of(tasks))
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("makes more requests than there are streams over one connection", function()
    local tasks = many("both", 300)
    local most = 0
    repeat
      httpclient.process()
      most = math.max(most, (pool.count()))
    until tasks[300]:status() ~= "running" and pool.count() == 0
    httpclient.run()
    assert.equal(1, bodies_of(tasks))
    -- One whose stream has ended, and who has not read that yet, is counted beside its successor.
    assert.is_true(most > 6 and most <= 200, most)
  end)

  it("has one handshake where six would defeat ALPN, and six connections with 1.1", function()
    local tasks = many("only1", 30)
    httpclient.run()
    assert.equal(6, bodies_of(tasks))
    assert.same({ 0, 6, 0 }, { pool.count() })
  end)

  it("remembers that an origin has only 1.1", function()
    assert(get("only1", "/connection"))
    pool.close_idle()
    local tasks = many("only1", 6)
    httpclient.process()
    assert.same({ 6, 0, 0 }, { pool.count() })
    httpclient.run()
    assert.equal(6, bodies_of(tasks))
  end)

  it("shares among those with the same options alone", function()
    local first = many("both", 3)
    local other = many("both", 3, { http_version = "2" })
    httpclient.run()
    assert.equal(1, bodies_of(first))
    assert.equal(1, bodies_of(other))
    assert.same({ 0, 2, 0 }, { pool.count() })
  end)

  it("keeps the connection for the next one, and closes it when it is not kept", function()
    local first = assert(get("both", "/connection"))
    local second = assert(get("both", "/connection"))
    assert.equal(first.body, second.body)
    assert.is_true(second.timings.reused)
    pool.close_idle()
    assert.same({ 0, 0, 0 }, { pool.count() })
    assert.not_equal(first.body, assert(get("both", "/connection")).body)
  end)

  it("follows redirects over it", function()
    local response = assert(get("both", "/redirect"))
    assert.same({ "HTTP/2.0", 1 }, { response.body, response.redirects })
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("sends strings, files and functions", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local text = ("upload"):rep(20000)
    local file = assert(io.open(folder:write("body", text), "rb"))
    finally(function() file:close() end)
    for _, body in ipairs({ text, file }) do
      local response = assert(get("both", "/echo", { body = body }))
      assert.same({ "120000", "2" }, { response.body, response.http_version })
    end
    local left = 20
    local response = assert(get("both", "/echo", { body = function()
      left = left - 1
      return left >= 0 and ("x"):rep(1000) or nil
    end }))
    assert.equal(200, response.status)
  end)

  it("tells of an upload until all of it is out", function()
    local body = ("x"):rep(3000000)
    local at = 0
    local bodies = { body, function()
      at = at + 100000
      return at <= #body and body:sub(at - 99999, at) or nil
    end }
    for _, one in ipairs(bodies) do
      local last, most = nil, 0
      local response = assert(get("both", "/echo", { body = one,
        on_progress = function(_, _, sent)
          assert.is_true(sent >= most)
          last, most = sent, math.max(sent, most)
        end }))
      assert.equal("2", response.http_version)
      assert.equal(#body, last)
    end
  end)

  it("downloads into a file, and goes on where one was broken off", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local path = folder:file("big")
    local calls = 0
    local task
    task = httpclient.async(get, "both", "/big", { download_file = path, resume = true,
      on_progress = function(received)
        calls = calls + 1
        if received > 100000 then task:cancel() end
      end })
    httpclient.run()
    assert.equal("cancelled", task:status())
    local response = assert(get("both", "/big", { download_file = path, resume = true }))
    assert.same({ 206, "2" }, { response.status, response.http_version })
    assert.is_true(tempdir.read(path) == ("0123456789abcdef"):rep(262144))
  end)

  it("decodes, limits and counts as with 1.1", function()
    local got = 0
    local response = assert(get("both", "/big",
      { on_data = function(piece) got = got + #piece end }))
    assert.same({ 4194304, "" }, { got, response.body })
    local none, message, code = get("both", "/big", { body_size_limit = 1000 })
    assert.same({ "the body has more than 1000 bytes", Error.FAILED }, { message, code })
    assert.is_nil(none)
    assert.equal("HTTP/2.0", assert(get("both", "/version")).body)
  end)

  it("goes by HTTPRequest too", function()
    local request, seen = httpclient.HTTPRequest.new(), nil
    assert.equal("auto", request.http_version)
    request.http_version = "1.1"
    request:set_tls_options(tls)
    request:connect("request_completed", function(_, code, _, body) seen = { code, body } end)
    assert.equal(0, request:request(url("both", "/version")))
    httpclient.run()
    assert.same({ 200, "HTTP/1.1" }, seen)
    request:set_http_version("auto")
    assert.equal(0, request:request(url("both", "/version")))
    httpclient.run()
    assert.same({ 200, "HTTP/2.0" }, seen)
  end)

  it("goes on after a failed connection without waiting for one another", function()
    local port = native.listen({ host = "127.0.0.1" })
    local number = port:port()
    port:close()
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = httpclient.async(fetch, ("https://127.0.0.1:%d/"):format(number))
    end
    httpclient.run()
    for i = 1, 20 do
      local none, _, code = tasks[i]:result()
      assert.same({ nil, Error.ERR_CANT_CONNECT }, { none, code })
    end
    assert.same({ 0, 0, 0 }, { pool.count() })
  end)
end)
