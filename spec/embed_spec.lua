-- The host programs of examples/embed: built against the static libraries, one with Lua and the module in it, one without.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local function serve(answer)
  return native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", answer }, { "close" } })
end

local folder = tempdir.new()
local host, get = folder:file("host"), folder:file("get")

it("The host programs are built against the static libraries alone", function()
  local result = program.run({ "make", "-s", "-C", "examples/embed", "LUA=" .. os.getenv("LUA"), "BUILD=" .. program.build(),
    "OUT=" .. folder.path }, { merge = true })
  assert.equal(0, result.code, result.out)
  assert.equal("", result.out)
end)

describe("A host program with Lua and the client in it", function()
  it("runs a script that requires the module and fetches with it", function()
    local server = serve(HELLO)
    local result = program.run({ host, "examples/embed/script.lua", "127.0.0.1", tostring(server:port()), "/x" })
    server:stop()
    assert.same({ code = 0, out = require("httpclient")._VERSION .. "\n200\nhello", err = "" }, result)
  end)

  it("says what is wrong with a script", function()
    local path = folder:write("bad.lua", "error('on purpose', 0)")
    assert.same({ code = 1, out = "", err = "on purpose\n" }, program.run({ host, path }))
  end)
end)

describe("A host program without Lua", function()
  it("fetches through the C API", function()
    local server = serve(HELLO)
    local result = program.run({ get, "127.0.0.1", tostring(server:port()), "/x" })
    assert.same({ code = 0, out = "hello", err = "200\n" }, result)
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
      assert.truthy(result.err:find("^get: [^\n]+\n$") and result.err:find(case[3], 1, true), result.err)
    end)
  end
  it("reports a host that is none", function()
    local result = program.run({ get, "a b", "80", "/" })
    assert.equal(1, result.code)
    assert.truthy(result.err:find("^get: [^\n]+\n$"), result.err)
  end)
end)
