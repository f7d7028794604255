-- Session: options that are the same for many requests, with cookies and connections of their own.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local serve = require("spec.support.serve")
local Session = httpclient.Session
local with_server = require("spec.support.served")(after_each)

local OK = serve.answer("ok")
local function many(count, first)
  local list = { first }
  while #list < count do list[#list + 1] = OK end
  return list
end
-- The heads of the requests on one connection.
local function heads(server)
  local list = {}
  for head in server:requests()[1]:gmatch("(%u+ .-\r\n)\r\n") do list[#list + 1] = head end
  return list
end

describe("A session", function()
  it("resolves URLs against base_url and merges headers and query", function()
    local server = with_server({ many(6) })
    local session = Session.new({ base_url = server:url("/api/"), query = { key = 1, v = 2 },
      headers = { ["X-One"] = "1", ["X-Two"] = "2" } })
    assert(session:get("users"))
    assert(session:get("/users", { headers = { ["x-one"] = "own" }, query = { v = 3 } }))
    assert(session:get("?a=b", { headers = { ["X-ONE"] = false }, query = { key = false } }))
    assert(session:get("../x", { headers = { "x-two: line" }, query = { { "z", 1 } } }))
    assert(session:delete(server:url("/abs")))
    assert(session:fetch("", { method = "PUT" }))
    local list = heads(server)
    assert.truthy(list[1]:find("^GET /api/users%?key=1&v=2 "), list[1])
    assert.truthy(list[1]:find("\r\nX-One: 1\r\nX-Two: 2\r\n", 1, true))
    assert.truthy(list[2]:find("^GET /users%?key=1&v=3 "), list[2])
    assert.truthy(list[2]:find("\r\nX-Two: 2\r\nx-one: own\r\n", 1, true), list[2])
    assert.truthy(list[3]:find("^GET /api/%?a=b&v=2 "), list[3])
    assert.is_nil(list[3]:find("X-One", 1, true))
    assert.truthy(list[4]:find("^GET /x%?key=1&v=2&z=1 "), list[4])
    assert.truthy(list[4]:find("\r\nX-One: 1\r\nx-two: line\r\n", 1, true), list[4])
    assert.truthy(list[5]:find("^DELETE /abs%?"), list[5])
    assert.truthy(list[6]:find("^PUT /api/%?"), list[6])
    session:close()
  end)

  it("gives way to an option of a request that contradicts its own", function()
    local server = with_server({ { OK }, { OK } })
    local host = server:url(""):match("//(.*)$")
    local session = httpclient.Session.new({ base_url = server:url(), unix_socket = "/no/such",
      accept_gzip = false })
    local response = assert(session:get("x", { connect_to = { [host] = host } }))
    assert.equal("ok", response.body)
    assert(session:get("x", { connect_to = {}, accept_encoding = { "gzip" } }))
    local one, two = server:requests()[1], server:requests()[2]
    assert.is_nil(one:find("Accept-Encoding", 1, true))
    assert.truthy(two:find("\r\nAccept-Encoding: gzip\r\n", 1, true), two)
    session:close()
  end)

  it("merges queries of every form", function()
    for _, case in ipairs({
      { { a = 1 }, { b = 2 }, "?a=1&b=2" }, { { 7 }, { a = 1 }, "?1=7&a=1" },
      { { { "z", 1 }, { "a", 1 } }, { z = 2 }, "?a=1&z=2" },
      { { a = 1 }, { { "z", 1 }, { "a", false } }, "?z=1" },
    }) do
      local server = with_server({ many(1) })
      local session = Session.new({ query = case[1] })
      assert.equal(server:url(case[3]),
        server:url("")
          .. assert(session:get(server:url("/"), { query = case[2] })).url:match("?.*"))
      session:close()
    end
  end)

  it("has a call for each method", function()
    local server = with_server({ { serve.answer(""), { content = 3, send = OK },
      { content = 5, send = OK }, OK } })
    local session = Session.new({ base_url = server:url("/") })
    assert.equal("", assert(session:head("one")).body)
    assert.equal("ok", assert(session:put("two", { body = "put" })).body)
    assert.equal("ok", assert(session:patch("three", { body = "patch" })).body)
    assert.equal("ok", assert(session:delete("four")).body)
    local text = server:requests()[1]
    assert.truthy(text:find("^HEAD /one .*\r\n\r\nPUT /two .*\r\n\r\nputPATCH /three .*"
      .. "\r\n\r\npatchDELETE /four "), text)
    session:close()
  end)

  it("is closed by the end of a block", function()
    local server = with_server({ { OK, { send = "" } } })
    local session = Session.new()
    assert(session:get(server:url("/")))
    local leave = (loadstring or load)("local session <close> = ...") -- from Lua 5.4 on
      or getmetatable(session).__close
    leave(session)
    assert.equal("Session (closed)", tostring(session))
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("has a jar of its own", function()
    local server = with_server({ many(3, serve.answer("", "Set-Cookie: a=1\r\n")) })
    local session = Session.new({ cookies = true })
    assert(session:post(server:url("/"), { form = { user = "ada" } }))
    assert(session:get(server:url("/")))
    assert(session:get(server:url("/"), { cookies = false }))
    local text = server:requests()[1]
    assert.same(2, select(2, text:gsub("Cookie: a=1\r\n", "Cookie: a=1\r\n")) * 2)
    assert.equal("a=1", session.cookies:get(server:url("/")))
    session:close()
  end)

  it("has connections of its own, which close with it", function()
    local server = nginx.start({ plain = "location / { return 200 'ok'; }" })
    finally(function()
      httpclient.pool.close_idle()
      server:stop()
    end)
    local url = ("http://127.0.0.1:%d/"):format(server:port("plain"))
    local session = Session.new()
    assert(session:get(url))
    assert(session:get(url))
    assert(httpclient.fetch(url))
    assert.same({ 0, 2, 0 }, { httpclient.pool.count() })
    session:close()
    session:close()
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
    for _, name in ipairs({ "fetch", "get", "stream", "fetch_all" }) do
      local ok, message = pcall(session[name], session, url)
      assert.is_false(ok)
      assert.truthy(message:find("the session is closed", 1, true), message)
    end
  end)

  it("closes them when nobody has it any more", function()
    local server = with_server({ { OK, { send = "" } } })
    do
      local session = Session.new()
      assert(session:get(server:url("/")))
    end
    for _ = 1, 3 do collectgarbage() end
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("takes its credentials to its own server alone", function()
    local server = with_server({ many(1) })
    local other = with_server({ many(2) }, { name = "localhost" })
    local session = Session.new({ base_url = server:url("/"),
      headers = { Authorization = "secret", ["X-A"] = "1" } })
    assert(session:get("/"))
    assert(session:get(other:url("/")))
    assert.truthy(server:requests()[1]:find("secret", 1, true))
    assert.is_nil(other:requests()[1]:find("secret", 1, true))
    assert.truthy(other:requests()[1]:find("X-A: 1", 1, true))
    session:close()
  end)

  it("streams, and fetches many", function()
    local server = with_server({ many(4) })
    local session = Session.new({ base_url = server:url("/"), idle_timeout = 20 })
    local response = assert(session:stream("a"))
    assert.equal("ok", response:read())
    assert.is_nil(response:read())
    local responses = session:fetch_all({ "a", { "b", { method = "POST" } } }, { jobs = 1 })
    assert.equal("ok", responses[1] and responses[1].body)
    session:close()
  end)

  it("says what is wrong with its arguments", function()
    assert.is_false((pcall(Session.new, 1)))
    assert.is_false((pcall(Session.new, { nonsense = 1 })))
    assert.is_nil((Session.new({ base_url = "nonsense" })))
    local session = Session.new()
    assert.is_false((pcall(session.get, session, 1)))
    assert.is_false((pcall(session.get, session, "http://localhost/", 1)))
    assert.is_false((pcall(session.get, session, "http://localhost/", { nonsense = 1 })))
    assert.is_false((pcall(session.get)))
    assert.is_nil(session.cookies)
    local _, message = pcall(function() session.headers = { A = "1" } end)
    assert.truthy(message:find("Session has no field 'headers' to write", 1, true), message)
    for _, method in ipairs({ "PUT", "post", httpclient.HTTPClient.METHOD_PUT, true }) do
      _, message = pcall(session.post, session, "http://localhost:1/", { method = method })
      assert.truthy(message:find("post takes no other method", 1, true), message)
    end
    _, message = session:post("http://localhost:0/", { method = "POST" })
    assert.equal("the port is 0", message)
    _, message = pcall(session.post, session)
    assert.equal("bad argument #1 to 'post' (string expected, got nil)", message)
  end)
end)

describe("The calls of a session that say nothing beside their URL", function()
  it("see what the script has changed in its headers, and are each of their method", function()
    local server = with_server({ many(4) })
    local headers = { ["X-Key"] = "1" }
    local session = Session.new({ headers = headers, timeout = 10 })
    assert(session:get(server:url("/a")))
    headers["X-Key"] = "2"
    assert(session:get(server:url("/b")))
    assert(session:delete(server:url("/c")))
    headers["X-Key"] = nil
    assert(session:get(server:url("/d")))
    local list = heads(server)
    assert.truthy(list[1]:find("^GET /a .*\r\nX%-Key: 1\r\n"), list[1])
    assert.truthy(list[2]:find("^GET /b .*\r\nX%-Key: 2\r\n"), list[2])
    assert.truthy(list[3]:find("^DELETE /c .*\r\nX%-Key: 2\r\n"), list[3])
    assert.truthy(list[4]:find("^GET /d "), list[4])
    assert.is_nil(list[4]:find("X-Key", 1, true), list[4])
    session:close()
  end)

  it("call its functions each time", function()
    local server = with_server({ many(2) })
    local seen = {}
    local session = Session.new({ on_data = function(chunk) seen[#seen + 1] = chunk end })
    assert(session:get(server:url("/a")))
    assert(session:get(server:url("/b")))
    assert.same({ "ok", "ok" }, seen)
    session:close()
  end)

  it("are told what has become wrong with its options", function()
    local server = with_server({ { OK }, { OK } })
    local retry, file = { attempts = 2 }, assert(io.tmpfile())
    local session = Session.new({ retry = retry })
    assert(session:get(server:url("/a")))
    retry.tries = 3
    local _, message = pcall(function() session:get(server:url("/b")) end)
    assert.truthy(message:find("session_spec.lua:%d+: .*retry has no field 'tries'"), message)
    retry.tries = nil
    session:close()
    session = Session.new({ body = file })
    assert(session:post(server:url("/c")))
    file:close()
    _, message = pcall(function() session:post(server:url("/d")) end)
    assert.truthy(message:find("session_spec.lua:%d+: bad option 'body'"), message)
    session:close()
  end)

  it("are told that its headers are none, as fetch tells it", function()
    local session = Session.new({ headers = { 5 } })
    for _, given in ipairs({ false, { timeout = 5 }, { headers = { "A: b" } } }) do
      local _, message = pcall(function() session:get("http://127.0.0.1:1/", given or nil) end)
      assert.truthy(tostring(message):find("session_spec.lua:%d+: bad option 'headers'"), message)
    end
    session:close()
  end)
end)
