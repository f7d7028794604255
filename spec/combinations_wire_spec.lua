-- What happens more than once in a transfer (redirects, retries, challenges) beside what must happen once, or stay
-- where it belongs: what goes over the wire, and what the caller sees.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local fetch = httpclient.fetch
local with_server = require("spec.support.served")(after_each)
local answer = serve.answer

local function status(line, more, body)
  body = body or ""
  return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n"):format(line, #body, more or "") .. body
end

local BUSY = status("503 Busy", nil, "busy page")
local DIGEST = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256\r\n'
local CUT = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
local RETRY = { attempts = 3, backoff = 0 }

-- The field's values, one for each request on all connections, false where it had none.
local function values(server, name)
  local list = {}
  for head in table.concat(server:requests()):gmatch("(%u+ %S+ HTTP/1.1\r\n.-\r\n\r\n)") do
    list[#list + 1] = head:match("\r\n" .. name .. ": ([^\r]*)") or false
  end
  return list
end

local function targets(server)
  local list = {}
  for method, target in table.concat(server:requests()):gmatch("(%u+) (%S+) HTTP/1.1\r\n") do
    list[#list + 1] = method .. " " .. target
  end
  return list
end

local function collector()
  local list = {}
  return list, function(value) list[#list + 1] = value end
end

describe("Beside a retry", function()
  it("cookies of the answer that is asked for again are sent", function()
    local jar = httpclient.CookieJar.new()
    local server = with_server({ { status("503 Busy", "Set-Cookie: a=1\r\n"), answer("ok") } })
    assert(fetch(server:url(), { retry = RETRY, cookies = jar }))
    assert.same({ false, "a=1" }, values(server, "Cookie"))
  end)

  it("nothing of such an answer is seen by on_data, on_response, a file or a limit", function()
    local server = with_server({ { BUSY, answer("ok") } })
    local pieces, on_data = collector()
    local heads, on_response = collector()
    local response = assert(fetch(server:url(), { retry = RETRY, on_data = on_data,
      on_response = on_response, body_size_limit = 5 }))
    assert.same({ "ok" }, pieces)
    assert.equal(1, #heads)
    assert.equal(200, response.status)
  end)

  it("content that was cut off is not there twice", function()
    local server = with_server({ { CUT }, { answer("whole body") } })
    assert.equal("whole body", assert(fetch(server:url(), { retry = RETRY })).body)
  end)

  it("what on_data has had is not asked for again", function()
    local server = with_server({ { CUT } })
    local pieces, on_data = collector()
    local response = fetch(server:url(), { retry = RETRY, on_data = on_data })
    assert.is_nil(response)
    assert.same({ "half" }, pieces)
    assert.equal(1, #server:requests())
  end)

  it("a redirect is not followed anew, and counts once", function()
    local moved = status("302 Found", "Location: /there\r\n")
    local server = with_server({ { moved, BUSY, answer("ok") } })
    local response = assert(fetch(server:url(), { retry = RETRY, max_redirects = 1 }))
    assert.same({ "GET /", "GET /there", "GET /there" }, targets(server))
    assert.equal(1, response.redirects)
  end)

  it("a POST that has become a GET may go out again, itself it may not", function()
    local see_other = status("303 See Other", "Location: /there\r\n")
    local server = with_server({ { { send = see_other, content = 1 }, BUSY, answer("ok") } })
    assert.equal("ok", assert(fetch(server:url(), { retry = RETRY, json = 1 })).body)
    assert.same({ "POST /", "GET /there", "GET /there" }, targets(server))
    assert.same({ "application/json", false, false }, values(server, "Content%-Type"))
    local second = with_server({ { { send = BUSY, content = 1 } } })
    assert.equal(503, assert(fetch(second:url(), { retry = RETRY, json = 1 })).status)
  end)

  it("a form from a function goes out once, and its answer is handed over", function()
    local parts = { "x" }
    local server = with_server({ { BUSY } })
    local response = assert(fetch(server:url(), { retry = { attempts = 3, methods = { "POST" } },
      multipart = { { name = "f", size = 1, file = function() return table.remove(parts) end } } }))
    assert.equal(503, response.status)
  end)

  it("an address that is refused stays refused", function()
    local asked, note = collector()
    local response, _, code = fetch("http://127.0.0.1:9/", { retry = RETRY,
      allow_address = function(address) note(address) return false end })
    assert.is_nil(response)
    assert.equal(httpclient.Error.ERR_UNAUTHORIZED, code)
    assert.equal(1, #asked)
  end)

  it("a stream begins again before its head alone", function()
    local server = with_server({ { { send = "", ending = "reset" } }, { CUT } })
    local response = assert(httpclient.stream(server:url(), { retry = RETRY }))
    assert.equal("half", response:read())
    assert.is_nil((response:read()))
    assert.equal(2, #server:requests())
  end)
end)

describe("Beside a challenge", function()
  it("on_response is called once, a cookie of the 401 goes along, and so does the body", function()
    local jar = httpclient.CookieJar.new()
    local heads, on_response = collector()
    local server = with_server({ {
      { send = status("401 No", DIGEST .. "Set-Cookie: a=1\r\n"), content = 4 },
      { send = answer("ok"), content = 4 } } })
    assert(fetch(server:url(), { auth = { "u", "p", "digest" }, body = "body", cookies = jar,
      on_response = on_response }))
    assert.equal(1, #heads)
    assert.same({ false, "a=1" }, values(server, "Cookie"))
    assert.equal(2, select(2, server:requests()[1]:gsub("\r\n\r\nbody", "")))
  end)

  it("a busy server is asked again with an answer of its own", function()
    local server = with_server({ { status("401 No", DIGEST), BUSY, answer("ok") } })
    assert(fetch(server:url(), { auth = { "u", "p", "digest" }, retry = RETRY }))
    local sent = values(server, "Authorization")
    assert.is_false(sent[1])
    assert.truthy(sent[2]:find("nc=00000001", 1, true) and sent[3]:find("nc=00000002", 1, true))
  end)
end)

describe("Beside a redirect to another origin", function()
  local SECRET = { auth = { "u", "p" } }
  for name, options in pairs({ auth = SECRET, bearer = { bearer = "t" },
    header = { headers = { Authorization = "x", Cookie = "a=1", ["X-Own"] = "1" } } }) do
    it(name .. " stays behind, and does not come back with a retry there", function()
      local there = with_server({ { BUSY, answer("ok") } })
      local here = with_server({ {
        status("307 There", ("Location: %s\r\n"):format(there:url("/x"))) } })
      local given = { retry = RETRY }
      for key, value in pairs(options) do given[key] = value end
      assert.equal("ok", assert(fetch(here:url(), given)).body)
      assert.is_string(values(here, "Authorization")[1])
      assert.same({ false, false }, values(there, "Authorization"))
      assert.same({ false, false }, values(there, "Cookie"))
    end)
  end

  it("the page of the redirect goes to no callback and counts for no limit", function()
    local there = with_server({ { answer("ok") } })
    local here = with_server({ {
      status("302 There", ("Location: %s\r\n"):format(there:url("/x")), ("p"):rep(1000)) } })
    local pieces, on_data = collector()
    local heads, on_response = collector()
    assert(fetch(here:url(), { on_data = on_data, on_response = on_response, body_size_limit = 5 }))
    assert.same({ "ok" }, pieces)
    assert.equal(1, #heads)
  end)

  it("each address is asked for, and the second may be refused", function()
    local there = with_server({ { answer("ok") } })
    local here = with_server({ {
      status("302 There", ("Location: %s\r\n"):format(there:url("/x"))) } })
    local port = here:port()
    local response, _, code = fetch(here:url(), { allow_address = function(_, number)
      return number == port
    end })
    assert.is_nil(response)
    assert.equal(httpclient.Error.ERR_UNAUTHORIZED, code)
    assert.same({}, there:requests())
  end)

  it("HEAD stays HEAD, and a file is left alone", function()
    local see_other = status("303 See Other", "Location: /there\r\n")
    local server = with_server({ { see_other, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" } })
    local response = assert(fetch(server:url(), { method = "HEAD",
      download_file = "/nonexistent/file" }))
    assert.equal(9, response.body_size)
    assert.same({ "HEAD /", "HEAD /there" }, targets(server))
  end)
end)

describe("All that go together", function()
  it("go together", function()
    local jar = httpclient.CookieJar.new()
    local events, pieces, heads = {}, {}, 0
    local moved = { send = status("307 Moved", "Location: /there\r\nSet-Cookie: a=1\r\n"),
      content = 7 }
    local server = with_server({ { moved, { send = BUSY, content = 7 },
      { send = answer("done"), content = 7 } } })
    local response = assert(fetch(server:url("/?x=1"), {
      json = { 1, 2, 3 }, query = { y = 2 }, headers = { ["X-Own"] = "1" }, cookies = jar,
      auth = { "user", "hidden" }, method = "PUT", retry = RETRY, timeout = 60,
      body_size_limit = 100, max_redirects = 1, accept_encoding = { "gzip" },
      on_data = function(piece) pieces[#pieces + 1] = piece end,
      on_response = function() heads = heads + 1 end,
      trace = function(event, text)
        events[event] = (events[event] or 0) + 1
        assert.is_nil(text:find("dXNlcjpoaWRkZW4=", 1, true))
        assert.is_nil(text:find("a=1", 1, true))
      end,
    }))
    assert.same({ "PUT /?x=1&y=2", "PUT /there", "PUT /there" }, targets(server))
    assert.same({ false, "a=1", "a=1" }, values(server, "Cookie"))
    assert.same({ "1", "1", "1" }, values(server, "X%-Own"))
    assert.same({ "done" }, pieces)
    assert.equal(1, heads)
    assert.same({ 3, 3, 1, 1 }, { events.request, events.response, events.redirect, events.retry })
    assert.equal(200, response.status)
  end)
end)
