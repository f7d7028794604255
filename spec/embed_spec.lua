-- The host programs of examples/embed, built against the static libraries: C with the C API, C++
-- with the C API, and C with Lua and the module in it.
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local function serve(answer)
  return native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", answer },
    { "close" } })
end

local folder = tempdir.new()
local host, get, many = folder:file("host"), folder:file("get"), folder:file("many")

local function build(out, ...)
  local argv = { "make", "-s", "-C", "examples/embed", "LUA=" .. os.getenv("LUA"), "BUILD="
    .. program.build(), "OUT=" .. out, ... }
  return program.run(argv, { merge = true, seconds = 240 })
end

local function has(name)
  return program.run({ "sh", "-c", "command -v " .. name }).code == 0
end

-- A build with flags of its own (sanitizers, coverage) links with its own compiler alone.
local is_plain = not (os.getenv("MAKEFLAGS") or ""):find("CFLAGS=", 1, true)

describe("The host programs", function()
  it("are built against the static libraries alone, without a warning", function()
    assert.same({ code = 0, out = "", err = "" }, build(folder.path))
  end)

  -- One Lua stands for all: the programs do not know it.
  if is_plain and os.getenv("LUA") == "lua5.4" then
    it("are built by clang and clang++ as well", function()
      if not (has("clang") and has("clang++")) then
        return pending("clang is not there")
      end
      local other = tempdir.new()
      local result = build(other.path, "CC=clang", "CXX=clang++", other:file("get"),
        other:file("many"))
      other:close()
      assert.same({ code = 0, out = "", err = "" }, result)
    end)
  end
end)

describe("A host program with Lua and the client in it", function()
  it("runs a script that requires the module and fetches with it", function()
    local server = serve(HELLO)
    local result = program.run({ host, "examples/embed/script.lua", "127.0.0.1",
      tostring(server:port()), "/x" })
    server:stop()
    assert.same({ code = 0, out = require("httpclient")._VERSION .. "\n200\nhello", err = "" },
      result)
  end)

  it("says what is wrong with a script", function()
    local path = folder:write("bad.lua", "error('on purpose', 0)")
    assert.same({ code = 1, out = "", err = "on purpose\n" }, program.run({ host, path }))
  end)
end)

describe("A host program in C", function()
  it("fetches through the C API", function()
    local server = serve(HELLO)
    local result = program.run({ get, "127.0.0.1", tostring(server:port()), "/x" })
    assert.same({ code = 0, out = "hello", err = "HTTP/1.1 200\nContent-Length: 5\n" }, result)
    assert.equal("GET /x HTTP/1.1\r\n", server:received(1):match("^[^\n]*\n"))
    server:stop()
  end)

  -- what the server answers, what comes out, part of the message
  for _, case in ipairs({
    { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "hello", "5 of 9" },
    { "HTTP/1.1 OK\r\n", "", "status" },
    { "", "", "closed" },
  }) do
    it(("reports a broken answer: %q"):format(case[1]), function()
      local server = serve(case[1])
      local result = program.run({ get, "127.0.0.1", tostring(server:port()), "/" })
      server:stop()
      assert.equal(1, result.code, result.err)
      assert.equal(case[2], result.out)
      local message = result.err:match("[^\n]*\n$")
      assert.truthy(message:find("^get: [^\n]+\n$") and message:find(case[3], 1, true), result.err)
    end)
  end
  it("reports a host that is none", function()
    local result = program.run({ get, "a b", "80", "/" })
    assert.equal(1, result.code)
    assert.truthy(result.err:find("^get: [^\n]+\n$"), result.err)
  end)
end)

describe("A host program in C++", function()
  it("fetches many paths at once in a loop of its own, and gets every block of memory back",
    function()
    local server = nginx.start({ plain = [[
      location = /none { return 204; }
      location = /hello { return 200 'hello'; }
      location / { root {{root}}; }]] }, { files = { big = ("x"):rep(300000) } })
    local result = program.run({ many, "127.0.0.1", tostring(server:port("plain")), "/hello",
      "/big", "/none", "/missing" })
    server:stop()
    assert.equal("0 blocks are left\n", result.err)
    local missing = result.out:match("404 (%d+) /missing\n")
    assert.equal(("200 5 /hello\n200 300000 /big\n204 0 /none\n404 %s /missing\n"):format(missing),
      result.out)
    assert.equal(0, result.code)
  end)
  it("says of each path what went wrong", function()
    local server = serve("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
    local result = program.run({ many, "127.0.0.1", tostring(server:port()), "/x" })
    server:stop()
    assert.equal("0 blocks are left\n", result.err)
    assert.truthy(result.out:find("^/x: [^\n]*5 of 9[^\n]*\n$"), result.out)
    assert.equal(1, result.code)
  end)
end)
