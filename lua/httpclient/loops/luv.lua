-- loops/luv.lua: waiting in luv. A coroutine that waits has a poll handle and a timer; whichever
-- comes first closes both, before the client may close the descriptor, and resumes the coroutine.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local uv = require("luv")

local loop = {}

-- A descriptor of Windows is a socket there, for which luv has a function of its own.
local is_windows = package.config:sub(1, 1) == "\\"
local new_poll = is_windows and uv.new_socket_poll or uv.new_poll

-- How long a wait may last for a descriptor that luv refuses (it knows none twice, and the program may watch it too).
local SHORT = 0.01

local function resume(co)
  local ok, message = coroutine.resume(co)
  if not ok then
    error(debug.traceback(co, message), 0)
  end
end

local function wait(client, seconds)
  local me = coroutine.running()
  local fd, events = client:get_fd(), client:events()
  local is_watchable = fd >= 0 and events
  local poll = is_watchable and new_poll(fd)
  if is_watchable and not poll then
    seconds = math.min(seconds or SHORT, SHORT)
  end
  local timer = seconds and uv.new_timer()
  local is_over = false
  local function go_on()
    if is_over then
      return
    end
    is_over = true
    if poll then
      poll:stop()
      poll:close()
    end
    if timer then
      timer:close()
    end
    resume(me)
  end
  if poll then
    poll:start(events, go_on)
  end
  if timer then
    timer:start(math.ceil(seconds * 1000), 0, go_on)
  end
  coroutine.yield()
end

-- From now on fetch, run and sleep wait in luv: to be called in coroutines, while uv.run() works.
function loop.install()
  httpclient.set_waiter(wait)
end

return loop
