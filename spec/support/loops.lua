-- Event loops that are not ours.
require("luv") -- here: its loop stays open to the end of the process

local loops = {}

function loops.set_waiter(name)
  require("httpclient.loops." .. name).install()
end

return loops
