-- compare.lua: the comparison. Prints a table for each workload and one with the targets; writes latest.json.
local harness = require("harness")
local json = require("json")
local workloads = require("workloads")

local config, median = harness.config, harness.median
local failures = 0

local function say(format, ...)
  io.write(select("#", ...) > 0 and format:format(...) or format, "\n")
  io.flush()
end

--- The drivers that do this workload: { driver, label, as, share of the count }.
local function contenders(workload)
  local list = {}
  local function add(label, as, share, shown)
    shown = shown or label
    local driver = harness.driver(label)
    list[#list + 1] =
      { driver = driver, label = shown, as = as, share = share, runs = {},
        error = driver.missing }
  end
  if workload.by_hand then
    add("httpclient", workload.by_hand, 1, "by hand")
  else
    add("bare", workload.bare_as, 1)
  end
  for _, extra in ipairs(workload.extra or {}) do add(extra.driver, extra.as, 1, extra.label) end
  add("httpclient", nil, 1)
  if workload.floor then add("floor", nil, 1) end
  if config.peers == 0 then return list end
  for _, label in ipairs({ "libcurl", "luasocket", "lua-http", "httpx" }) do
    if workload.peers[label] then add(label, nil, workload.peers[label]) end
  end
  return list
end

local function count_for(workload, contender)
  local count = config.quick and workload.quick or workload.count
  return math.max(1, math.floor(count * contender.share))
end

--- Every round runs every driver once, each round in another order, so that a slow moment of the machine hits all.
local function measure(workload, list)
  for round = 1, config.runs * (workload.rounds or 1) do
    for i = 1, #list do
      local contender = list[(i + round - 2) % #list + 1]
      if not contender.error then
        contender.runs[round], contender.error =
          harness.run(contender.driver, workload, count_for(workload, contender), contender.as)
      end
    end
  end
end

local function trace(workload, list)
  for _, contender in ipairs(list) do
    if not contender.error and not workload.memory then
      if config.syscalls == 1 then
        contender.syscalls, contender.note = harness.syscalls(contender.driver, workload,
          contender.as)
      end
      -- In a quick run only where a target asks for it: an instruction count takes seconds.
      if config.instructions > 0 and (not config.quick or config.instructions == 2
        or workload.target.instructions) then
        contender.instructions, contender.note = harness.instructions(contender.driver, workload,
          contender.as)
      end
    end
  end
end

local function collect(contender, key)
  local values = {}
  for _, run in ipairs(contender.runs) do values[#values + 1] = run[key] end
  return values
end

local function for_each_operation(contender, key)
  local values = {}
  for _, run in ipairs(contender.runs) do values[#values + 1] = run[key] / run.ops end
  return values
end

--- Ratios are taken round by round, between neighbours in time; the median of those is what counts.
local function ratios(contender, bare, key)
  local own, base, values = for_each_operation(contender, key), for_each_operation(bare, key), {}
  for i = 1, math.min(#own, #base) do
    if base[i] > 0 then values[#values + 1] = own[i] / base[i] end
  end
  return median(values)
end

local function over(value, base)
  return value and base and base > 0 and value / base or nil
end

local function best(contender, key)
  local _, lowest = median(for_each_operation(contender, key))
  return lowest
end

local function summarise(contender, bare)
  if contender.error then return end
  local row = { driver = contender.label, syscalls = contender.syscalls,
    instructions = contender.instructions }
  row.cpu_us = median(for_each_operation(contender, "cpu")) * 1e6
  row.wall_us = median(for_each_operation(contender, "wall")) * 1e6
  row.maxrss_kib = median(collect(contender, "maxrss"))
  local memory = median(collect(contender, "memory"))
  row.memory_kib = memory and memory / 1024
  if bare and not bare.error then
    row.cpu_ratio, row.cpu_ratio_low, row.cpu_ratio_high = ratios(contender, bare, "cpu")
    row.cpu_ratio_of_best = over(best(contender, "cpu"), best(bare, "cpu"))
    row.wall_ratio = ratios(contender, bare, "wall")
    row.syscalls_ratio = over(contender.syscalls, bare.syscalls)
    row.instructions_ratio = over(contender.instructions, bare.instructions)
  end
  contender.row = row
end

local function number(value, digits)
  return value and ("%." .. (digits or 2) .. "f"):format(value) or "-"
end

local function print_row(contender, workload)
  local row = contender.row
  if not row then
    say("  %-13s %s", contender.label, "- " .. tostring(contender.error))
  elseif workload.memory then
    say("  %-13s %10s KiB for each client   maxrss %s MiB", contender.label, number(row.memory_kib),
      number(row.maxrss_kib / 1024, 1))
  else
    local spread = row.cpu_ratio and number(row.cpu_ratio_low) .. ".." .. number(row.cpu_ratio_high)
      or "-"
    say("  %-13s %10s %6s %7s %13s %10s %6s %9s %6s %11s %6s %7s", contender.label,
      number(row.cpu_us),
      number(row.cpu_ratio), number(row.cpu_ratio_of_best), spread, number(row.wall_us),
      number(row.wall_ratio), number(row.syscalls), number(row.syscalls_ratio),
      number(row.instructions, 0), number(row.instructions_ratio), number(row.maxrss_kib / 1024, 1))
  end
end

local function print_workload(workload, list)
  local unit = workload.mib and "MiB" or workload.spawn and "start" or "operation"
  say("\n%s: %s (%s, %s)", workload.name, workload.title,
    workload.memory and "kept connections, one request each" or
    ("%d %s"):format(config.quick and workload.quick or workload.count,
      unit .. (unit == "MiB" and "" or "s")),
    workload.shared and "one processor for both sides" or "a processor for each side")
  if not workload.memory then
    say("  %-13s %10s %6s %7s %13s %10s %6s %9s %6s %11s %6s %7s", "for one " .. unit, "CPU us",
      "ratio", "of best",
      "low..high", "wall us", "ratio", "syscalls", "ratio", "instr.", "ratio", "RSS MiB")
  end
  for _, contender in ipairs(list) do print_row(contender, workload) end
end

local function print_profile(workload, list)
  for _, contender in ipairs(list) do
    if contender.label == "httpclient" and not contender.error then
      contender.profile = harness.profile(contender.driver, workload, contender.as or workload.as
        or workload.name)
      for _, line in ipairs(contender.profile) do say("  %s", line) end
    end
  end
end

-- The CPU time of the cheapest peer that is written in Lua.
local function best_of_lua_peers(list)
  local least
  for _, contender in ipairs(list) do
    local label, row = contender.label, contender.row
    if row and (label == "luasocket" or label == "lua-http") then
      least = math.min(least or row.cpu_us, row.cpu_us)
    end
  end
  return least
end

--- One line for each number that is aimed at.
local function judge(workload, row, verdicts, list)
  local target, own = workload.target, row or {}
  local function add(what, aim, got, digits)
    if aim == nil then return end
    verdicts[#verdicts + 1] = { name = workload.name, what = what, aim = aim, got = got,
      digits = digits,
      verdict = got == nil and "not measured" or got <= aim * 1.0000001 and "met" or "missed" }
  end
  add("CPU ratio", target.cpu, own.cpu_ratio, 2)
  add("of Lua peers", target.of_peers, over(own.cpu_us, best_of_lua_peers(list)), 2)
  -- To a tenth: that the allocator asks the kernel for memory now and then is no system call of the request.
  add("system calls", target.syscalls, own.syscalls and math.floor(own.syscalls * 10 + 0.5) / 10, 1)
  add("instructions", target.instructions, own.instructions, 0)
  add("KiB per client", target.memory, own.memory_kib, 2)
end

local function print_verdicts(verdicts)
  say("\nTargets of httpclient\n  %-15s %-15s %9s %9s", "workload", "number", "at most", "measured")
  for _, v in ipairs(verdicts) do
    say("  %-15s %-15s %9s %9s  %s", v.name, v.what, number(v.aim, v.digits),
      number(v.got, v.digits), v.verdict)
  end
end

local function run_workload(workload)
  local list = contenders(workload)
  measure(workload, list)
  trace(workload, list)
  for _, contender in ipairs(list) do
    summarise(contender, list[1])
    -- A peer that fails is a gap in the table; the bare loop or our own client failing is a failure of the run.
    if contender.error
      and (contender.driver.label == "bare" or contender.label == "httpclient") then
      failures = failures + 1
    end
  end
  print_workload(workload, list)
  if config.profile == 1 then print_profile(workload, list) end
  return list
end

local function rows_of(list)
  local rows = {}
  for i, contender in ipairs(list) do
    rows[i] = contender.row or { driver = contender.label, error = tostring(contender.error) }
    rows[i].runs, rows[i].note, rows[i].profile = contender.runs, contender.note, contender.profile
  end
  return rows
end

local function selected()
  local list = {}
  for _, workload in ipairs(workloads) do
    if harness.selected(workload.name) then list[#list + 1] = workload end
  end
  return list
end

local function main()
  local machine, results, verdicts = harness.machine(), {}, {}
  harness.find_missing()
  for _, key in ipairs({ "processor", "kernel", "load", "compiler", "openssl", "nginx", "libcurl",
    "lua", "luasocket",
    "lua_http", "httpx" }) do
    say("%-10s %s", key, machine[key])
  end
  say("%-10s %d, the drivers taking turns; instructions by %s", "runs", config.runs,
    harness.instructions_by() or "nobody")
  for _, workload in ipairs(selected()) do
    if (workload.connections or 0) + 100 > config.nofile then
      say("\n%s: left out, only %d files may be open", workload.name, config.nofile)
    else
      local list = run_workload(workload)
      for _, contender in ipairs(list) do
        if contender.label == "httpclient" then judge(workload, contender.row, verdicts, list) end
      end
      results[#results + 1] =
        { name = workload.name, title = workload.title, target = workload.target,
          rows = rows_of(list) }
    end
  end
  assert(#results > 0, "BENCH selects no workload")
  print_verdicts(verdicts)
  local path = harness.write_file("latest.json",
    json.encode({ machine = machine, runs = config.runs,
    quick = config.quick, workloads = results, targets = verdicts }))
  say("\nwritten: %s", path)
  return failures == 0
end

os.exit(main() and 0 or 1)
