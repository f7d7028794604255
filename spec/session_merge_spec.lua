-- What of a session goes into a request, and what gives way to the request's own options.
local httpclient = require("httpclient")
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
