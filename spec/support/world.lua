-- What the specs of a client begin with. All that it gives is closed after the test, but for the
-- client of world(): some tests want it collected.
--
--   local keep, listen, world = require("spec.support.world")(after_each)
--   local client, conn, listener = world()   -- a connected client, the server's side of it, where that was accepted
--
-- keep(object) is that of kept.lua; listen([host]) a listener on a free port; world takes the
-- options of support.connect.
local native = require("spec_native")
local support = require("spec.support.client")

return function(after_each)
  local keep = require("spec.support.kept")(after_each)

  local function listen(host)
    return keep(assert(native.listen({ host = host })))
  end

  local function world(options)
    local listener = listen()
    local client, conn = support.connect(listener, options)
    return client, keep(conn), listener
  end

  return keep, listen, world
end
