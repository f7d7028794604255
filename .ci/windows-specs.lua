-- The spec files that run under wine: all but those that spec/windows/exceptions.lua names.
package.path = "./?.lua;" .. package.path
local without = {}
for _, cause in ipairs(require("spec.windows.exceptions")) do
  for _, path in ipairs(cause.files or {}) do
    without[path] = true
  end
end
local names = assert(io.popen("ls spec"))
for name in names:lines() do
  local path = "spec/" .. name
  if name:find("_spec%.lua$") and not without[path] then
    print(path)
  end
end
names:close()
