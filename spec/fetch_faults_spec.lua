-- fetch and HTTPRequest against servers that mean no good, or know no better.
local httpclient = require("httpclient")
local native = require("spec_native")
local pipe = require("spec.support.pipe")
local serve = require("spec.support.serve")
local http = require("httpclient.url.http")
local write = require("httpclient.url.write")

local Error, fetch = httpclient.Error, httpclient.fetch
local HTTPRequest = httpclient.HTTPRequest
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)

local function gzip(text)
  return pipe({ "gzip", "-9c" }, text)
end

-- A server of this thread that never stops to send `piece`, driven by `step`.
local function endless(head, piece)
  local listener = assert(native.listen({}))
  local conn, has_head
  finally(function()
    httpclient.pool.close_idle()
    if conn then
      conn:close()
    end
    listener:close()
  end)
  return ("http://127.0.0.1:%d/"):format(listener:port()), function()
    conn = conn or listener:accept(0)
    if conn and not has_head then
      has_head = conn:recv_until("\r\n\r\n", 0) and conn:send(head)
    end
    if has_head then
      conn:send(piece)
    end
  end
end

describe("a timeout", function()
  it("ends an answer that always has one more byte", function()
    for _, head in ipairs({ "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 60000\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-Endless: " }) do
      local url, step = endless(head, "x")
      local began, limit = native.monotonic(), native.monotonic() + 8 * factor
      local task = httpclient.async(fetch, url, { timeout = 0.1 })
      while task:status() == "running" and native.monotonic() < limit do
        step()
        httpclient.process()
      end
      assert.equal("done", task:status())
      local passed = native.monotonic() - began
      assert.is_true(passed >= 0.1, tostring(passed))
      local _, message, code = task:result()
      assert.equal(Error.ERR_TIMEOUT, code, message)
      httpclient.pool.close_idle()
    end
  end)

  it("ends an upload that the server does not take, whatever the body", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "wb"))
    file:write(("x"):rep(20000000))
    file:close()
    file = assert(io.open(name, "rb"))
    finally(function()
      file:close()
      os.remove(name)
    end)
    for _, body in ipairs({ ("x"):rep(20000000), function() return ("x"):rep(10000) end,
      function() return "" end, file }) do
      local server = with_server({ { { send = "", ending = "stall" } } })
      local response, message, code = fetch(server:url(), { body = body, timeout = 0.1 })
      assert.is_nil(response)
      assert.equal(Error.ERR_TIMEOUT, code, message)
      local task = httpclient.async(fetch, server:url(), { body = body, timeout = 0.1 })
      httpclient.run()
      assert.equal(Error.ERR_TIMEOUT, (select(3, task:result())))
      server:stop()
    end
  end)
end)

describe("a redirect with a body that does not come", function()
  it("is followed without it", function()
    for _, head in ipairs({ "Content-Length: 60000\r\n\r\nabc",
      "Transfer-Encoding: chunked\r\n\r\n5\r\nab", "\r\n" }) do
      local text = "HTTP/1.1 302 Found\r\nLocation: /there\r\n" .. head
      local script = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", text },
        { "recv_eof" },
        { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", answer("there") }, { "close" } })
      finally(function()
        httpclient.pool.close_idle()
        script:stop()
      end)
      local began = native.monotonic()
      local response = assert(fetch(("http://127.0.0.1:%d/"):format(script:port()),
        { timeout = 60 * factor }))
      assert.equal("there", response.body)
      assert.is_true(native.monotonic() - began < 10 * factor)
      httpclient.pool.close_idle()
      script:stop()
    end
  end)
end)

describe("coded content", function()
  it("in several codings is decoded in turn", function()
    local once = gzip("text")
    for _, case in ipairs({
      { gzip(once), "Content-Encoding: gzip, gzip\r\n" },
      { gzip(once), "Content-Encoding: gzip\r\nContent-Encoding: x-gzip\r\n" },
      { once, "Content-Encoding: identity, gzip\r\n" },
      { once, "Content-Encoding: gzip, identity\r\n" },
      { once, "Content-Encoding:  , GZIP ,\r\n" },
      { "text", "Content-Encoding: identity\r\n" },
    }) do
      local server = with_server({ { answer(case[1], case[2]) } })
      assert.equal("text", assert(fetch(server:url())).body, case[2])
    end
  end)

  it("in a coding that is unknown is handed over as it is", function()
    local once = gzip("text")
    for _, value in ipairs({ "dcb", "gzip, compress", "lzma, gzip", "gzip;q=1", "gzip gzip",
      "zst" }) do
      local server = with_server({ { answer(once, "Content-Encoding: " .. value .. "\r\n") } })
      assert.equal(once, assert(fetch(server:url())).body, value)
    end
  end)

  it("in more codings than anybody means is refused", function()
    local server = with_server({ { answer("x", "Content-Encoding: " .. ("gzip, "):rep(6)
      .. "gzip\r\n") } })
    local response, message, code = fetch(server:url())
    assert.is_nil(response)
    assert.equal(Error.ERR_INVALID_DATA, code, message)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("may be made of several members, with junk behind them", function()
    local members = gzip("one ") .. gzip("") .. gzip("two")
    for _, body in ipairs({ members, members .. "\0\0\0", members .. "junk" }) do
      local server = with_server({ { answer(body, "Content-Encoding: gzip\r\n") } })
      assert.equal("one two", assert(fetch(server:url())).body)
    end
    local cut = with_server({ { answer(gzip("one ") .. gzip(("two"):rep(1000)):sub(1, -3),
      "Content-Encoding: gzip\r\n") } })
    assert.equal(Error.ERR_INVALID_DATA, (select(3, fetch(cut:url()))))
  end)

  it("of an answer without content is no matter", function()
    for _, case in ipairs({
      { "HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" },
      { "HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" },
      { "GET", "HTTP/1.1 204 No\r\nContent-Encoding: gzip\r\n\r\n" },
      { "GET", "HTTP/1.1 304 Not\r\nContent-Encoding: deflate\r\nContent-Length: 20\r\n\r\n" },
      { "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    }) do
      local server = with_server({ { case[2] } })
      assert.equal("", assert(fetch(server:url(), { method = case[1], body_size_limit = 10 })).body)
    end
  end)

  it("that grows without end keeps to the frame's budget and to the timeout", function()
    local bomb = gzip(("\0"):rep(60000000))
    local server = with_server({ { answer(bomb, "Content-Encoding: gzip\r\n") } })
    local sizes, size = 0, 0
    local first, late, latest = nil, 0, 0 -- the first piece of a call, and those behind its budget
    local task = httpclient.async(fetch, server:url(), { on_data = function(piece)
      sizes = math.max(sizes, #piece)
      size = size + #piece
      first = first or native.monotonic()
      late = late + (native.monotonic() - first > 0.004 and 1 or 0)
    end })
    local calls = 0
    while task:status() == "running" do
      first, late = nil, 0
      httpclient.process(0.004)
      latest = math.max(latest, late)
      calls = calls + 1
    end
    assert.equal("done", task:status(), (select(2, task:result())))
    assert.equal(60000000, size)
    assert.is_true(sizes <= 65536)
    assert.is_true(latest <= 1, latest .. " pieces when the time was over")
    server = with_server({ { answer(bomb, "Content-Encoding: gzip\r\n") } })
    size = 0
    local _, message, code = fetch(server:url(), { timeout = 0.02, on_data = function(piece)
      size = size + #piece
      httpclient.sleep(0.001)
    end })
    assert.equal(Error.ERR_TIMEOUT, code, message)
    assert.is_true(size < 60000000)
  end)
end)

describe("what an HTTPRequest knows", function()
  it("is of the present request and hop alone", function()
    local refused = assert(native.listen({}))
    local port = refused:port()
    refused:close()
    local first = ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nX-First: 1\r\nContent-Length: 4\r\n\r\ngone")
      :format(port)
    local server = with_server({ { answer("12345") }, { first } })
    local request = HTTPRequest.new()
    local seen
    request.on_request_completed = function(...) seen = { ... } end
    assert.equal(Error.OK, (request:request(server:url())))
    assert.same({ -1, 0 }, { request:get_body_size(), request:get_downloaded_bytes() })
    httpclient.run()
    assert.same({ 5, 5 }, { request:get_body_size(), request:get_downloaded_bytes() })
    assert.equal(Error.OK, (request:request(server:url())))
    assert.same({ -1, 0 }, { request:get_body_size(), request:get_downloaded_bytes() })
    httpclient.run()
    assert.same({ HTTPRequest.RESULT_CANT_CONNECT, 0, {}, "" }, seen)
    assert.same({ -1, 0 }, { request:get_body_size(), request:get_downloaded_bytes() })
  end)
end)

describe("an origin", function()
  it("is the same for an IPv6 address in any spelling", function()
    local function origin(text)
      return write.origin(assert(http.from_text(text)))
    end
    for _, spelling in ipairs({ "[0:0:0:0:0:0:0:1]", "[::0001]", "[0::1]", "[::0.0.0.1]",
      "[::0:1]:80" }) do
      assert.equal(origin("http://[::1]/"), origin("http://" .. spelling .. "/"), spelling)
    end
    assert.equal(origin("http://[2001:DB8::A:0:0:1]/"), origin("http://[2001:db8:0:0:a::1]/"))
    assert.equal(origin("http://[::ffff:1.2.3.4]/"), origin("http://[::FFFF:102:304]/"))
    assert.equal(origin("http://[fe80::1%25a]/"), origin("http://[fe80:0::1%25a]/"))
    for _, other in ipairs({ "[::2]", "[::1]:81", "[::1:0]", "[1::1]" }) do
      assert.not_equal(origin("http://[::1]/"), origin("http://" .. other .. "/"), other)
    end
    assert.not_equal(origin("http://[fe80::1%25a]/"), origin("http://[fe80::1%25b]/"))
    assert.not_equal(origin("http://[::ffff:1.2.3.4]/"), origin("http://1.2.3.4/"))
  end)
end)

describe("a secret", function()
  it("is in no message, no URL and no file", function()
    local folder = require("spec.support.tempdir").new()
    finally(function() folder:close() end)
    local server = with_server({ { "HTTP/1.1 302 F\r\nLocation: http://u:s3cret@127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
      { "HTTP/1.1 302 F\r\nLocation: ftp://u:s3cret@h/?s3cret\r\nContent-Length: 0\r\n\r\n" },
      { "HTTP/1.1 302 F\r\nLocation: http://u:s3cret@h:x/\r\nContent-Length: 0\r\n\r\n" },
      { { send = "", ending = "close" } },
      { 'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 9\r\n\r\nabc' } })
    local secret = server:url("/?token=s3cret"):gsub("//", "//me:s3cret@")
    local file = folder:file("file")
    local cases = {
      { server:url() }, { server:url() }, { server:url() }, { secret },
      { secret, { download_file = file, resume = true } },
      { "http://me:s3cret@127.0.0.1:1/?s3cret" }, { "http://me:s3cret@@h/" },
      { "http://me:s3cret@h:s3cret/" }, { "http://me:s3cret@h h/" }, { "http://me:s3\ncret@h/" },
      { "ftp://me:s3cret@h/" },
      { "http://h/", { proxy = "http://me:s3cret@127.0.0.1:1" } },
      { "http://h/", { proxy = "http://me:s3cret@h:x" } },
      { "http://h/", { proxy = "socks5://me:s3cret@h" } },
      { server:url(), { headers = { "Authorization: s3cret\r\nX: y" } } },
      { server:url(), { headers = { Authorization = "s3cret\0" } } },
      { server:url(), { headers = { "s3cret" } } },
    }
    for index, case in ipairs(cases) do
      local response, message = fetch(case[1], case[2])
      assert.is_nil(response, index)
      assert.is_nil(message:find("s3", 1, true), message)
    end
    local info = assert(io.open(file .. ".part.info"))
    local text = info:read("*a")
    info:close()
    assert.is_nil(text:find("s3cret", 1, true))
  end)
end)

describe("a file as body", function()
  it("that a callback has closed can't be sent a second time, which the message says", function()
    local body = assert(io.tmpfile())
    body:write("content")
    body:seek("set", 0)
    local server = with_server({ { { content = 7,
      send = "HTTP/1.1 307 T\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" } } })
    local response, message = fetch(server:url(),
      { method = "PUT", body = body, on_progress = function(_, _, sent)
      if sent == 7 and io.type(body) == "file" then
        body:close()
      end
    end })
    assert.is_nil(response)
    assert.equal("the file of the body has been closed", message)
  end)
end)
