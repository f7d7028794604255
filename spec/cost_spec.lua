-- What a peer or a user can make 32 KiB of costs time in proportion to that, and no more.
local challenges = require("httpclient.message.challenges")
local cost = require("spec.support.cost")
local fields = require("httpclient.message.fields")
local httpclient = require("httpclient")
local no_proxy = require("httpclient.connect.no_proxy")
local proxy = require("httpclient.connect.proxy")
local redirect = require("httpclient.policies.redirect")
local http = require("httpclient.url.http")
local reference = require("httpclient.url.reference")
local write = require("httpclient.url.write")

local HTTPClient = httpclient.HTTPClient

describe("32 KiB of anything cost no more than in proportion", function()
  local parts = {
    { "a whole URL", "" },
    { "a URL's scheme", "", "://h/" },
    { "a URL's user information", "http://", "@h/" },
    { "a URL's user name", "http://", ":p@h/" },
    { "a URL's password", "http://u:", "@h/" },
    { "a URL's host", "http://", "/" },
    { "a URL's IPv6 address", "http://[", "]/" },
    { "a URL's zone", "http://[fe80::1%25", "]/" },
    { "a URL's port", "http://h:", "/" },
    { "a URL's path", "http://h/", "" },
    { "a URL's path without a slash", "http://h", "" },
    { "a URL's query", "http://h/?", "" },
    { "a URL's fragment", "http://h/#", "" },
  }

  local function use_url(text)
    local u = http.from_text(text)
    if u then
      write.to_string(u)
      write.display(u)
      write.origin(u)
      write.target(u)
    end
  end

  for _, part in ipairs(parts) do
    it("in " .. part[1] .. ", which may be a reference or a base", function()
      local base = assert(http.from_text("http://u@h/a/b/c?d"))
      cost.check_texts(part[1], function(text)
        local made = part[2] .. text .. (part[3] or "")
        use_url(made)
        reference.resolve(base, made)
        reference.resolve(made, "../../x/../y")
      end)
    end)
  end

  it("in a relative reference, behind a long base", function()
    local base = assert(http.from_text("http://h/" .. ("a/"):rep(8192)))
    cost.check_texts("a reference", function(text)
      reference.resolve(base, text)
    end)
  end)

  -- A hook that counts calls sees those alone, whatever the machine is doing. (Compiled code of LuaJIT has no hooks.)
  it("in what has to be escaped or decoded, and not a call for each byte", function()
    local from = assert(http.from_text("http://h/a/b"))
    for _, text in ipairs({ ("\195\164"):rep(16384), ("%41"):rep(11000),
      "//" .. ("%41"):rep(11000), "//" .. ("%41"):rep(11000) .. "@h/" }) do
      local calls = 0
      debug.sethook(function() calls = calls + 1 end, "c")
      redirect.next({ method = "GET", code = 302, url = from, location = text, headers = {} })
      httpclient.parse_link("<a>; title*=iso-8859-1''" .. text)
      debug.sethook()
      assert.is_true(calls < 1000, calls)
    end
  end)

  it("in a Location, and in the headers that a redirect keeps", function()
    local from = assert(http.from_text("http://h/a/b"))
    for _, code in ipairs({ 302, 303, 307 }) do
      cost.check_texts("Location", function(text)
        redirect.next({ method = "POST", code = code, url = from, location = text, headers = {} })
        redirect.next({ method = "POST", code = code, url = from, location = " " .. text .. " ",
          headers = {} })
      end)
      cost.check_texts("headers", function(text)
        redirect.next({ method = "POST", code = code, url = from, location = "/",
          headers = { text, text .. ": " .. text, "X: " .. text } })
      end)
    end
  end)

  it("in challenges, links, dates and cookies", function()
    local jar = httpclient.CookieJar.new()
    cost.check_texts("a field", function(text)
      challenges({ text, "Digest " .. text })
      httpclient.parse_link("<a>; " .. text)
      httpclient.parse_http_date(text)
      jar:set("http://h/", text)
      jar:set("http://h/", "a=b; Expires=" .. text)
      jar:set("http://h/", "a=b; Domain=" .. text .. "; Path=/" .. text)
    end)
  end)

  it("in a proxy's URL and in what the environment says", function()
    local target = assert(http.from_text("http://www.example.com/"))
    local addresses = { assert(http.from_text("http://10.1.2.3/")),
      assert(http.from_text("http://[2001:db8::1]/")) }
    cost.check_texts("a proxy's URL", function(text)
      proxy.from_url(text)
      proxy.from_url("http://" .. text .. "@h:1")
      proxy.from_url("http://h:" .. text)
    end)
    cost.check_texts("http_proxy", function(text)
      local values = { http_proxy = text }
      proxy.from_environment(target, function(name) return values[name] end)
    end)
    cost.check_texts("no_proxy", function(text)
      no_proxy.matches(target, text)
      no_proxy.matches(addresses[1], text)
      no_proxy.matches(addresses[2], text)
      no_proxy.matches(target, text:gsub("[ ,]", "."))
    end)
  end)

  it("in header lines, as an array and as a map", function()
    cost.check_texts("headers", function(text)
      local lines = fields.normalize({ text, [text] = text, ["X-" .. text] = "1" }) or {}
      fields.have(lines, "content-type")
      fields.basic(text, text)
    end)
    cost.check_linear("many headers", function(map)
      fields.have(fields.normalize(map), "nothing")
    end, function(size)
      local map = {}
      for index = 1, size / 8 do map["X-" .. index] = index end
      return map
    end)
  end)

  it("in names and values of query strings, and in percent-encoding", function()
    cost.check_texts("a query", function(text)
      HTTPClient.query_string_from_dict({ [text] = text, ["b" .. text] = { text, text } })
      httpclient.uri_encode(text)
      httpclient.uri_decode(text)
    end)
    cost.check_linear("many fields", HTTPClient.query_string_from_dict, function(size)
      local map = {}
      for index = 1, size / 8 do map[("k"):rep(index % 64) .. index] = index end
      return map
    end)
  end)
end)
