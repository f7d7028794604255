-- profile.lua: where the work of one operation goes: instructions by object file and function, system calls by name.
local profile = {}

local function read_all(path)
  local file = io.open(path, "r")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

-- A line of callgrind_annotate: "1,234 (5.67%)  file:function [object]". Recursion levels ('2) are one function.
local function add_line(sums, line)
  local count, rest = line:match("^%s*([%d,]+) %([^)]*%)%s+(.*)$")
  local name = rest and rest:match(":([^%[]+)")
  if not name then return end
  name = name:gsub("%s+$", ""):gsub("'%d+$", "")
  local amount = tonumber((count:gsub(",", "")))
  local entry = sums[name] or { count = 0 }
  entry.count = entry.count + amount
  entry.object = rest:match("%[.-([^/%]]+)%]") or entry.object
  sums[name] = entry
end

--- Instructions by function of one run that callgrind recorded in `path`.
local function by_function(shell, path)
  local ok, output = shell("callgrind_annotate --threshold=100 '" .. path .. "'")
  local sums = {}
  if not ok then return sums end
  for line in output:gmatch("[^\n]+") do add_line(sums, line) end
  return sums
end

--- The calls by name in the table that strace -c wrote.
local function by_call(path)
  local sums = {}
  for count, name in read_all(path):gmatch("(%d+)%s+([%l_][%l%d_]*)\n") do
    if name ~= "total" then sums[name] = { count = tonumber(count), object = name } end
  end
  return sums
end

local function difference(few, many, operations)
  local list, total, objects = {}, 0, {}
  for name, entry in pairs(many) do
    local count = (entry.count - (few[name] and few[name].count or 0)) / operations
    if count > 0 then
      list[#list + 1] = { name = name, count = count }
      total = total + count
      local object = entry.object or "other"
      objects[object] = (objects[object] or 0) + count
    end
  end
  table.sort(list, function(a, b)
    return a.count > b.count or a.count == b.count and a.name < b.name
  end)
  return list, total, objects
end

local function sorted(objects)
  local list = {}
  for name, count in pairs(objects) do list[#list + 1] = { name = name, count = count } end
  table.sort(list, function(a, b)
    return a.count > b.count or a.count == b.count and a.name < b.name
  end)
  return list
end

local function shares(list, total, most)
  local words = {}
  for i = 1, math.min(most, #list) do
    local percent = 100 * list[i].count / total
    if percent < 1 then break end
    words[#words + 1] = ("%s %.0f%%"):format(list[i].name, percent)
  end
  return table.concat(words, ", ")
end

local function counts(list)
  local words = {}
  for _, entry in ipairs(list) do
    if entry.count >= 0.05 then words[#words + 1] = ("%s %.1f"):format(entry.name, entry.count) end
  end
  return table.concat(words, ", ")
end

--- `run(tool, count)` runs the driver once under a tool. Returns lines to print.
function profile.lines(run, shell, work, few, many)
  local path, lines = work .. "/profile", {}
  local function recorded(tool, read)
    local found = {}
    for i, count in ipairs({ few, many }) do
      os.remove(path)
      run(tool, count)
      found[i] = read(path)
    end
    os.remove(path)
    return difference(found[1], found[2], many - few)
  end
  local list, total, objects = recorded({ "valgrind", "--tool=callgrind", "--callgrind-out-file="
    .. path,
    "--log-file=/dev/null" }, function(file) return by_function(shell, file) end)
  if total > 0 then
    lines[1] = ("instructions: %.0f; %s"):format(total, shares(sorted(objects), total, 6))
    lines[2] = "the most in: " .. shares(list, total, 10)
  end
  local calls, all = recorded({ "strace", "-f", "-c", "-U", "calls,name", "-o", path }, by_call)
  if all > 0 then lines[#lines + 1] = "system calls: " .. counts(calls) end
  return lines
end

return profile
