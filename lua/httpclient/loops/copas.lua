-- loops/copas.lua: waiting in copas, which waits for what it can call `receive` or `send` of, and
-- whose LuaSocket asks that for its descriptor.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local copas = require("copas")

local loop = {}

-- Something that is not ready at first, and is when it is asked for the second time.
local function stand_in(client)
  local has_waited = false
  local function try()
    if has_waited then
      return 1
    end
    has_waited = true
    return nil, "timeout", 0
  end
  local socket = { receive = try, send = try }
  function socket.getfd()
    return client:get_fd()
  end
  function socket.dirty()
    return client:dirty()
  end
  function socket.close() end -- copas closes what a thread has waited for last
  return socket
end

-- copas 1 has no times: there one is noticed with the next event only.
local function wait_for_event(client)
  local socket = stand_in(client)
  if (client:events() or "r"):find("w") then
    copas.send(socket, "x")
  else
    copas.receive(socket, 1)
  end
end

-- From copas 2 on a thread can sleep. It looks a hundred times a second.
local SHORT = 0.01

local function sleep_a_little(client, seconds)
  copas.sleep(math.min(client:timeout() or SHORT, seconds or SHORT, SHORT))
end

-- From now on fetch, run and sleep wait in copas: to be called in its threads.
function loop.install()
  httpclient.set_waiter(copas.sleep and sleep_a_little or wait_for_event)
end

return loop
