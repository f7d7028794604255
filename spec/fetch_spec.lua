-- fetch: one call, one response.
local httpclient = require("httpclient")
local native = require("spec_native")
local pipe = require("spec.support.pipe")
local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local ports = require("spec.support.ports")
local serve = require("spec.support.serve")

local Error, fetch = httpclient.Error, httpclient.fetch
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local unpack = table.unpack or unpack -- luacheck: ignore

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)

local function gzip(text)
  return pipe({ "gzip", "-c" }, text)
end

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
    assert.truthy(request:find("\r\nAccept-Encoding: gzip, deflate\r\n", 1, true), request)
  end)

  it("says ok for 2xx alone", function()
    for code, ok in pairs({ [200] = true, [299] = true, [404] = false, [500] = false, [304] = false }) do
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
      { { method = httpclient.HTTPClient.METHOD_PATCH, body = "abc" }, "^PATCH /p HTTP.*Content%-Length: 3\r\n.*\r\n\r\nabc$", 3 },
      { { body = "abc" }, "^POST /p HTTP.*\r\n\r\nabc$", 3 },
      { { form = { a = "1 2", b = true } },
        "^POST /p .*Content%-Type: application/x%-www%-form%-urlencoded\r\n.*\r\n\r\na=1%%202&b=true$", 14 },
      { { form = { a = 1 }, headers = { ["content-type"] = "text/x" } }, "content%-type: text/x\r\n.*\r\n\r\na=1$", 3 },
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
    assert.truthy(server:requests()[1]:find("\r\nAuthorization: Basic bWU6cyBlY3JldA==\r\n", 1, true))
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
    for _, url in ipairs({ "", "/path", "ftp://h/", "http://", "http:///x", "http://h:99999/", "http://a b/", "http://h/\r\nX: y",
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
    check(Error.ERR_INVALID_PARAMETER, "proxies", server:url(), { proxy = "socks5://h:1" })
  end)

  it("keeps connections for the next request to the same place", function()
    local server = with_server({ { answer("1"), answer("2"), answer("3", "Connection: close\r\n") }, { answer("4") } })
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
    local late = with_server({ { answer("first"), { send = "HTTP/1.1 200", ending = "reset" } }, { answer("again") } })
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
    local packed = gzip(text)
    for _, case in ipairs({ { "gzip" }, { "x-gzip" }, { "GZip" } }) do
      local server = with_server({ { answer(packed, "Content-Encoding: " .. case[1] .. "\r\n") } })
      assert.equal(text, assert(fetch(server:url())).body)
    end
    local raw = with_server({ { answer(packed, "Content-Encoding: gzip\r\n") } })
    assert.equal(packed, fetch(raw:url(), { accept_gzip = false }).body)
    assert.is_nil(raw:requests()[1]:find("Accept-Encoding", 1, true))
    local other = with_server({ { answer("as it is", "Content-Encoding: br\r\n") } })
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
    local packed = gzip(text)
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
    local packed = gzip(("x"):rep(10000))
    for _, body in ipairs({ "no gzip at all", packed:sub(1, -5), packed:sub(1, 12) .. "\255\255\255" .. packed:sub(16) }) do
      local server = with_server({ { answer(body, "Content-Encoding: gzip\r\n") } })
      local response, message, code = fetch(server:url())
      assert.is_nil(response)
      assert.equal(Error.ERR_INVALID_DATA, code, message)
    end
  end)

  it("stops at the size limit, which counts decoded bytes", function()
    local bomb = gzip(("\0"):rep(50000000))
    local server = with_server({ { answer(bomb, "Content-Encoding: gzip\r\n") } })
    collectgarbage()
    local before, most = collectgarbage("count"), 0
    local response, message, code = fetch(server:url(), { body_size_limit = 1000000, on_data = function()
      most = math.max(most, collectgarbage("count"))
    end })
    assert.is_nil(response)
    assert.equal(Error.FAILED, code)
    assert.truthy(message:find("1000000", 1, true), message)
    assert.is_true(most - before < 8000, tostring(most - before))
    for _, case in ipairs({
      { answer(("x"):rep(11)), nil }, { "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(11), nil }, { answer(("x"):rep(10)), 10 },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n", nil },
    }) do
      local limited = with_server({ { case[1] } })
      local result = fetch(limited:url(), { body_size_limit = 10 })
      assert.equal(case[2], result and #result.body)
    end
  end)

  it("hands content to on_data as it comes, and says how far it is", function()
    local server = with_server({ { { send = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", gate_after = "more", ending = "keep" } } })
    -- The rest of the body follows the gate.
    server:stop()
    local script = native.script({
      { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc" },
      { "gate", "more" }, { "send", "def" }, { "close" },
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
    server = with_server({ { { send = answer("ok"), content = #"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n" } } })
    assert.equal("ok", assert(fetch(server:url(), { body = function()
      at = at + 1
      return parts[at]
    end })).body)
    assert.truthy(server:requests()[1]:find("\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 1, true))
  end)
end)

describe("the pool", function()
  local servers
  before_each(function()
    httpclient.pool.close_idle()
    servers = {}
  end)
  after_each(function()
    httpclient.pool.max_idle = 32
    httpclient.pool.close_idle()
    for _, server in ipairs(servers) do
      server:stop()
    end
  end)

  it("keeps the connections that were used last, whatever their place", function()
    httpclient.pool.max_idle = 2
    local function get(index)
      assert.equal("x", assert(fetch(servers[index]:url())).body)
      return (select(2, httpclient.pool.count()))
    end
    local kept = { send = answer("x"), ending = "keep" }
    for i = 1, 4 do
      servers[i] = serve({ { kept, kept, { send = answer("x"), ending = "stall" } } })
    end
    assert.same({ 1, 2, 2 }, { get(1), get(2), get(3) })
    for _ = 1, 2 do
      assert.same({ 2, 2 }, { get(3), get(2) })
    end
    local _, count = servers[3]:requests()[1]:gsub("GET / HTTP", "")
    assert.equal(3, count)
    httpclient.pool.max_idle = 0
    assert.equal(0, get(4))
  end)
end)

local function moved(code, location, more)
  return ("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n%s\r\ngone"):format(code, location, more or "")
end

describe("a redirect", function()
  it("is followed on the same connection, relative to where it is", function()
    local server = with_server({ { moved(301, "../c?d#e"), moved(302, "?x"), moved(307, "/end"), answer("there") } })
    local response = assert(fetch(server:url("/a/b")))
    assert.equal("there", response.body)
    assert.equal(3, response.redirects)
    assert.equal(server:url("/end"), response.url)
    local requests = server:requests()
    assert.equal(1, #requests)
    local lines = {}
    for line in requests[1]:gmatch("GET ([^ ]*) HTTP") do
      lines[#lines + 1] = line
    end
    assert.same({ "/a/b", "/c?d", "/c?x", "/end" }, lines)
  end)

  it("keeps or changes the method as its code says", function()
    local cases = {
      { 301, "POST", "GET" }, { 302, "POST", "GET" }, { 303, "POST", "GET" }, { 307, "POST", "POST" }, { 308, "POST", "POST" },
      { 301, "PUT", "PUT" }, { 302, "PUT", "PUT" }, { 303, "PUT", "GET" }, { 308, "PUT", "PUT" },
    }
    for _, case in ipairs(cases) do
      local keeps = case[2] == case[3]
      local server = with_server({ { { send = moved(case[1], "/new"), content = 3 },
        { send = answer("end"), content = keeps and 3 or nil } } })
      local response = assert(fetch(server:url("/old"), { method = case[2], body = "abc", headers = { "Content-Type: a/b" } }))
      assert.equal("end", response.body)
      local second = server:requests()[1]:match("%u+ /new .*$")
      assert.truthy(second:find("^" .. case[3] .. " "), second)
      assert.equal(keeps, second:find("Content-Type", 1, true) ~= nil)
      assert.equal(keeps, second:find("\r\n\r\nabc", 1, true) ~= nil)
    end
    local head = with_server({ { "HTTP/1.1 303 See\r\nLocation: /n\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" } })
    assert.equal("", assert(fetch(head:url(), { method = "HEAD" })).body)
    assert.truthy(head:requests()[1]:find("HEAD /n ", 1, true))
  end)

  it("takes credentials and cookies to no other origin", function()
    local other = with_server({ { answer("other") } })
    local server = serve({ { moved(302, "/same"), moved(302, other:url("/other")) } })
    local headers = { "Authorization: A", "Cookie: C", "Proxy-Authorization: P", "X-Mine: M" }
    assert.equal("other", assert(fetch(server:url(), { headers = headers })).body)
    local same = server:requests()[1]:match("GET /same .*$")
    server:stop()
    local request = other:requests()[1]
    for _, line in ipairs(headers) do
      assert.truthy(same:find(line, 1, true), line)
      assert.equal(line == "X-Mine: M", request:find(line, 1, true) ~= nil)
    end
  end)

  it("is not followed beyond the limit", function()
    local function loop(n)
      local answers = {}
      for i = 1, n do
        answers[i] = moved(302, "/" .. i)
      end
      answers[n + 1] = answer("end")
      return with_server({ answers })
    end
    assert.equal(8, assert(fetch(loop(8):url())).redirects)
    local response, message, code = fetch(loop(9):url())
    assert.is_nil(response)
    assert.equal(Error.FAILED, code)
    assert.truthy(message:find("more than 8 redirects", 1, true), message)
    assert.equal(12, assert(fetch(loop(12):url(), { max_redirects = -1 })).redirects)
    assert.is_nil((fetch(loop(1):url(), { max_redirects = 0 })))
  end)

  it("to what is no http URL, or from https to http, is refused", function()
    for _, location in ipairs({ "ftp://h/", "file:///etc/passwd", "http://h:99999/", "http://" }) do
      local server = with_server({ { moved(302, location) } })
      local response, message, code = fetch(server:url())
      assert.is_nil(response, location)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find("redirect", 1, true), message)
    end
    local plain = with_server({ { answer("plain") }, { answer("plain") } })
    local server = serve({ { moved(302, plain:url()), moved(302, plain:url()) } }, { tls = certs.localhost })
    local options = { tls_options = httpclient.TLSOptions.client_unsafe() }
    local response, message = fetch(server:url(), options)
    assert.is_nil(response)
    assert.truthy(message:find("from https to http", 1, true), message)
    server:stop()
    server = serve({ { moved(302, plain:url()) } }, { tls = certs.localhost })
    options.allow_downgrade = true
    assert.equal("plain", assert(fetch(server:url(), options)).body)
    server:stop()
  end)

  it("without a Location is the answer", function()
    local server = with_server({ { "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nhi" } })
    local response = assert(fetch(server:url()))
    assert.equal(302, response.status)
    assert.equal("hi", response.body)
  end)

  it("can not take a function's body along", function()
    local server = with_server({ { { send = moved(307, "/new"), content = #"1\r\na\r\n0\r\n\r\n" } } })
    local sent
    local response, message, code = fetch(server:url(), { body = function()
      if not sent then
        sent = true
        return "a"
      end
    end })
    assert.is_nil(response)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("function", 1, true), message)
  end)

  it("takes a file's body along", function()
    local server = with_server({ { { send = moved(307, "/new"), content = 3 }, { send = answer("end"), content = 3 } } })
    local name = os.tmpname()
    local file = assert(io.open(name, "wb"))
    file:write("abc")
    file:close()
    file = assert(io.open(name, "rb"))
    assert.equal("end", assert(fetch(server:url(), { method = "PUT", body = file })).body)
    file:close()
    os.remove(name)
    assert.equal(2, select(2, server:requests()[1]:gsub("\r\n\r\nabc", "")))
  end)
end)

describe("a proxy", function()
  local function with_env(values, fn)
    for name, value in pairs(values) do
      native.setenv(name, value)
    end
    finally(function()
      httpclient.pool.close_idle()
      for name in pairs(values) do
        native.unsetenv(name)
      end
    end)
    fn()
  end

  it("comes from the option or from the environment, and no_proxy excepts hosts", function()
    local server = serve({ { answer("1"), answer("2") } })
    local direct = serve({ { answer("direct"), answer("direct") } })
    local proxy = ("http://127.0.0.1:%d"):format(server:port())
    with_env({ http_proxy = proxy, no_proxy = "example.test,127.0.0.1" }, function()
      assert.equal("1", assert(fetch("http://h.invalid/a")).body)
      assert.equal("direct", assert(fetch(direct:url())).body)
      native.setenv("no_proxy", "")
      assert.equal("direct", assert(fetch(direct:url(), { proxy = false })).body)
      assert.equal("2", assert(fetch("http://h.invalid/b", { proxy = proxy })).body)
    end)
    assert.truthy(server:requests()[1]:find("^GET http://h.invalid/a HTTP"))
    server:stop()
    direct:stop()
  end)

  it("is never HTTP_PROXY in a CGI program", function()
    local direct = with_server({ { answer("direct") } })
    with_env({ HTTP_PROXY = "http://127.0.0.1:1", REQUEST_METHOD = "GET" }, function()
      assert.equal("direct", assert(fetch(direct:url())).body)
    end)
  end)

  it("of the environment that can't be used is an error, and no direct request", function()
    local direct = with_server({ { answer("direct") } })
    with_env({ http_proxy = "socks5://127.0.0.1:1" }, function()
      local response, message = fetch(direct:url())
      assert.is_nil(response)
      assert.truthy(message:find("http_proxy", 1, true), message)
    end)
    assert.equal(0, #direct:requests())
  end)
end)

describe("fetch over TLS", function()
  it("verifies by default, and takes TLSOptions", function()
    local server = nginx.start({ secure = { tls = certs.localhost, body = "location / { return 200 '$ssl_session_reused'; }" } })
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
    assert.is_false(fetch(url, { tls_options = httpclient.TLSOptions.client_unsafe() }).timings.reused)
    httpclient.pool.close_idle()
    assert.equal("r", fetch(url, { tls_options = options }).body) -- the session, resumed
  end)
end)

describe("fetch in tasks", function()
  it("makes 200 requests over 6 connections", function()
    local server = nginx.start({ plain = "location / { return 200 '$connection'; }" })
    finally(function()
      httpclient.pool.close_idle()
      server:stop()
    end)
    local tasks, seen, count = {}, {}, 0
    for i = 1, 200 do
      tasks[i] = httpclient.async(fetch, ("http://127.0.0.1:%d/%d"):format(server:port("plain"), i))
    end
    httpclient.process()
    local used, _, queued = httpclient.pool.count()
    assert.equal(6, used)
    assert.equal(194, queued)
    httpclient.run()
    for i = 1, 200 do
      local response = assert(tasks[i]:result())
      assert.equal(200, response.status)
      if not seen[response.body] then
        seen[response.body], count = true, count + 1
      end
    end
    assert.equal(6, count)
    assert.same({ 0, 6, 0 }, { httpclient.pool.count() })
  end)

  it("is cancelled at any moment, and its connection is closed at once", function()
    local script = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc" }, { "recv_eof" } })
    local url = ("http://127.0.0.1:%d/"):format(script:port())
    local task
    task = httpclient.async(fetch, url, { on_data = function() task:cancel() end })
    local waiting = {}
    httpclient.pool.max_per_host = 1
    for i = 1, 2 do
      waiting[i] = httpclient.async(fetch, url)
    end
    httpclient.process()
    assert.is_true(waiting[1]:cancel())
    assert.same({ 1, 0, 1 }, { httpclient.pool.count() })
    waiting[2]:cancel()
    httpclient.pool.max_per_host = 6
    httpclient.run()
    assert.equal("cancelled", task:status())
    assert.is_true(script:wait(60))
    assert.is_nil(script:error())
    script:stop()
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    local early = httpclient.async(fetch, "http://no-such-host.invalid/")
    httpclient.process()
    assert.is_true(early:cancel())
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("gives the turn to the next in the queue when one is cancelled or fails", function()
    local server = with_server({ { { send = "", ending = "close" } }, { answer("b") } })
    httpclient.pool.max_per_host = 1
    finally(function()
      httpclient.pool.max_per_host = 6
      httpclient.pool.close_idle()
      server:stop()
    end)
    local first = httpclient.async(fetch, server:url("/1"), { method = "POST" })
    local second = httpclient.async(fetch, server:url("/2"))
    httpclient.run()
    assert.is_nil((first:result()))
    assert.equal("b", second:result().body)
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
  end)

  it("waits for a turn no longer than its timeout", function()
    local server = with_server({ { { gate = "go", send = answer("a") } } })
    httpclient.pool.max_per_host = 1
    local first = httpclient.async(fetch, server:url("/1"))
    local second = httpclient.async(fetch, server:url("/2"), { timeout = 0.03 })
    second:wait()
    local _, message, code = second:result()
    assert.equal(Error.ERR_TIMEOUT, code, message)
    server:open_gate("go")
    httpclient.run()
    httpclient.pool.max_per_host = 6
    assert.equal("a", first:result().body)
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
  end)

  it("from a callback of another one goes ahead even where all connections are in use", function()
    local server = with_server({ { answer("outer") } })
    local inner = with_server({ { answer("inner") } })
    httpclient.pool.max_per_host = 1
    local result
    local task = httpclient.async(fetch, server:url(), { on_data = function()
      result = fetch(inner:url()).body
    end })
    httpclient.run()
    httpclient.pool.max_per_host = 6
    assert.equal("done", task:status())
    assert.equal("inner", result)
  end)

  it("leaves a failed callback to its own task", function()
    local server = with_server({ { answer("one") }, { answer("two") } })
    local bad = httpclient.async(fetch, server:url(), { on_data = function() error("mine", 0) end })
    local good = httpclient.async(function()
      bad:wait()
      return fetch(server:url())
    end)
    httpclient.run()
    assert.same({ nil, "mine" }, { bad:result() })
    assert.equal("two", good:result().body)
  end)

  it("has its timeout under a loop of frames", function()
    local server = with_server({ { { send = "", ending = "stall" } } })
    local task = httpclient.async(fetch, server:url(), { timeout = 0.05 })
    local limit = native.monotonic() + 5 * factor
    while task:status() == "running" and native.monotonic() < limit do
      httpclient.process(0.004)
      native.sleep(0.005)
    end
    assert.equal(Error.ERR_TIMEOUT, select(3, unpack({ task:result() }, 1, 3)))
  end)
end)
