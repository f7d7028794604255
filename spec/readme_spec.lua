-- Every Lua block of the README and the docs runs, against a server that answers "hello" to every request.
local native = require("spec_native")

local RESPONSE = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

local function blocks_of(path)
  local file = io.open(path)
  local list = {}
  if file then
    for block in file:read("*a"):gmatch("\n```lua\n(.-)\n```") do
      list[#list + 1] = block
    end
    file:close()
  end
  return list
end

local function new_server()
  local steps = { { "accept" } }
  for _ = 1, 3 do
    steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
    steps[#steps + 1] = { "send", RESPONSE }
  end
  return native.script(steps)
end

local function run(block, port)
  local printed = {}
  local environment = setmetatable({
    print = function(...)
      local line = {}
      for i = 1, select("#", ...) do
        line[i] = tostring((select(i, ...)))
      end
      printed[#printed + 1] = table.concat(line, "\t")
    end,
  }, { __index = _G })
  local text = block:gsub('"localhost"', '"127.0.0.1"'):gsub("8080", tostring(port))
  local chunk
  if setfenv then
    chunk = assert(loadstring(text))
    setfenv(chunk, environment)
  else
    chunk = assert(load(text, "=block", "t", environment))
  end
  chunk()
  return table.concat(printed, "\n")
end

describe("The examples in", function()
  for _, path in ipairs({ "README.md", "docs/api.md", "docs/embedding.md", "docs/security.md" }) do
    for number, block in ipairs(blocks_of(path)) do
      it(("%s run: block %d"):format(path, number), function()
        local server = new_server()
        local ok, printed = pcall(run, block, server:port())
        collectgarbage()
        collectgarbage()
        server:stop()
        assert.is_true(ok, printed)
      end)
    end
  end

  it("the README fetch what the server has", function()
    local server = new_server()
    assert.equal("200\t5\nhello", run(blocks_of("README.md")[1], server:port()))
    collectgarbage()
    collectgarbage()
    server:stop()
  end)
end)
