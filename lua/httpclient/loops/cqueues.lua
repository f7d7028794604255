-- loops/cqueues.lua: waiting in cqueues. A client and a Poller have the three methods that
-- cqueues.poll asks of an object, and times of its own it has too.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local cqueues = require("cqueues")

local loop = {}

-- From now on fetch, run and sleep wait in cqueues: to be called in coroutines that it drives.
function loop.install()
  httpclient.set_waiter(cqueues.poll)
end

return loop
