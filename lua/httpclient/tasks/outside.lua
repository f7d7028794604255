-- outside.lua: waiting where no scheduler is: in the kernel, or in the loop that set_waiter() has handed it to.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local company = require(root .. ".tasks.company")
local kept = require(root .. ".base.kept")

local now = httpclient.monotonic_time

local outside = {}

-- One sleep in the kernel takes no longer: the interpreter notices Ctrl-C only in between.
local SLICE = 0.5

local state = kept("outside", {
  waiter = nil,
  yields = false,                                  -- has it been seen to let other coroutines run?
  inside = setmetatable({}, { __mode = "k" }),     -- coroutines that have called it -> true
  callers = setmetatable({}, { __mode = "kv" }),   -- driven task -> the coroutine that drives it
})

-- In 5.1 nothing yields across pcall ...
local pcall_yields = coroutine.wrap(function()
  return (pcall(coroutine.yield, true))
end)() == true

outside.yields_across_pcall = pcall_yields

-- ... but the main thread yields nowhere. Can what calls the waiter be called protected?
function outside.can_guard()
  return pcall_yields or coroutine.running() == nil
end

-- The C functions that 5.2 yields across; the later Luas, and LuaJIT, tell themselves what they can.
local yields_across = {}
if pcall_yields then
  yields_across[pcall], yields_across[xpcall] = true, true
end

-- Can the calling coroutine yield? Not below a C function that calls back, nor in 5.1 in an iterator. (Nor there in a
-- metamethod, which does not show.)
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

-- Hands all waiting outside of tasks, and run()'s, to fn(client, seconds): it returns when the
-- client (or the Poller that stands for many: it has the same get_fd, pollfd, events and timeout)
-- is ready or the seconds (nil: no limit) are over. nil: back to the kernel.
function outside.set_waiter(fn)
  if fn ~= nil and type(fn) ~= "function" then
    check.fail_type(1, "set_waiter", "function or nil", fn, 2)
  end
  state.waiter, state.yields = fn, false
end

-- What of a wait until the deadline (nil: without end) is slept at once.
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

-- Has the coroutine that drives the task ended without it, or been given up by its loop?
function outside.is_abandoned(task)
  local caller = state.callers[task]
  return task.has_caller and (not caller or coroutine.status(caller) == "dead") or false
end

-- A coroutine that is suspended in the waiter shows that this one lets others run.
local function has_seen_yield()
  if not state.yields then
    for co in pairs(state.inside) do
      state.yields = state.yields or coroutine.status(co) == "suspended"
    end
  end
  return state.yields
end

-- Will the task go on while the caller waits in the waiter?
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

-- Lets the waiter wait for the client, or the Poller, if there is something to wait for. -> true,
-- or false and what it has raised (where nothing yields across pcall it is just raised)
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

-- is_pinned: the caller can't yield, so a waiter that might is not asked. -> "ready" or "timeout"
function outside.wait(client, deadline, is_pinned)
  if not state.waiter or is_pinned then
    client:wait(outside.slice(deadline))
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
    if client.poll then -- not a Poller, which stands for nobody
      client:poll()
    end
  end
  company.notice(client)
  return deadline and now() >= deadline and "timeout" or "ready"
end

-- A Poller without clients sleeps as well as any.
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
