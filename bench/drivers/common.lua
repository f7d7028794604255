-- common.lua: what the Lua drivers share: the command line, the meter and the one line of JSON that comes out.
local native = require("bench_native")

local common = { buffer_size = 65536 }

local numeric = { count = true, port = true, size = true, connections = true, busy = true }

--- `driver workload key=value …` as a table; the keys are those of common.h.
function common.parse(arguments)
  local options = { workload = arguments[1], count = 1, path = "/", connections = 1 }
  for i = 2, #arguments do
    local key, value = arguments[i]:match("^(%w+)=(.*)$")
    if not key then error("`" .. arguments[i] .. "` is not of the form key=value") end
    if numeric[key] then
      value = assert(tonumber(value), key)
      value = math.tointeger and math.tointeger(value) or value
    end
    options[key] = value
  end
  options.busy = options.busy or options.connections
  options.url = ("%s://127.0.0.1:%d%s"):format(options.ca and "https" or "http", options.port or 0,
    options.path)
  return options
end

function common.check(condition, ...)
  if condition then return condition, ... end
  io.stderr:write(tostring((...)), "\n")
  os.exit(1)
end

--- Runs `work` between two readings of the clocks; returns what was used and the results of `work`.
function common.measure(work)
  collectgarbage()
  local cpu, user, sys, wall = native.usage()
  local result = work()
  local cpu2, user2, sys2, wall2 = native.usage()
  return { cpu = cpu2 - cpu, user = user2 - user, sys = sys2 - sys, wall = wall2 - wall,
    result = result }
end

--- The growth of this process for each of `count` things that `work` makes and keeps.
function common.measure_memory(count, work)
  collectgarbage()
  collectgarbage()
  local before = native.resident()
  local used = common.measure(work)
  collectgarbage()
  collectgarbage()
  used.memory = (native.resident() - before) / count
  return used
end

function common.report(driver, options, used, bytes)
  local _, _, _, _, maxrss = native.usage()
  local memory = used.memory and (',"memory":%.1f'):format(used.memory) or ""
  print(('{"driver":"%s","workload":"%s","ops":%d,"cpu":%.6f,"user":%.6f,"sys":%.6f,"wall":%.6f,'
    .. '"bytes":%.0f,"maxrss":%d%s}'):format(driver, options.workload, options.ops or options.count,
      used.cpu,
    used.user, used.sys, used.wall, bytes or 0, maxrss, memory))
end

function common.run(driver, workloads)
  local options = common.parse(arg)
  local workload = common.check(workloads[options.workload], "unknown workload "
    .. tostring(options.workload))
  local used, bytes = workload(options)
  if used then common.report(driver, options, used, bytes) end
end

return common
