-- Which proxy a request goes through.
local http = require("httpclient.url.http")
local httpclient = require("httpclient")
local native = require("spec_native")
local no_proxy = require("httpclient.connect.no_proxy")
local proxy = require("httpclient.connect.proxy")
local serve = require("spec.support.serve")

local fetch = httpclient.fetch
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

describe("proxy.from_url", function()
  local cases = {
    { "http://p:3128", "http://p:3128" },
    { "HTTP://P:3128/", "http://p:3128" },
    { "p:3128", "http://p:3128" },
    { "p", "http://p:80" },
    { "http://p", "http://p:80" },
    { "https://p", "https://p:443" },
    { "HTTPS://p:8443", "https://p:8443" },
    { "socks5://p", "socks5://p:1080" },
    { "Socks5H://P", "socks5h://p:1080" },
    { "socks5h://p:9050/", "socks5h://p:9050" },
    { " http://p:1\t", "http://p:1" },
    { "http://u:w@p:1", "http://p:1" },
    { "u:w@p:1", "http://p:1" },
    { "http://u@p:1", "http://p:1" },
    { "http://@p:1", "http://p:1" },
    { "http://:@p:1", "http://p:1" },
    { "http://u%40d:w%3A%2F@p:1", "http://p:1" },
    { "socks5://u%3Aa:w%00b@p:1", "socks5://p:1" },
    { "socks5://@p:1", "socks5://p:1" },
    { "http://%70:1", "http://p:1" },
    { "http://p:", "http://p:80" },
    { "http://p:0080", "http://p:80" },
    { "http://[::1]:1", "http://[::1]:1" },
    { "[::1]:1", "http://[::1]:1" },
    { "socks5://[fe80::1%25eth0]", "socks5://[fe80::1]:1080" },
    { "127.0.0.1:1", "http://127.0.0.1:1" },
    { "http://p:1/path?query#fragment", "http://p:1" },
    { "socks5://" .. ("u"):rep(255) .. ":" .. ("w"):rep(255) .. "@p", "socks5://p:1080" },
  }
  for _, case in ipairs(cases) do
    it("reads '" .. case[1]:sub(1, 60) .. "'", function()
      assert.equal(case[2], assert(proxy.from_url(case[1])).url)
    end)
  end

  local refused = {
    { "", "empty" }, { "  ", "empty" },
    { "socks://p:1", "only http://" }, { "socks4://u:w@p:1", "only http://" },
    { "://p", "only http://" },
    { "ftp://p", "only http://" }, { "httpx://p", "only http://" }, { "http://", "no host" },
    { ":3128", "no host" }, { "http://u:w@:1", "no host" }, { "p:0", "port is 0" },
    { "p:x", "no number" }, { "p:70000", "65535" }, { "p:99999999999999999999", "65535" },
    { "p q:1", "space" }, { "p\\q", "backslash" },
    { "p\r\n:1", "control" }, { "::1:3128", "':'" }, { "[::1", "brackets" },
    { "[::1]x:1", "between" }, { "[p]:1", "IPv6" }, { "http://http%3A%2F%2Fp", "path" },
    { "http://p%2Fq", "path" }, { "http://b\252cher", "the host " },
    { "http://u:w@v@p", "more than one '@'" },
    { "http://u%3Av:w@p", "colon" }, { "http://u:%0A@p", "control" },
    { "socks5://u@p", "1 to 255" }, { "socks5://u:@p", "1 to 255" },
    { "socks5h://:w@p", "1 to 255" },
    { "socks5://" .. ("u"):rep(256) .. ":w@p", "1 to 255" },
    { "socks5://u:" .. ("w"):rep(256) .. "@p", "1 to 255" },
    { "http://" .. ("p"):rep(256), "255" },
  }
  for _, case in ipairs(refused) do
    it("refuses '" .. case[1]:sub(1, 60) .. "'", function()
      local found, reason = proxy.from_url(case[1])
      assert.is_nil(found)
      assert.truthy(reason:find(case[2], 1, true), reason)
    end)
  end

  it("quotes no password in a reason", function()
    for _, text in ipairs({ "http://u:SECRET@p:x", "socks4://u:SECRET@p", "u:SECRET@",
      "http://u:SECRET@a@b" }) do
      local _, reason = proxy.from_url(text)
      assert.is_nil(reason:find("SECRET", 1, true), reason)
    end
  end)
end)

local function look_up(text, variables)
  return proxy.from_environment(assert(http.from_text(text)),
    function(name) return variables[name] end)
end

describe("proxy.from_environment", function()
  -- Names have no case there: http_proxy is HTTP_PROXY.
  local is_windows = package.config:sub(1, 1) == "\\"
  local cases = {
    { "nothing set", "http://h/", {}, nil },
    { "http_proxy", "http://h/", { http_proxy = "p:1" }, "p:1" },
    { "http_proxy for https", "https://h/", { http_proxy = "p:1" }, nil },
    { "https_proxy", "https://h/", { https_proxy = "p:1" }, "p:1" },
    { "https_proxy for http", "http://h/", { https_proxy = "p:1" }, nil },
    { "all_proxy for http", "http://h/", { all_proxy = "p:1" }, "p:1" },
    { "all_proxy for https", "https://h/", { all_proxy = "p:1" }, "p:1" },
    { "the more special one", "http://h/", { all_proxy = "p:1", http_proxy = "p:2" }, "p:2" },
    { "upper case", "http://h/", { HTTP_PROXY = "p:1" }, "p:1" },
    { "upper case for https", "https://h/", { HTTPS_PROXY = "p:1" }, "p:1" },
    { "ALL_PROXY", "https://h/", { ALL_PROXY = "p:1" }, "p:1" },
    { "lower case before upper case", "http://h/", { HTTP_PROXY = "p:1", http_proxy = "p:2" },
      "p:2" },
    { "an empty one", "http://h/", { http_proxy = "", all_proxy = "p:1" }, "p:1" },
    { "blanks", "http://h/", { http_proxy = " ", HTTP_PROXY = "p:1" }, "p:1" },
    { "HTTP_PROXY in a CGI program", "http://h/", { HTTP_PROXY = "p:1", REQUEST_METHOD = "GET" },
      nil },
    { "an empty request method", "http://h/", { HTTP_PROXY = "p:1", REQUEST_METHOD = "" }, nil },
    { "http_proxy in a CGI program", "http://h/", { http_proxy = "p:1", REQUEST_METHOD = "GET" },
      not is_windows and "p:1" or nil },
    { "HTTPS_PROXY in a CGI program", "https://h/", { HTTPS_PROXY = "p:1", REQUEST_METHOD = "GET" },
      "p:1" },
    { "ALL_PROXY in a CGI program", "http://h/",
      { HTTP_PROXY = "p:2", ALL_PROXY = "p:1", REQUEST_METHOD = "GET" }, "p:1" },
    { "a host of this machine", "http://127.0.0.1/", { http_proxy = "p:1" }, "p:1" },
    { "localhost in no_proxy", "http://localhost:81/",
      { http_proxy = "p:1", no_proxy = "localhost" }, nil },
    { "no_proxy", "http://h/", { http_proxy = "p:1", no_proxy = "h" }, nil },
    { "NO_PROXY", "http://h/", { http_proxy = "p:1", NO_PROXY = "h" }, nil },
    { "lower-case no_proxy first", "http://h/",
      { http_proxy = "p:1", no_proxy = "x", NO_PROXY = "h" }, "p:1" },
    { "an empty no_proxy", "http://h/", { http_proxy = "p:1", no_proxy = "", NO_PROXY = "h" },
      nil },
    { "no_proxy for all_proxy", "https://h/", { all_proxy = "p:1", no_proxy = "*" }, nil },
  }
  for _, case in ipairs(cases) do
    it("heeds " .. case[1], function()
      local found, message = look_up(case[2], case[3])
      assert.is_nil(message)
      assert.equal(case[4] and "http://" .. case[4], found and found.url)
    end)
  end

  it("names the variable that can't be used", function()
    local found, message = look_up("http://h/", { ALL_PROXY = "socks4://u:SECRET@p" })
    assert.is_nil(found)
    assert.equal("environment variable ALL_PROXY: only http://, https://, socks5:// and "
      .. "socks5h:// proxies are supported", message)
    assert.is_nil((select(2, look_up("http://h/", { ALL_PROXY = "socks4://p", no_proxy = "h" }))))
  end)

  it("reads the process's own environment", function()
    local before = os.getenv
    local asked = {}
    os.getenv = function(name) -- luacheck: ignore
      asked[name] = true
    end
    local found = proxy.from_environment(http.from_text("http://h/"))
    os.getenv = before -- luacheck: ignore
    assert.is_nil(found)
    assert.is_true(asked.http_proxy and asked.HTTP_PROXY and asked.all_proxy)
  end)
end)

describe("no_proxy", function()
  local cases = {
    -- list, hosts that are named, hosts that are not
    { "*", "h a.b 1.2.3.4 [::1]", "" },
    { "x,*", "h", "" },
    { "example.com",
      "example.com www.example.com a.b.example.com EXAMPLE.COM example.com. example.com:81",
      "example.org badexample.com com example.com.evil.org" },
    { ".example.com", "example.com www.example.com", "badexample.com com" },
    { "*.example.com", "example.com www.example.com", "badexample.com" },
    { "Example.COM.", "example.com www.example.com. example.com.", "example" },
    { "a.b,c.d e.f\tg.h , i.j,", "a.b c.d e.f g.h i.j x.a.b", "b d k a.b.c" },
    { "", "", "h example.com" },
    { ",, ,", "", "h" },
    { ".", "", "h h." },
    { "h:81", "h:81 x.h:81", "h h:82" },
    { "h:80", "h h:80", "h:81" },
    { "1.2.3.4", "1.2.3.4 1.2.3.4:81", "1.2.3.5 2.3.4 0.1.2.3.4 a.1.2.3.4" },
    { "3.4", "", "1.2.3.4" },
    { ".3.4", "", "1.2.3.4" },
    { "1.2.3.4:81", "1.2.3.4:81", "1.2.3.4" },
    { "[::1]", "[::1] [0:0:0:0:0:0:0:1] [::0001]:81", "[::2]" },
    { "::1", "[::1] [0::1]", "[::2]" },
    { "[::1]:81", "[::1]:81", "[::1]" },
    { "fe80::1", "[fe80::1%25eth0] [FE80::1]", "[fe80::2]" },
    { "::ffff:1.2.3.4", "1.2.3.4 [::ffff:1.2.3.4]", "1.2.3.5" },
    { "10.0.0.0/8", "10.0.0.1 10.255.255.255", "11.0.0.1 9.255.255.255 h" },
    { "10.1.2.3/8", "10.0.0.1", "11.0.0.1" },
    { "192.168.0.0/22", "192.168.0.1 192.168.3.255", "192.168.4.0 192.167.255.255" },
    { "1.2.3.4/32", "1.2.3.4", "1.2.3.5" },
    { "1.2.3.4/31", "1.2.3.4 1.2.3.5", "1.2.3.6" },
    { "0.0.0.0/0", "1.2.3.4 255.255.255.255", "[::1] h" },
    { "1.2.3.4/33", "", "1.2.3.4" },
    { "1.2.3/8", "", "1.2.3.4" },
    { "h/8", "", "h" },
    { "fd00::/8", "[fd00::1] [fdff:1::]", "[fe00::1] 253.0.0.1" },
    { "2001:db8::/33", "[2001:db8:7fff::1]", "[2001:db8:8000::1]" },
    { "2001:db8::1/128", "[2001:db8::1]", "[2001:db8::2]" },
    { "[fd00::]/8", "[fd00::1]", "[fe00::1]" },
    { "::ffff:10.0.0.0/104", "10.1.2.3 [::ffff:10.1.2.3]", "11.0.0.1 [::a01:203]" },
    { "::ffff:0:0/96", "1.2.3.4 [::ffff:1.2.3.4]", "[::1] h" },
    { "::ffff:1.2.3.4/32", "", "1.2.3.4 1.2.3.5" },
    { "64:ff9b::1.2.3.4", "[64:ff9b::102:304]", "[64:ff9b::102:305]" },
  }
  for _, case in ipairs(cases) do
    it("understands '" .. case[1] .. "'", function()
      for host in case[2]:gmatch("%S+") do
        assert.is_true(no_proxy.matches(http.from_text("http://" .. host .. "/"), case[1]), host)
      end
      for host in case[3]:gmatch("%S+") do
        assert.is_false(no_proxy.matches(http.from_text("http://" .. host .. "/"), case[1]), host)
      end
    end)
  end

  it("compares the port with the scheme's default", function()
    assert.is_true(no_proxy.matches(http.from_text("https://h/"), "h:443"))
    assert.is_false(no_proxy.matches(http.from_text("https://h/"), "h:80"))
  end)
end)

describe("a proxy", function()
  local function with_env(values, fn)
    for name, value in pairs(values) do
      native.setenv(name, value)
    end
    finally(function()
      httpclient.pool.close_idle()
      for name in pairs(values) do
        native.unsetenv(name)
      end
    end)
    fn()
  end

  it("comes from the option or from the environment, and no_proxy excepts hosts", function()
    local server = serve({ { answer("1"), answer("2") } })
    local direct = serve({ { answer("direct"), answer("direct") } })
    local through = ("http://127.0.0.1:%d"):format(server:port())
    with_env({ http_proxy = through, no_proxy = "example.test,127.0.0.1" }, function()
      assert.equal("1", assert(fetch("http://h.invalid/a")).body)
      assert.equal("direct", assert(fetch(direct:url())).body)
      native.setenv("no_proxy", "")
      assert.equal("direct", assert(fetch(direct:url(), { proxy = false })).body)
      assert.equal("2", assert(fetch("http://h.invalid/b", { proxy = through })).body)
    end)
    assert.truthy(server:requests()[1]:find("^GET http://h.invalid/a HTTP"))
    server:stop()
    direct:stop()
  end)

  it("is never HTTP_PROXY in a CGI program", function()
    local direct = with_server({ { answer("direct") } })
    with_env({ HTTP_PROXY = "http://127.0.0.1:1", REQUEST_METHOD = "GET" }, function()
      assert.equal("direct", assert(fetch(direct:url())).body)
    end)
  end)

  it("of the environment that can't be used is an error, and no direct request", function()
    local direct = with_server({ { answer("direct") } })
    with_env({ http_proxy = "socks4://127.0.0.1:1" }, function()
      local response, message = fetch(direct:url())
      assert.is_nil(response)
      assert.truthy(message:find("http_proxy", 1, true), message)
    end)
    assert.equal(0, #direct:requests())
  end)
end)
