-- Checks that the C files of a room stand on each other: no circle of files whose functions mention each other's. What
-- an inline function in a header mentions counts for each file that mentions that function. A table of functions may be
-- used by a file that its own file stands on: that is what it is for. Run in the root of the tree.
--
--   lua .ci/check-calls.lua [room]      with a room: who stands on whom there

local rules = dofile(".ci/rules.lua")

-- Rooms in which files may still call each other round, and why: room -> reason. There are none.
local exceptions = {}

-- Of the folders that implement the same headers, one is compiled. These are all of them, in builds that there are.
local builds = {
  { posix = true, openssl = true },
  { windows = true, mbedtls = true, builtin = true },
  { posix = true, none = true, builtin = true },
}
local variants = {}
for _, build in ipairs(builds) do
  for name in pairs(build) do
    variants[name] = true
  end
end

local function variant_of(path)
  local folder = path:match("([^/]+)/[^/]+$")
  return variants[folder] and folder
end

-- Such a folder belongs to the room that it is in.
local function room_of(path)
  return path:match(variant_of(path) and "^(.*)/[^/]+/[^/]+$" or "^(.*)/[^/]+$")
end

-- Without what is no code.
local function code_of(path)
  return (rules.read(path):gsub("/%*.-%*/", " "):gsub('"[^"\n]*"', '""'))
end

local function mentions(text)
  local names = {}
  for name in text:gmatch("%f[%w_]hcl?_[%w_]+") do
    names[name] = true
  end
  return names
end

-- Everybody's functions of a name begin at the left edge, and have a parenthesis before the line's end.
local function defined_in(code)
  local found = {}
  for line in ("\n" .. code):gmatch("\n([%a][^\n;=]*%([^\n]*)") do
    local name = not line:find("^static") and line:match("(hcl?_[%w_]+)%(")
    if name and not line:find(";%s*$") then
      found[#found + 1] = name
    end
  end
  return found
end

local inline = {} -- name -> what it mentions
local function read_header(path)
  local code = code_of(path) .. "\n"
  for name, body in code:gmatch("\nstatic inline [^\n(]-(hcl?_[%w_]+)(%b()%s*%b{})") do
    inline[name] = mentions(body)
  end
end

local function add_inline(names)
  local waiting = {}
  for name in pairs(names) do
    waiting[#waiting + 1] = name
  end
  while #waiting > 0 do
    for name in pairs(inline[table.remove(waiting)] or {}) do
      if not names[name] then
        names[name] = true
        waiting[#waiting + 1] = name
      end
    end
  end
  return names
end

local owners, mentioned, rooms, count = {}, {}, {}, 0

local function read_source(path)
  local code, room = code_of(path), room_of(path)
  count = count + 1
  rooms[room] = rooms[room] or {}
  table.insert(rooms[room], path)
  for _, name in ipairs(defined_in(code)) do
    owners[name] = owners[name] or {}
    table.insert(owners[name], path)
    owners[name][path] = true
  end
  mentioned[path] = mentions(code)
end

for _, path in ipairs(rules.files("find core bindings -name '*.h'")) do
  read_header(path)
end
for _, path in ipairs(rules.files("find core bindings -name '*.c'")) do
  read_source(path)
end

-- -> { file that it stands on = a function of that file }, those of the same room alone
local function stands_on(path)
  local below = {}
  for name in pairs(add_inline(mentioned[path])) do
    for _, other in ipairs(owners[name] and not owners[name][path] and owners[name] or {}) do
      if room_of(other) == room_of(path) and (not below[other] or name < below[other]) then
        below[other] = name
      end
    end
  end
  return below
end

local below = {}
for path in pairs(mentioned) do
  below[path] = stands_on(path)
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local function short(path)
  return path:match("[^/]+$")
end

local told = {}
local function tell(trail, first)
  local text = short(trail[first])
  for i = first, #trail do
    local to = trail[i + 1] or trail[first]
    text = text .. (" -> %s (%s)"):format(short(to), below[trail[i]][to])
  end
  if not told[text] then
    rules.fault("%s: a circle: %s", room_of(trail[first]), text)
  end
  told[text] = true
end

-- Goes down from a file, in one build; `trail` has those above it, `place` where they are in it.
local function walk(path, build, trail, place)
  trail[#trail + 1] = path
  place[path] = #trail
  for _, other in ipairs(sorted(below[path])) do
    local variant = variant_of(other)
    local is_compiled = not variant or build[variant]
    if is_compiled and not place[other] then
      walk(other, build, trail, place)
    elseif is_compiled and place[other] > 0 then
      tell(trail, place[other])
    end
  end
  trail[#trail] = nil
  place[path] = 0 -- done with
end

for _, build in ipairs(builds) do
  local place = {}
  for _, room in ipairs(sorted(rooms)) do
    for _, path in ipairs(exceptions[room] and {} or rooms[room]) do
      local variant = variant_of(path)
      if not place[path] and (not variant or build[variant]) then
        walk(path, build, {}, place)
      end
    end
  end
end
for room in pairs(exceptions) do
  if not rooms[room] then
    rules.fault("%s is excepted, and there is no such room", room)
  end
end

for _, path in ipairs(rooms[arg[1]] or {}) do
  print(short(path))
  for _, other in ipairs(sorted(below[path])) do
    print(("   on %s (%s)"):format(short(other), below[path][other]))
  end
end
rules.finish(count)
print(("calls: %d files, no circle in their rooms"):format(count))
