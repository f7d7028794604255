-- Checks where things may be known: a file's folder says what it may include, and which doors to the system's libraries
-- it has. Names are unique, so that sources can be compiled in any order into one folder. Run in the root of the tree.

-- Each room and the rooms that it may look into, beside itself. The public headers, in core itself, look into none, and every
-- room may use what they declare.
local rooms = {
  { "core", {} },
  { "core/base", {} },
  { "core/http", { "core/base" } },
  { "core/http1", { "core/base", "core/http" } },
  { "core/codec", { "core/base" } },
  { "core/platform", { "core/base" } },
  { "core/net", { "core/base", "core/platform" } },
  -- Of http a stream needs the rules for host names: which name does a certificate have to have?
  { "core/stream", { "core/base", "core/http", "core/platform", "core/net" } },
  { "core/connect", { "core/base", "core/http", "core/http1", "core/platform", "core/net", "core/stream" } },
  { "core/connection", { "core/base", "core/http", "core/http1", "core/codec", "core/platform", "core/net", "core/stream",
    "core/connect" } },
  -- Which version of HTTP a connection speaks is not a client's business: no http1 here.
  { "core/client", { "core/base", "core/http", "core/codec", "core/platform", "core/net", "core/stream", "core/connect",
    "core/connection" } },
  { "core/poller", { "core/base", "core/platform", "core/stream", "core/connection", "core/client" } },
  { "bindings", { "core/base", "core/http", "core/codec", "core/platform", "core/stream", "core/client" } },
}

-- System headers that need a reason: header pattern -> folders (or files) in core/ that may include it.
local doors = {
  { "^openssl/", { "core/stream/tls/" } },
  { "^zlib%.h", { "core/codec/" } },
  { "^sys/", { "core/platform/", "core/net/resolver", "core/stream/tls/x509_file" } },
  { "^netinet/", { "core/platform/", "core/net/resolver" } },
  { "^arpa/", { "core/platform/", "core/net/resolver" } },
  { "^netdb%.h", { "core/platform/", "core/net/resolver" } },
  { "^poll%.h", { "core/platform/" } },
  { "^signal%.h", { "core/platform/", "core/net/resolver" } },
  { "^fcntl%.h", { "core/platform/", "core/net/resolver", "core/stream/tls/x509_file" } },
  { "^unistd%.h", { "core/platform/", "core/net/resolver", "core/stream/tls/x509_file" } },
  { "^pthread%.h", { "core/platform/", "core/net/resolver" } },
  { "^lua.*%.h", {} },
  { "^lauxlib%.h", {} },
}

local allowed = {}
for _, room in ipairs(rooms) do
  local may = { [room[1]] = true, core = true }
  for _, other in ipairs(room[2]) do
    may[other] = true
  end
  allowed[room[1]] = may
end

-- The room of a file is the nearest folder above it that is one: core/stream/tls/ belongs to core/stream.
local function room_of(path)
  local folder = path:match("^(.*)/[^/]*$")
  while folder and not allowed[folder] do
    folder = folder:match("^(.*)/[^/]*$")
  end
  return folder
end

-- "core/stream/../base/error.h" is core/base/error.h.
local function normal(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    else
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

local faults = {}
local function fault(...)
  faults[#faults + 1] = string.format(...)
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

local function check_own(path, number, target)
  local full = normal(path:match("^(.*/)") .. target)
  local from, to = room_of(path), room_of(full)
  if not exists(full) then
    fault("%s:%d: %s is included as seen from the file's own folder", path, number, target)
  elseif not to then
    fault("%s:%d: %s is in no room", path, number, full)
  elseif not allowed[from][to] then
    fault("%s:%d: %s may not look into %s", path, number, from, to)
  end
end

local function has_door(path, places)
  for _, place in ipairs(places) do
    if path:sub(1, #place) == place then
      return true
    end
  end
  return false
end

local function check_system(path, number, target)
  for _, door in ipairs(doors) do
    if target:find(door[1]) and not has_door(path, door[2]) then
      fault("%s:%d: <%s> does not belong here", path, number, target)
    end
  end
end

local seen, count = {}, 0
local function check_name(path)
  local name = path:match("[^/]+$")
  if seen[name] then
    fault("%s and %s have the same name", seen[name], path)
  end
  seen[name] = path
end

local function check_file(path)
  check_name(path)
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    local own = line:match('^%s*#%s*include%s+"([^"]+)"')
    local system = line:match("^%s*#%s*include%s+<([^>]+)>")
    if own then
      check_own(path, number, own)
    elseif system and path:find("^core/") then
      check_system(path, number, system)
    elseif system and system:find("^openssl/") then
      fault("%s:%d: bindings reach OpenSSL through the core only", path, number)
    end
  end
end

local listing = assert(io.popen("find core bindings -name '*.[ch]' | LC_ALL=C sort"))
for path in listing:lines() do
  count = count + 1
  if room_of(path) then
    check_file(path)
  else
    fault("%s is in no room: name it in .ci/check-includes.lua", path)
  end
end
listing:close()

for _, text in ipairs(faults) do
  io.stderr:write(text, "\n")
end
if #faults > 0 or count == 0 then
  os.exit(1)
end
print(("includes: %d files, one way"):format(count))
