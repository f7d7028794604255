-- What follows on a redirect.
local redirect = require("httpclient.policies.redirect")
local httpclient = require("httpclient")
local http = require("httpclient.url.http")
local write = require("httpclient.url.write")

local function follow(from, location, more)
  local state = { method = "GET", code = 302, url = assert(http.from_text(from)),
    location = location, headers = {} }
  for name, value in pairs(more or {}) do
    state[name] = value
  end
  return redirect.next(state)
end

describe("redirect.next", function()
  it("follows 301, 302, 303, 307 and 308, and no other code", function()
    local followed = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
    for code = 100, 999 do
      local next, message = follow("http://h/", "/x", { code = code })
      assert.equal(followed[code] or false, next ~= nil)
      assert.is_nil(message)
    end
  end)

  it("takes a response without a Location, or with an empty one, as final", function()
    for _, location in ipairs({ false, "", " ", "\t \t" }) do
      local next, message = redirect.next({ method = "GET", code = 302,
        url = http.from_text("http://h/"), location = location or nil,
        headers = {} })
      assert.is_nil(next)
      assert.is_nil(message)
    end
  end)

  local methods = {
    -- code, method, the next method, is the body kept
    { 301, "GET", "GET", true }, { 301, "HEAD", "HEAD", true }, { 301, "POST", "GET", false },
    { 301, "PUT", "PUT", true }, { 301, "DELETE", "DELETE", true }, { 301, "PATCH", "PATCH", true },
    { 301, "OPTIONS", "OPTIONS", true }, { 302, "GET", "GET", true }, { 302, "HEAD", "HEAD", true },
    { 302, "POST", "GET", false }, { 302, "PUT", "PUT", true }, { 303, "GET", "GET", false },
    { 303, "HEAD", "HEAD", false }, { 303, "POST", "GET", false }, { 303, "PUT", "GET", false },
    { 303, "DELETE", "GET", false }, { 303, "PATCH", "GET", false },
    { 303, "OPTIONS", "GET", false }, { 307, "GET", "GET", true }, { 307, "POST", "POST", true },
    { 307, "PUT", "PUT", true }, { 307, "HEAD", "HEAD", true }, { 308, "GET", "GET", true },
    { 308, "POST", "POST", true }, { 308, "DELETE", "DELETE", true },
  }
  for _, case in ipairs(methods) do
    it(("turns %d for %s into %s %s body"):format(case[1], case[2], case[3], case[4] and "with the"
      or "without"), function()
      local next = follow("http://h/", "/x", { code = case[1], method = case[2] })
      assert.equal(case[3], next.method)
      assert.equal(case[4], next.keeps_body)
    end)
  end

  local headers = {
    "Accept: a", "Content-Type: text/plain", "content-length: 3", "CONTENT-ENCODING: gzip",
    "Content-MD5: x", "Transfer-Encoding: chunked", "Trailer: X", "Expect: 100-continue",
    "Digest: x", "Authorization: Basic x", "COOKIE: a=b", "Proxy-Authorization : Basic y",
    "cookie2: x", "Host: other", "X-Content-Type: kept", "User-Agent: me", "Contents: kept",
    "Accept: b",
  }
  local dropped = {
    ["without a body"] = { code = 302, method = "POST", location = "/x",
      left = { "Accept: a", "Authorization: Basic x", "COOKIE: a=b",
        "Proxy-Authorization : Basic y", "cookie2: x", "Host: other",
        "X-Content-Type: kept", "User-Agent: me", "Contents: kept", "Accept: b" } },
    ["to another origin"] = { code = 307, method = "POST", location = "http://g/x",
      left = { "Accept: a", "Content-Type: text/plain", "content-length: 3",
        "CONTENT-ENCODING: gzip", "Content-MD5: x",
        "Transfer-Encoding: chunked", "Trailer: X", "Expect: 100-continue", "Digest: x",
        "X-Content-Type: kept", "User-Agent: me", "Contents: kept", "Accept: b" } },
    ["to another origin without a body"] = { code = 303, method = "PUT", location = "http://g/x",
      left = { "Accept: a", "X-Content-Type: kept", "User-Agent: me", "Contents: kept",
        "Accept: b" } },
    ["to the same origin with the body"] = { code = 308, method = "PUT", location = "http://H:80/x",
      left = headers },
  }
  for title, case in pairs(dropped) do
    it("keeps the right headers " .. title, function()
      case.headers = headers
      local next = follow("http://h/", case.location, case)
      assert.same(case.left, next.headers)
      assert.is_false(rawequal(headers, next.headers))
      assert.equal(18, #headers)
    end)
  end

  local origins = {
    -- from, Location, is it the same origin
    { "http://h/", "/x", true }, { "http://h/", "http://h/x", true },
    { "http://h/", "http://h:80/x", true }, { "http://h:81/", "x", true },
    { "http://h/", "http://H/x", true }, { "https://h/", "https://h:443/", true },
    { "http://[::1]/", "http://[::1]:80/", true },
    { "http://h/", "https://h/", false }, { "http://h/", "http://h:81/", false },
    { "http://h:81/", "//h/x", false }, { "http://h/", "http://www.h/", false },
    { "http://www.h/", "http://h/", false }, { "http://h/", "//g/", false },
    { "http://h/", "http://h.g/", false }, { "http://h/", "http://h@g/", false },
    { "http://127.0.0.1/", "http://127.0.0.2/", false },
  }
  for _, case in ipairs(origins) do
    it(("%s secrets from %s to %s"):format(case[3] and "takes" or "does not take", case[1],
      case[2]), function()
      local next = assert(follow(case[1], case[2],
        { headers = { "Authorization: x", "Cookie: y" } }))
      assert.equal(case[3] and 2 or 0, #next.headers)
    end)
  end

  local users = {
    -- from, Location, user, password
    { "http://u:p@h/", "/x", "u", "p" },
    { "http://u:p@h/", "http://h/x", "u", "p" },
    { "http://u:p@h/", "http://h:80/x", "u", "p" },
    { "http://u:p@h/", "http://v:q@h/x", "v", "q" },
    { "http://u:p@h/", "http://g/x" },
    { "http://u:p@h/", "//g/x" },
    { "http://u:p@h/", "//h:81/x" },
    { "http://u:p@h/", "https://h/x" },
    { "http://u:p@h/", "http://v@g/x", "v", "" },
    { "http://h/", "http://v:q%40@g/x", "v", "q@" },
  }
  for _, case in ipairs(users) do
    it(("knows the user behind %s -> %s"):format(case[1], case[2]), function()
      local next = assert(follow(case[1], case[2]))
      assert.equal(case[3], next.url.user)
      assert.equal(case[4], next.url.password)
    end)
  end

  local locations = {
    { "http://h/a/b?c", "d", "http://h/a/d" },
    { "http://h/a/b?c", "?d", "http://h/a/b?d" },
    { "http://h/a/b?c", "../../../d", "http://h/d" },
    { "http://h/a/b?c", "//g", "http://g/" },
    { "http://h/a", "HTTP://G/b", "http://g/b" },
    { "http://h/a", " \t/b \t", "http://h/b" },
    { "http://h/a", "/b c?d e", "http://h/b%20c?d%20e" },
    { "http://h/a", "/\195\169", "http://h/%C3%A9" },
    { "http://h/a", "/%c3%a9", "http://h/%c3%a9" },
    { "http://h/a", "/\\evil.example/", "http://h/%5Cevil.example/" },
    { "http://h/a", "\\\\evil.example/", "http://h/%5C%5Cevil.example/" },
    { "http://h/a", "https://h/", "https://h/" },
    { "http://h/a#f", "/b", "http://h/b#f" },
    { "http://h/a#f", "/b#g", "http://h/b#g" },
    { "http://h/a#f", "/b#", "http://h/b#" },
    { "http://h/a#f", "http://g/", "http://g/#f" },
    { "http://h/a", "#g", "http://h/a#g" },
  }
  for _, case in ipairs(locations) do
    it(("goes from %s by '%s' to %s"):format(case[1], case[2], case[3]), function()
      local next, message = follow(case[1], case[2])
      assert.equal(case[3], next and write.to_string(next.url) or message)
    end)
  end

  local refused = {
    { "http://h/", "ftp://h/", "only http://" },
    { "http://h/", "file:///etc/passwd", "only http://" },
    { "http://h/", "javascript:alert(1)", "only http://" },
    { "http://h/", "data:,x", "only http://" }, { "http://h/", "mailto:a@b", "only http://" },
    { "http://h/", "h:80/x", "only http://" }, { "http://h/", "http:x", "no host" },
    { "http://h/", "http:///x", "no host" }, { "http://h/", "//", "no host" },
    { "http://h/", "http://g:0/", "port is 0" }, { "http://h/", "http://g:99999/", "65535" },
    { "http://h/", "http://a@b@c/", "'@'" }, { "http://h/", "//g\\x/", "backslash" },
    { "http://h/", "/a\0b", "control" }, { "http://h/", "/a\tb", "control" },
    { "http://h/", "/a\r\nX: y", "control" },
    { "http://h/", "http://b\195cher.example/",
      httpclient.features().idn2 and "UTF-8" or "xn--" },
    { "http://h/", "http://[::1", "brackets" },
    { "https://h/", "http://h/", "from https to http" },
    { "https://h/", "HTTP://g/", "from https to http" },
  }
  for _, case in ipairs(refused) do
    it(("refuses to go from %s by '%s'"):format(case[1], case[2]), function()
      local next, message = follow(case[1], case[2])
      assert.is_nil(next)
      assert.truthy(message:find("the redirect ", 1, true), message)
      assert.truthy(message:find(case[3], 1, true), message)
    end)
  end

  it("goes from https to http when that is allowed by name", function()
    local next = assert(follow("https://h/", "http://h/",
      { allow_downgrade = true, headers = { "Cookie: x", "A: b" } }))
    assert.equal("http://h/", write.to_string(next.url))
    assert.same({ "A: b" }, next.headers)
  end)

  it("tells where it was no server that is less secure", function()
    local from = { headers = { "REFERER: https://h/page", "A: b" }, allow_downgrade = true }
    assert.same({ "A: b" }, assert(follow("https://h/", "http://h/", from)).headers)
    for _, way in ipairs({ { "https://h/", "https://g/" }, { "https://h/", "/x" },
      { "http://h/", "http://g/" }, { "http://h/", "https://g/" } }) do
      assert.same(from.headers, assert(follow(way[1], way[2], from)).headers)
    end
  end)

  it("does not bring back what another origin was not given", function()
    local next = assert(follow("http://h/", "http://g/", { headers = { "Cookie: x", "A: b" } }))
    next = assert(redirect.next({ method = next.method, code = 302, url = next.url,
      location = "http://h/", headers = next.headers }))
    assert.same({ "A: b" }, next.headers)
  end)

  it("quotes no secret of a Location", function()
    for _, location in ipairs({ "http://u:SECRET@g:0/", "ftp://u:SECRET@g/", "http://u:SECRET@[/",
      "http://u:SECRET@b@c" }) do
      local _, message = follow("http://h/", location)
      assert.is_nil(message:find("SECRET", 1, true), message)
    end
  end)
end)
