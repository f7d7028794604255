-- Clients that are connected to a listener of this thread, and all of it closed after the test.
--
--   local wire = require("spec.support.wire")(after_each)
local support = require("spec.support.client")

return function(after_each)
  local keep, _, world = require("spec.support.world")(after_each)
  local wire = {}

  -- Takes the options of support.connect. -> client, conn, listener
  function wire.connect(options)
    local client, conn, listener = world(options)
    return keep(client), conn, listener
  end

  -- Calls action(client, conn, port).
  function wire.with_connection(action)
    local client, conn, listener = wire.connect()
    return action(client, conn, listener:port())
  end

  -- Calls action(client, conn) when the server has the client's request. Options: properties of the client, method and
  -- path of the request.
  function wire.with_request(action, options)
    options = options or {}
    local client, conn = wire.connect()
    for name, value in pairs(options.properties or {}) do client[name] = value end
    support.request(client, options.method, options.path)
    support.head_of(client, conn)
    return action(client, conn)
  end

  -- The same, when the client has taken in the head of what the server answers.
  function wire.answered(bytes, check, options)
    return wire.with_request(function(client, conn)
      conn:send(bytes)
      support.pump(client, support.is_answered_or_failed)
      return check(client, conn)
    end, options)
  end

  return wire
end
