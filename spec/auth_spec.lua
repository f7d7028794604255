-- The options auth and bearer: who gets credentials, by which scheme, and who never does.
local httpclient = require("httpclient")
local apache = require("spec.support.apache")
local challenges_of = require("httpclient.message.challenges")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = serve.answer
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

local function unauthorized(...)
  local lines = { "HTTP/1.1 401 Unauthorized" }
  for _, challenge in ipairs({ ... }) do
    lines[#lines + 1] = "WWW-Authenticate: " .. challenge
  end
  return table.concat(lines, "\r\n") .. "\r\nContent-Length: 2\r\n\r\nno"
end

-- The values of Authorization that a server got on its connections, false where there was none.
local function credentials_of(server)
  local list = {}
  for head in table.concat(server:requests()):gmatch("%u+ [^\r\n]* HTTP/1.1\r\n(.-\r\n)\r\n") do
    list[#list + 1] = ("\r\n" .. head):match("\r\nAuthorization: ([^\r\n]*)") or false
  end
  return list
end

local function params_of(value)
  return challenges_of({ value })[1].params
end

local digest = 'Digest realm="r", nonce="n%d", qop="auth", algorithm=SHA-256%s'

describe("The option auth", function()
  it("sends Basic credentials with the first request", function()
    for _, auth in ipairs({ { "me", "se cret" }, { "me", "se cret", "basic" },
      { user = "me", password = "se cret" }, { "me", "se cret", scheme = "basic" } }) do
      local server = with_server({ { answer("ok") } })
      assert.equal("ok", assert(fetch(server:url(), { auth = auth })).body)
      assert.same({ "Basic bWU6c2UgY3JldA==" }, credentials_of(server))
    end
  end)

  it("answers a Digest challenge, and knows it in the next call", function()
    local server = with_server({ { unauthorized(digest:format(1, "")), answer("one"),
      answer("two") } })
    local auth = { "me", "pw", "digest" }
    assert.equal("one", assert(fetch(server:url("/a?b"), { auth = auth })).body)
    assert.equal("two", assert(fetch(server:url("/c"), { auth = auth })).body)
    local got = credentials_of(server)
    assert.equal(3, #got)
    assert.is_false(got[1])
    local first, second = params_of(got[2]), params_of(got[3])
    assert.same({ "me", "/a?b", "00000001", "auth", "SHA-256" },
      { first.username, first.uri, first.nc, first.qop, first.algorithm })
    assert.same({ "/c", "00000002", "n1" }, { second.uri, second.nc, second.nonce })
  end)

  it("takes the first challenge that it can answer, the best with any", function()
    local list = { 'Digest realm="r", nonce="m", qop="auth", algorithm=MD5',
      'Digest realm="r", nonce="x", algorithm=SHA-3', 'Basic realm="r"',
      digest:format(2, "") }
    for scheme, expected in pairs({ digest = "m", any = "n2" }) do
      for _, challenges in ipairs({ list, { table.concat(list, ", ") } }) do
        local server = with_server({ { unauthorized((table.unpack or unpack)(challenges)),
          answer("ok") } })
        assert.equal("ok", assert(fetch(server:url(), { auth = { "me", "pw", scheme } })).body)
        assert.equal(expected, params_of(credentials_of(server)[2]).nonce)
      end
    end
  end)

  it("uses Basic with any where there is nothing better, and then at once", function()
    local server = with_server({ { unauthorized('Basic realm="r"', "Negotiate"), answer("ok"),
      answer("ok") } })
    local auth = { "me", "pw", "any" }
    assert.equal("ok", assert(fetch(server:url(), { auth = auth })).body)
    assert.equal("ok", assert(fetch(server:url(), { auth = auth })).body)
    assert.same({ false, "Basic bWU6cHc=", "Basic bWU6cHc=" }, credentials_of(server))
    server = with_server({ { unauthorized('Basic realm="r"') } })
    local response = assert(fetch(server:url(), { auth = { "me", "pw", "digest" } }))
    assert.equal(401, response.status)
    assert.same({ false }, credentials_of(server))
  end)

  it("hands over the 401 where the credentials are wrong", function()
    local server = with_server({ { unauthorized(digest:format(1, "")),
      unauthorized(digest:format(2, "")), answer("never") } })
    local response = assert(fetch(server:url(), { auth = { "me", "pw", "digest" } }))
    assert.equal(401, response.status)
    assert.equal("no", response.body)
    assert.equal(2, #credentials_of(server))
    server = with_server({ { unauthorized('Basic realm="r"'), unauthorized('Basic realm="r"') } })
    assert.equal(401, assert(fetch(server:url(), { auth = { "me", "pw", "any" } })).status)
    assert.equal(2, #credentials_of(server))
    server = with_server({ { unauthorized('Basic realm="r"') } })
    assert.equal(401, assert(fetch(server:url(), { auth = { "me", "pw" } })).status)
  end)

  it("answers again where the nonce is stale, and where the server has forgotten it", function()
    local server = with_server({ { unauthorized(digest:format(1, "")),
      unauthorized(digest:format(2, ", stale=TRUE")), answer("one"),
      unauthorized(digest:format(3, "")), answer("two") } })
    local auth = { "me", "pw", "digest" }
    assert.equal("one", assert(fetch(server:url(), { auth = auth })).body)
    assert.equal("two", assert(fetch(server:url(), { auth = auth })).body)
    local nonces = {}
    for index, value in ipairs(credentials_of(server)) do
      nonces[index] = value and params_of(value).nonce
    end
    assert.same({ false, "n1", "n2", "n2", "n3" }, nonces)
  end)

  it("does not answer for ever", function()
    local answers = {}
    for index = 1, 10 do
      answers[index] = unauthorized(digest:format(index, ", stale=true"))
    end
    local server = with_server({ answers })
    assert.equal(401, assert(fetch(server:url(), { auth = { "me", "pw", "digest" } })).status)
    assert.is_true(#credentials_of(server) <= 5)
  end)

  it("goes on with the server's next nonce", function()
    local server = with_server({ { unauthorized(digest:format(1, "")),
      answer("one", 'Authentication-Info: qop=auth, nextnonce="next, one"\r\n'), answer("two") } })
    local auth = { "me", "pw", "digest" }
    assert(fetch(server:url(), { auth = auth }))
    assert(fetch(server:url(), { auth = auth }))
    local last = params_of(credentials_of(server)[3])
    assert.same({ "next, one", "00000001" }, { last.nonce, last.nc })
  end)

  it("stays with its origin", function()
    for _, options in ipairs({ { auth = { "me", "pw" } }, { bearer = "token" },
      { auth = { "me", "pw", "digest" } } }) do
      local other = with_server({ { unauthorized(digest:format(1, "")), answer("other") } })
      local moved = ("HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n")
      local server = with_server({ { moved:format("/b"), moved:format(other:url("/c")) } })
      local response = assert(fetch(server:url("/a"), options))
      assert.equal(401, response.status)
      assert.same({ false }, credentials_of(other))
      local own = credentials_of(server)
      assert.equal(2, #own)
      local is_digest = options.auth and options.auth[3]
      for index = 1, is_digest and 0 or 2 do
        assert.is_string(own[index])
      end
    end
  end)

  it("sends the body again with the answer to a challenge", function()
    local folder = keep(tempdir.new())
    local text = ("x"):rep(70000)
    local path = folder:write("file", text)
    local server = with_server({ { { send = unauthorized(digest:format(1, "")), content = 3 },
      { send = answer("ok"), content = 3 } } })
    assert.equal("ok", assert(fetch(server:url(), { body = "abc",
      auth = { "me", "pw", "digest" } })).body)
    assert.equal(2, select(2, server:requests()[1]:gsub("\r\n\r\nabc", "")))
    server = with_server({ { { send = unauthorized(digest:format(1, "")), content = 70000 },
      { send = answer("ok"), content = 70000 } } })
    assert.equal("ok", assert(fetch(server:url(), {
      multipart = { { name = "f", file = path } }, auth = { "me", "pw", "digest" } })).body)
  end)

  it("asks first before a body that can be had once is touched", function()
    local server = with_server({ { { send = unauthorized(digest:format(1, "")) } },
      { { send = answer("ok"), content = #"3\r\nabc\r\n0\r\n\r\n" } } })
    local pieces = { "abc" }
    local response = assert(fetch(server:url(), { auth = { "me", "pw", "digest" },
      body = function() return table.remove(pieces) end }))
    assert.equal("ok", response.body)
    local requests = server:requests()
    assert.truthy(requests[1]:find("\r\nExpect: 100-continue\r\n", 1, true))
    assert.is_nil(requests[1]:find("abc", 1, true))
  end)

  it("says so where such a body has gone already", function()
    local server = with_server({ { {
      content = #"3\r\nabc\r\n0\r\n\r\n", send = unauthorized(digest:format(1, "")) } } })
    local pieces = { "abc" }
    local response, message, code = fetch(server:url(), { auth = { "me", "pw", "digest" },
      headers = { "Expect: " }, body = function() return table.remove(pieces) end })
    assert.is_nil(response)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("asks for credentials first, and the body comes from a function", 1,
      true), message)
  end)

  it("refuses what contradicts it, and names both", function()
    for _, case in ipairs({
      { { auth = { "a", "b" }, bearer = "c" }, "fetch takes 'auth' or 'bearer', not both" },
      { { auth = { "a", "b" }, headers = { "authorization: x" } },
        "fetch takes 'auth' or a header Authorization, not both" },
      { { bearer = "a", headers = { Authorization = "x" } },
        "fetch takes 'bearer' or a header Authorization, not both" },
      { { auth = { "a", "b" } }, "fetch takes 'auth' or user information in the URL, not both",
        "http://u:p@h/" },
      { { bearer = "a" }, "fetch takes 'bearer' or user information in the URL, not both",
        "http://u@h/" },
      { { auth = { "a" } }, "auth needs a user and a password" },
      { { auth = { "a", "b", "ntlm" } }, "scheme must be \"basic\", \"digest\" or \"any\"" },
      { { auth = { "a:b", "c" } }, "can't hold a ':'" },
      { { auth = { "a\n", "c" } }, "without control characters" },
      { { auth = { "a", "b", scheme = "digest", realm = "c" } }, "auth has no field 'realm'" },
      { { auth = { "a", "b", user = "c" } }, "auth has its user twice" },
      { { auth = "a:b" }, "a table of user, password and scheme expected, got string" },
      { { bearer = "a b" }, "a token of visible characters expected" },
      { { bearer = "a\r\nX: y" }, "a token of visible characters expected" },
    }) do
      local ok, message = pcall(function() fetch(case[3] or "http://h/", case[1]) end)
      assert.is_false(ok)
      assert.truthy(message:find(case[2], 1, true), message)
      assert.truthy(message:find("auth_spec.lua", 1, true), message)
    end
  end)

  it("shows no secret in a trace", function()
    local server = with_server({ { unauthorized(digest:format(1, "")), answer("ok") } })
    local texts = {}
    assert(fetch(server:url(), { auth = { "me", "s3cret", "digest" }, trace = function(event, text)
      texts[#texts + 1] = event .. " " .. text
    end }))
    local text = table.concat(texts, "\n")
    assert.truthy(text:find("Authorization: ***", 1, true), text)
    assert.truthy(text:find("auth the server asks for credentials: Digest SHA-256", 1, true), text)
    assert.is_nil(text:find("s3cret", 1, true))
    assert.is_nil(text:find("response=", 1, true))
  end)
end)

describe("The option bearer", function()
  it("is sent with the first request", function()
    local server = with_server({ { answer("ok") } })
    assert(fetch(server:url(), { bearer = "abc.def-_~+/==" }))
    assert.same({ "Bearer abc.def-_~+/==" }, credentials_of(server))
  end)
end)

describe("HTTPRequest", function()
  it("has both as properties", function()
    local server = with_server({ { unauthorized(digest:format(1, "")), answer("ok"),
      answer("token") } })
    local request = httpclient.HTTPRequest.new()
    request.auth = { "me", "pw", "digest" }
    request:request(server:url())
    assert.equal("ok", (select(4, request:await())))
    request.bearer = "x"
    local code, message = request:request(server:url())
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal("HTTPRequest takes 'auth' or 'bearer', not both", message)
    request.auth = nil
    request:request(server:url())
    assert.equal("token", (select(4, request:await())))
    assert.equal("Bearer x", credentials_of(server)[3])
  end)
end)

describe("Apache", function()
  local server

  setup(function() server = apache.start() end)
  teardown(function()
    httpclient.pool.close_idle()
    server:stop()
  end)

  it("lets in who has the password, by Digest, Basic and any", function()
    for _, case in ipairs({ { "/digest/page", "digest" }, { "/digest/page", "any" },
      { "/basic/page", "basic" }, { "/basic/page", "any" }, { "/open/page", "digest" } }) do
      local auth = { "me", "se cret", case[2] }
      for _ = 1, 3 do
        local response = assert(fetch(server:url(case[1]), { auth = auth }))
        assert.equal(200, response.status, case[1] .. " " .. case[2])
        assert.truthy(response.body:find("the page of", 1, true))
      end
      auth = { "me", "wrong", case[2] }
      assert.equal(case[1] == "/open/page" and 200 or 401,
        assert(fetch(server:url(case[1]), { auth = auth })).status)
    end
  end)

  it("does so after a redirect, for other methods and with a query", function()
    local auth = { "me", "se cret", "digest" }
    local response = assert(fetch(server:url("/digest/moved"), { auth = auth }))
    assert.equal("the page of digest", response.body)
    assert.equal(1, response.redirects)
    assert.equal(200, assert(fetch(server:url("/digest/page?a=b c&d"),
      { auth = auth, method = "HEAD" })).status)
  end)

  it("lets in many tasks with one table, and a session, whose nonce is counted on", function()
    local auth, list = { "me", "se cret", "digest" }, {}
    for index = 1, 20 do list[index] = { server:url("/digest/page?" .. index), { auth = auth } } end
    for _, response in ipairs((httpclient.fetch_all(list))) do
      assert.equal("the page of digest", response.body)
    end
    local session = httpclient.Session.new({ base_url = server:url("/digest/"), auth = auth })
    for _ = 1, 3 do
      local heads = {}
      local response = assert(session:get("page", { trace = function(event, text)
        if event == "request" then heads[#heads + 1] = text end
      end }))
      assert.same({ 200, 1 }, { response.status, #heads }) -- it need not be asked first
    end
    session:close()
  end)

  it("has nonces that don't live for ever", function()
    local brief = apache.start({ lifetime = 1 })
    finally(function() brief:stop() end)
    local auth = { "me", "se cret", "digest" }
    for _ = 1, 3 do
      assert.equal("the page of digest", assert(fetch(brief:url("/digest/page"),
        { auth = auth })).body)
      local over = httpclient.monotonic_time() + 1.2
      while httpclient.monotonic_time() < over do
        httpclient.sleep(0.1)
      end
    end
    httpclient.pool.close_idle()
  end)
end)
