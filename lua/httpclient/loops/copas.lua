-- loops/copas.lua: waiting in copas, which waits for what it can call `receive` or `send` of, and
-- whose LuaSocket asks that for its descriptor.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local copas = require("copas")
local sockets = require("socket") -- copas stands on it

local now = httpclient.monotonic_time
local loop = {}

-- LuaSocket's select asks nothing of what has no descriptor. So that lends one on which nothing comes: of a socket that
-- is connected to itself, there as long as somebody waits with it.
local lent = setmetatable({}, { __mode = "v" })

local function silent_socket()
  local socket = lent.socket or sockets.udp()
  if socket and not lent.socket and socket:setsockname("127.0.0.1", 0)
    and socket:setpeername(socket:getsockname()) then
    lent.socket = socket
  end
  return lent.socket
end

-- Something that is not ready at first, and is when it is asked for the second time. LuaSocket's select takes it for
-- readable from `moment` on.
local function stand_in(client, moment)
  local has_waited, silent = false, nil
  local function try()
    if has_waited then
      return 1
    end
    has_waited = true
    return nil, "timeout", 0
  end
  local socket = { receive = try, send = try }
  function socket.getfd()
    local fd = client:get_fd()
    if fd < 0 then
      silent = silent or silent_socket()
    end
    return fd < 0 and silent and silent:getfd() or fd
  end
  function socket.dirty()
    return client:dirty() or now() >= moment
  end
  function socket.close() end -- copas closes what a thread has waited for last
  return socket
end

-- --- copas 1, which has no times

local moments = {} -- stand-in -> when it is over

-- Until the first of them.
local function time_left()
  local first
  for _, moment in pairs(moments) do
    first = first and math.min(first, moment) or moment
  end
  return first and math.max(first - now(), 0)
end

-- A step of the loop ends when the first time is over: the next one finds who has waited for it.
local function keep_times()
  local step = copas.step
  loop.keeps_times = true
  function copas.step(timeout)
    local left = time_left()
    return step(left and math.min(left, timeout or left) or timeout)
  end
end

local function wait_readable(client, moment)
  local socket = stand_in(client, moment)
  moments[socket] = moment < math.huge and moment or nil
  copas.receive(socket, 1)
  moments[socket] = nil
end

-- How often a thread looks that nobody wakes in time.
local SHORT = 0.01

-- Only what is waited for to read can be found ready when it is not: a Poller is readable when its client is ready,
-- whatever that waits for. Without the client, which another Poller watches, or without a descriptor, as on Windows,
-- nothing shows on it.
local function wait_by_poller(client, moment)
  local poller = httpclient.Poller.new()
  local ok, code = pcall(poller.add, poller, client)
  if not ok or code ~= httpclient.Error.OK or poller:get_fd() < 0 then
    moment = math.min(moment, now() + SHORT)
  end
  wait_readable(poller, moment)
  pcall(poller.remove, poller, client)
  poller:close()
end

local function wait_for_event(client, seconds)
  local moment = now() + math.min(client:timeout() or math.huge, seconds or math.huge)
  if (client:events() or "r"):find("w") then
    wait_by_poller(client, moment)
  else
    wait_readable(client, moment)
  end
end

-- --- later ones

-- From copas 2 on a thread can sleep.
local function sleep_a_little(client, seconds)
  copas.sleep(math.min(client:timeout() or SHORT, seconds or SHORT, SHORT))
end

-- From now on fetch, run and sleep wait in copas: to be called in its threads.
function loop.install()
  if not copas.sleep and not loop.keeps_times then
    keep_times()
  end
  httpclient.set_waiter(copas.sleep and sleep_a_little or wait_for_event)
end

return loop
