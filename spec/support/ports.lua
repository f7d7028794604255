-- Starting a server program on ports that were free a moment ago.
local native = require("spec_native")

local ports = {}

-- The system gives others away by itself, from 32768 or 49152 on: so neither a connection nor another job's listener
-- comes between. Each process begins somewhere else.
local FIRST, LAST = 10000, 32000
local last = FIRST + math.floor(native.monotonic() * 1e6) % (LAST - FIRST)

-- n different ports that are free now.
function ports.free(n)
  local list, tries = {}, 0
  while #list < n do
    last, tries = last < LAST and last + 1 or FIRST, tries + 1
    local listener, why = native.listen({ port = last })
    if listener then
      listener:close()
      list[#list + 1] = last
    end
    assert(tries < 1000, why)
  end
  return list
end

-- True when somebody accepts at the port.
function ports.answers(port)
  local conn = native.connect({ port = port, seconds = 1 })
  if conn then
    conn:close()
  end
  return conn ~= nil
end

-- Waits until the process accepts at all the ports. False when it has ended, or after the time.
function ports.wait_until_up(process, list, seconds)
  local deadline = native.monotonic() + (seconds or 20) * (tonumber(os.getenv("SPEC_TIME_FACTOR"))
    or 1)
  for _, port in ipairs(list) do
    while not ports.answers(port) do
      if not process:running() or native.monotonic() > deadline then
        return false
      end
      native.sleep(0.01)
    end
  end
  return process:running()
end

-- Calls start(list of n ports) -> process, until one is up: another program may take a port in between.
function ports.start(n, start, log)
  for _ = 1, 5 do
    local list = ports.free(n)
    local process = start(list)
    if ports.wait_until_up(process, list) then
      return process, list
    end
    process:close()
  end
  error("the server does not start: " .. tostring(log and log()), 2)
end

-- Where a server has to listen that others, which look names up, find as localhost: many hosts files give it ::1 first.
-- -> "::", which takes IPv4 as well; or the address of IPv4 where there is no other
function ports.every_loopback()
  local listener = native.listen({ host = "::" })
  local conn = listener and native.connect({ port = listener:port(), seconds = 1 })
  if conn then
    conn:close()
  end
  if listener then
    listener:close()
  end
  return conn and "::" or "127.0.0.1"
end

function ports.find_program(...)
  for _, name in ipairs({ ... }) do
    for _, folder in ipairs({ "/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin", "/usr/local/bin",
      "/opt/homebrew/bin" }) do
      local file = io.open(folder .. "/" .. name, "rb")
      if file then
        file:close()
        return folder .. "/" .. name
      end
    end
  end
end

return ports
