-- gate.lua: what no noise moves. Counts instructions and system calls of this client alone for a
-- few workloads, and compares them with the committed numbers: more than 3% (or a twentieth of a
-- system call) above them is a failure, for which the change that causes it has to give its reason
-- by changing the numbers. UPDATE=1 writes them anew.
--
-- What is too much is counted again, and the least counts. Instructions first with another number
-- that Lua's tables hash with: it moves a head of many fields by 2%, and each process would draw
-- its own, so it is chosen here, and a count is the same when it is taken again. System calls
-- depend on the clock: the client looks at a connection once more when some microseconds have
-- passed since it saw it empty. A slow or busy machine has more of these looks, so they are counted
-- apart and told, and don't fail. How many events one wait of a Poller brings depends on how the
-- two processes are run: the calls of many clients are told, too, and their instructions may be a
-- tenth more. Instructions depend on what has compiled the client and its interpreter: with another
-- compiler or another Lua than the numbers were taken with they are only shown.
local harness = require("harness")

local config = harness.config
local names = { "get", "get_wait", "post", "head40", "new_plain", "chunked", "many1000",
  "fetch" }
local path = config.bench .. "/gate.txt"
local told_calls = { many1000 = true }
local more, more_calls, attempts = 1.03, 0.05, 3
local more_of = { many1000 = 1.1 }
--- Not in the report: a bare loop that counts bytes has no such work.
local chunked = { name = "chunked", as = "get", on = "server", path = "/chunked/4096/32768",
  shared = true, trace = { 100, 400 } }

local function workload_of(name)
  if name == chunked.name then return chunked end
  for _, workload in ipairs(require("workloads")) do
    if workload.name == name then return workload end
  end
end

--- What the counts of instructions hold for.
local function tools()
  local function first_line(command)
    local _, output = harness.shell(command)
    return output:match("[^\n]+") or "?"
  end
  local lua = first_line("'" .. config.lua .. "' -v"):match("^%S+ %S+") or "?"
  return ("%s, %s %s, %s"):format(first_line("uname -m"),
    first_line("${CC:-cc} --version"):match("^%S+"),
    first_line("${CC:-cc} -dumpfullversion -dumpversion"), lua)
end

local function committed()
  local numbers, with = {}, nil
  local file = io.open(path)
  for line in file and file:lines() or function() end do
    with = line:match("^with%s+(.-)%s*$") or with
    local name, instructions, calls, looks = line:match("^([%w_]+)%s+([%d.]+)%s+([%d.]+)%s+([%d.]+)%s*$")
    if name then
      numbers[name] = { instructions = tonumber(instructions), calls = tonumber(calls),
        looks = tonumber(looks) }
    end
  end
  if file then file:close() end
  return numbers, with
end

local here = tools()
local before, with = committed()
local skipped = {}

--- Why one kind of number can't be had or compared; said once, at the end.
local function skip(kind, reason)
  if not skipped[kind] then
    skipped[kind] = true
    skipped[#skipped + 1] = ("skipped: %s: %s"):format(kind, reason)
  end
end

local function least(count, is_enough)
  local found, other
  for attempt = 1, attempts do
    local number, more_or_why = count(attempt)
    if not number then return nil, more_or_why end
    if not found or number < found then found, other = number, more_or_why end
    if is_enough(found) then break end
  end
  return found, other
end

local driver = assert(harness.driver("httpclient"))

--- A number, and "MORE" where it is too much.
local function instructions_of(workload, was)
  local most = was and was.instructions * (more_of[workload.name] or more) or math.huge
  local count, why = least(
    function(attempt) return harness.instructions_anywhere(driver, workload, attempt) end,
    function(found) return found <= most end)
  if not count then
    skip("instructions", "valgrind: " .. tostring(why))
  elseif with and with ~= here then
    skip("instructions", ("the numbers are of %s, and this is %s"):format(with, here))
  elseif count > most then
    return count, "MORE"
  end
  return count
end

local function calls_of(workload, was)
  local most = was and not told_calls[workload.name] and was.calls * more + more_calls or math.huge
  local calls, looks = least(function() return harness.calls_and_looks(driver, workload) end,
    function(found) return found <= most end)
  if not calls then
    skip("system calls", "strace: " .. tostring(looks))
    return nil, nil
  end
  if calls <= most then return calls, looks end
  if calls - looks > (was.calls - was.looks) * more + more_calls then
    return calls, looks, "MORE"
  end
  return calls, looks, "looks"
end

local function shown(number, format) return number and format:format(number) or "-" end

print(("%-12s %14s %14s %10s %10s"):format("", "instructions", "committed", "calls", "committed"))
local lines, bad = {}, false

local function compare(name)
  local workload, was = workload_of(name), before[name]
  local instructions, dearer = instructions_of(workload, was)
  local calls, looks, oftener = calls_of(workload, was)
  local verdict = dearer or oftener == "MORE" and oftener
  if verdict then bad = true end
  print(("%-12s %14s %14s %10s %10s  %s"):format(name, shown(instructions, "%.0f"),
    shown(was and was.instructions, "%.0f"), shown(calls, "%.2f"), shown(was and was.calls, "%.2f"),
    verdict or
    oftener == "looks" and ("fine; %.2f of the calls are looks"):format(looks)
    or not (instructions or calls) and "not counted" or was and "fine" or "new"))
  lines[#lines + 1] = ("%-12s %12.0f %8.2f %8.2f\n"):format(name, instructions or 0, calls or 0,
    looks or 0)
end

for _, name in ipairs(names) do
  if harness.selected(name) then compare(name) end
end

for _, line in ipairs(skipped) do print(line) end
if os.getenv("UPDATE") == "1" then
  assert(#lines == #names, "only all numbers can be written")
  assert(#skipped == 0 or not (skipped["system calls"] or skipped.instructions and with == here),
    "nothing to write")
  local file = assert(io.open(path, "w"))
  file:write("# Instructions and system calls of one operation, and how many of the calls are looks; see gate.lua.\n",
    "with ", here, "\n", table.concat(lines))
  file:close()
elseif bad then
  print("MORE: dearer than the committed numbers")
  os.exit(1)
end
