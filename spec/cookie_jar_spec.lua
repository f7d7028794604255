-- CookieJar: what a jar takes and gives back (RFC 6265bis).
local httpclient = require("httpclient")

local CookieJar = httpclient.CookieJar
local HOST = "https://site.example"

-- A jar with these values of Set-Cookie, set in this order from the URL.
local function jar_of(url, ...)
  local jar = CookieJar.new()
  for _, value in ipairs({ ... }) do
    jar:set(url, value)
  end
  return jar
end

-- The values of a jar with one cookie.
local function only(jar)
  local list = jar:cookies()
  assert.equal(1, #list)
  return list[1]
end

describe("The examples of RFC 6265bis section 3.1", function()
  it("are answered as they stand", function()
    local jar = jar_of(HOST .. "/", "SID=31d4d96e407aad42")
    assert.equal("SID=31d4d96e407aad42", jar:get(HOST .. "/"))

    jar = jar_of(HOST .. "/", "SID=31d4d96e407aad42; Path=/; Domain=site.example")
    assert.equal("SID=31d4d96e407aad42", jar:get("http://sub.site.example/x"))

    jar = jar_of(HOST .. "/", "SID=31d4d96e407aad42; Path=/; Secure; HttpOnly",
      "lang=en-US; Path=/; Domain=site.example")
    assert.equal("SID=31d4d96e407aad42; lang=en-US", jar:get(HOST .. "/"))

    assert.is_true(jar:set(HOST .. "/",
      "lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Domain=site.example"))
    assert.equal("SID=31d4d96e407aad42", jar:get(HOST .. "/"))

    jar = jar_of(HOST .. "/", "SID=31d4d96e407aad42", "sid=31d4d96e407aad42")
    assert.equal("SID=31d4d96e407aad42; sid=31d4d96e407aad42", jar:get(HOST .. "/"))
  end)
end)

describe("A Set-Cookie value", function()
  -- value -> what Cookie says; false: it is ignored
  local cases = {
    { "a=b", "a=b" }, { "a=b;", "a=b" }, { "a=b; ", "a=b" }, { " a = b ", "a=b" },
    { "\ta\t=\tb\t", "a=b" }, { "a=b=c", "a=b=c" }, { "a==", "a==" }, { "a=", "a=" },
    { "=b", "b" }, { "b", "b" }, { " b ", "b" }, { "==b", "=b" }, { "", false }, { "=", false },
    { " ", false }, { ";", false }, { "; a=b", false }, { "=;a=b", false },
    { 'a="b c"', 'a="b c"' }, { 'a="b;c"', 'a="b' }, { "a=b, c=d", "a=b, c=d" },
    { "a=b c", "a=b c" }, { "a b=c", "a b=c" }, { "a=b\tc", "a=b\tc" }, { "a=%41", "a=%41" },
    { "a=\195\188", "a=\195\188" }, { "\195\188=a", "\195\188=a" }, { "a=b; unknown=c; x", "a=b" },
    { "a=b;;;;", "a=b" }, { "a=b\0c", false }, { "a=b; x=\0", false }, { "a=b\r\nc: d", false },
    { "a\1=b", false }, { "a=b\127", false }, { "a=b; path=/\27", false }, { "\n", false },
  }
  for _, case in ipairs(cases) do
    it(("%q gives %q"):format(case[1], tostring(case[2])), function()
      local jar = CookieJar.new()
      local ok, message, code = jar:set(HOST .. "/", case[1])
      assert.equal(case[2] or nil, jar:get(HOST .. "/"))
      if case[2] then
        assert.is_true(ok)
      else
        assert.is_nil(ok)
        assert.equal("string", type(message))
        assert.equal(httpclient.Error.ERR_INVALID_DATA, code)
      end
    end)
  end

  it("may have 4096 bytes of name and value, and 1024 of each attribute", function()
    assert.is_true(CookieJar.new():set(HOST, "a=" .. ("x"):rep(4095)))
    assert.is_nil(CookieJar.new():set(HOST, "a=" .. ("x"):rep(4096)))
    assert.is_nil(CookieJar.new():set(HOST, ("x"):rep(4097)))
    local path = "/" .. ("p"):rep(1023)
    assert.equal(path, only(jar_of(HOST, "a=b; Path=" .. path)).path)
    assert.equal("/", only(jar_of(HOST, "a=b; Path=" .. path .. "p")).path)
    assert.equal("/x", only(jar_of(HOST, "a=b; Path=/x; Path=" .. path .. "p")).path)
    assert.is_true(only(jar_of(HOST, "a=b; Secure=" .. ("x"):rep(1024))).secure)
    assert.is_false(only(jar_of(HOST, "a=b; Secure=" .. ("x"):rep(1025))).secure)
  end)

  it("has attributes in any letter case, the last of which counts", function()
    local cookie = only(jar_of(HOST .. "/x",
      "a=b; PATH=/1; pAtH = /2 ;SECURE; httponly=no; samesite=STRICT; "
      .. "Domain=other.example; DOMAIN=.Site.Example"))
    assert.same({ name = "a", value = "b", path = "/2", domain = "site.example", secure = true,
      http_only = true, host_only = false, same_site = "Strict" }, cookie)
    assert.equal("/", only(jar_of(HOST .. "/x", "a=b; Path=/1; Path=x")).path)
    assert.is_true(only(jar_of(HOST, "a=b; Domain=site.example; Domain=")).host_only)
    assert.is_nil(only(jar_of(HOST, "a=b; SameSite=Lax; SameSite=other")).same_site)
    assert.equal("Lax", only(jar_of(HOST, "a=b; SameSite=lax")).same_site)
  end)
end)

describe("The life of a cookie", function()
  local LIMIT = 400 * 86400

  it("is what Max-Age says, whatever Expires does", function()
    local past, future = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"
    -- attributes -> seconds from now; false: it is gone; "session"
    local cases = {
      { "", "session" }, { "Max-Age=60", 60 }, { "Max-Age=060", 60 },
      { "Max-Age=60; Expires=" .. past, 60 }, { "Expires=" .. past .. "; Max-Age=60", 60 },
      { "Max-Age=0", false }, { "Max-Age=-1", false }, { "Max-Age=-999999999999999999999", false },
      { "Max-Age=0; Expires=" .. future, false }, { "Expires=" .. past, false },
      { "Expires=" .. future, LIMIT }, { "Max-Age=99999999999999999999999999", LIMIT },
      { "Max-Age=" .. ("0"):rep(40) .. "5", 5 }, { "Max-Age=40000000", LIMIT },
      { "Max-Age=", "session" }, { "Max-Age", "session" }, { "Max-Age=x", "session" },
      { "Max-Age=6x", "session" }, { "Max-Age=+6", "session" }, { "Max-Age=1.5", "session" },
      { "Max-Age=-", "session" }, { "Max-Age=6 0", "session" }, { "Max-Age=\"60\"", "session" },
      { "Max-Age=x; Expires=" .. past, false }, { "Max-Age=60; Max-Age=x", 60 },
      { "Max-Age=60; Max-Age=0", false }, { "Max-Age=0; Max-Age=60", 60 },
      { "Expires=nonsense", "session" }, { "Expires=" .. past .. "; Expires=nonsense", false },
      { "Expires=" .. past .. "; Expires=" .. future, LIMIT },
      { "Expires=31 Dec 1600 23:59:59", "session" },
    }
    for _, case in ipairs(cases) do
      local jar, began = jar_of(HOST, "a=b; " .. case[1]), os.time()
      local list = jar:cookies()
      if not case[2] then
        assert.same({}, list, case[1])
        assert.is_nil(jar:get(HOST))
      elseif case[2] == "session" then
        assert.is_nil(list[1].expires, case[1])
      else
        assert.is_true(math.abs(list[1].expires - began - case[2]) <= 1, case[1])
      end
    end
  end)

  it("ends with the one that takes its place, and keeps its turn", function()
    local jar = jar_of(HOST .. "/", "a=1", "b=2", "a=3")
    assert.equal("a=3; b=2", jar:get(HOST))
    assert.is_true(jar:set(HOST .. "/", "a=; Max-Age=0"))
    assert.equal("b=2", jar:get(HOST))
    jar:set(HOST .. "/", "a=4")
    assert.equal("b=2; a=4", jar:get(HOST))
  end)

  it("is apart for host-only, domain and path", function()
    local jar = jar_of(HOST .. "/p/q", "a=host", "a=domain; Domain=site.example", "a=root; Path=/")
    assert.equal("a=host; a=domain; a=root", jar:get(HOST .. "/p/q"))
    jar:set(HOST .. "/", "a=; Path=/p; Max-Age=0")
    assert.equal("a=domain; a=root", jar:get(HOST .. "/p/q"))
  end)
end)

describe("The domain of a cookie", function()
  -- URL, Domain -> what cookies() says; false: ignored
  local cases = {
    { "https://site.example", nil, "site.example", true },
    { "https://site.example", "site.example", "site.example", false },
    { "https://site.example", ".site.example", "site.example", false },
    { "https://site.example", "SITE.EXAMPLE", "site.example", false },
    { "https://SITE.example", "site.example", "site.example", false },
    { "https://a.site.example", "site.example", "site.example", false },
    { "https://a.b.site.example", "b.site.example", "b.site.example", false },
    { "https://site.example", "", "site.example", true },
    { "https://site.example", ".", "site.example", true },
    { "https://site.example", "a.site.example", false },
    { "https://site.example", "other.example", false },
    { "https://mysite.example", "site.example", false },
    { "https://site.example", "ite.example", false },
    { "https://site.example", "..site.example", false },
    { "https://site.example", "site.example.", false },
    { "https://site.example", "site.example:443", false },
    { "https://site.example", "example", false },
    { "https://site.example", "..", false },
    { "https://site.example.", "example.", false },
    { "https://site.example", "s\195\188te.example", false },
    { "https://example", "example", "example", true },
    { "http://localhost", "localhost", "localhost", true },
    { "http://localhost", nil, "localhost", true },
    { "http://a.localhost", "localhost", false },
    { "http://127.0.0.1", nil, "127.0.0.1", true },
    { "http://127.0.0.1", "127.0.0.1", "127.0.0.1", false },
    { "http://127.0.0.1", "0.0.1", false },
    { "http://127.0.0.1", "1", false },
    { "http://[::1]", nil, "::1", true },
    { "http://[0:0::1]", nil, "::1", true },
    { "http://[::1]", "[::1]", "::1", true },
  }
  for _, case in ipairs(cases) do
    it(("%q is %s for %s"):format(case[2] or "(none)", case[3] or "refused", case[1]), function()
      local jar = CookieJar.new()
      local ok = jar:set(case[1], "a=b" .. (case[2] and "; Domain=" .. case[2] or ""))
      if case[3] then
        assert.is_true(ok)
        local cookie = only(jar)
        assert.equal(case[3], cookie.domain)
        assert.equal(case[4], cookie.host_only)
        assert.equal("a=b", jar:get(case[1] .. "/"))
      else
        assert.is_nil(ok)
        assert.same({}, jar:cookies())
      end
    end)
  end

  it("decides who gets it", function()
    local jar = jar_of("https://a.site.example/", "host=1", "domain=2; Domain=site.example")
    for host, expected in pairs({
      ["a.site.example"] = "host=1; domain=2", ["A.SITE.EXAMPLE"] = "host=1; domain=2",
      ["site.example"] = "domain=2", ["b.site.example"] = "domain=2",
      ["x.a.site.example"] = "domain=2", ["mysite.example"] = "", ["example"] = "",
      ["site.example.com"] = "", ["a.site.example:8443"] = "host=1; domain=2",
    }) do
      assert.equal(expected, jar:get("https://" .. host .. "/") or "", host)
    end
    jar = jar_of("http://10.0.0.1/", "a=b; Domain=10.0.0.1")
    assert.is_nil(jar:get("http://1.10.0.0.1.example/"))
  end)
end)

describe("The path of a cookie", function()
  it("is by default the folder of the URL", function()
    for path, expected in pairs({
      [""] = "/", ["/"] = "/", ["/a"] = "/", ["/a/"] = "/a", ["/a/b"] = "/a", ["/a/b/c"] = "/a/b",
      ["/a?x=/y/z"] = "/", ["/a/b#/c/d"] = "/a", ["//"] = "/", ["/a//"] = "/a/",
    }) do
      assert.equal(expected, only(jar_of(HOST .. path, "a=b")).path, path)
    end
    for value, expected in pairs({ ["/x"] = "/x", ["x"] = "/a", [""] = "/a", ["/x/"] = "/x/",
      ["\"/x\""] = "/a", ["/other/place"] = "/other/place" }) do
      assert.equal(expected, only(jar_of(HOST .. "/a/b", "a=b; Path=" .. value)).path, value)
    end
  end)

  it("decides where it is sent", function()
    -- path of the cookie, of the request, is it sent?
    for _, case in ipairs({
      { "/", "/", true }, { "/", "/a", true }, { "/a", "/a", true }, { "/a", "/a/", true },
      { "/a", "/a/b", true }, { "/a", "/ab", false }, { "/a", "/", false }, { "/a/", "/a", false },
      { "/a/", "/a/b", true }, { "/a", "/A", false }, { "/a", "/a?b", true },
      { "/a/b", "/a", false }, { "/a%20b", "/a b", true }, { "/a", "/b/../a", true },
    }) do
      local jar = jar_of(HOST, "a=b; Path=" .. case[1])
      assert.equal(case[3] and "a=b" or nil, jar:get(HOST .. case[2]), case[1] .. " " .. case[2])
    end
  end)

  it("puts longer ones first, then those that came first", function()
    local jar = jar_of(HOST .. "/", "a=1; Path=/", "b=2; Path=/x/y", "c=3; Path=/x",
      "d=4; Path=/x/y",
      "e=5; Path=/")
    assert.equal("b=2; d=4; c=3; a=1; e=5", jar:get(HOST .. "/x/y/z"))
    jar:set(HOST, "a=6; Path=/")
    assert.equal("c=3; a=6; e=5", jar:get(HOST .. "/x"))
  end)
end)
