-- The spec files that run under wine: all but those that spec/windows/exceptions.lua names.
package.path = "./?.lua;" .. package.path
local without = require("spec.windows.exceptions").files
local names = assert(io.popen("ls spec"))
for name in names:lines() do
  local path = "spec/" .. name
  if name:find("_spec%.lua$") and not without[path] then
    print(path)
  end
end
names:close()
