-- Checks where things may be known in the Lua half: a file's room says which rooms it may require.
-- What scripts can use is asked of the public module; the core's private functions have doors, and
-- are named in init.lua. There is no circle among files. Run in the root of the tree.

local rules = dofile(".ci/rules.lua")
local fault = rules.fault

-- Each room and the rooms that it may look into, beside itself.
local rooms = {
  { "base", {} },
  { "options", { "base", "url" } }, -- a file, in which all of them stand
  { "tasks", { "base" } },
  { "url", { "base" } },
  { "message", { "base", "url" } },
  { "cookies", { "base", "url" } },
  { "connect", { "base", "tasks", "url" } },
  { "download", { "base" } },
  { "policies", { "base", "tasks", "url", "message" } },
  { "transfer", { "base", "tasks", "url", "message", "connect", "download", "policies" } },
  { "stream", { "base", "tasks", "message", "transfer" } },
  { "session", { "base", "options", "message" } },
  { "http_request", { "base", "options", "tasks", "url", "message", "transfer" } },
  { "loops", {} }, -- the public module alone, as a script would
  -- What the public table gives out stands at the top.
  { "", { "base", "options", "tasks", "url", "message", "cookies", "connect", "transfer",
    "session", "stream",
    "http_request" } },
}

-- Files that may use what the core keeps for the Lua half.
local doors = {
  ["init"] = true, ["base.kept"] = true, ["tasks.watched"] = true, ["connect.pool"] = true,
  ["cookies.file"] = true, ["cookies.suffix"] = true,
  ["connect.shared"] = true, ["tasks.company"] = true, ["policies.refused"] = true,
  ["transfer.connection"] = true, ["url.idn"] = true,
  ["base.random"] = true, ["base.memory"] = true,
  ["message.challenges"] = true, ["message.digest"] = true,
  ["message.path_part"] = true,
  ["download.info"] = true, ["download.places"] = true, ["download.sink"] = true,
  ["policies.decoding"] = true, ["transfer.exchange"] = true, ["transfer.trace"] = true,
  ["connect.proxy"] = true, ["policies.proxy_auth"] = true,
  ["transfer.sinks"] = true,
}

local FOLDER = "lua/httpclient/"
local LINES_MOST = 600

local allowed = rules.rooms(rooms)

local function room_of(name)
  return name == "options" and name or name:match("^(.*)%.[^.]*$") or ""
end

-- The names in init.lua's list of what the Lua half alone uses.
local private = {}
for name in rules.read(FOLDER
  .. "init.lua"):match("local internal = (%b{})"):gmatch("([%w_]+) = true") do
  private[name] = true
end

local needs = {} -- module -> the modules that it requires while it is loaded

local function check_own(path, number, name, target)
  needs[name][#needs[name] + 1] = target
  local from, to = room_of(name), room_of(target)
  if not io.open(FOLDER .. target:gsub("%.", "/") .. ".lua") then
    fault("%s:%d: there is no module %s", path, number, target)
  elseif not allowed[to] then
    fault("%s:%d: %s is in no room", path, number, target)
  elseif not allowed[from][to] then
    fault("%s:%d: %s may not look into %s", path, number, from, to == "" and "the top" or to)
  end
end

-- A loop's file is about the library of its name, and what that stands on.
local below = { copas = "socket" }

local function is_own_library(name, line)
  local library = name:match("^loops%.(.*)$")
  for _, its in ipairs({ library, below[library or ""] }) do
    if line:find(('require("%s")'):format(its), 1, true) then
      return true
    end
  end
  return false
end

-- What finds the core has its name once.
local function is_the_core(name, line)
  return name == "library" and line:find("require(NAME)", 1, true)
end

local function check_line(path, number, name, line)
  local target = line:match('require%(root %.%. "%.([%w_.]+)"%)')
  if target then
    check_own(path, number, name, target)
  elseif line:find('require("httpclient.core")', 1, true) then
    if not doors[name] then
      fault("%s:%d: the core's private functions have no door here", path, number)
    end
  elseif line:find("require%(") and not line:find("require(root)", 1, true)
    and not is_own_library(name, line) and not is_the_core(name, line) then
    fault("%s:%d: modules are required as seen from the root", path, number)
  end
  for used in line:gsub('"[^"]*"', ""):gmatch("%f[%w_]core%.([%w_]+)") do
    if name ~= "init" and not private[used] then
      fault("%s:%d: %s is public: ask the public module", path, number, used)
    end
  end
end

local function check_file(path)
  local name = path:sub(#FOLDER + 1, -#".lua" - 1):gsub("/", ".")
  local number = 0
  needs[name] = {}
  for line in io.lines(path) do
    number = number + 1
    if not line:find("^%s*%-%-") then
      check_line(path, number, name, line)
    end
  end
  if number > LINES_MOST and name ~= "meta" then
    fault("%s has %d lines", path, number)
  end
end

local state = {} -- module -> "open" while what it needs is looked at, "done"
local function look_for_circle(name, way)
  if state[name] == "open" then
    fault("a circle: %s -> %s", table.concat(way, " -> "), name)
  elseif not state[name] then
    state[name] = "open"
    way[#way + 1] = name
    for _, other in ipairs(needs[name] or {}) do
      look_for_circle(other, way)
    end
    way[#way] = nil
    state[name] = "done"
  end
end

local count = 0
for _, path in ipairs(rules.files("find " .. FOLDER .. " -name '*.lua'")) do
  count = count + 1
  local room = path:sub(#FOLDER + 1):match("^(.*)/[^/]*$") or ""
  if allowed[room] then
    check_file(path)
  else
    fault("%s is in no room: name it in .ci/check-requires.lua", path)
  end
end
for name in pairs(needs) do
  look_for_circle(name, {})
end

rules.finish(count)
print(("requires: %d files, one way"):format(count))
