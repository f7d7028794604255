-- CookieJar: what Secure, the prefixes and the limits forbid, and what a script can ask (RFC 6265bis).
local httpclient = require("httpclient")

local CookieJar, Error = httpclient.CookieJar, httpclient.Error
local HTTP, HTTPS = "http://site.example", "https://site.example"

describe("A Secure cookie", function()
  it("is neither set nor sent without TLS, on this machine either", function()
    for _, host in ipairs({ "site.example", "localhost", "127.0.0.1" }) do
      local jar = CookieJar.new()
      assert.is_nil(jar:set("http://" .. host, "a=b; Secure"))
      assert.is_true(jar:set("https://" .. host, "a=b; Secure"))
      assert.is_nil(jar:get("http://" .. host))
      assert.equal("a=b", jar:get("https://" .. host))
    end
  end)

  it("is not hidden by one that came without TLS", function()
    -- the Secure one's URL and attributes, the other's; may it be set?
    for _, case in ipairs({
      { "", "/", "", "/", false },
      { "", "/login", "", "/login", false }, { "", "/login", "", "/login/en", false },
      { "", "/login", "", "/", true }, { "", "/login", "", "/foo", true },
      { "; Domain=site.example", "/", "", "/", false },
      { "", "/", "; Domain=site.example", "/", false },
      { "", "/", "; Domain=other.example", "/", true, "http://other.example" },
    }) do
      local jar = CookieJar.new()
      assert.is_true(jar:set(HTTPS, ("a=secure; Secure; Path=%s%s"):format(case[2], case[1])))
      local ok = jar:set(case[6] or HTTP, ("a=plain; Path=%s%s"):format(case[4], case[3]))
      assert.equal(case[5], ok or false, case[2] .. case[4] .. case[3])
      assert.is_true(jar:set(HTTP, "b=plain; Path=" .. case[4]))
      assert.is_true(jar:set(HTTPS, "a=other; Path=" .. case[4]))
    end
    -- above and below the domain
    local jar = CookieJar.new()
    assert.is_true(jar:set("https://www.site.example", "a=1; Secure"))
    assert.is_nil(jar:set("http://site.example", "a=2; Domain=site.example"))
    assert.is_true(jar:set("http://site.example", "b=2; Domain=site.example"))
    jar = CookieJar.new()
    assert.is_true(jar:set("https://site.example", "a=1; Secure; Domain=site.example"))
    assert.is_nil(jar:set("http://www.site.example", "a=2"))
    jar:clear()
    assert.is_true(jar:set("http://www.site.example", "a=2"))
  end)

  it("must be one that says SameSite=None", function()
    assert.is_nil(CookieJar.new():set(HTTPS, "a=b; SameSite=None"))
    assert.is_true(CookieJar.new():set(HTTPS, "a=b; SameSite=None; Secure"))
    assert.is_true(CookieJar.new():set(HTTPS, "a=b; SameSite=Lax"))
  end)
end)

describe("A prefix", function()
  local refused = {
    "__Secure-SID=12345; Domain=site.example", "__secure-SID=12345; Domain=site.example",
    "__SECURE-SID=12345; Domain=site.example", "__Host-SID=12345", "__host-SID=12345; Secure",
    "__host-SID=12345; Domain=site.example", "__HOST-SID=12345; Domain=site.example; Path=/",
    "__Host-SID=12345; Domain=site.example", "__Host-SID=12345; Domain=site.example; Path=/",
    "__Host-SID=12345; Secure; Domain=site.example; Path=/",
    "__host-SID=12345; Secure; Domain=site.example; Path=/",
    "__HOST-SID=12345; Secure; Domain=site.example; Path=/", "__Host-SID=12345; Secure; Path=/x",
    "__Host-SID=12345; Path=/", "__Secure-SID=1",
    -- a name that is none
    "=__Secure-SID=1; Secure", "=__Host-SID=1; Secure; Path=/", "__host-x; Secure; Path=/",
    "=__sEcUrE-; Secure",
  }
  local taken = {
    "__Secure-SID=12345; Domain=site.example; Secure",
    "__secure-SID=12345; Domain=site.example; Secure",
    "__SECURE-SID=12345; Domain=site.example; Secure", "__Host-SID=12345; Secure; Path=/",
    "__host-SID=12345; Secure; Path=/", "__HOST-SID=12345; Secure; Path=/",
    "__Host-SID=1; Secure; Path=", "__Secure=1", "__Host=1", "_Host-a=1", "a__Host-=1",
    "a=__Host-b",
  }
  it("is a promise that is kept in any letter case", function()
    for _, value in ipairs(refused) do
      assert.is_nil(CookieJar.new():set(HTTPS, value), value)
    end
    for _, value in ipairs(taken) do
      assert.is_true(CookieJar.new():set(HTTPS, value), value)
      if value:lower():find("^__%l+%-") then
        assert.is_nil(CookieJar.new():set(HTTP, value), value)
      end
    end
  end)
end)

describe("Public suffixes", function()
  it("are for nobody", function()
    local jar = CookieJar.new()
    assert.is_nil(jar:set("https://site.com", "a=b; Domain=com"))
    assert.is_nil(jar:set("https://site.com", "a=b; Domain=.com"))
    assert.is_nil(jar:set("https://site.com.", "a=b; Domain=com."))
    assert.is_true(jar:set("https://com", "a=b; Domain=com"))
    assert.is_true(jar:cookies()[1].host_only)
  end)

  it("may have more than one label, where libpsl tells them", function()
    local is_public_suffix = require("httpclient.core").is_public_suffix
    if not is_public_suffix("co.uk") then
      pending("built without libpsl")
      return
    end
    local jar = CookieJar.new()
    assert.is_nil(jar:set("https://site.co.uk", "a=b; Domain=co.uk"))
    assert.is_nil(jar:set("https://user.github.io", "a=b; Domain=github.io"))
    assert.is_true(jar:set("https://github.io", "a=b; Domain=github.io"))
    assert.is_true(jar:cookies()[1].host_only)
    assert.is_true(jar:set("https://www.site.co.uk", "a=b; Domain=site.co.uk"))
  end)
end)

describe("A jar", function()
  it("keeps 50 cookies of a domain: those that are Secure, and that were used last", function()
    local jar = CookieJar.new()
    jar:set(HTTPS, "secure=1; Secure")
    for i = 1, 50 do
      jar:set(HTTPS, ("a%d=%d; Path=/%d"):format(i, i, i))
      jar:get(HTTPS .. "/2")
    end
    local list, names = jar:cookies(), {}
    assert.equal(50, #list)
    for _, cookie in ipairs(list) do names[cookie.name] = true end
    assert.is_true(names.secure and names.a2 and names.a50)
    assert.is_nil(names.a1)
    jar:set("https://other.example", "a=b")
    assert.equal(51, #jar:cookies())
  end)

  it("keeps 3000 in all", function()
    local jar = CookieJar.new()
    for host = 1, 62 do
      for i = 1, 50 do
        assert.is_true(jar:set(("https://h%d.example"):format(host), ("a%d=b"):format(i)))
      end
      jar:get("https://h1.example")
    end
    assert.equal(3000, #jar:cookies())
    assert.truthy(jar:get("https://h1.example"))
    assert.is_nil(jar:get("https://h2.example"))
    assert.truthy(jar:get("https://h62.example"))
  end)

  it("is no slower for a peer that sends many", function()
    local function seconds(count)
      local jar, began = CookieJar.new(), os.clock()
      for i = 1, count do
        jar:set(("http://%d.site.example"):format(i % 1000), ("a%d=b; Path=/%d"):format(i % 7, i))
      end
      return os.clock() - began
    end
    local few = seconds(5000)
    assert.is_true(seconds(20000) < 12 * few + 1)
  end)

  it("tells its cookies in the order in which they came", function()
    local jar = CookieJar.new()
    jar:set(HTTPS .. "/p/", "b=1; HttpOnly")
    jar:set("https://other.example", "a=2; Secure; SameSite=Strict; Domain=other.example")
    assert.same({
      { name = "b", value = "1", domain = "site.example", path = "/p", secure = false,
        http_only = true, host_only = true },
      { name = "a", value = "2", domain = "other.example", path = "/", secure = true,
        http_only = false, host_only = false, same_site = "Strict" },
    }, jar:cookies())
    jar:cookies()[1].value = "changed"
    assert.equal("b=1", jar:get(HTTPS .. "/p/"))
  end)

  it("forgets all, or one domain", function()
    local jar = CookieJar.new()
    jar:set(HTTPS, "a=1; Domain=site.example")
    jar:set("https://www.site.example", "b=2")
    jar:set("https://other.example", "c=3")
    jar:clear(".Site.Example")
    assert.equal("b=2", jar:get("https://www.site.example"))
    jar:clear("nowhere")
    assert.equal(2, #jar:cookies())
    jar:clear()
    assert.same({}, jar:cookies())
    assert.is_true(jar:set(HTTPS, "a=1"))
  end)

  it("says what is wrong with an argument", function()
    local jar = CookieJar.new()
    for expected, call in pairs({
      ["bad argument #1 to 'set' %(string expected, got nil%)"] = function()
        jar:set(nil, "a=b")
      end,
      ["bad argument #2 to 'set' %(string expected, got table%)"] = function()
        jar:set(HTTP, {})
      end,
      ["bad argument #1 to 'get' %(string expected, got number%)"] = function() jar:get(1) end,
      ["bad argument #1 to 'new' %(string or nil expected, got boolean%)"] = function() CookieJar.new(true) end,
      ["bad argument #1 to 'clear' %(string expected, got number%)"] = function() jar:clear(1) end,
      ["save%(%) needs a path"] = function() jar:save() end,
      ["load%(%) needs a path"] = function() jar:load() end,
      ["use jar:get%(%), with a colon"] = function() jar.get(HTTP) end,
    }) do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.truthy(message:find(expected), message)
    end
    local value, message, code = jar:get("ftp://site.example")
    assert.is_nil(value)
    assert.truthy(message)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal(Error.ERR_INVALID_PARAMETER, select(3, jar:set("nonsense", "a=b")))
    assert.equal("CookieJar (0 cookies)", tostring(jar))
  end)
end)

describe("What a server writes of a cookie", function()
  it("means the same in every spelling", function()
    local spellings = {
      "a=b=c; Path=/x=y; HttpOnly", "a=b=c;path=/x=y;httponly",
      " a = b=c ;\tPATH = /x=y ; HTTPONLY ;", "a=b=c; HttpOnly=; Path=/x=y;",
      "a=b=c; Other; Path=/no; HttpOnly=1; x; =; Path=/x=y",
      "a=b=c;;; HttpOnly; Path=/x=y;;",
    }
    for _, text in ipairs(spellings) do
      local jar = CookieJar.new()
      assert.is_true(jar:set(HTTP .. "/x=y/z", text), text)
      local cookie = jar:cookies()[1]
      assert.equal("a", cookie.name, text)
      assert.equal("b=c", cookie.value, text)
      assert.equal("/x=y", cookie.path, text)
      assert.is_true(cookie.http_only, text)
    end
  end)

  it("is no path where it has no sign between", function()
    local jar = CookieJar.new()
    assert.is_true(jar:set(HTTP .. "/one/two", "a=b; Path/x; HttpOnly/; Secure x"))
    local cookie = jar:cookies()[1]
    assert.equal("/one", cookie.path)
    assert.is_false(cookie.http_only)
    assert.is_false(cookie.secure)
  end)

  it("takes the place of what it wrote before, whole, and keeps its turn", function()
    local jar = CookieJar.new()
    assert.is_true(jar:set(HTTP, "a=1; HttpOnly; SameSite=Lax; Max-Age=100"))
    assert.is_true(jar:set(HTTP, "b=1"))
    assert.is_true(jar:set(HTTP, "a=2"))
    local first = jar:cookies()[1]
    assert.equal("a", first.name)
    assert.equal("2", first.value)
    assert.is_false(first.http_only)
    assert.is_nil(first.same_site)
    assert.is_nil(first.expires)
    assert.equal("a=2; b=1", jar:get(HTTP))
    assert.is_true(jar:set(HTTPS, "a=3; Secure"))
    assert.is_nil(jar:set(HTTP, "a=4"))
    assert.is_true(jar:set(HTTPS, "a=5"))
    assert.is_true(jar:set(HTTP, "a=6"))
    assert.equal("a=6; b=1", jar:get(HTTP))
    assert.is_true(jar:set(HTTP, "a=7; Max-Age=0"))
    assert.equal("b=1", jar:get(HTTP))
  end)
end)
