-- parse_url and resolve_url.
local httpclient = require("httpclient")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

describe("parse_url", function()
  for text, expected in pairs({
    ["http://Example.COM"] = { scheme = "http", host = "example.com", path = "" },
    ["HTTPS://ada:s%40fe@[2001:DB8::1]:8443/a%20b/../c?q=1&r#top"] = {
      scheme = "https", userinfo = "ada:s%40fe", user = "ada", password = "s@fe",
      host = "2001:db8::1", port = 8443, path = "/a%20b/../c", query = "q=1&r", fragment = "top",
    },
    ["http://ada@h:/?#"] = { scheme = "http", userinfo = "ada", user = "ada", host = "h",
      path = "/", query = "", fragment = "" },
    ["http://:@h"] = { scheme = "http", userinfo = ":", user = "", password = "", host = "h",
      path = "" },
    ["//h:80/x"] = { host = "h", port = 80, path = "/x" },
    ["a/b;c=1"] = { path = "a/b;c=1" },
    [""] = { path = "" },
    ["mailto:a@b.example?subject=x"] = { scheme = "mailto", path = "a@b.example",
      query = "subject=x" },
    ["urn:isbn:0451450523"] = { scheme = "urn", path = "isbn:0451450523" },
    ["file:///etc/hosts"] = { scheme = "file", host = "", path = "/etc/hosts" },
    ["1a:b"] = { path = "1a:b" },
  }) do
    it("takes apart '" .. text .. "'", function()
      assert.same(expected, httpclient.parse_url(text))
    end)
  end
  for text, reason in pairs({
    ["http://h:x/"] = "the port is no number",
    ["http://h:65536/"] = "the port is over 65535",
    ["http://[::1/"] = "the brackets of the host do not match",
    ["http://a@b@c/"] = "there is more than one '@' (in user information, '@' is written %40)",
    ["http://h/\n"] = "the URL holds a control character",
    ["http://h/\0"] = "the URL holds a control character",
  }) do
    it("refuses " .. ("%q"):format(text), function()
      local parts, message, code = httpclient.parse_url(text)
      assert.is_nil(parts)
      assert.equal(reason, message)
      assert.equal(INVALID, code)
    end)
  end
  it("raises for what is no string", function()
    local ok, message = pcall(httpclient.parse_url, 5)
    assert.is_false(ok)
    assert.truthy(message:find("bad argument #1 to 'parse_url' (string expected, got number)", 1,
      true),
      message)
  end)
end)

describe("resolve_url", function()
  local BASE = "http://a/b/c/d;p?q"
  -- RFC 3986 sections 5.4.1 and 5.4.2
  for relative, expected in pairs({
    ["g:h"] = "g:h", ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g",
    ["g/"] = "http://a/b/c/g/", ["/g"] = "http://a/g", ["//g"] = "http://g",
    ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y", ["#s"] = "http://a/b/c/d;p?q#s",
    ["g#s"] = "http://a/b/c/g#s", ["g?y#s"] = "http://a/b/c/g?y#s", [";x"] = "http://a/b/c/;x",
    ["g;x"] = "http://a/b/c/g;x", ["g;x?y#s"] = "http://a/b/c/g;x?y#s", [""] = BASE,
    ["."] = "http://a/b/c/", ["./"] = "http://a/b/c/", [".."] = "http://a/b/",
    ["../"] = "http://a/b/", ["../g"] = "http://a/b/g", ["../.."] = "http://a/",
    ["../../"] = "http://a/", ["../../g"] = "http://a/g",
    ["../../../g"] = "http://a/g", ["../../../../g"] = "http://a/g", ["/./g"] = "http://a/g",
    ["/../g"] = "http://a/g", ["g."] = "http://a/b/c/g.", [".g"] = "http://a/b/c/.g",
    ["g.."] = "http://a/b/c/g..", ["..g"] = "http://a/b/c/..g", ["./../g"] = "http://a/b/g",
    ["./g/."] = "http://a/b/c/g/", ["g/./h"] = "http://a/b/c/g/h", ["g/../h"] = "http://a/b/c/h",
    ["g;x=1/./y"] = "http://a/b/c/g;x=1/y", ["g;x=1/../y"] = "http://a/b/c/y",
    ["g?y/./x"] = "http://a/b/c/g?y/./x", ["g?y/../x"] = "http://a/b/c/g?y/../x",
    ["g#s/./x"] = "http://a/b/c/g#s/./x", ["g#s/../x"] = "http://a/b/c/g#s/../x",
    ["http:g"] = "http:g",
  }) do
    it("finds '" .. relative .. "' as RFC 3986 section 5.4 does", function()
      assert.equal(expected, httpclient.resolve_url(BASE, relative))
    end)
  end
  for _, case in ipairs({
    { "http://a", "g", "http://a/g" },
    { "http://a?q", "", "http://a?q" },
    { "http://u:p@a:80/b#f", "c", "http://u:p@a:80/c" },
    { "http://a/b?#", "", "http://a/b?" },
    { "https://[fe80::1%25eth0]:8443/x", "y", "https://[fe80::1%25eth0]:8443/y" },
    { "file:///a/b", "../c", "file:///c" },
    { "urn:a", "?x", "urn:a?x" },
    { "x:/a", ".//g", "x:/.//g" },
    { "http://a/b", "http://C/../d", "http://c/d" },
  }) do
    it(("finds '%s' from '%s'"):format(case[2], case[1]), function()
      assert.equal(case[3], httpclient.resolve_url(case[1], case[2]))
    end)
  end
  it("says what is wrong with base or reference", function()
    local url, message, code = httpclient.resolve_url("/a", "b")
    assert.is_nil(url)
    assert.equal("the base: the URL has no scheme", message)
    assert.equal(INVALID, code)
    assert.equal("the base: the port is no number",
      select(2, httpclient.resolve_url("http://a:x", "b")))
    assert.equal("the port is no number", select(2, httpclient.resolve_url("http://a", "//b:x")))
  end)
  it("raises for what is no string", function()
    for index, arguments in ipairs({ { 5, "a" }, { "http://a", 5 } }) do
      local ok, message = pcall(httpclient.resolve_url, arguments[1], arguments[2])
      assert.is_false(ok)
      assert.truthy(message:find(("bad argument #%d to 'resolve_url'"):format(index), 1, true),
        message)
    end
  end)
end)
