-- Which lines and branches of core/ and bindings/ the tests have reached, as a table, the worst files last.
--
--   lua .ci/coverage.lua BUILD
--
-- Each source is compiled twice or more (with and without the C tests' hooks): what one build
-- reached counts. The lines and branches that none reached are listed in BUILD/unreached.txt.
local build = arg[1] or "build/coverage"
local gcov = os.getenv("GCOV") or "gcov"

local files = {} -- name -> { lines = { number -> { text, count, branches = { times taken } } } }

local function file_of(name)
  name = name:gsub("^%./", "")
  if not name:find("^core/") and not name:find("^bindings/") then
    return nil
  end
  files[name] = files[name] or { name = name, lines = {} }
  return files[name]
end

-- One report of gcov: "count:number:text", and below each such line its branches.
local function read_report(text)
  local file, line, branch
  for row in text:gmatch("[^\n]+") do
    local count, number, source = row:match("^%s*([%d#=%-]+%*?):%s*(%d+):(.*)$")
    if number == "0" then
      local name = source:match("^Source:(.*)$")
      if name then
        file = file_of(name)
      end
      line = nil
    elseif number then
      line, branch = nil, 0
      if file and count ~= "-" then
        number = tonumber(number)
        line = file.lines[number] or { text = source, count = 0, branches = {} }
        file.lines[number] = line
        line.count = line.count + (tonumber((count:gsub("%*", ""))) or 0)
      end
    elseif line and row:find("^branch") then
      branch = branch + 1
      line.branches[branch] = (line.branches[branch] or 0) + (tonumber(row:match("taken (%d+)"))
        or 0)
    end
  end
end

local function run(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

for path in run(("find '%s' -name '*.gcda'"):format(build)):gmatch("[^\n]+") do
  if path:find("/core/") or path:find("/bindings/") then
    read_report(run(("%s -b -c -t '%s' 2>/dev/null"):format(gcov, path)))
  end
end

local unreached = assert(io.open(build .. "/unreached.txt", "w"))

local function count_up(file)
  local numbers, sum = {}, { name = file.name, lines = 0, lines_hit = 0, branches = 0,
    branches_hit = 0 }
  for number in pairs(file.lines) do
    numbers[#numbers + 1] = number
  end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local line = file.lines[number]
    sum.lines = sum.lines + 1
    sum.lines_hit = sum.lines_hit + (line.count > 0 and 1 or 0)
    local missed = {}
    for index, taken in ipairs(line.branches) do
      sum.branches = sum.branches + 1
      sum.branches_hit = sum.branches_hit + (taken > 0 and 1 or 0)
      if taken == 0 then
        missed[#missed + 1] = index
      end
    end
    if line.count == 0 then
      unreached:write(("%s:%d: line: %s\n"):format(file.name, number, line.text))
    elseif #missed > 0 then
      unreached:write(("%s:%d: branch %s of %d: %s\n"):format(file.name, number,
        table.concat(missed, ","), #line.branches, line.text))
    end
  end
  return sum
end

local function percent(hit, all)
  return all == 0 and 100 or 100 * hit / all
end

local function print_row(row)
  print(("%-34s %6d %6.1f%% %8d %6.1f%%"):format(row.name, row.lines,
    percent(row.lines_hit, row.lines), row.branches,
    percent(row.branches_hit, row.branches)))
end

print(("%-34s %6s %7s %8s %7s"):format("", "lines", "", "branches", ""))
local order = {}
for name in pairs(files) do
  order[#order + 1] = name
end
table.sort(order)
for _, folder in ipairs({ "bindings", "core" }) do
  local total = { name = folder .. ", all", lines = 0, lines_hit = 0, branches = 0,
    branches_hit = 0 }
  local rows = {}
  for _, name in ipairs(order) do
    if name:find("^" .. folder .. "/") then
      local row = count_up(files[name])
      rows[#rows + 1] = row
      for _, field in ipairs({ "lines", "lines_hit", "branches", "branches_hit" }) do
        total[field] = total[field] + row[field]
      end
    end
  end
  table.sort(rows, function(a, b)
    local left, right = percent(a.branches_hit, a.branches), percent(b.branches_hit, b.branches)
    if left ~= right then
      return left > right
    end
    return a.name < b.name
  end)
  for _, row in ipairs(rows) do
    print_row(row)
  end
  print_row(total)
end
unreached:close()
print("not reached: " .. build .. "/unreached.txt")
