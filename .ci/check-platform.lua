-- Checks that what the headers of core/platform/ declare is there on every platform: each function has a definition in
-- a source of core/platform/ itself, or one in each of its folders. Run in the root of the tree.

local rules = dofile(".ci/rules.lua")
local fault = rules.fault

local function text_of(path)
  return (rules.read(path):gsub("/%*.-%*/", ""))
end

-- A definition begins at the start of a line and has a body: "hc_error hc_wait(...) {".
local function defined_in(folder)
  local found = {}
  for _, path in ipairs(rules.files("ls core/platform/" .. folder .. "*.c")) do
    for name in ("\n" .. text_of(path)):gmatch("\n%l[^\n;{}=#]-%f[%w_](hc_[%w_]+)%b()%s*{") do
      found[name] = true
    end
  end
  return found
end

local everywhere = defined_in("")
local folders = { posix = defined_in("posix/"), windows = defined_in("windows/") }

local count = 0
for _, path in ipairs(rules.files("ls core/platform/*.h")) do
  for name in text_of(path):gmatch("\n%l[^\n;{}=#]-%f[%w_](hc_[%w_]+)%b()%s*;") do
    count = count + 1
    for folder, defined in pairs(folders) do
      if not everywhere[name] and not defined[name] then
        fault("%s: %s is not there in core/platform/%s", path, name, folder)
      end
    end
  end
end

rules.finish(count)
print(("platform: %d functions, on each"):format(count))
