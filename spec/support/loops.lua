-- Event loops that are not ours.
--
--   for _, name in ipairs(loops.names) do
--     if loops.lack(name) then return pending(loops.lack(name)) end
--     loops.run(name, { function() ... end, ... })   each in a coroutine of that loop, until all have ended
local httpclient = require("httpclient")
local support = require("spec.support.client")
local uv = require("luv") -- here: its loop stays open to the end of the process

-- One that the loop's own yields pass.
local guarded = pcall
if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
  local has, coxpcall = pcall(require, "coxpcall")
  guarded = has and coxpcall.pcall or pcall
end

local loops = { names = { "cqueues", "luv", "copas" } }

local runners = {}

function runners.cqueues(functions)
  local queue = require("cqueues").new()
  for _, body in ipairs(functions) do
    queue:wrap(body)
  end
  local done, message = queue:loop()
  queue:close()
  assert(done, message)
end

function runners.luv(functions)
  for _, body in ipairs(functions) do
    assert(coroutine.resume(coroutine.create(body)))
  end
  uv.run()
end

function runners.copas(functions)
  local copas, ended, failure = require("copas"), 0, nil
  for _, body in ipairs(functions) do
    copas.addthread(function()
      local results = { guarded(body) }
      failure = failure or (results[1] == false and results[2])
      ended = ended + 1
    end)
  end
  support.until_true(function()
    copas.step(0.05)
    return ended == #functions
  end)
  assert(not failure, failure)
end

function loops.set_waiter(name)
  require("httpclient.loops." .. name).install()
end

-- The loop's waiter is that of the library meanwhile.
function loops.run(name, functions)
  loops.set_waiter(name)
  local ok, why = pcall(runners[name], functions)
  httpclient.set_waiter(nil)
  assert(ok, why)
end

-- body(1), body(2) ... side by side.
function loops.run_times(name, count, body)
  local functions = {}
  for i = 1, count do
    functions[i] = function() body(i) end
  end
  loops.run(name, functions)
end

-- Why there is no such loop, if it does not load on this Lua.
function loops.lack(name)
  return not pcall(require, name) and name .. " does not load on this Lua" or nil
end

return loops
