-- CookieJar: files in the format that curl and wget share.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local ports = require("spec.support.ports")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local CookieJar, Error = httpclient.CookieJar, httpclient.Error
local HEAD = "# Netscape HTTP Cookie File\n"
local folder

before_each(function() folder = tempdir.new() end)
after_each(function() folder:close() end)

local function line(...)
  return table.concat({ ... }, "\t") .. "\n"
end

-- What of the file is no comment.
local function lines_of(path)
  local list = {}
  for text in io.lines(path) do
    if text ~= "" and (text:sub(1, 1) ~= "#" or text:find("^#HttpOnly_")) then
      list[#list + 1] = text .. "\n"
    end
  end
  return list
end

local function names_in(path)
  return program.run({ "ls", "-A", path }).out
end

describe("A jar's file", function()
  it("has a line for each cookie, those without an end too", function()
    local jar, path = CookieJar.new(), folder:file("jar")
    jar:set("https://site.example/p/", "a=1; Secure; HttpOnly")
    jar:set("https://site.example/", "b=2; Domain=site.example; Max-Age=1000")
    jar:set("https://site.example/", "empty=")
    jar:set("http://127.0.0.1/", "nameless")
    jar:set("https://site.example/", "over=1; Max-Age=0")
    local expires = ("%d"):format(jar:cookies()[2].expires)
    assert.is_true(jar:save(path))
    assert.same({
      line("#HttpOnly_site.example", "FALSE", "/p", "TRUE", "0", "a", "1"),
      line(".site.example", "TRUE", "/", "FALSE", expires, "b", "2"),
      line("site.example", "FALSE", "/", "FALSE", "0", "empty", ""),
      line("127.0.0.1", "FALSE", "/", "FALSE", "0", "", "nameless"),
    }, lines_of(path))
    local again = CookieJar.new(path)
    assert.same(jar:cookies(), again:cookies())
    assert.equal("a=1; b=2; empty=", again:get("https://site.example/p/q"))
  end)

  it("is the user's alone, and takes the old one's place whole", function()
    local path = folder:write("jar", "old")
    program.run({ "chmod", "644", path })
    local jar = CookieJar.new(path)
    jar:set("http://site.example", "a=1")
    assert.is_true(jar:save())
    assert.equal("-rw-------", program.run({ "ls", "-l", path }).out:match("^[%-rwx]+"))
    assert.equal("jar\n", names_in(folder.path))
    assert.equal(1, #CookieJar.new(path):cookies())
    local ok, message, code = jar:save(folder:file("none/jar"))
    assert.is_nil(ok)
    assert.truthy(message:find("none/jar", 1, true), message)
    assert.equal(Error.ERR_FILE_NOT_FOUND, code)
    program.run({ "mkdir", folder:file("dir") })
    ok, message, code = jar:save(folder:file("dir"))
    assert.is_nil(ok)
    assert.truthy(message)
    assert.equal(Error.ERR_FILE_CANT_WRITE, code)
    assert.equal("dir\njar\n", names_in(folder.path))
  end)

  it("holds nothing that could be another line", function()
    local jar, path = CookieJar.new(), folder:file("jar")
    jar:set("http://site.example", "a=1\t2")
    jar:set("http://site.example", "a\tb=1")
    jar:set("http://site.example", "p=1; Path=/x\ty")
    jar:set("http://site.example", "kept=1")
    assert.is_true(jar:save(path))
    assert.same({ line("site.example", "FALSE", "/", "FALSE", "0", "kept", "1") }, lines_of(path))
    assert.equal(4, #jar:cookies())
  end)

  it("need not be there yet", function()
    local path = folder:file("jar")
    local jar = assert(CookieJar.new(path))
    assert.same({}, jar:cookies())
    local count, message, code = jar:load()
    assert.is_nil(count)
    assert.truthy(message:find("jar", 1, true))
    assert.equal(Error.ERR_FILE_NOT_FOUND, code)
    assert.is_true(jar:save())
    assert.equal(0, jar:load())
  end)

  it("must be one where there is one", function()
    local jar, message, code = CookieJar.new(folder.path)
    assert.is_nil(jar)
    assert.truthy(message:find("directory", 1, true), message)
    assert.equal(Error.ERR_FILE_CANT_OPEN, code)
  end)

  it("is read with what others write", function()
    local path = folder:write("jar", HEAD .. "\n# a comment\n"
      .. line("site.example", "FALSE", "/", "FALSE", "0", "a", "1")
      .. line(".site.example", "TRUE", "/", "FALSE", "4000000000", "b", "2"):gsub("\n", "\r\n")
      .. line("#HttpOnly_.site.example", "TRUE", "/", "TRUE", "4000000000", "c", "3=4;"):gsub(";",
        "")
      .. line("site.example", "TRUE", "/x", "FALSE", "4000000000", "tail", "no dot")
      .. "site.example\tFALSE\t/\tFALSE\t0\tlost-tab\n"
      .. line("site.example", "FALSE", "/", "FALSE", "1", "over", "1")
      .. line("SITE.example", "FALSE", "/", "FALSE", "0", "upper", "case")
      .. "site.example\tFALSE\t/\tFALSE\t0\tlast\tline")
    local jar = CookieJar.new()
    assert.equal(8, jar:load(path))
    assert.equal("tail=no dot; a=1; b=2; c=3=4; lost-tab=; upper=case; last=line",
      jar:get("https://site.example/x"))
    assert.equal("tail=no dot; b=2", jar:get("http://www.site.example/x"))
    assert.equal(4000000000, jar:cookies()[2].expires)
    assert.is_true(jar:cookies()[3].http_only)
  end)

  it("is read behind a byte order mark, and with times that no clock has", function()
    local path = folder:write("jar", "\239\187\191"
      .. line("site.example", "FALSE", "/", "FALSE", ("9"):rep(30), "a", "1"))
    local jar = assert(CookieJar.new(path))
    assert.equal("a=1", jar:get("http://site.example/"))
    assert.equal("string", type(os.date("!%c", jar:cookies()[1].expires)))
  end)

  it("has no more than cookies can be", function()
    local bad = {
      "nonsense", "", "\t\t\t\t\t\t", "a\tb\tc",
      "\tFALSE\t/\tFALSE\t0\ta\t1", "site.example\tFALSE\tx\tFALSE\t0\ta\t1",
      "site.example\tFALSE\t/\tFALSE\tsoon\ta\t1", "site.example\tFALSE\t/\tFALSE\t0\ta;b\t1",
      "site.example\tFALSE\t/\tFALSE\t0\ta=b\t1", "site.example\tFALSE\t/\tFALSE\t0\ta\t1;2",
      "site.example\tFALSE\t/\tFALSE\t0\ta\t1\t2", "site.example\tFALSE\t/\tFALSE\t0\ta\t1\0002",
      "site.example\tMAYBE\t/\tFALSE\t0\ta\t1", ".com\tTRUE\t/\tFALSE\t0\ta\t1",
      "site.example\tFALSE\t/\tFALSE\t0\t\t", "site.example\tFALSE\t/\tFALSE\t0\ta\t"
        .. ("x"):rep(4096),
      "site.example\tFALSE\t/\tFALSE\t0\ta\t1\r\r",
      "site.example\tFALSE\t/\tFALSE\t0\t__Secure-a\t1",
      "site.example\tFALSE\t/\tFALSE\t0\t__Host-a\t1",
      ".site.example\tTRUE\t/\tTRUE\t0\t__host-a\t1",
      "site.example\tFALSE\t/x\tTRUE\t0\t__Host-a\t1",
      "site.example\tFALSE\t/\tTRUE\t0\t\t__Host-a=1",
    }
    local jar = CookieJar.new()
    assert.equal(0, jar:load(folder:write("jar", table.concat(bad, "\n"))), tostring(jar))
    assert.equal(0, jar:load(folder:write("jar", ("\0\1\255x"):rep(100000))))
    assert.equal(0, jar:load("/dev/null"))
    assert.equal(1,
      jar:load(folder:write("jar", line("site.example", "FALSE", "/", "TRUE", "0", "__Host-a",
        "1"))))
  end)
end)

describe("curl", function()
  local curl = ports.find_program("curl")
  local server

  setup(function()
    server = nginx.start({ plain = [[
      location /set {
        add_header Set-Cookie "sid=31d4; Path=/; HttpOnly";
        add_header Set-Cookie "lang=en; Path=/; Max-Age=1000";
        add_header Set-Cookie "deep=1; Path=/a/b";
        add_header Set-Cookie "empty=; Path=/";
        add_header Set-Cookie "wide=1; Domain=site.example; Path=/";
        return 200;
      }
      location / { return 200 '$http_cookie'; }]] })
  end)
  teardown(function()
    httpclient.pool.close_idle()
    server:stop()
  end)

  local function url(path)
    return ("http://127.0.0.1:%d%s"):format(server:port("plain"), path)
  end

  it("reads what we write, and we read what it writes", function()
    assert.is_truthy(curl, "curl is needed")
    local ours, theirs = folder:file("ours"), folder:file("theirs")
    local jar = CookieJar.new(ours)
    assert(httpclient.fetch(url("/set"), { cookies = jar }))
    assert.is_true(jar:save())
    program.run({ curl, "-s", "--noproxy", "*", "-c", theirs, url("/set") })

    -- each other's file, sent to the same place
    local expected = jar:get(url("/a/b/c"))
    assert.equal("deep=1; sid=31d4; lang=en; empty=", expected)
    local by_curl = program.run({ curl, "-s", "--noproxy", "*", "-b", ours, url("/a/b/c") }).out
    local function sorted(text)
      local list = {}
      for pair in text:gmatch("[^; ]+") do list[#list + 1] = pair end
      table.sort(list)
      return list
    end
    assert.same(sorted(expected), sorted(by_curl))
    local by_us = assert(httpclient.fetch(url("/a/b/c"), { cookies = CookieJar.new(theirs) })).body
    assert.same(sorted(expected), sorted(by_us))

    -- curl writes what it has read of ours, and nothing is lost
    local copy = folder:file("copy")
    program.run({ curl, "-s", "--noproxy", "*", "-b", ours, "-c", copy, url("/") })
    local function by_name(list)
      table.sort(list, function(a, b) return a.name < b.name end)
      return list
    end
    assert.same(by_name(jar:cookies()), by_name(CookieJar.new(copy):cookies()))
  end)

  it("and we agree on what is for a whole domain, and for TLS alone", function()
    assert.is_truthy(curl, "curl is needed")
    local port = server:port("plain")
    local function site(host, path) return ("http://%s:%d%s"):format(host, port, path) end
    local function by_curl(host, path, ...)
      return program.run({ curl, "-s", "--noproxy", "*", "--connect-to",
        ("::127.0.0.1:%d"):format(port), site(host, path), ... }).out
    end
    local reach = { [""] = "127.0.0.1" }
    local ours, theirs = folder:file("ours"), folder:file("theirs")
    local jar = CookieJar.new(ours)
    assert(httpclient.fetch(site("www.site.example", "/set"),
      { cookies = jar, connect_to = reach }))
    assert(jar:set("https://www.site.example/", "safe=1; Domain=site.example; Secure; Path=/"))
    assert(jar:save())
    by_curl("www.site.example", "/set", "-c", theirs)
    for host, expected in pairs({ ["www.site.example"] = 4, ["other.site.example"] = 1,
      ["site.example"] = 1, ["mysite.example"] = 0 }) do
      local text = jar:get(site(host, "/")) or ""
      local count = select(2, text:gsub("=", "="))
      assert.equal(expected, count, host .. ": " .. text)
      assert.is_nil(text:find("safe", 1, true))
      assert.equal(count, select(2, by_curl(host, "/", "-b", ours):gsub("=", "=")), host)
      local from_theirs = assert(CookieJar.new(theirs)):get(site(host, "/")) or ""
      assert.equal(#text, #from_theirs, from_theirs) -- in another order
    end
    assert.equal("wide=1; safe=1", jar:get("https://site.example/"))
    assert.equal("wide=1; safe=1", assert(CookieJar.new(ours)):get("https://site.example/"))
  end)
end)
