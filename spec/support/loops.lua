-- Event loops that are not ours.
--
--   loops.set_waiter("luv")
--   loops.run("luv", { function() ... end, ... })   each in a coroutine of that loop, until all have ended
local support = require("spec.support.client")
local uv = require("luv") -- here: its loop stays open to the end of the process

local loops = {}

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
      local results = { copas.pcall and copas.pcall(body) or body() }
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

function loops.run(name, functions)
  runners[name](functions)
end

-- Does it load on this Lua?
function loops.has(name)
  return pcall(require, name)
end

function loops.set_waiter(name)
  require("httpclient.loops." .. name).install()
end

return loops
