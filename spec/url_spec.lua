-- URLs: parsed, resolved, and made ready for HTTP (RFC 3986).
local address = require("httpclient.url.address")
local http = require("httpclient.url.http")
local references = require("httpclient.url.reference")
local write = require("httpclient.url.write")

local function all_bytes(from, to)
  local bytes = {}
  for byte = from, to do
    bytes[#bytes + 1] = string.char(byte)
  end
  return bytes
end

describe("url.parse", function()
  local cases = {
    { "http://h", { scheme = "http", host = "h", path = "" } },
    { "HTTP://H.Example/P", { scheme = "http", host = "h.example", path = "/P" } },
    { "ftp://u:p@h:21/a;b?c=d#e", { scheme = "ftp", userinfo = "u:p", host = "h", port = 21,
      path = "/a;b", query = "c=d",
      fragment = "e" } },
    { "mailto:a@b", { scheme = "mailto", path = "a@b" } },
    { "urn:a:b:c", { scheme = "urn", path = "a:b:c" } },
    { "//h/p", { host = "h", path = "/p" } },
    { "/p?q", { path = "/p", query = "q" } },
    { "p", { path = "p" } },
    { "", { path = "" } },
    { "?", { path = "", query = "" } },
    { "#", { path = "", fragment = "" } },
    { "#a?b#c", { path = "", fragment = "a?b#c" } },
    { "?a?b#c", { path = "", query = "a?b", fragment = "c" } },
    { "http:///p", { scheme = "http", host = "", path = "/p" } },
    { "http:/p", { scheme = "http", path = "/p" } },
    { "http:p", { scheme = "http", path = "p" } },
    { "./a:b", { path = "./a:b" } },
    { "a/b:c", { path = "a/b:c" } },
    { "1a:b", { path = "1a:b" } },
    { "a+b.c-d:e", { scheme = "a+b.c-d", path = "e" } },
    { "http://h?q", { scheme = "http", host = "h", path = "", query = "q" } },
    { "http://h#f", { scheme = "http", host = "h", path = "", fragment = "f" } },
    { "http://h#@e/", { scheme = "http", host = "h", path = "", fragment = "@e/" } },
    { "http://h?@e/", { scheme = "http", host = "h", path = "", query = "@e/" } },
    { "http://h/@e", { scheme = "http", host = "h", path = "/@e" } },
    { "http://h:/", { scheme = "http", host = "h", path = "/" } },
    { "http://h:0080/", { scheme = "http", host = "h", port = 80, path = "/" } },
    { "http://h:65535", { scheme = "http", host = "h", port = 65535, path = "" } },
    { "http://@h", { scheme = "http", userinfo = "", host = "h", path = "" } },
    { "http://:@h", { scheme = "http", userinfo = ":", host = "h", path = "" } },
    { "http://u:p:q@h", { scheme = "http", userinfo = "u:p:q", host = "h", path = "" } },
    { "http://[::1]", { scheme = "http", host = "::1", is_ipv6 = true, path = "" } },
    { "http://u@[FE80::A%25Eth0]:81/", { scheme = "http", userinfo = "u", host = "fe80::a%Eth0",
      is_ipv6 = true, port = 81,
      path = "/" } },
    { "http://[fe80::a%eth0]", { scheme = "http", host = "fe80::a%eth0", is_ipv6 = true,
      path = "" } },
    { "http://%41/%41", { scheme = "http", host = "%41", path = "/%41" } },
    { "http://h//a//b", { scheme = "http", host = "h", path = "//a//b" } },
    { "/a b\200", { path = "/a b\200" } },
  }
  for _, case in ipairs(cases) do
    it("takes '" .. case[1] .. "' apart", function()
      case[2].is_ipv6 = case[2].is_ipv6 or false
      assert.same(case[2], (references.parse(case[1])))
    end)
  end

  local refused = {
    { "http://a@b@c", "more than one '@'" },
    { "http://a:b@c:d@e/", "more than one '@'" },
    { "http://a:80:90", "more than one ':'" },
    { "http://::1/", "more than one ':'" },
    { "http://[::1", "brackets" },
    { "http://::1]", "brackets" },
    { "http://a[::1]", "brackets" },
    { "http://[[::1]]", "between" },
    { "http://[[::1]", "no IPv6" },
    { "http://[::1]]", "between" },
    { "http://[::1]80", "between" },
    { "http://[::1].example", "between" },
    { "http://[::1]:80:90", "port is no number" },
    { "http://[]", "no IPv6" },
    { "http://[1.2.3.4]", "no IPv6" },
    { "http://[h]", "no IPv6" },
    { "http://[v1.fe]", "not supported" },
    { "http://[::1%]", "zone" },
    { "http://[::1%a b]", "space" },
    { "http://[::1%25]extra", "between" },
    { "http://h:a", "port is no number" },
    { "http://h:-1", "port is no number" },
    { "http://h:+80", "port is no number" },
    { "http://h:8 0", "space" },
    { "http://h:0x50", "port is no number" },
    { "http://h:65536", "over 65535" },
    { "http://h:99999999999999999999", "over 65535" },
    { "http://h h/", "space" },
    { "http://h ", "space" },
    { "http:// h", "space" },
    { "http://h\\@e/", "backslash" },
    { "http://h\\e", "backslash" },
    { "//h\\", "backslash" },
  }
  for _, case in ipairs(refused) do
    it("refuses '" .. case[1] .. "'", function()
      local parts, reason = references.parse(case[1])
      assert.is_nil(parts)
      assert.truthy(reason:find(case[2], 1, true), reason)
    end)
  end

  it("refuses control characters everywhere", function()
    local bytes = all_bytes(0, 31)
    bytes[#bytes + 1] = "\127"
    for _, byte in ipairs(bytes) do
      for _, text in ipairs({ "%shttp://h", "ht%stp://h", "http://h%s", "http://h/%s",
        "http://h/?%s", "http://h/#%s", "%s" }) do
        local parts, reason = references.parse((text:gsub("%%s", function() return byte end)))
        assert.is_nil(parts)
        assert.truthy(reason:find("control", 1, true), reason)
      end
    end
  end)

  it("never quotes the URL in a reason", function()
    for _, text in ipairs({ "http://u:SECRET@b@c", "http://u:SECRET@[x", "http://u:SECRET@h:x",
      "SECRET://h", "http://SE CRET@h",
      "http://u%0a:SECRET@h", "http://u%3a:SECRET@h", "http://u:SECRET@h\200",
      "http://u:SECRET@" }) do
      local parts, reason = http.from_text(text)
      assert.is_nil(parts)
      assert.is_nil(reason:find("SECRET", 1, true), reason)
    end
  end)
end)

describe("IP literals", function()
  local ipv6 = {
    yes = { "::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
      "FE80::aBcD", "::127.0.0.1",
      "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5::1.2.3.4" },
    no = { "", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:8::",
      "1::2::3", "::1:", ":1:2:3:4:5:6:7:8", "12345::", "::g", "1:2:3:4:5:6:7:1.2.3.4",
      "1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "::1.2.3", "::1.2.3.4:5", "::1.2.3.400",
      "::01.2.3.4", "1.2.3.4::", "1.2.3.4", "[::1]", "::1%e" },
  }
  local ipv4 = {
    yes = { "127.0.0.1", "0.0.0.0", "255.255.255.255" },
    no = { "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.", ".1.2.3", "1..2.3", "01.2.3.4",
      "00.0.0.0", "1.2.3.4 ", "1.2.3.a",
      "0x1.2.3.4", "1.2.3.1000" },
  }
  for name, cases in pairs({ is_ipv6 = ipv6, is_ipv4 = ipv4 }) do
    it("are told by " .. name, function()
      for _, text in ipairs(cases.yes) do
        assert.is_true(address[name](text), text)
      end
      for _, text in ipairs(cases.no) do
        assert.is_false(address[name](text), text)
      end
    end)
  end
end)

describe("url.resolve", function()
  local function check(base, reference, expected)
    local parts, reason = references.resolve(base, reference)
    assert.equal(expected, parts and write.to_string(parts) or reason, reference)
  end

  -- RFC 3986 sections 5.4.1 and 5.4.2.
  local normal = {
    ["g:h"] = "g:h", ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g",
    ["g/"] = "http://a/b/c/g/", ["/g"] = "http://a/g", ["//g"] = "http://g",
    ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y", ["#s"] = "http://a/b/c/d;p?q#s",
    ["g#s"] = "http://a/b/c/g#s", ["g?y#s"] = "http://a/b/c/g?y#s", [";x"] = "http://a/b/c/;x",
    ["g;x"] = "http://a/b/c/g;x", ["g;x?y#s"] = "http://a/b/c/g;x?y#s", [""] = "http://a/b/c/d;p?q",
    ["."] = "http://a/b/c/", ["./"] = "http://a/b/c/", [".."] = "http://a/b/",
    ["../"] = "http://a/b/", ["../g"] = "http://a/b/g", ["../.."] = "http://a/",
    ["../../"] = "http://a/", ["../../g"] = "http://a/g",
  }
  local abnormal = {
    ["../../../g"] = "http://a/g", ["../../../../g"] = "http://a/g", ["/./g"] = "http://a/g",
    ["/../g"] = "http://a/g", ["g."] = "http://a/b/c/g.", [".g"] = "http://a/b/c/.g",
    ["g.."] = "http://a/b/c/g..", ["..g"] = "http://a/b/c/..g", ["./../g"] = "http://a/b/g",
    ["./g/."] = "http://a/b/c/g/", ["g/./h"] = "http://a/b/c/g/h", ["g/../h"] = "http://a/b/c/h",
    ["g;x=1/./y"] = "http://a/b/c/g;x=1/y", ["g;x=1/../y"] = "http://a/b/c/y",
    ["g?y/./x"] = "http://a/b/c/g?y/./x", ["g?y/../x"] = "http://a/b/c/g?y/../x",
    ["g#s/./x"] = "http://a/b/c/g#s/./x",
    ["g#s/../x"] = "http://a/b/c/g#s/../x",
    ["http:g"] = "http:g",
  }
  for title, cases in pairs({ ["5.4.1"] = normal, ["5.4.2"] = abnormal }) do
    it("resolves the examples of RFC 3986 section " .. title, function()
      for reference, expected in pairs(cases) do
        check("http://a/b/c/d;p?q", reference, expected)
      end
    end)
  end

  local others = {
    { "http://a", "g", "http://a/g" },
    { "http://a?q", "g", "http://a/g" },
    { "http://a?q", "", "http://a?q" },
    { "http://a/b", "?", "http://a/b?" },
    { "http://a/b?q#f", "", "http://a/b?q" },
    { "http://a/b/", "..", "http://a/" },
    { "http://a/b", "HTTPS://C/../d", "https://c/d" },
    { "http://u:p@a:81/b", "c", "http://u:p@a:81/c" },
    { "http://u:p@a:81/b", "//c", "http://c" },
    { "http://a:81/b", "http://a/b", "http://a/b" },
    { "http://[::1]:81/b", "/c", "http://[::1]:81/c" },
    { "http://a/b", "//[::2]:82/c", "http://[::2]:82/c" },
    { "http://a/b//c", "d", "http://a/b//d" },
    { "http://a/b", "/c//../d", "http://a/c/d" },
    { "http://a/b", "/a/b/../..", "http://a/" },
    { "http://a/b", "/a/b/.", "http://a/a/b/" },
    { "http://a/b", "/...", "http://a/..." },
    { "http://a/b", "/%2e%2e/c", "http://a/%2e%2e/c" },
    { "http://a/b", "c:80/x", "c:80/x" },
    { "http://a/b", "./c:80/x", "http://a/c:80/x" },
    { "http://a/b", "12:30", "http://a/12:30" },
    { "http://a/b", "/\\e/", "http://a/\\e/" },
    { "http://a/b", "//e:99999/", "the port is over 65535" },
    { "http://a@b@c", "d", "there is more than one '@' (in user information, '@' is written %40)" },
    { "/a/b", "../../../c", "/c" },
    { "a/b", "../c", "/c" },
    { "a/b", "c", "a/c" },
  }
  for _, case in ipairs(others) do
    it(("resolves '%s' seen from %s"):format(case[2], case[1]), function()
      check(case[1], case[2], case[3])
    end)
  end

  it("takes parts as well as text, and changes neither", function()
    local base, reference = references.parse("http://a/b?q#f"), references.parse("../c#g")
    assert.equal("http://a/c#g", write.to_string(references.resolve(base, reference)))
    assert.equal("http://a/b?q#f", write.to_string(base))
    assert.equal("../c#g", write.to_string(reference))
  end)

  it("takes a path of very many segments", function()
    assert.equal("/b", references.resolve("http://a/", "/" .. ("a/../"):rep(100000) .. "b").path)
    assert.equal("b", references.resolve("http://a/", "x:" .. ("../"):rep(100000) .. "b").path)
    assert.equal("/b", references.resolve("http://a/", ("../"):rep(100000) .. "b").path)
  end)

  it("needs no more than linear time for the worst of texts", function()
    local limit = 0.5 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1)
    for _, piece in ipairs({ "a", ":", "[", "@", "%", "::", "%41", "a:", ".", "//", "?", "#", " ",
      "a@", "..", "../" }) do
      local long = piece:rep(math.floor(20000 / #piece))
      for _, text in ipairs({ long .. "[", "[::" .. long .. "x]", "u:" .. long .. "@h",
        "h/" .. long }) do
        local started = os.clock()
        http.from_text("http://" .. text)
        references.resolve("http://a/b", text)
        assert.is_true(os.clock() - started < limit, text:sub(1, 20))
      end
    end
  end)
end)

describe("url.http", function()
  local cases = {
    { "http://h", "http://h/", "/" },
    { "HTTP://H", "http://h/", "/" },
    { "hTTps://h:443/x", "https://h/x", "/x" },
    { "https://h:80/x", "https://h:80/x", "/x" },
    { "http://h:80", "http://h/", "/" },
    { "http://h:", "http://h/", "/" },
    { "http://h:00081/", "http://h:81/", "/" },
    { "http://h?x=1", "http://h/?x=1", "/?x=1" },
    { "http://h?", "http://h/?", "/?" },
    { "http://h/?", "http://h/?", "/?" },
    { "http://h#f", "http://h/#f", "/" },
    { "http://h/p#a b", "http://h/p#a%20b", "/p" },
    { "http://h/a b?c d", "http://h/a%20b?c%20d", "/a%20b?c%20d" },
    { "http://h/ ", "http://h/%20", "/%20" },
    { "http://h/\195\169?\195\169", "http://h/%C3%A9?%C3%A9", "/%C3%A9?%C3%A9" },
    { "http://h/\255", "http://h/%FF", "/%FF" },
    { "http://h/%c3%A9%20%2F%25", "http://h/%c3%A9%20%2F%25", "/%c3%A9%20%2F%25" },
    { "http://h/100%?50%", "http://h/100%?50%", "/100%?50%" },
    { "http://h/%zz", "http://h/%zz", "/%zz" },
    { "http://h/a\\b?c\\d", "http://h/a%5Cb?c%5Cd", "/a%5Cb?c%5Cd" },
    { "http://h/\"<>^`{|}", "http://h/%22%3C%3E%5E%60%7B%7C%7D", "/%22%3C%3E%5E%60%7B%7C%7D" },
    { "http://h/a[1]?b[]=2", "http://h/a[1]?b[]=2", "/a[1]?b[]=2" },
    { "http://h/-._~!$&'()*+,;=:@/?/?", "http://h/-._~!$&'()*+,;=:@/?/?",
      "/-._~!$&'()*+,;=:@/?/?" },
    { "http://h//a//b", "http://h//a//b", "//a//b" },
    { "http://h/a/./b/../c", "http://h/a/c", "/a/c" },
    { "http://h/../../etc", "http://h/etc", "/etc" },
    { "http://h/..", "http://h/", "/" },
    { "http://h/%2e%2e/a", "http://h/%2e%2e/a", "/%2e%2e/a" },
    { "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/", "/" },
    { "http://a_b.example/", "http://a_b.example/", "/" },
    { "http://h.example./", "http://h.example./", "/" },
    { "http://EX%41mple.com/", "http://example.com/", "/" },
    { "http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", "/x" },
    { "http://[::1]/x", "http://[::1]/x", "/x" },
    { "https://[FE80::1%25en0]:8443/", "https://[fe80::1%25en0]:8443/", "/" },
    { "http://u:p@h/", "http://u:p@h/", "/" },
    { "http://@h/", "http://h/", "/" },
  }
  for _, case in ipairs(cases) do
    it("makes '" .. case[1] .. "' ready", function()
      local u, reason = http.from_text(case[1])
      assert.equal(case[2], u and write.to_string(u) or reason)
      assert.equal(case[3], write.target(u))
      local again = http.from_text(write.to_string(u))
      assert.same(u, again)
    end)
  end

  local refused = {
    { "", "only http://" }, { "h", "only http://" }, { "//h/", "only http://" },
    { "/p", "only http://" }, { " http://h", "only http://" }, { "ftp://h", "only http://" },
    { "file:///etc/passwd", "only http://" }, { "ws://h", "only http://" },
    { "javascript:alert(1)", "only http://" }, { "h:80/x", "only http://" },
    { "httpx://h", "only http://" }, { "http", "only http://" }, { "http//h", "only http://" },
    { "http+unix://h", "only http://" }, { "http:", "no host" }, { "http:/", "no host" },
    { "http://", "no host" }, { "http:///x", "no host" }, { "http:x", "no host" },
    { "http:/h/x", "no host" }, { "http:\\\\h\\x", "no host" }, { "http://?q", "no host" },
    { "http://#f", "no host" }, { "http://:80/", "no host" }, { "http://u:p@/", "no host" },
    { "http://u@:80", "no host" }, { "http://h:0", "port is 0" }, { "http://h:00/", "port is 0" },
    { "http://h:99999", "over 65535" }, { "http://h:80a", "no number" },
    { "http://a@b@c", "more than one '@'" }, { "http://a:80:90", "more than one ':'" },
    { "http://[::1", "brackets" }, { "http://[v7.a]/", "not supported" },
    { "http://h h/", "space" }, { "http://h\\@evil/", "backslash" },
    { "http://h\r\nX: y/", "control" }, { "http://h/\0", "control" },
    { "http://h%20h/", "no host name" }, { "http://h%00/", "no host name" },
    { "http://h%2Fe/", "no host name" }, { "http://h%40e/", "no host name" },
    { "http://h%3A80/", "no host name" }, { "http://h%0d%0a/", "no host name" },
    { "http://h%/", "no host name" }, { "http://h%2541/", "no host name" },
    { "http://<h>/", "no host name" }, { "http://h|e/", "no host name" },
    { "http://h^e/", "no host name" },
    { 'http://"h"/', "no host name" },
    { "http://%5B::1%5D/", "more than one ':'" },
    { "http://" .. ("h"):rep(256) .. "/", "255" },
    { "http://u%0a@h/", "control" }, { "http://u:%00@h/", "control" },
    { "http://u%3Av:p@h/", "user name" },
  }
  for _, case in ipairs(refused) do
    it("refuses '" .. case[1]:sub(1, 40) .. "'", function()
      local u, reason = http.from_text(case[1])
      assert.is_nil(u)
      assert.truthy(reason:find(case[2], 1, true), reason)
    end)
  end

  local users = {
    { "http://h/" }, { "http://@h/" }, { "http://u@h/", "u", "" }, { "http://u:@h/", "u", "" },
    { "http://:p@h/", "", "p" }, { "http://:@h/", "", "" }, { "http://u:p@h/", "u", "p" },
    { "http://u:p:q@h/", "u", "p:q" },
    { "http://u%40x:p%3A%2F%25@h/", "u@x", "p:/%" },
    { "http://%C3%A9:\195\169@h/", "\195\169", "\195\169" },
    { "http://u+v:p%zz@h/", "u+v", "p%zz" },
  }
  for _, case in ipairs(users) do
    it("reads the user information of '" .. case[1] .. "'", function()
      local u = assert(http.from_text(case[1]))
      assert.equal(case[2], u.user)
      assert.equal(case[3], u.password)
      assert.equal("h", u.host)
    end)
  end

  it("escapes all bytes that a path or a query can't hold, and no others", function()
    for _, byte in ipairs(all_bytes(33, 255)) do
      local kept = byte:find("[A-Za-z0-9%-._~!$&'()*+,;=:@/%%%[%]]")
      if not byte:find("[#?\127]") then
        local expected = kept and byte or ("%%%02X"):format(byte:byte())
        assert.equal("/x" .. expected, write.target(http.from_text("http://h/x" .. byte)))
        assert.equal("/?" .. expected, write.target(http.from_text("http://h/?" .. byte)))
      end
    end
  end)

  it("always has a port, and says whether TLS is wanted", function()
    for text, port in pairs({ ["http://h"] = 80, ["https://h"] = 443, ["https://h:80"] = 80,
      ["http://h:443"] = 443 }) do
      local u = http.from_text(text)
      assert.equal(port, u.port)
      assert.equal(text:find("https", 1, true) ~= nil, u.tls)
    end
  end)
end)

describe("the texts of a URL", function()
  local cases = {
    -- URL, authority, origin
    { "http://H/", "h", "http://h:80" },
    { "http://h:80/", "h", "http://h:80" },
    { "http://h:443/", "h:443", "http://h:443" },
    { "https://h/", "h", "https://h:443" },
    { "https://h:443/", "h", "https://h:443" },
    { "https://u:p@h:80/", "h:80", "https://h:80" },
    { "http://[::1]/", "[::1]", "http://[::1]:80" },
    { "http://[FE80::1%25eth0]:81/", "[fe80::1]:81", "http://[fe80::1%eth0]:81" },
  }
  for _, case in ipairs(cases) do
    it("are right for " .. case[1], function()
      local u = http.from_text(case[1])
      assert.equal(case[2], write.authority(u))
      assert.equal(case[3], write.origin(u))
    end)
  end

  it("are right for parts that have no port", function()
    local parts = references.parse("https://h")
    assert.equal("https://h:443", write.origin(parts))
    assert.equal("h", write.authority(parts))
    assert.equal("/", write.target(parts))
  end)

  it("keep the user information out of what is displayed", function()
    assert.equal("http://h:81/a?b#c", write.display(http.from_text("http://u:p@h:81/a?b#c")))
  end)

  it("come back as they were", function()
    for _, text in ipairs({ "http://u:p@h:81/a?b#c", "mailto:a@b", "//h/p", "/p?q#f", "", "?", "#",
      "a:", "http:///p", "x://h:80/" }) do
      assert.equal(text, write.to_string(references.parse(text)))
    end
  end)
end)
