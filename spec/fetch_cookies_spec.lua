-- The option `cookies` of fetch: each request of a transfer gets what is for it, each answer is heard.
local httpclient = require("httpclient")

local CookieJar, fetch = httpclient.CookieJar, httpclient.fetch
local with_server = require("spec.support.served")(after_each)

local function answer(...)
  local lines = {}
  for index, value in ipairs({ ... }) do
    lines[index] = "Set-Cookie: " .. value .. "\r\n"
  end
  return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" .. table.concat(lines) .. "\r\n"
end

local function redirect(location, ...)
  return (answer(...):gsub("200 OK", "302 Found\r\nLocation: " .. location))
end

-- The Cookie values of the requests that came on one connection: "" where there is none.
local function sent(text)
  local list = {}
  for head in text:gmatch("(.-\r\n)\r\n") do
    list[#list + 1] = head:match("\r\nCookie: (.-)\r\n") or ""
  end
  return list
end

describe("fetch with a jar", function()
  it("sends what an answer has set, and nothing without", function()
    local server = with_server({ { answer("a=1", "b=2; Path=/x", "c=3; Secure"), answer(), answer(),
      answer("a=; Max-Age=0"), answer() } })
    local jar = CookieJar.new()
    assert(fetch(server:url("/"), { cookies = jar }))
    assert(fetch(server:url("/x/y"), { cookies = jar }))
    assert(fetch(server:url("/")))
    assert(fetch(server:url("/"), { cookies = jar }))
    assert(fetch(server:url("/"), { cookies = jar }))
    assert.same({ "", "b=2; a=1", "", "a=1", "" }, sent(server:requests()[1]))
  end)

  it("hears an answer that says what the last one has said, whatever came between", function()
    local said = "a=1; Max-Age=1000"
    local server = with_server({ { answer(said), answer(said), answer(said), answer(said),
      answer(said), answer(said, "a=3"), answer(said), answer(said) } })
    local jar, url = CookieJar.new(), server:url("/")
    local function value()
      assert(fetch(url, { cookies = jar }))
      local list = jar:cookies()
      assert.equal(1, #list)
      return list[1].value
    end
    for _ = 1, 3 do assert.equal("1", value()) end
    assert.is_true(jar:set(url, "a=2"))
    assert.equal("1", value())
    jar:clear("127.0.0.1")
    assert.equal("1", value())
    assert.equal("3", value())
    assert.equal("1", value())
    jar:clear()
    assert.equal("1", value())
  end)

  it("sends what the jar has at that moment, to the same URL again and again", function()
    local server = with_server({ { answer(), answer(), answer(), answer(), answer("b=3"), answer(),
      answer(), answer(), answer() } })
    local session, url = httpclient.Session.new({ cookies = true }), server:url("/")
    local jar = session.cookies
    local function get() assert(session:get(url)) end
    get()
    assert.is_true(jar:set(url, "a=1"))
    get()
    get()
    assert.is_true(jar:set(url, "a=2"))
    get()
    get()
    get()
    jar:clear("127.0.0.1")
    get()
    assert.is_true(jar:set(url, "c=1; Max-Age=1"))
    get()
    httpclient.sleep(1.1)
    get()
    assert.same({ "", "a=1", "a=1", "a=2", "a=2", "a=2; b=3", "", "c=1", "" },
      sent(server:requests()[1]))
  end)

  it("asks for what is sent once, so that a second which ends meanwhile makes no difference",
    function()
    local server = with_server({ { answer(), answer(), answer() } })
    local session, url = httpclient.Session.new({ cookies = true }), server:url("/")
    local time, begin = os.time, os.time()
    local looks = 0
    assert.is_true(session.cookies:set(url, "a=1; Max-Age=2"))
    finally(function() os.time = time end) -- luacheck: ignore
    os.time = function() -- luacheck: ignore
      looks = looks + 1
      return looks > 1 and begin + 5 or begin
    end
    assert(session:get(url))
    os.time = time -- luacheck: ignore
    assert.is_true(session.cookies:set(url, "a=1; Max-Age=1000"))
    assert(session:get(url))
    assert(session:get(url))
    assert.same({ "a=1", "a=1", "a=1" }, sent(server:requests()[1]))
  end)

  it("stores at each hop of a redirect, and gives each its own", function()
    local other = with_server({ { answer("there=2"), answer() } }, { name = "localhost" })
    local server = with_server({ { redirect("/two", "here=1; Path=/", "gone=1; Path=/two"),
      redirect(other:url("/three"), "gone=; Path=/two; Max-Age=0"), answer() } })
    local jar = CookieJar.new()
    local response = assert(fetch(server:url("/one"), { cookies = jar }))
    assert.equal(2, response.redirects)
    assert.same({ "", "gone=1; here=1" }, sent(server:requests()[1]))
    assert.same({ "" }, sent(other:requests()[1]))
    assert(fetch(server:url("/two"), { cookies = jar }))
    assert(fetch(other:url("/"), { cookies = jar }))
    assert.equal("here=1", sent(server:requests()[1])[3])
    assert.equal("there=2", sent(other:requests()[1])[2])
  end)

  it("keeps what a refused redirect has set", function()
    local server = with_server({ { redirect("/again", "a=1") } })
    local jar = CookieJar.new()
    fetch(server:url("/"), { cookies = jar, max_redirects = 0 })
    assert.equal("a=1", jar:get(server:url("/")))
  end)

  it("puts the caller's own Cookie first, and no name twice", function()
    local cases = {
      { { "Cookie: own=1" }, "own=1; a=jar; b=jar" },
      { { "cookie:  a=own " }, "a=own; b=jar" },
      { { Cookie = "b=own; a=own" }, "b=own; a=own" },
      { { "Cookie: " }, "a=jar; b=jar" },
      { { "X-Cookie: a" }, "a=jar; b=jar" },
    }
    local answers = {}
    for index = 1, #cases do answers[index] = answer() end
    local server = with_server({ answers })
    local jar = CookieJar.new()
    jar:set(server:url("/"), "a=jar")
    jar:set(server:url("/"), "b=jar")
    for _, case in ipairs(cases) do
      assert(fetch(server:url("/"), { cookies = jar, headers = case[1] }))
    end
    local values = {}
    for value in server:requests()[1]:gmatch("\r\n[Cc]ookie: (.-)\r\n") do
      values[#values + 1] = value
    end
    for index, case in ipairs(cases) do
      assert.equal(case[2], values[index])
    end
  end)

  it("takes the caller's own to no other origin, and the jar's where they belong", function()
    local other = with_server({ { answer() } }, { name = "localhost" })
    local server = with_server({ { redirect(other:url("/")) } })
    local jar = CookieJar.new()
    jar:set(server:url("/"), "a=1")
    jar:set(other:url("/"), "b=2")
    assert(fetch(server:url("/"), { cookies = jar, headers = { Cookie = "own=1" } }))
    assert.same({ "own=1; a=1" }, sent(server:requests()[1]))
    assert.same({ "b=2" }, sent(other:requests()[1]))
  end)

  it("is one jar for many tasks", function()
    local server = with_server({ { answer("a=1") }, { answer("b=2") } })
    local jar = CookieJar.new()
    for _ = 1, 2 do
      httpclient.async(function() assert(fetch(server:url("/"), { cookies = jar })) end)
    end
    httpclient.run()
    assert.equal(2, #jar:cookies())
  end)

  it("takes 200 cookies of one answer, no more", function()
    local many = {}
    for i = 1, 1000 do many[i] = ("a%d=%d; Path=/%d"):format(i, i, i) end
    local server = with_server({ { answer((table.unpack or unpack)(many)) } })
    local jar = CookieJar.new()
    assert(fetch(server:url("/"), { cookies = jar }))
    assert.equal(50, #jar:cookies())
    assert.equal("a200", jar:cookies()[50].name)
  end)

  it("takes nothing but a jar", function()
    for _, value in ipairs({ true, "jar", {}, CookieJar }) do
      local ok, message = pcall(fetch, "http://localhost/", { cookies = value })
      assert.is_false(ok)
      assert.truthy(message:find("bad option 'cookies' of fetch (a CookieJar expected", 1, true),
        message)
    end
  end)
end)
