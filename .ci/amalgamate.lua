-- Writes the single-file form of the library, for engines that take sources in:
--
--   lua .ci/amalgamate.lua FOLDER     (in the root of the tree; `make amalgamation`)
--
-- httpclient.h   the four public headers
-- httpclient.c   the core and, unless HC_WITHOUT_LUA is defined, the Lua binding
-- httpclient.lua all Lua files; each part is loaded when it is first used, as from a folder
--
-- It only puts the files one behind the other. That this can work at all is what
-- .ci/check-names.lua sees to: what is private to a file has a name that no other file has.
local out = assert(arg[1], "which folder?")

local rules = dofile(".ci/rules.lua")
local read, listing = rules.read, rules.files

local function write(name, parts)
  local file = assert(io.open(out .. "/" .. name, "wb"))
  assert(file:write(table.concat(parts, "\n"), "\n"))
  file:close()
end

local version = read("core/httpclient.h"):match('#define HC_VERSION "([^"]+)"')

-- "core/a/../b/c.h" without the step back
local function normal(path)
  local count
  repeat
    path, count = path:gsub("[^/.]+/%.%./", "", 1)
  until count == 0
  return path
end

-- --- the includes

local public = { "core/httpclient.h", "core/stream.h", "core/tls.h", "core/poller.h" }
local is_public = {}
for _, path in ipairs(public) do
  is_public[path] = true
end

local files = {} -- path -> { text without own includes, includes = { { path, guard }, ... } }

-- The conditions that a line stands under, as text; nil where there are none.
local function guard_of(open)
  return #open > 0 and table.concat(open, "\n") or nil
end

local function scan(path)
  if files[path] then
    return files[path]
  end
  local lines, found, open = {}, {}, {}
  local is_header = path:find("%.h$")
  for line in read(path):gmatch("([^\n]*)\n") do
    local include = line:match('^#include "([^"]+)"')
    if include then
      local target = normal(path:match("^.*/") .. include)
      found[#found + 1] = { path = target, guard = not is_header and guard_of(open) or nil }
    elseif line:find("^#define HC_WANT_GNU") then
      lines[#lines + 1] = "" -- asked for at the top, for all
    else
      if line:find("^#if") then
        open[#open + 1] = line:gsub("%s*/%*.*$", "")
      elseif line:find("^#endif") then
        open[#open] = nil
      end
      lines[#lines + 1] = line
    end
  end
  files[path] = { text = table.concat(lines, "\n"), includes = found }
  return files[path]
end

-- What a file's folder says of the systems and the TLS library it is for.
local folder_guards = {
  windows = "#if defined(_WIN32)",
  posix = "#if !defined(_WIN32)",
  openssl = "#if !defined(HC_WITH_MBEDTLS) && !defined(HC_WITHOUT_TLS)",
  mbedtls = "#if defined(HC_WITH_MBEDTLS)",
  none = "#if defined(HC_WITHOUT_TLS)",
  builtin = "#if defined(HC_WITH_MBEDTLS) || defined(HC_WITHOUT_TLS)",
}
local function system_guard(path)
  return folder_guards[path:match("/(%l+)/[^/]+$")]
end

-- A header is under a condition where all who include it are under that.
local guards = {} -- path -> text, or false: none
local function note_guards(path, outer)
  for _, include in ipairs(scan(path).includes) do
    local guard = outer or include.guard
    local known = guards[include.path]
    if known == nil then
      guards[include.path] = guard or false
      note_guards(include.path, guard)
    elseif known and not guard then
      guards[include.path] = false
      note_guards(include.path, nil)
    end
  end
end

local function guarded(guard, text)
  if not guard then
    return text
  end
  local _, count = guard:gsub("#if", "")
  return guard .. "\n" .. text .. ("\n#endif"):rep(count)
end

local function banner(path)
  return ("\n/* === %s */\n"):format(path)
end

-- Headers in the order in which they need each other, each once.
local function add_headers(parts, path, done)
  for _, include in ipairs(scan(path).includes) do
    local target = include.path
    if not done[target] then
      done[target] = true
      add_headers(parts, target, done)
      local guard = guards[target] or system_guard(target) or nil
      parts[#parts + 1] = banner(target)
      parts[#parts + 1] = guarded(guard, scan(target).text)
    end
  end
end

local function add_sources(parts, sources, done)
  for _, path in ipairs(sources) do
    note_guards(path, nil)
  end
  for _, path in ipairs(sources) do
    add_headers(parts, path, done)
  end
  for _, path in ipairs(sources) do
    parts[#parts + 1] = banner(path)
    parts[#parts + 1] = guarded(system_guard(path), scan(path).text)
  end
end

-- --- the three files

local function head(what)
  return ("/* httpclient %s, %s. Made from the files that its parts name; changes belong there. */")
    :format(version, what)
end

local function write_header()
  local parts = { head("the public headers in one file") }
  for _, path in ipairs(public) do
    parts[#parts + 1] = banner(path)
    parts[#parts + 1] = scan(path).text
  end
  write("httpclient.h", parts)
end

local features = "core/platform/system_features.h"

local function write_source()
  local done = { [features] = true }
  for path in pairs(is_public) do
    done[path] = true
  end
  local parts = { head("the library in one file"), [[

/* Compiled as C11, with the headers of OpenSSL 3, zlib and Lua, and linked with the first two:
 *
 *   cc -std=c11 -pthread -c httpclient.c
 *
 * HC_WITHOUT_LUA   leaves the Lua binding out
 * HC_WITHOUT_TLS   leaves TLS out: no OpenSSL is needed
 * HC_WITH_MBEDTLS  TLS by mbedTLS (2.28 or 3), in place of OpenSSL
 * HC_WITH_NGHTTP2  HTTP/2, by libnghttp2
 * HC_PRIVATE       hides the C API too, where only the Lua module is wanted
 */
#define HC_WANT_GNU
#if !defined(OPENSSL_API_COMPAT)
#define OPENSSL_API_COMPAT 0x30000000L /* 3.0 has no other names for what is deprecated later */
#endif
#if defined(__clang__)
/* A header's inline function counts as one of this file. */
#pragma clang diagnostic ignored "-Wunused-function"
#endif
]], scan(features).text, '#include "httpclient.h"' }
  add_sources(parts, listing("find core -name '*.c'"), done)
  parts[#parts + 1] = "\n#ifndef HC_WITHOUT_LUA"
  add_sources(parts, listing("find bindings -name '*.c'"), done)
  parts[#parts + 1] = "\n#endif"
  write("httpclient.c", parts)
end

local function write_lua()
  local parts = { ("-- httpclient %s: all Lua files in one. Made from lua/httpclient; changes belong there.")
    :format(version), [[
local root = ... or "httpclient"
local preload = package.preload
]] }
  for _, path in ipairs(listing("find lua/httpclient -name '*.lua'")) do
    local name = path:match("^lua/httpclient/(.*)%.lua$"):gsub("/", ".")
    if name ~= "meta" and name ~= "init" then
      parts[#parts + 1] = ("preload[root .. %q] = function(...)"):format("." .. name)
      parts[#parts + 1] = read(path) .. "end\n"
    end
  end
  parts[#parts + 1] = "local function init(...)\n" .. read("lua/httpclient/init.lua") .. "end\n"
  parts[#parts + 1] = [[
-- The parts ask for it by this name, also where the file was not loaded by require.
package.loaded[root] = init(root)
return package.loaded[root] ]]
  write("httpclient.lua", parts)
end

write_header()
write_source()
write_lua()
