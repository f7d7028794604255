-- kept.lua: what outlives the Lua half. Who clears package.loaded and requires it anew, as hot
-- reloading does, has new functions; the tasks that run, and the connections, are the same,
-- whichever half has begun them. So what one half must know of the other lies in the core, in
-- tables by name.
local core = require("httpclient.core")

-- -> the table of this name; `initial` the first time
return function(name, initial)
  local all = core.kept
  all[name] = all[name] or initial
  return all[name]
end
