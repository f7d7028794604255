-- What of a session goes into a request, and what gives way to the request's own options.
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")
local with_server = require("spec.support.served")(after_each)

local OK = serve.answer("ok")
local BASIC = "Authorization: Basic YWRhOnNlY3JldA=="

-- What the server gets of a request with these options, by a session with those.
local function sent(own, given, method)
  local server = with_server({ { OK } })
  local session = httpclient.Session.new(own)
  assert.equal("ok", assert(session[method or "get"](session, server:url("/"), given)).body)
  session:close()
  return server:requests()[1]
end

-- The lines of that name.
local function lines_of(text, name)
  local list = {}
  for line in text:gmatch("[^\r\n]+") do
    if line:lower():find(name .. ":", 1, true) == 1 then list[#list + 1] = line end
  end
  return list
end

describe("In a request of a session", function()
  local ada = { "ada", "secret" }
  for _, case in ipairs({
    { "auth over a header", { headers = { Authorization = "mine" } }, { auth = ada }, BASIC },
    { "auth over a header in any case", { headers = { "AUTHORIZATION: mine" } }, { auth = ada },
      BASIC },
    { "bearer over a header", { headers = { authorization = "mine" } }, { bearer = "t" },
      "Authorization: Bearer t" },
    { "a header over auth", { auth = ada }, { headers = { Authorization = "mine" } },
      "Authorization: mine" },
    { "a header over bearer", { bearer = "t" }, { headers = { "authorization: mine" } },
      "authorization: mine" },
    { "auth over bearer", { bearer = "t" }, { auth = ada }, BASIC },
    { "bearer over auth", { auth = ada, headers = { A = "1" } }, { bearer = "t" },
      "Authorization: Bearer t" },
    { "a header of its own name beside auth", { auth = ada }, { headers = { A = "1" } }, BASIC },
    { "no auth beside a header", { headers = { Authorization = "mine" } }, { auth = false },
      "Authorization: mine" },
  }) do
    it("goes " .. case[1], function()
      assert.same({ case[4] }, lines_of(sent(case[2], case[3]), "authorization"))
    end)
  end

  it("go the credentials of the URL over the session's", function()
    for _, own in ipairs({ { auth = { "bob", "b" } }, { bearer = "t" },
      { headers = { AUTHORIZATION = "mine", A = "1" } } }) do
      local server = with_server({ { OK } })
      local session = httpclient.Session.new(own)
      assert(session:get((server:url():gsub("//", "//ada:secret@"))))
      session:close()
      local text = server:requests()[1]
      assert.same({ BASIC }, lines_of(text, "authorization"))
      assert.equal(own.headers and 1 or 0, #lines_of(text, "a"))
    end
  end)

  it("raise two credentials of the call", function()
    local session = httpclient.Session.new({ bearer = "t" })
    local ok, message = pcall(session.get, session, "http://a:b@localhost:1/", { auth = ada })
    assert.is_false(ok)
    assert.truthy(message:find("'auth' or user information in the URL, not both", 1, true),
      message)
    session:close()
  end)

  it("go those of base_url to its origin alone, and give way to the call's", function()
    local other = with_server({ { OK } })
    local server = with_server({ { OK, OK, OK, OK, OK } })
    local session = httpclient.Session.new({
      base_url = server:url("/v1/"):gsub("//", "//ada:secret@"), headers = { Cookie = "a=1" } })
    assert.equal(server:url("/v1/x"), assert(session:get("x")).url)
    assert(session:get(server:url("/absolute")))
    assert(session:get("x", { bearer = "t" }))
    assert(session:get("x", { auth = false }))
    assert(session:get("x", { headers = { Authorization = "mine" } }))
    assert(session:get((other:url():gsub("//", "//bob:b@"))))
    session:close()
    assert.same({ BASIC, BASIC, "Authorization: Bearer t", "Authorization: mine" },
      lines_of(server:requests()[1], "authorization"))
    assert.same({ "Authorization: Basic Ym9iOmI=" },
      lines_of(other:requests()[1], "authorization"))
    assert.same({}, lines_of(other:requests()[1], "cookie"))
  end)

  it("contradict user information in base_url and auth each other", function()
    for name, value in pairs({ auth = ada, bearer = "t" }) do
      local ok, message = pcall(httpclient.Session.new,
        { base_url = "http://a:b@h/", [name] = value })
      assert.is_false(ok)
      assert.truthy(message:find("Session takes '" .. name
        .. "' or user information in the URL, not both", 1, true), message)
    end
    assert(httpclient.Session.new({ base_url = "http://a:b@h/",
      headers = { authorization = "x" } }))
      :close()
  end)

  it("goes a stream without what says where content goes", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local path, seen = folder:file("own"), 0
    local server = with_server({ { OK }, { OK } })
    local session = httpclient.Session.new({ timeout = 20, download_file = path, resume = true,
      on_data = function() seen = seen + 1 end, headers = { A = "1" } })
    local response = assert(session:stream(server:url()))
    assert.equal("ok", response:read())
    response:close()
    assert.equal(0, seen)
    assert.is_nil(io.open(path))
    local ok, message = pcall(session.stream, session, server:url(), { on_data = print })
    assert.is_false(ok)
    assert.truthy(message:find("stream has no option 'on_data'", 1, true), message)
    assert(session:get(server:url()))
    assert.equal(1, seen)
    session:close()
    assert.equal("ok", tempdir.read(path))
    for i = 1, 2 do assert.same({ "A: 1" }, lines_of(server:requests()[i], "a")) end
  end)

  it("goes a stream with what the session has switched off", function()
    local server = with_server({ { OK }, { OK } })
    local options = { accept_encoding = false }
    local session = httpclient.Session.new(options)
    for _, call in ipairs({ session, httpclient }) do
      local stream = call == session and session:stream(server:url())
        or httpclient.stream(server:url(), options)
      assert.equal("ok", stream:read())
      stream:close()
    end
    session:close()
    for i = 1, 2 do assert.same({}, lines_of(server:requests()[i], "accept-encoding")) end
  end)

  it("goes a stream without the environment's proxy where the session wants none", function()
    local server = with_server({ { OK }, { OK } })
    finally(function() native.unsetenv("http_proxy") end)
    native.setenv("http_proxy", "http://127.0.0.1:1")
    for _, none in ipairs({ false, "" }) do
      local session = httpclient.Session.new({ proxy = none })
      local stream = assert(session:stream(server:url()))
      assert.equal("ok", stream:read())
      stream:close()
      session:close()
    end
  end)

  it("goes a query in the order of its own", function()
    local own_order = setmetatable({}, { __pairs = function()
      local list, at = { { "z", "1" }, { "a", "2" }, { "k", "3" } }, 0
      return function()
        at = at + 1
        if list[at] then return list[at][1], list[at][2] end
      end
    end })
    assert.truthy(sent({ query = { k = 1, b = 2 } }, { query = own_order })
      :find("^GET /%?b=2&z=1&a=2&k=3 "))
    assert.truthy(sent({ query = own_order }, { query = { a = 4 } })
      :find("^GET /%?z=1&k=3&a=4 "))
  end)

  it("goes multipart over the session's Content-Type", function()
    local own = { headers = { ["Content-TYPE"] = "text/plain", A = "1" } }
    local text = sent(own, { multipart = { a = "1" } }, "post")
    local lines = lines_of(text, "content-type")
    assert.equal(1, #lines)
    assert.truthy(lines[1]:find("^Content%-Type: multipart/form%-data; boundary="), lines[1])
    assert.same({ "A: 1" }, lines_of(text, "a"))
    assert.same({ "Content-TYPE: text/plain" }, lines_of(sent(own, { body = "x" }, "post"),
      "content-type"))
    text = sent({ multipart = { a = "1" } }, { headers = { ["Content-Type"] = "text/plain" },
      body = "x" }, "post")
    assert.same({ "Content-Type: text/plain" }, lines_of(text, "content-type"))
  end)

  it("goes a Content-Type of the session before that of json", function()
    local text = sent({ headers = { ["Content-Type"] = "application/vnd.api+json" } },
      { form = { a = 1 } }, "post")
    assert.same({ "Content-Type: application/vnd.api+json" }, lines_of(text, "content-type"))
  end)

  it("go no headers of the session with headers = false", function()
    local text = sent({ headers = { A = "1", Authorization = "mine" } }, { headers = false })
    assert.same({}, lines_of(text, "a"))
    assert.same({}, lines_of(text, "authorization"))
  end)

  it("is resumed only what has a file", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local own = { download_file = folder:file("own"), resume = true }
    sent(own, { download_file = false })
    local server = with_server({ { OK } })
    local session = httpclient.Session.new(own)
    local _, message = pcall(session.get, session, server:url("/"), { buffer = function(size)
      error("wants " .. size, 0)
    end })
    session:close()
    assert.equal("wants 2", message)
    assert.is_nil(io.open(folder:file("own")))
  end)

  it("takes nothing else away what is false", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local server = with_server({ { OK } })
    local session = httpclient.Session.new({ download_file = folder:file("own"), resume = true })
    assert(session:get(server:url("/"), { buffer = false }))
    assert.equal("ok", tempdir.read(folder:file("own")))
    session:close()
  end)

  it("loses no pair of a query behind a gap, or beside names: that is told", function()
    local broken = { { { "a", 1 }, nil, { "b", 2 } }, { { "a", 1 }, b = 2 } }
    for _, query in ipairs(broken) do
      for _, case in ipairs({ { { query = { x = 1 } }, { query = query } },
        { { query = query }, { query = { x = 1 } } }, { { query = query } } }) do
        local session = httpclient.Session.new(case[1])
        assert.error_matches(function() session:get("http://h/", case[2]) end,
          "bad option 'query' of fetch (element 1 is a table", 1, true)
        session:close()
      end
    end
  end)

  it("stands what is wrong, and is told", function()
    local session = httpclient.Session.new({ auth = ada, headers = { A = "1" } })
    for _, case in ipairs({
      { { auth = ada, headers = { Authorization = "mine" } }, "not both" },
      { { auth = ada, bearer = "t" }, "not both" },
      { { multipart = { a = "1" }, headers = { ["content-type"] = "a/b" } }, "not both" },
      { { headers = 5 }, "bad option 'headers'" },
      { { headers = { A = {} } }, "bad option 'headers'" },
      { { resume = true, download_file = false }, "only with" },
    }) do
      local ok, message = pcall(session.get, session, "http://localhost:1/", case[1])
      assert.is_false(ok)
      assert.truthy(tostring(message):find(case[2], 1, true), message)
    end
    session:close()
  end)
end)
