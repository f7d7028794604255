-- What a C file or a header of core and bindings defines has a name that no other has, so that the
-- files can be put behind each other into one (.ci/amalgamate.lua) or built in bundles, as CMake's
-- unity builds do. Looks at functions, variables, types, macros and enumerators at the left edge.
local rules = dofile(".ci/rules.lua")

local owners = {} -- name -> the files that have it

-- The files of two systems, or of two TLS libraries, are never built together.
local variants = { posix = "system", windows = "system", openssl = "library", mbedtls = "library",
  none = "library", builtin = "library" }
local both = { mbedtls = "builtin", none = "builtin" }

local function variant_of(path)
  local folder = path:match("/(%l+)/[^/]+$")
  return variants[folder], folder
end

local function exclude_each_other(one, other)
  local kind, variant = variant_of(one)
  local other_kind, other_variant = variant_of(other)
  return kind ~= nil and kind == other_kind and variant ~= other_variant
    and both[variant] ~= other_variant and both[other_variant] ~= variant
end

local shared = {
  HC_WANT_GNU = "what is wished of the system's headers, the same wherever it stands",
  hc_backend = "each kind of poller has its own, and a build has one kind",
}

local total = 0

local function claim(path, number, name)
  if shared[name] then
    return
  elseif not owners[name] then
    owners[name], total = {}, total + 1
  end
  for _, other in ipairs(owners[name]) do
    if other ~= path and not exclude_each_other(path, other) then
      rules.fault("%s:%d: %s is a name of %s too", path, number, name, other)
    end
  end
  table.insert(owners[name], path)
end

local function names_of(line, in_enum)
  return line:match("^static [%w_ *]-%*?([%w_]+)%(")
    or line:match("^static [%w_ *]-%*?([%w_]+)[%[%]%w_]* = ")
    or line:match("^static [%w_ *]-%*?([%w_]+)[%[%]%w_]*;")
    or line:match("^} ([%w_]+)[;%s]")
    or line:match("^#define ([%w_]+)")
    or line:match("^[typedef ]*struct ([%w_]+) {") or line:match("^[typedef ]*union ([%w_]+) {")
    or line:match("^[typedef ]*enum ([%w_]+) {")
    or (in_enum and line:match("^%s+(%u[%w_]*)"))
end

local count = 0
for _, path in ipairs(rules.files("find core bindings -name '*.[ch]'")) do
  local number, in_enum = 0, false
  count = count + 1
  for line in io.lines(path) do
    number = number + 1
    in_enum = line:find("^[typedef ]*enum [%w_]* ?{") ~= nil or (in_enum and not line:find("^}"))
    local name = names_of(line, in_enum)
    if name then
      claim(path, number, name)
    end
  end
end
rules.finish(count)
print(("names: %d, each in one file"):format(total))
