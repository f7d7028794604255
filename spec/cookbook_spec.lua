-- The scripts of examples/cookbook do what docs/cookbook.md says, each as a program of its own against servers that are
-- not ours; none is longer than the task deserves.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local program = require("spec.support.program")
local proxies = require("spec.support.proxy")
local python = require("spec.support.python")
local tempdir = require("spec.support.tempdir")

local unpack = table.unpack or unpack -- luacheck: compat

local DATA = ("0123456789"):rep(20000)
local FOLDER = "examples/cookbook/"

local server, secure

setup(function()
  server = python.start("cookbook",
    { ["data.bin"] = DATA, ["one.txt"] = "one", ["two.txt"] = "two" })
  secure = nginx.start({
    own = { tls = certs.localhost, body = "location / { return 204; }" },
    mutual = { tls = certs.localhost, client_ca = certs.ca,
      body = "location / { return 200 '$ssl_client_s_dn'; }" },
  })
end)

teardown(function()
  httpclient.pool.close_idle()
  secure:stop()
  server.stop()
end)

local function script(name, ...)
  local result = program.run(program.lua(FOLDER .. name .. ".lua", ...))
  assert.equal(0, result.code, result.err .. result.out)
  return result.out, result.err
end

local ran = {}

-- name; function() -> arguments; what it prints, a text or a pattern in a table
local cases = {
  { "json_get", "/items", { "jit" }, "2\tluajit\n" },
  { "json_post", "/items", { "moonjit" }, "5\n" },
  { "form", "/form", {}, "city=London\nname=Ada L.\n" },
  { "client", "/", {}, "luajit\n201\tmoonjit\n" },
  { "login", "/", { "ada", "secret" }, "hello ada\n" },
  { "generated", "/store/rows", {}, "rows: 10436 bytes\n\n" },
  { "retry", "/busy?retry", {}, "200 at last\n" },
  { "basic", "/basic", { "ada", "secret" }, "welcome\n" },
  { "digest", "/digest", { "ada", "secret" }, "welcome\n" },
  { "token", "", {}, "for your eyes\ntoken1\n" },
  { "events", "/events", {},
    "tick\t1\tnumber 1\ntick\t2\tnumber 2\ntick\t3\tnumber 3\ntick\t4\tnumber 4\n" },
  { "chat", "/chat", { "key", "hello" }, "You said: hello\n" },
  { "pages", "/pages", {}, "item 1.1\nitem 1.2\nitem 2.1\nitem 2.2\nitem 3.1\nitem 3.2\n" },
  { "cursor", "/cursor", {}, "item 0\nitem 1\nitem 2\n" },
  { "ndjson", "/log.ndjson", {}, "info\tstarted\nerror\tno disk\ninfo\tstopped\n" },
  { "signed", "/signed/x", { "key", "what is signed" }, "204\n" },
  { "short_url", "/s/abc", {}, { "^301\t%S+/s/abc\n302\t%S+/s/def\n200\t%S+/document\n$" } },
  { "last_bytes", "/files/data.bin", { "5" }, "56789" },
  { "follow", "/endless", { "line 30" }, "line 30\n" },
  { "job", "/jobs", {}, "running\nrunning\ndone\n" },
  { "graphql", "/graphql", { "7" }, "Ada 7\n" },
  { "timeout", "/slow/20", {}, "too slow: timeout after 0.2 s\n" },
  { "stranger", "/items", {}, { "^the address 127%.0%.0%.1 port %d+ is not allowed\n$" } },
}

describe("The cookbook's", function()
  for _, case in ipairs(cases) do
    local name, path, arguments, expected = unpack(case)
    ran[name] = true
    it(name .. ".lua does what it says", function()
      local out = script(name, server.url(path), unpack(arguments))
      if type(expected) == "table" then
        assert.truthy(out:find(expected[1]), out)
      else
        assert.equal(expected, out)
      end
    end)
  end

  local function case(name, action)
    ran[name] = true
    it(name .. ".lua does what it says", action)
  end

  case("cookie_file", function()
    local file = server.folder:file("cookies.txt")
    for _ = 1, 2 do
      assert.equal("hello ada\n", (script("cookie_file", server.url("/"), file)))
    end
    assert.truthy(tempdir.read(file):find("^#HttpOnly_127%.0%.0%.1\t[^\n]*\tsid\tada\n", 1)
      or tempdir.read(file):find("\n#HttpOnly_127%.0%.0%.1\t[^\n]*\tsid\tada\n"),
      tempdir.read(file))
  end)

  case("upload", function()
    local file = server.folder:write("beach.jpg", "not really one")
    assert.equal("photo: beach.jpg image/jpeg 14 bytes\ntitle: Holiday\n",
      (script("upload", server.url("/upload"), file)))
  end)

  case("put_file", function()
    local file = server.folder:write("data.bin", DATA)
    local out, err = script("put_file", server.url("/store/d"), file)
    assert.equal("201\td: 200000 bytes\n\n", out)
    assert.truthy(err:find("\r200000 of 200000 bytes$"), err)
  end)

  case("download", function()
    local file = server.folder:file("copy.bin")
    local sum = httpclient.hex(httpclient.digest("sha256", DATA))
    assert.equal("complete\n", (script("download", server.url("/files/data.bin"), file, sum)))
    assert.equal(DATA, tempdir.read(file))
    assert.equal("not what was expected\n",
      (script("download", server.url("/files/one.txt"), file, sum)))
  end)

  case("docker", function()
    assert.equal("/web\trunning\n/db\texited\n", (script("docker", server.socket)))
  end)

  case("crawl", function()
    local site, lines = server.url("/site/"), {}
    for line in script("crawl", site):gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines) -- each page as it comes
    assert.same({ "200\t" .. site, "200\t" .. site .. "a", "200\t" .. site .. "b",
      "200\t" .. site .. "c", "200\t" .. site .. "d", "404\t" .. site .. "missing" }, lines)
  end)

  case("if_changed", function()
    assert.equal("it is still the same\n", (script("if_changed", server.url("/document"), '"v1"')))
    assert.equal('"v1"\tthe document\n\n', (script("if_changed", server.url("/document"), '"v0"')))
  end)

  case("many", function()
    local out = script("many", server.url("/items"), server.url("/none"), "nonsense")
    assert.truthy(out:find("^1\t200\n2\t404\n3\t[^\n]+\n$"), out)
  end)

  case("alive", function()
    local none = server.url("/none")
    assert.equal(none .. "\t404\n", (script("alive", server.url("/items"), none)))
  end)

  case("first", function()
    local out = script("first", server.url("/slow/20"), server.url("/none"), server.url("/items"))
    assert.equal(server.url("/items") .. "\n", out)
  end)

  case("proxy", function()
    if not proxies.has("tinyproxy") then return pending("there is no tinyproxy") end
    local proxy = proxies.tinyproxy()
    local way = ("http://127.0.0.1:%d"):format(proxy:port())
    local out = script("proxy", server.url("/items"), way)
    proxy:stop()
    assert.equal(("200\t%s\n"):format(way), out)
  end)

  case("trace", function()
    local out = script("trace", server.url("/items"))
    assert.truthy(out:find("request\tGET /items HTTP/1.1\n", 1, true), out)
    assert.truthy(out:find("Authorization: %*%*%*\n"), out)
    assert.truthy(out:find("response\tHTTP/1.1 200 OK\n", 1, true), out)
  end)

  case("private_ca", function()
    local url = ("https://localhost:%d/"):format(secure:port("own"))
    assert.equal("204\n", (script("private_ca", url, certs.ca.cert_file)))
  end)

  case("client_certificate", function()
    local url = ("https://localhost:%d/"):format(secure:port("mutual"))
    local out = script("client_certificate", url, certs.ca.cert_file, certs.client.cert_file,
      certs.client.key_file)
    assert.truthy(out:find("CN="), out)
  end)

  case("save_all", function()
    local folder = tempdir.new()
    local out = script("save_all", folder.path, server.url("/files/one.txt"),
      server.url("/files/two.txt"))
    assert.truthy(out:find("/one.txt\t200\n", 1, true) and out:find("/two.txt\t200\n", 1, true),
      out)
    assert.same({ "one", "two" }, { tempdir.read(folder:file("one.txt")),
      tempdir.read(folder:file("two.txt")) })
    folder:close()
  end)

  case("background", function()
    assert.equal("200\n404\n", (script("background", server.url("/items"), server.url("/none"))
      :gsub("^404\n200\n$", "200\n404\n")))
  end)

  it("scripts have all been run", function()
    for name in program.run({ "ls", FOLDER }).out:gmatch("([%w_]+)%.lua\n") do
      assert.is_true(ran[name], name)
    end
  end)
end)

-- What the documentation shows: a script without its first line, name by name.
local function shown_scripts()
  local list = {}
  for name, code in tempdir.read("docs/cookbook.md"):gmatch(
    "\n<!%-%- file: " .. FOLDER:gsub("%p", "%%%0") .. "([%w_]+)%.lua %-%->\n```lua\n(.-)```\n") do
    assert.is_nil(list[name], name)
    list[name] = code
  end
  return list
end

describe("The cookbook", function()
  it("shows every script as it is, and none that is not there", function()
    local shown, count = shown_scripts(), 0
    for name in program.run({ "ls", FOLDER }).out:gmatch("([%w_]+)%.lua\n") do
      local whole = tempdir.read(FOLDER .. name .. ".lua")
      local code = whole:match('\nlocal httpclient = require%("httpclient"%)\n+(.*)$')
      assert.is_string(code, name)
      assert.equal(code, shown[name], name)
      count = count + 1
      shown[name] = nil
    end
    assert.is_true(count >= 39)
    assert.same({}, shown)
  end)

  -- Lines of code beside those that name the module and the arguments; twice what the same takes with requests or
  -- httpx.
  local most = { login = 8, upload = 4, retry = 6, events = 28, digest = 4, docker = 4, pages = 12,
    crawl = 8, ndjson = 4, signed = 2 }

  for name, lines in pairs(most) do
    it(("needs no more than %d lines for %s.lua"):format(lines, name), function()
      local count = 0
      for line in tempdir.read(FOLDER .. name .. ".lua"):gmatch("[^\n]+") do
        if not line:find("^%-%-") and not line:find("^local.*require")
          and not line:find("= %.%.%.$") then
          count = count + 1
        end
      end
      assert.is_true(count <= lines, count)
    end)
  end
end)
