-- curves.lua: measures how the cost of one operation changes with the amount of something; writes curves.json, which
-- plots.lua draws.
local harness = require("harness")
local json = require("json")

local config = harness.config
local labels = { "bare", "httpclient", "libcurl", "luasocket", "lua-http" }

--- Powers of `step` from `first` to `last`; a quick run stops a hundredth of the way.
local function powers(first, last, step)
  local list, x = {}, first
  if config.quick then last = math.max(first, last / 100) end
  while x <= last do
    list[#list + 1] = x
    x = x * step
  end
  return list
end

local curves = {
  { name = "requests", title = "Requests on one connection", x = "requests",
    xs = powers(1, 100000, 10),
    workload = function() return { name = "get", on = "plain", path = "/small", shared = true } end,
    count = function(x) return x end },
  { name = "connections", title = "Kept connections in one thread, all busy", x = "connections",
    xs = powers(1, 10000, 10),
    workload = function(x)
      return { name = "many", on = "plain", path = "/small", shared = true, connections = x }
    end,
    count = function(x) return math.max(config.quick and 1000 or 10000, x) end },
  { name = "fields", title = "Fields in the head, read as a dictionary", x = "fields",
    xs = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 },
    workload = function(x)
      return { name = "head", on = "server", path = ("/head/%d"):format(x), shared = true,
        size = x }
    end,
    -- A client may need a time that grows with the square of the number.
    count = function(x)
      return math.max(10, math.min(config.quick and 200 or 2000, math.floor(20000 / x)))
    end },
  { name = "body", title = "Size of the body", x = "bytes", xs = powers(1024, 67108864, 4),
    workload = function(x)
      return { name = "get", on = "server", path = ("/cl/%d"):format(x), shared = true }
    end,
    count = function(x)
      return math.max(1, math.min(config.quick and 200 or 2000, math.floor(134217728 / x)))
    end },
}

--- The medians of one point: CPU microseconds for an operation, by driver. A driver that can't do it has none.
local function point(curve, x)
  local values, failed = {}, {}
  for round = 1, config.runs do
    for i = 1, #labels do
      local label = labels[(i + round - 2) % #labels + 1]
      local driver = harness.driver(label)
      if not driver.missing and not failed[label] then
        local run, why = harness.run(driver, curve.workload(x), curve.count(x))
        failed[label] = why
        values[label] = values[label] or {}
        table.insert(values[label], run and run.cpu / run.ops * 1e6)
      end
    end
  end
  for label, why in pairs(failed) do
    values[label] = nil
    io.write(("  %s at %d: %s\n"):format(label, x, why))
  end
  return values
end

local function measure(curve)
  local lines = {}
  for i, label in ipairs(labels) do lines[i] = { label = label, points = {} } end
  for _, x in ipairs(curve.xs) do
    io.write(("%s %d\n"):format(curve.name, x))
    io.flush()
    local values = point(curve, x)
    for _, line in ipairs(lines) do
      local y = values[line.label] and harness.median(values[line.label])
      if y then table.insert(line.points, { x = x, y = y }) end
    end
  end
  return { name = curve.name, title = curve.title, x = curve.x,
    y = "CPU microseconds for one operation",
    lines = lines }
end

harness.find_missing()
local measured = {}
for _, curve in ipairs(curves) do
  if harness.selected(curve.name) then measured[#measured + 1] = measure(curve) end
end
assert(#measured > 0, "BENCH selects no curve")
harness.write_file("curves.json",
  json.encode({ machine = harness.machine(), runs = config.runs, curves = measured }))
