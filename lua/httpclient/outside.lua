-- outside.lua: waiting where no scheduler is: in the kernel, or in the loop that set_waiter() has handed it to.
local httpclient = require("httpclient")

local now = httpclient.monotonic_time

local outside = {}

local waiter

-- In 5.1 nothing yields across pcall.
outside.can_guard = coroutine.wrap(function()
  return (pcall(coroutine.yield, true))
end)() == true

-- Hands all waiting outside of tasks, and run()'s, to fn(client, seconds): it returns when the client (or the Poller that
-- stands for many: it has the same get_fd, pollfd, events and timeout) is ready or the seconds (nil: no limit) are over.
-- nil: back to the kernel.
function outside.set_waiter(fn)
  if fn ~= nil and type(fn) ~= "function" then
    error("bad argument #1 to 'set_waiter' (function or nil expected, got " .. type(fn) .. ")", 2)
  end
  waiter = fn
end

function outside.has_waiter()
  return waiter ~= nil
end

-- How long a wait for this client may last: nil is without end.
local function seconds_until(deadline, client)
  local left, own = deadline and math.max(0, deadline - now()), client:timeout()
  if left and own then
    return math.min(left, own)
  end
  return left or own
end

-- Lets the waiter wait for the client, or the Poller, if there is something to wait for. -> true, or false and what it has
-- raised (where nothing yields across pcall it is just raised)
function outside.call_waiter(client, deadline)
  local seconds = seconds_until(deadline, client)
  if seconds == 0 then
    return true
  elseif outside.can_guard then
    return pcall(waiter, client, seconds)
  end
  waiter(client, seconds)
  return true
end

-- -> "ready" or "timeout"
function outside.wait(client, deadline)
  if not waiter then
    client:wait(deadline and math.max(0, deadline - now()))
  else
    local ok, message = outside.call_waiter(client, deadline)
    if not ok then
      error(message, 0)
    end
    client:poll()
  end
  return deadline and now() >= deadline and "timeout" or "ready"
end

-- A Poller without clients sleeps as well as any.
function outside.pause(deadline)
  local nobody = httpclient.Poller.new()
  repeat
    local left = math.max(0, deadline - now())
    if waiter then
      waiter(nobody, left)
    else
      nobody:wait(left)
    end
  until now() >= deadline
  nobody:close()
end

return outside
