-- The end of a Lua state, whose finalizers may use the module once more: LuaJIT unloads a module before the finalizers
-- of what other finalizers have made.
local program = require("spec.support.program")

-- newproxy on 5.1, where tables have no finalizers.
local SCRIPT = [[
  local httpclient = require("httpclient")
  local function finalize()
    local kept = httpclient.HTTPClient.new()
    kept:connect_to_host("127.0.0.1", 1)
    httpclient.Poller.new():add(kept)
    httpclient.TLSOptions.client_unsafe()
    io.stdout:write("fine")
    io.stdout:flush()
  end
  if newproxy then
    last = newproxy(true)
    getmetatable(last).__gc = finalize
  else
    last = setmetatable({}, { __gc = finalize })
  end]]

describe("A Lua state's end", function()
  it("may make clients, Pollers and options in finalizers", function()
    -- Lua 5.4 gives what is made so no finalizer, nor does it close a file that is opened there: it stays until the
    -- process ends, and who looks for leaks finds it.
    if program.wrapper ~= "" and _VERSION == "Lua 5.4" then
      return pending("this Lua calls no finalizer of what is made while a state ends")
    end
    assert.same({ code = 0, out = "fine", err = "" }, program.run(program.lua("-e", SCRIPT)))
  end)
end)
