-- outside.lua: waiting without the scheduler: in the kernel, or in the loop that was installed with set_waiter().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local company = require(root .. ".tasks.company")
local kept = require(root .. ".base.kept")

local now = httpclient.monotonic_time

local outside = {}

-- The longest single sleep in the kernel: the interpreter notices Ctrl-C only between two of them.
local SLICE = 0.5

local state = kept("outside", {
  waiter = nil,
  yields = false,                                  -- has it been seen to let other coroutines run?
  inside = setmetatable({}, { __mode = "k" }),     -- coroutines that have called it -> true
  callers = setmetatable({}, { __mode = "kv" }),   -- driven task -> the coroutine that drives it
})

-- In 5.1 a coroutine can't yield across pcall ...
local pcall_yields = coroutine.wrap(function()
  return (pcall(coroutine.yield, true))
end)() == true

outside.yields_across_pcall = pcall_yields

-- ... but the main thread yields nowhere. Can what calls the waiter be called protected?
function outside.can_guard()
  return pcall_yields or coroutine.running() == nil
end

-- The C functions that 5.2 can yield across. Later Luas and LuaJIT have coroutine.isyieldable to ask.
local yields_across = {}
if pcall_yields then
  yields_across[pcall], yields_across[xpcall] = true, true
end

-- Can the calling coroutine yield? Not inside a C function that has called back, and in 5.1 not inside
-- an iterator. (Nor inside a metamethod there, but that can't be seen.)
function outside.can_yield()
  if coroutine.isyieldable then
    return coroutine.isyieldable()
  end
  local getinfo = debug and debug.getinfo
  local level, frame = 2, getinfo and getinfo(2, "Snf")
  while frame do
    local is_iterator = not pcall_yields and frame.name == "(for generator)"
    if is_iterator or (frame.what == "C" and not yields_across[frame.func]) then
      return false
    end
    level = level + 1
    frame = getinfo(level, "Snf")
  end
  return true
end

-- Lets fn(client, seconds) do all waiting outside of tasks, and that of run(). It has to return when
-- the client is ready or the seconds (nil: no limit) are over. Instead of a client it may get a Poller,
-- which stands for many and has the same get_fd, pollfd, events and timeout. nil: wait in the kernel
-- again.
function outside.set_waiter(fn)
  if fn ~= nil and type(fn) ~= "function" then
    check.fail_type(1, "set_waiter", "function or nil", fn, 2)
  end
  state.waiter, state.yields = fn, false
end

-- How long the next sleep of a wait until the deadline (nil: without end) may be.
function outside.slice(deadline)
  return deadline and math.min(math.max(0, deadline - now()), SLICE) or SLICE
end

function outside.has_waiter()
  return state.waiter ~= nil
end

-- How long a wait for this client may last: nil is without end.
local function seconds_until(deadline, client)
  local left, own = deadline and math.max(0, deadline - now()), client:timeout()
  if left and own then
    return math.min(left, own)
  end
  return left or own
end

-- --- whose turn another coroutine may wait for

-- The calling coroutine; nil for the main one.
local function this_coroutine()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

-- The caller drives this task, in a coroutine of its own loop maybe.
function outside.adopt(task)
  local co = this_coroutine()
  if co then
    task.has_caller, state.callers[task] = true, co
    task.may_pause = state.waiter ~= nil and outside.can_yield()
  end
end

-- Is the caller a coroutine of a loop that can't yield to it here? (In 5.1 an iterator of a `for` can't.)
function outside.is_pinned()
  return state.waiter ~= nil and this_coroutine() ~= nil and not outside.can_yield()
end

-- Has the coroutine that drives the task ended before the task, or has its loop given it up?
function outside.is_abandoned(task)
  local caller = state.callers[task]
  return task.has_caller and (not caller or coroutine.status(caller) == "dead") or false
end

-- If a coroutine is suspended inside the waiter, the waiter lets others run.
local function has_seen_yield()
  if not state.yields then
    for co in pairs(state.inside) do
      state.yields = state.yields or coroutine.status(co) == "suspended"
    end
  end
  return state.yields
end

-- Can the task go on while the caller waits in the waiter?
function outside.can_move(task)
  if not state.waiter or not has_seen_yield() then
    return false
  end
  local caller = state.callers[task]
  return task.is_scheduled or (caller ~= nil and coroutine.status(caller) == "suspended")
end

-- --- waiting

local function leave_waiter(co, ...)
  if co then
    state.inside[co] = nil
  end
  has_seen_yield()
  return ...
end

local function ask_waiter(...)
  local co = this_coroutine()
  if co then
    state.inside[co] = true
  end
  return leave_waiter(co, state.waiter(...))
end

-- Lets the waiter wait for the client or Poller, unless there is no time left. -> true, or false and
-- the error it raised (where a coroutine can't yield across pcall, the error is simply raised)
function outside.call_waiter(client, deadline)
  local seconds = seconds_until(deadline, client)
  if seconds == 0 then
    return true
  elseif outside.can_guard() then
    return leave_waiter(this_coroutine(), pcall(ask_waiter, client, seconds))
  end
  ask_waiter(client, seconds)
  return true
end

-- is_pinned: the caller can't yield, so the waiter, which might, is not used. `wait`: the client's method of that name,
-- where it is known. -> "ready" or "timeout"
function outside.wait(client, deadline, is_pinned, wait)
  if not state.waiter or is_pinned then
    wait = wait or client.wait
    wait(client, deadline and outside.slice(deadline) or SLICE)
  else
    local others = company.of(client)
    local ok, message
    if others then
      ok, message = company.wait(others, client, deadline, outside.call_waiter)
    else
      ok, message = outside.call_waiter(client, deadline)
    end
    if not ok then
      error(message, 0)
    end
    if client.poll then -- a client; a Poller has nobody to be polled here
      client:poll()
    end
  end
  company.notice(client)
  return deadline and now() >= deadline and "timeout" or "ready"
end

-- Waits for a time, with a Poller that has no clients.
function outside.pause(deadline, is_pinned)
  local nobody = httpclient.Poller.new()
  repeat
    if state.waiter and not is_pinned then
      ask_waiter(nobody, math.max(0, deadline - now()))
    else
      nobody:wait(outside.slice(deadline))
    end
  until now() >= deadline
  nobody:close()
end

return outside
