-- Busted's output handler of these specs: failures with file, line and message, then "N passed, N failed".
local exceptions = require("spec.support.exceptions")
local native = require("spec_native")

local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local function collect()
  collectgarbage()
  collectgarbage()
end

local function text_of(message)
  if type(message) == "string" then
    return message
  end
  if message == nil then
    return "no message"
  end
  return require("pl.pretty").write(message)
end

local function place_of(failure)
  local trace = failure.trace or failure.element and failure.element.trace
  if trace and trace.short_src then
    return ("%s:%s"):format(trace.short_src, tostring(trace.currentline))
  end
  return "?"
end

local function print_failure(failure)
  print(("%s: %s"):format(place_of(failure), failure.name or "?"))
  print("    " .. text_of(failure.message):gsub("\n", "\n    "))
  local trace = failure.isError and failure.trace and failure.trace.traceback
  if trace then
    print("    " .. trace:gsub("^\n", ""):gsub("\n", "\n    "))
  end
end

-- Descriptors that were not open before the first test. libuv's loop has sockets of its own on Windows.
local function left_open(before)
  local has_others = package.config:sub(1, 1) == "\\" and package.loaded.luv
  local after = before and not has_others and native.descriptors() or {}
  local list = {}
  for number, what in pairs(after) do
    if before[number] ~= what then
      list[#list + 1] = ("%d (%s)"):format(number, what)
    end
  end
  table.sort(list)
  return list
end

-- SPEC_GC=stress: the collector never rests, and a whole round comes every few thousand
-- instructions, wherever those are (in compiled code there is no such place, so LuaJIT interprets).
-- SPEC_GC=generational: the other collector of 5.4, at its smallest steps.
local function stress(mode)
  if mode == "generational" then
    return pcall(collectgarbage, "generational", 1, 1)
  end
  if not pcall(collectgarbage, "incremental", 0, 1000, 4) then
    collectgarbage("setpause", 0)
    collectgarbage("setstepmul", 400)
  end
  if rawget(_G, "jit") then
    require("jit").off()
  end
  debug.sethook(function() collectgarbage() end, "", 5000)
end

-- Busted keeps the last function that `finally` was given alone; here all of a test's run, the newest first.
local function keep_all(environment)
  local register, list = environment.finally, {}
  function environment.finally(fn)
    list[#list + 1] = fn
    register(function()
      local failure
      for i = #list, 1, -1 do
        local ok, message = pcall(list[i])
        failure = failure or not ok and message
      end
      if failure then
        error(failure, 0)
      end
    end)
  end
end

return function()
  local busted = require("busted")
  local handler = require("busted.outputHandlers.base")()
  local outcome = { passed = 0, failed = 0 }
  package.loaded["spec.support.outcome"] = outcome
  local before
  if os.getenv("SPEC_GC") then
    stress(os.getenv("SPEC_GC"))
  end

  function handler.spec_test_start(element)
    if element.env and element.env.finally then
      keep_all(element.env)
    end
    -- Not at the suite's start: what a spec file loads may keep descriptors of its own.
    if before == nil then
      collect()
      before = native.descriptors() or false
    end
    return nil, true
  end

  function handler.spec_test_end()
    collect()
    return nil, true
  end

  function handler.spec_suite_end()
    collect()
    local excepted, kept = exceptions.count(handler.failures, handler.errors)
    for _, failure in ipairs(kept) do
      print_failure(failure)
    end
    if excepted > 0 then
      print(("note: %d tests fail as this build is known to"):format(excepted))
    end
    for _, pending in ipairs(handler.pendings) do
      local why = pending.message and " (" .. text_of(pending.message) .. ")" or ""
      print(("pending: %s%s"):format(pending.name, why))
    end
    outcome.passed = handler.successesCount
    outcome.failed = #kept
    -- LuaJIT's traces hold the closures that they were made from, and so what those hold.
    if rawget(_G, "jit") then
      require("jit").flush()
      collect()
    end
    local open, deadline = left_open(before), native.monotonic() + 5 * factor
    -- What one finalizer lets go, the next round finds; and a lookup that nobody waits for any more ends when it ends.
    while #open > 0 and native.monotonic() < deadline do
      collect()
      native.sleep(0.01)
      open = left_open(before)
    end
    if #open > 0 then
      print("left open at the end: " .. table.concat(open, ", "))
      outcome.failed = outcome.failed + 1
    end
    if outcome.passed + outcome.failed + excepted + handler.pendingsCount == 0 then
      print("no tests in this file")
      outcome.failed = 1
    end
    print(("%d passed, %d failed"):format(outcome.passed, outcome.failed))
    io.flush()
    if excepted > 0 then -- busted has counted them as failures
      os.exit(outcome.failed > 0 and 1 or 0, true)
    end
    return nil, true
  end

  local subscribe = handler.subscribe
  function handler.subscribe(self, options)
    subscribe(self, options)
    busted.subscribe({ "test", "start" }, self.spec_test_start)
    busted.subscribe({ "test", "end" }, self.spec_test_end)
    busted.subscribe({ "suite", "end" }, function()
      local ok, message = xpcall(self.spec_suite_end, debug.traceback)
      if not ok then -- busted would end with this, in silence
        io.stderr:write(message, "\n")
        error(message, 0)
      end
      return nil, true
    end)
  end
  return handler
end
