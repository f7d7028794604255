-- The host program of examples/embed: built against the static library, it runs a script that requires the module.
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local function run(...)
  local process = assert(native.spawn({ ... }, { stdout = "pipe", stderr = "stdout" }))
  local text = process:read()
  local code = process:wait()
  process:close()
  return code, text
end

describe("A host program with the client linked in", function()
  local folder = tempdir.new()
  local host = folder.path .. "/host"
  local build = os.getenv("BUILD") or "build"
  if build:sub(1, 1) ~= "/" then
    build = "../../" .. build
  end

  it("is built against the static library alone", function()
    local code, text = run("make", "-s", "-C", "examples/embed", "LUA=" .. os.getenv("LUA"), "BUILD=" .. build, "OUT=" .. host)
    assert.equal(0, code, text)
  end)

  it("runs a script that requires the module and fetches with it", function()
    local server = native.script({
      { "accept" },
      { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
    })
    local code, text = run(host, "examples/embed/script.lua", "127.0.0.1", tostring(server:port()), "/x")
    server:stop()
    assert.equal(0, code, text)
    assert.equal(require("httpclient")._VERSION .. "\n200\nhello", text)
  end)

  it("says what is wrong with a script", function()
    local path = folder:write("bad.lua", "error('on purpose', 0)")
    local code, text = run(host, path)
    assert.equal(1, code)
    assert.equal("on purpose\n", text)
  end)
end)
