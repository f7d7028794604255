-- Redirects as fetch follows them; what follows on which is in redirect_spec.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local serve = require("spec.support.serve")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

local function moved(code, location, more)
  return ("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n%s\r\ngone"):format(code,
    location, more or "")
end

describe("a redirect", function()
  it("is followed on the same connection, relative to where it is", function()
    local server = with_server({ { moved(301, "../c?d#e"), moved(302, "?x"), moved(307, "/end"),
      answer("there") } })
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
      { 301, "POST", "GET" }, { 302, "POST", "GET" }, { 303, "POST", "GET" },
      { 307, "POST", "POST" }, { 308, "POST", "POST" }, { 301, "PUT", "PUT" },
      { 302, "PUT", "PUT" }, { 303, "PUT", "GET" }, { 308, "PUT", "PUT" },
    }
    for _, case in ipairs(cases) do
      local keeps = case[2] == case[3]
      local server = with_server({ { { send = moved(case[1], "/new"), content = 3 },
        { send = answer("end"), content = keeps and 3 or nil } } })
      local response = assert(fetch(server:url("/old"),
        { method = case[2], body = "abc", headers = { "Content-Type: a/b" } }))
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

  it("may name other user information for the same origin", function()
    local server = with_server({ { moved(302, "/same"), moved(302, "//ada:new@origin.test/named"),
      moved(302, "/still"), moved(302, "//origin.test/none"), answer("end") } })
    local way = { ["origin.test"] = server:url():match("//(.*)/$") }
    local response = assert(fetch("http://me:old@origin.test", { connect_to = way }))
    assert.equal("end", response.body)
    local received = server:requests()[1]
    local sent = {}
    for head in received:gmatch("GET .-\r\n\r\n") do
      sent[#sent + 1] = head:match("\r\nAuthorization: Basic ([^\r]*)") or "none"
    end
    local old, new = httpclient.base64_encode("me:old"), httpclient.base64_encode("ada:new")
    assert.same({ old, old, new, new, new }, sent)
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
    assert.equal(302, assert(fetch(loop(1):url(), { max_redirects = 0 })).status)
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
    local server = serve({ { moved(302, plain:url()), moved(302, plain:url()) } },
      { tls = certs.localhost })
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
    local server = with_server({ { { send = moved(307, "/new"),
      content = #"1\r\na\r\n0\r\n\r\n" } } })
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
    local server = with_server({ { { send = moved(307, "/new"), content = 3 },
      { send = answer("end"), content = 3 } } })
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
