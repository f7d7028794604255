-- The demo, as `make demo` runs it.
local demo_server = require("spec.support.demo_server")
local native = require("spec_native")
local program = require("spec.support.program")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local server = demo_server.path

-- Under a wrapper it is this interpreter alone that runs under it.
local function run_demo()
  if program.wrapper ~= "" then
    return program.run(program.lua("examples/demo.lua", server), { seconds = 120 })
  end
  return program.run(program.make("demo"), { seconds = 120 })
end

describe("the demo", function()
  local result

  local function shows(text)
    assert.truthy(result.out:find(text, 1, true), ("%q is not in:\n%s"):format(text, result.out))
  end

  setup(function()
    result = run_demo()
  end)

  it("succeeds without a word to standard error", function()
    assert.equal("", result.err)
    assert.equal(0, result.code, result.out)
  end)
  -- How many states between two are seen depends on how fast the other side is.
  it("shows the states of a GET, from the connection on", function()
    assert.truthy(result.out:find("== GET\n   RESOLVING > [A-Z_ >]*CONNECTED > REQUESTING > BODY\n   200 OK, 28 bytes\n"),
      result.out)
    shows("   Hello from the demo server.\n")
  end)
  it("posts a form on the same connection", function()
    shows("== POST of a form, on the same connection\n   CONNECTED > REQUESTING > BODY\n   200 OK, 45 bytes\n")
    shows("   the server got: name=Ada%20Lovelace&langs=lua&langs=c&ok=true\n")
  end)
  it("downloads chunks and shows the trailer", function()
    shows("== Chunked download\n   CONNECTED > REQUESTING > BODY\n   200 OK, chunked\n   1048576 bytes; trailer: X-Chunks: 64\n")
  end)
  it("downloads much over TLS, and says what the connection is", function()
    assert.truthy(result.out:find("== Large download over TLS\n   RESOLVING > [A-Z_ >]*CONNECTED\n"
      .. "   TLSv1%.%d, [%w_]+, certificate of CN=localhost\n   CONNECTED > REQUESTING > BODY\n   200 OK, 67108864 bytes\n"),
      result.out)
    shows("   [########################################] 100%   64.0 of 64.0 MiB\n")
  end)
  it("draws the progress bar only once where nobody looks", function()
    assert.equal(1, select(2, result.out:gsub("%[#", "")))
    assert.falsy(result.out:find("\r", 1, true))
  end)
  it("shows a refused certificate with the reason", function()
    assert.truthy(result.out:find("== A certificate that nobody vouches for\n   RESOLVING > [A-Z_ >]*TLS_HANDSHAKE_ERROR\n"
      .. "   refused: unable to get local issuer certificate\n"), result.out)
    shows("issuer CN=Demo CA")
  end)
  it("fetches with one call", function()
    shows("== And all of it in one call: fetch(url)\n   200 OK, 28 bytes: Hello from the demo server.\n")
  end)
  it("ends with where to go next, in files that are there", function()
    local names = result.out:match("Where next: ([^\n]*)\n$")
    assert.truthy(names, result.out)
    for name in names:gmatch("[%w_./-]+") do
      assert(io.open(name)):close()
    end
  end)
  it("has lines that fit a screen", function()
    for line in result.out:gmatch("[^\n]+") do
      assert.is_true(#line <= 130, line)
    end
  end)
end)

describe("the demo's end", function()
  it("leaves no file and no process behind", function()
    local folder = tempdir.new()
    local result = program.run(program.lua("examples/demo.lua", server),
      { seconds = 120, env = { TMPDIR = folder.path } })
    assert.equal(0, result.code, result.err)
    assert.equal("", program.run({ "ls", "-A", folder.path }).out)
    -- The server's arguments name a file in it.
    support.until_true(function()
      return not program.run({ "ps", "-A", "-o", "args" }).out:find(folder.path .. "/", 1, true)
    end)
    folder:close()
  end)
  it("says so when there is no server, without a traceback", function()
    local result = program.run(program.lua("examples/demo.lua", "/no/such/server"))
    assert.equal(1, result.code)
    assert.truthy(result.err:find("the demo failed: the server did not start\n", 1, true),
      result.err)
    assert.falsy(result.err:find("traceback", 1, true))
  end)
end)

if program.wrapper == "" then
  describe("on a terminal, the demo", function()
    it("draws the bar over itself", function()
      local probe = native.spawn({ "script", "--version" })
      local has_script = probe and probe:wait() == 0
      if not has_script then
        return pending("there is no util-linux script(1)")
      end
      local command = ("%s examples/demo.lua '%s'"):format(os.getenv("LUA"), server)
      local result = program.run({ "script", "-qec", command, "/dev/null" }, { merge = true })
      assert.equal(0, result.code, result.out)
      local drawn = select(2, result.out:gsub("\r   %[#*%.*%]", ""))
      assert.is_true(drawn > 20 and drawn <= 101, tostring(drawn))
    end)
  end)
end
