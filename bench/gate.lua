-- gate.lua: what no noise moves. Counts instructions and system calls of this client alone for a few workloads, and
-- compares them with the committed numbers: more than 3% (or a twentieth of a system call) above them is a failure, for
-- which the change that causes it has to give its reason by changing the numbers. UPDATE=1 writes them anew.
local harness = require("harness")

local config = harness.config
local names = { "get", "get_wait", "post", "head40", "new_plain", "chunked16k", "many1000" }
local path = config.bench .. "/gate.txt"
local more, more_calls = 1.03, 0.05

local function workload_of(name)
  for _, workload in ipairs(require("workloads")) do
    if workload.name == name then return workload end
  end
end

local function committed()
  local numbers = {}
  local file = io.open(path)
  for line in file and file:lines() or function() end do
    local name, instructions, calls = line:match("^([%w_]+)%s+([%d.]+)%s+([%d.]+)%s*$")
    if name then numbers[name] = { instructions = tonumber(instructions), calls = tonumber(calls) } end
  end
  if file then file:close() end
  return numbers
end

local function verdict(now, before)
  if not before then return "new" end
  if now.instructions > before.instructions * more or now.calls > before.calls * more + more_calls then return "MORE" end
  return "fine"
end

local driver = assert(harness.driver("httpclient"))
local before, lines, bad = committed(), {}, false
print(("%-12s %14s %14s %10s %10s"):format("", "instructions", "committed", "calls", "committed"))
for _, name in ipairs(names) do
  local workload = workload_of(name)
  local instructions, why = harness.instructions(driver, workload)
  local calls, why_not = harness.syscalls(driver, workload)
  assert(instructions and calls, ("%s: %s"):format(name, tostring(why or why_not)))
  local now, was = { instructions = instructions, calls = calls }, before[name]
  local result = verdict(now, was)
  bad = bad or result == "MORE"
  print(("%-12s %14.0f %14.0f %10.2f %10.2f  %s"):format(name, instructions, was and was.instructions or 0, calls,
    was and was.calls or 0, result))
  lines[#lines + 1] = ("%-12s %12.0f %8.2f\n"):format(name, instructions, calls)
end

if os.getenv("UPDATE") == "1" then
  local file = assert(io.open(path, "w"))
  file:write("# instructions and system calls of one operation; see gate.lua\n", table.concat(lines))
  file:close()
elseif bad then
  print("dearer than the committed numbers (" .. harness.instructions_by() .. ")")
  os.exit(1)
end
