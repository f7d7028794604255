-- Checks that the rockspec names every source and Lua file of the tree, no other, and the version of core/httpclient.h.
local rules = dofile(".ci/rules.lua")
local fault = rules.fault

local path = assert(arg[1], "no rockspec")
local spec = {}
if setfenv then -- 5.1
  setfenv(assert(loadfile(path)), spec)()
else
  assert(loadfile(path, "t", spec))()
end

local function files(pattern)
  local listing = assert(io.popen("ls " .. pattern .. " 2>/dev/null"))
  local list = {}
  for name in listing:lines() do
    list[name] = true
  end
  listing:close()
  return list
end

local function compare(what, named, existing)
  for name in pairs(existing) do
    if not named[name] then
      fault("%s: %s is missing", what, name)
    end
  end
  for name in pairs(named) do
    if not existing[name] then
      fault("%s: %s does not exist", what, name)
    end
  end
end

local sources, modules = {}, {}
for name, module in pairs(spec.build.modules) do
  if type(module) == "table" then
    for _, source in ipairs(module.sources) do
      if sources[source] then
        fault("%s: %s is named twice", path, source)
      end
      sources[source] = true
    end
  else
    modules[module] = true
    local expected = "httpclient"
      .. (module:match("^lua/httpclient(/.*)%.lua$"):gsub("/", "."):gsub("^%.init$", ""))
    if name ~= expected then
      fault("%s should be the module %s", module, expected)
    end
  end
end
local existing = files("core/*/*.c core/*/*/*.c core/*/*/*/*.c bindings/*.c")
for name in pairs(existing) do
  -- the rock builds on POSIX systems, with OpenSSL
  if name:find("^core/platform/windows/") or name:find("^core/stream/tls/mbedtls/")
    or name:find("^core/stream/tls/none/") or name:find("^core/crypto/builtin/") then
    existing[name] = nil
  end
end
compare(path, sources, existing)
local lua_files = files("lua/httpclient/*.lua lua/httpclient/*/*.lua")
for name in pairs(lua_files) do
  local first = io.lines(name)()
  if first and first:find("^%-%-%-@meta") then -- for editors, not for running
    lua_files[name] = nil
  end
end
compare(path, modules, lua_files)

for line in io.lines("core/httpclient.h") do
  local version = line:match('HC_VERSION "(.-)"')
  if version and spec.version:match("^(.*)%-%d+$") ~= version then
    fault("%s: version %s, core/httpclient.h says %s", path, spec.version, version)
  end
end

rules.finish()
print("rockspec: complete")
