-- finalizer.lua: a function that runs when what this gives is collected. 5.1 and LuaJIT do not
-- honour __gc of a table, but have newproxy. It may run at any moment; at the latest when the Lua
-- state is closed.
local newproxy = rawget(_G, "newproxy")

return function(fn)
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = fn
    return proxy
  end
  return setmetatable({}, { __gc = fn })
end
