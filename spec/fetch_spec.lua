-- fetch: one call, one response.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local pipe = require("spec.support.pipe")
local ports = require("spec.support.ports")
local serve = require("spec.support.serve")
local native = require("spec_native")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

describe("fetch", function()
  it("gives the response as a table", function()
    local server = with_server({ { "HTTP/1.1 201 Made It\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello" } })
    local response = assert(fetch(server:url("/a b?q=ü#frag")))
    assert.equal(201, response.status)
    assert.is_true(response.ok)
    assert.equal("Made It", response.reason)
    assert.equal("1, 2", response.headers["X-a"])
    assert.same({ "X-A: 1", "x-a: 2", "Content-Length: 5" }, response.header_list)
    assert.equal("hello", response.body)
    assert.equal(server:url("/a%20b?q=%C3%BC"), response.url)
    assert.equal(0, response.redirects)
    for _, phase in ipairs({ "resolve", "connect", "response", "body", "total" }) do
      assert.is_true(response.timings[phase] >= 0, phase)
    end
    assert.is_true(response.timings.total < 10)
    assert.equal(0, response.timings.resolve, "an address is no name")
    assert.is_true(response.timings.connect > 0)
    local request = server:requests()[1]
    assert.truthy(request:find("^GET /a%%20b%?q=%%C3%%BC HTTP/1%.1\r\n"), request)
    assert.truthy(request:find("\r\nAccept-Encoding: gzip, deflate", 1, true), request)
  end)

  it("says ok for 2xx alone", function()
    for code, ok in pairs({ [200] = true, [299] = true, [404] = false, [500] = false,
      [304] = false }) do
      local server = with_server({ { ("HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"):format(code) } })
      local response = assert(fetch(server:url()))
      assert.equal(code, response.status)
      assert.equal(ok, response.ok)
    end
  end)

  it("sends methods by name and number, bodies, forms, queries and headers", function()
    local empty = "HTTP/1.1 204 No\r\n\r\n"
    local cases = {
      { { method = "DELETE" }, "^DELETE /p HTTP" },
      { { method = httpclient.HTTPClient.METHOD_PATCH, body = "abc" },
        "^PATCH /p HTTP.*Content%-Length: 3\r\n.*\r\n\r\nabc$", 3 },
      { { body = "abc" }, "^POST /p HTTP.*\r\n\r\nabc$", 3 },
      { { form = { a = "1 2", b = true } },
        "^POST /p .*Content%-Type: application/x%-www%-form%-urlencoded\r\n.*\r\n\r\na=1%%202&b=true$", 14 },
      { { form = { a = 1 }, headers = { ["content-type"] = "text/x" } },
        "content%-type: text/x\r\n.*\r\n\r\na=1$", 3 },
      { { query = { x = { 1, 2 } } }, "^GET /p%?x=1&x=2 HTTP" },
      { { query = {} }, "^GET /p HTTP" },
      { { headers = { "X-One: 1", ["X-Two"] = 2 } }, "\r\nX%-One: 1\r\nX%-Two: 2\r\n" },
      { { method = "GET", body = "with" }, "^GET /p .*Content%-Length: 4\r\n.*\r\n\r\nwith$", 4 },
    }
    for _, case in ipairs(cases) do
      local server = with_server({ { { send = empty, content = case[3] } } })
      local response = assert(fetch(server:url("/p"), case[1]))
      assert.equal(204, response.status)
      assert.equal("", response.body)
      local request = server:requests()[1]
      assert.truthy(request:find(case[2]), request)
    end
    local server = with_server({ { empty } })
    assert(fetch(server:url("/p?a=b"), { query = { c = "d" } }))
    assert.truthy(server:requests()[1]:find("^GET /p%?a=b&c=d HTTP"))
  end)

  it("turns user info into credentials that no message and no URL repeats", function()
    local server = with_server({ { answer("x") } })
    local url = server:url("/"):gsub("//", "//me:s%%20ecret@")
    local response = assert(fetch(url))
    assert.truthy(server:requests()[1]:find("\r\nAuthorization: Basic bWU6cyBlY3JldA==\r\n", 1,
      true))
    assert.equal(server:url("/"), response.url)
  end)

  it("raises for what is the caller's bug", function()
    local cases = {
      { {}, {}, "argument #1" },
      { "http://h/", 5, "argument #2" },
      { "http://h/", { tiemout = 5 }, "no option 'tiemout'" },
      { "http://h/", { download_file = "a\0b" }, "'download_file'" },
      { "http://h/", { timeout = "5" }, "'timeout'" },
      { "http://h/", { timeout = -1 }, "'timeout'" },
      { "http://h/", { timeout = 0 / 0 }, "'timeout'" },
      { "http://h/", { method = 9 }, "no method 9" },
      { "http://h/", { body = 5 }, "'body'" },
      { "http://h/", { body = "a", form = {} }, "not both" },
      { "http://h/", { form = { a = print } }, "" },
      { "http://h/", { headers = { 5 } }, "header 1" },
      { "http://h/", { headers = { a = {} } }, "header 'a'" },
      { "http://h/", { on_data = "x" }, "'on_data'" },
      { "http://h/", { tls_options = {} }, "'tls_options'" },
      { "http://h/", { proxy = true }, "'proxy'" },
      { "http://h/", { resume = true }, "'resume'" },
      { "http://h/", { download_file = "" }, "'download_file'" },
      { "http://h/", { max_redirects = 1.5 }, "'max_redirects'" },
    }
    for index, case in ipairs(cases) do
      local ok, message = pcall(fetch, case[1], case[2])
      assert.is_false(ok, "case " .. index)
      assert.truthy(message:find(case[3], 1, true), message)
    end
  end)

  it("says what is wrong with a URL", function()
    for _, url in ipairs({ "", "/path", "ftp://h/", "http://", "http:///x", "http://h:99999/",
      "http://a b/", "http://h/\r\nX: y",
      "http://[::1", "http://h:0/" }) do
      local response, message, code = fetch(url)
      assert.is_nil(response, url)
      assert.is_true(#message > 5, url)
      assert.equal(Error.ERR_INVALID_PARAMETER, code, url)
    end
  end)

  it("says what went wrong on the way", function()
    local refused = ("http://127.0.0.1:%d/"):format(ports.free(1)[1])
    local function check(expected, text, ...)
      local response, message, code = fetch(...)
      assert.is_nil(response)
      assert.equal(expected, code, message)
      assert.truthy(message:find(text), message)
    end
    check(Error.ERR_CANT_CONNECT, "refused", refused)
    check(Error.ERR_CANT_RESOLVE, "resolve", "http://no-such-host.invalid/")
    local server = with_server({ { { send = "", ending = "close" } } })
    check(Error.ERR_CONNECTION_ERROR, "without an answer", server:url())
    server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc" } })
    check(Error.ERR_CONNECTION_ERROR, "cut short", server:url())
    server = with_server({ { "nonsense\r\n\r\n" } })
    check(Error.ERR_CONNECTION_ERROR, "", server:url())
    server = with_server({ { { send = "", ending = "stall" } } })
    check(Error.ERR_TIMEOUT, "timeout after 0.05 s", server:url(), { timeout = 0.05 })
    server = with_server({ { { send = "", ending = "stall" } } })
    check(Error.ERR_TIMEOUT, "response timeout", server:url(), { response_timeout = 0.05 })
    server = with_server({ { { send = "HTTP/1.1 200 OK\r\n\r\nabc", ending = "stall" } } })
    check(Error.ERR_TIMEOUT, "idle timeout", server:url(), { idle_timeout = 0.05 })
    check(Error.ERR_INVALID_PARAMETER, "header", server:url(), { headers = { "no colon" } })
    check(Error.ERR_INVALID_PARAMETER, "token character", server:url(),
      { timeout = 20, headers = { ["X-One: 1"] = "2" } })
    check(Error.ERR_INVALID_PARAMETER, "proxies", server:url(), { proxy = "socks4://h:1" })
  end)

  it("keeps connections for the next request to the same place", function()
    local server = with_server({ { answer("1"), answer("2"), answer("3", "Connection: close\r\n") },
      { answer("4") } })
    local bodies = {}
    for i = 1, 4 do
      local response = assert(fetch(server:url("/" .. i)))
      bodies[i] = response.body
      assert.equal(i == 2 or i == 3, response.timings.reused)
    end
    assert.same({ "1", "2", "3", "4" }, bodies)
    assert.equal(2, #server:requests())
  end)

  it("asks once more when a kept connection has died, but only if that is safe", function()
    local function dies_at_second(method, body)
      local server = with_server({
        { answer("first"), { send = "", ending = "reset", content = body and #body } },
        { { send = answer("again"), content = body and #body } },
      })
      assert.equal("first", fetch(server:url()).body)
      return server, fetch(server:url(), { method = method, body = body })
    end
    local server, response = dies_at_second("GET")
    assert.equal("again", response.body)
    assert.equal(2, #server:requests())
    local _, put = dies_at_second("PUT", "abc")
    assert.equal("again", put.body)
    local post_server, post, message, code = dies_at_second("POST", "abc")
    assert.is_nil(post)
    assert.equal(Error.ERR_CONNECTION_ERROR, code, message)
    assert.equal(1, #post_server:requests())
    -- With a byte of the answer there, or on a new connection, there is no second try.
    local late = with_server({ { answer("first"), { send = "HTTP/1.1 200", ending = "reset" } },
      { answer("again") } })
    assert.equal("first", fetch(late:url()).body)
    assert.is_nil((fetch(late:url())))
    assert.equal(1, #late:requests())
    local new = with_server({ { { send = "", ending = "reset" } }, { answer("again") } })
    assert.is_nil((fetch(new:url())))
  end)

  it("never uses a connection with bytes that nobody asked for", function()
    local server = with_server({
      { { send = answer("first") .. answer("stray"), ending = "stall" } },
    })
    assert.equal("first", fetch(server:url()).body)
    local used, idle = httpclient.pool.count()
    assert.equal(0, used)
    assert.is_true(idle <= 1)
    local response = fetch(server:url(), { timeout = 0.1 })
    assert.is_nil(response)
  end)

  it("decodes gzip and deflate as a stream", function()
    local text = ("some text that repeats "):rep(5000)
    local packed = pipe.gzip(text)
    for _, case in ipairs({ { "gzip" }, { "x-gzip" }, { "GZip" } }) do
      local server = with_server({ { answer(packed, "Content-Encoding: " .. case[1] .. "\r\n") } })
      assert.equal(text, assert(fetch(server:url())).body)
    end
    local raw = with_server({ { answer(packed, "Content-Encoding: gzip\r\n") } })
    assert.equal(packed, fetch(raw:url(), { accept_gzip = false }).body)
    assert.is_nil(raw:requests()[1]:find("Accept-Encoding", 1, true))
    local other = with_server({ { answer("as it is", "Content-Encoding: compress\r\n") } })
    assert.equal("as it is", fetch(other:url()).body)
    local own = with_server({ { answer(packed, "Content-Encoding: gzip\r\n") } })
    assert.equal(text, fetch(own:url(), { headers = { "Accept-Encoding: gzip" } }).body)
    local head = with_server({ { "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" } })
    assert.equal("", assert(fetch(head:url(), { method = "HEAD" })).body)
    local empty = with_server({ { answer("", "Content-Encoding: gzip\r\n") } })
    assert.equal("", assert(fetch(empty:url())).body)
  end)

  it("hands over a part of something coded as it is, and decodes all of it", function()
    local text = ("some text that repeats "):rep(50)
    local packed = pipe.gzip(text)
    local coding = "Content-Encoding: gzip\r\n"
    local slice = ("HTTP/1.1 206 P\r\nContent-Length: 20\r\nContent-Range: bytes 10-29/%d\r\n%s\r\n"):format(#packed, coding) .. packed:sub(11, 30)
    local path = os.tmpname()
    for _, case in ipairs({ { slice, packed:sub(11, 30) }, { answer(packed, coding), text } }) do
      local server = with_server({ { case[1], case[1], case[1] } })
      local options = { headers = { ["rAnge"] = "bytes=10-29" } }
      assert.equal(case[2], assert(fetch(server:url(), options)).body)
      local parts = {}
      options.on_data = function(part)
        parts[#parts + 1] = part
      end
      assert(fetch(server:url(), options))
      assert.equal(case[2], table.concat(parts))
      options.on_data, options.download_file = nil, path
      assert(fetch(server:url(), options))
      local file = assert(io.open(path, "rb"))
      assert.equal(case[2], file:read("*a"))
      file:close()
    end
    os.remove(path)
  end)

  it("refuses content that is coded wrongly, or cut short inside the coding", function()
    local packed = pipe.gzip(("x"):rep(10000))
    for _, body in ipairs({ "no gzip at all", packed:sub(1, -5), packed:sub(1, 12) .. "\255\255\255"
      .. packed:sub(16) }) do
      local server = with_server({ { answer(body, "Content-Encoding: gzip\r\n") } })
      local response, message, code = fetch(server:url())
      assert.is_nil(response)
      assert.equal(Error.ERR_INVALID_DATA, code, message)
    end
  end)

  it("stops at the size limit, which counts decoded bytes", function()
    local bomb = pipe.gzip(("\0"):rep(50000000))
    local server = with_server({ { answer(bomb, "Content-Encoding: gzip\r\n") } })
    collectgarbage()
    local before, most = collectgarbage("count"), 0
    local response, message, code = fetch(server:url(),
      { body_size_limit = 1000000, on_data = function()
      most = math.max(most, collectgarbage("count"))
    end })
    assert.is_nil(response)
    assert.equal(Error.FAILED, code)
    assert.truthy(message:find("1000000", 1, true), message)
    assert.is_true(most - before < 8000, tostring(most - before))
    for _, case in ipairs({
      { answer(("x"):rep(11)), nil }, { "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(11), nil },
      { answer(("x"):rep(10)), 10 },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n", nil },
    }) do
      local limited = with_server({ { case[1] } })
      local result = fetch(limited:url(), { body_size_limit = 10 })
      assert.equal(case[2], result and #result.body)
    end
  end)

  it("hands content to on_data as it comes, and says how far it is", function()
    local server = with_server({ { { send = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc",
      gate_after = "more", ending = "keep" } } })
    -- The rest of the body follows the gate.
    server:stop()
    local script = native.script({
      { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc" }, { "gate", "more" },
      { "send", "def" }, { "close" },
    })
    local pieces, progress = {}, {}
    local response = assert(fetch(("http://127.0.0.1:%d/"):format(script:port()), {
      on_data = function(piece)
        pieces[#pieces + 1] = piece
        script:open_gate("more")
      end,
      on_progress = function(...)
        progress[#progress + 1] = { ... }
      end,
    }))
    script:stop()
    httpclient.pool.close_idle()
    assert.same({ "abc", "def" }, pieces)
    assert.equal("", response.body)
    assert.same({ { 3, 6, 0, 0 }, { 6, 6, 0, 0 } }, progress)
  end)

  it("passes an error of a callback on, and lets the connection go", function()
    local server = with_server({ { { send = answer(("x"):rep(100)), ending = "stall" } } })
    local object = {}
    local ok, message = pcall(fetch, server:url(), { on_data = function() error(object) end })
    assert.is_false(ok)
    assert.equal(object, message)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("reports the upload's progress", function()
    local body = ("u"):rep(4000000)
    local server = with_server({ { { send = answer("ok"), content = #body } } })
    local last = { 0, 0 }
    local calls = 0
    assert.equal("ok", fetch(server:url(), { body = body, on_progress = function(_, _, sent, total)
      assert.is_true(sent >= last[1])
      assert.equal(#body, total)
      last[1], calls = sent, calls + 1
    end }).body)
    assert.equal(#body, last[1])
    assert.is_true(calls > 1)
  end)

  it("takes files and functions as bodies", function()
    local server = with_server({ { { send = answer("ok"), content = 6 } } })
    local name = os.tmpname()
    local file = assert(io.open(name, "wb"))
    file:write("skip:abcdef")
    file:close()
    file = assert(io.open(name, "rb"))
    file:seek("set", 5)
    assert.equal("ok", assert(fetch(server:url(), { body = file })).body)
    file:close()
    os.remove(name)
    assert.truthy(server:requests()[1]:find("Content%-Length: 6\r\n.*\r\n\r\nabcdef$"))
    local parts, at = { "ab", "cd" }, 0
    server = with_server({ { { send = answer("ok"),
      content = #"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n" } } })
    assert.equal("ok", assert(fetch(server:url(), { body = function()
      at = at + 1
      return parts[at]
    end })).body)
    assert.truthy(server:requests()[1]:find("\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 1, true))
  end)
end)

describe("fetch over TLS", function()
  it("verifies by default, and takes TLSOptions", function()
    local server = nginx.start({ secure = { tls = certs.localhost,
      body = "location / { return 200 '$ssl_session_reused'; }" } })
    finally(function()
      httpclient.pool.close_idle()
      server:stop()
    end)
    local url = ("https://127.0.0.1:%d/"):format(server:port("secure"))
    local response, message, code = fetch(url)
    assert.is_nil(response)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.truthy(message:find("certificate"), message)
    local chain = httpclient.X509Certificate.new()
    chain:load(certs.ca.cert_file)
    local options = httpclient.TLSOptions.client(chain)
    assert.equal(".", assert(fetch(url, { tls_options = options })).body)
    assert.is_true(fetch(url, { tls_options = options }).timings.reused)
    -- Other options: another connection.
    assert.is_false(fetch(url,
      { tls_options = httpclient.TLSOptions.client_unsafe() }).timings.reused)
    httpclient.pool.close_idle()
    assert.equal("r", fetch(url, { tls_options = options }).body) -- the session, resumed
  end)
end)
