-- Checks where things may be known: a file's folder says what it may include, and which doors to the system's libraries
-- it has. Names are unique, so that sources can be compiled in any order into one folder. Run in the root of the tree.

local rules = dofile(".ci/rules.lua")
local fault = rules.fault

-- Each room and the rooms that it may look into, beside itself. The public headers, in core itself,
-- look into none, and every room may use what they declare.
local rooms = {
  { "core", {} },
  { "core/base", {} },
  { "core/crypto", { "core/base", "core/platform" } },
  { "core/http", { "core/base", "core/crypto" } },
  { "core/http1", { "core/base", "core/http" } },
  { "core/http2", { "core/base", "core/http" } },
  { "core/codec", { "core/base" } },
  { "core/features", { "core/base", "core/codec", "core/http", "core/http2", "core/stream" } },
  { "core/platform", { "core/base" } },
  { "core/net", { "core/base", "core/platform" } },
  -- Of http a stream needs the rules for host names: which name does a certificate have to have? Of crypto, how the
  -- library that both stand on begins.
  { "core/stream", { "core/base", "core/crypto", "core/http", "core/platform", "core/net" } },
  { "core/connect", { "core/base", "core/http", "core/http1", "core/platform", "core/net",
    "core/stream" } },
  { "core/connection", { "core/base", "core/http", "core/http1", "core/http2", "core/codec",
    "core/platform", "core/net", "core/stream",
    "core/connect" } },
  -- Which version of HTTP a connection speaks is not a client's business: no http1 here.
  { "core/client", { "core/base", "core/http", "core/codec", "core/platform", "core/net",
    "core/stream", "core/connect",
    "core/connection" } },
  { "core/poller", { "core/base", "core/platform", "core/stream", "core/connection",
    "core/client" } },
  { "bindings", { "core/base", "core/http", "core/codec", "core/crypto", "core/features",
    "core/platform", "core/stream", "core/connect", "core/client" } },
}

-- The writers of heads name the system that they run on.
local single = {
  ["core/http1/head_writer.c"] = { ["core/platform/system_name.h"] = true },
  ["core/http2/h2_request.c"] = { ["core/platform/system_name.h"] = true },
}

-- C11's own headers can be had everywhere. Any other needs a reason: pattern -> folders that may include it. All of the
-- system's stand in platform/.
local c11 = {}
for name in ([[assert ctype errno float inttypes limits math stdarg stdatomic stdbool stddef stdint stdio
  stdlib string time]]):gmatch("%S+") do
  c11[name .. ".h"] = true
end
local doors = {
  { "^openssl/", { "core/stream/tls/openssl/", "core/crypto/openssl/" } },
  { "^mbedtls/", { "core/stream/tls/mbedtls/" } },
  { "^psa/", { "core/stream/tls/mbedtls/" } },
  { "^nghttp2/", { "core/http2/" } },
  { "^libpsl%.h$", { "core/http/" } },
  { "^idn2%.h$", { "core/http/" } },
  { "^zlib%.h$", { "core/codec/" } },
  { "^brotli/", { "core/codec/" } },
  { "^zstd[_%l]*%.h$", { "core/codec/" } },
  { "^lua%.h$", { "bindings/" } },
  { "^lualib%.h$", { "bindings/" } },
  { "^lauxlib%.h$", { "bindings/" } },
  { "^[%w_/]+%.h$", { "core/platform/" } },
}

-- What is compiled is the same everywhere but here: the system's ways in platform/, the TLS libraries' versions in
-- their folders, the Lua versions' in the bindings' shim, and in headers what a compiler has to be told.
local variants = { "core/platform/", "core/stream/tls/mbedtls/",
  "core/stream/tls/openssl/openssl_internal.h",
  "bindings/lua_compat.",
  "core/base/error.h",
  "core/base/internal.h" }
local conditions = {
  "^ifndef HCL?_[%w_]+_H$", "^ifndef HTTPCLIENT_H$", "^ifdef __cplusplus$", "^endif$",
  "^ifdef HC_TEST_HOOKS$", "^else$", -- what only the C tests see
  "^ifdef HC_WITH_NGHTTP2$", "^ifdef HC_WITH_LIBPSL$", "^ifdef HC_WITH_BROTLI$",
  "^ifdef HC_WITH_ZSTD$", "^ifdef HC_WITH_IDN2$",
  -- what needs a library that not all builds have
}

local allowed = rules.rooms(rooms, { "core" })

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
  elseif not allowed[from][to] and not (single[path] and single[path][full]) then
    fault("%s:%d: %s may not look into %s", path, number, from, to)
  elseif full:find("_state%.h$") and to ~= from then
    fault("%s:%d: %s is for the files of its room alone", path, number, full)
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
  if c11[target] then
    return
  end
  for _, door in ipairs(doors) do
    if target:find(door[1]) and has_door(path, door[2]) then
      return
    end
  end
  fault("%s:%d: <%s> does not belong here", path, number, target)
end

local function check_condition(path, number, line)
  local what = line:match("^%s*#%s*(%l+.-)%s*$")
  local is_one = what and (what:find("^if") or what:find("^el") or what:find("^endif"))
  if not is_one or has_door(path, variants) or (path:match("^core/[^/]+$") ~= nil) then
    return
  end
  what = what:gsub("%s*/%*.*", "")
  for _, pattern in ipairs(conditions) do
    if what:find(pattern) then
      return
    end
  end
  fault("%s:%d: #%s: a variant belongs into core/platform/ or lua_compat", path, number, what)
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
    elseif system then
      check_system(path, number, system)
    else
      check_condition(path, number, line)
    end
  end
end

for _, path in ipairs(rules.files("find core bindings -name '*.[ch]'")) do
  count = count + 1
  if room_of(path) then
    check_file(path)
  else
    fault("%s is in no room: name it in .ci/check-includes.lua", path)
  end
end

rules.finish(count)
print(("includes: %d files, one way"):format(count))
