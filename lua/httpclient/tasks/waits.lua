-- waits.lua: for code that runs inside a task: wait, let others go first, and ask what can be waited for.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local turn = require(root .. ".tasks.turn")

local current, drop, root_of = life.current, life.drop, life.root_of

local waits = {}

-- The first value that a task yields says why: it waits, it lets others go first, or it goes no
-- further. Other values are the script's own. The scheduler takes them as the end of the task's turn,
-- and drive() passes them on to the loop around.
local WAIT, AGAIN, DROPPED = kept("WAIT", {}), kept("AGAIN", {}), kept("DROPPED", {})
-- Its turn is over, and the next process() begins with it.
local FIRST = kept("FIRST", {})
-- What the yield returns if the Poller can't be made.
local CANT_WAIT = kept("CANT_WAIT", {})
waits.WAIT, waits.AGAIN, waits.FIRST, waits.CANT_WAIT = WAIT, AGAIN, FIRST, CANT_WAIT

-- The task that calls, or nil outside of tasks.
waits.current = current

-- Waits until the client has moved, wake() is called for the task, or the deadline has come. Only inside a task, which
-- who knows it may say, and so its method wait, which saves the look-up.
-- -> "ready" or "timeout"; nil and a message where nothing can wait for the client
function waits.wait_for(client, deadline, task, wait)
  task = task or current()
  if task and task.sleeps then
    return outside.wait(client, deadline, false, wait)
  end
  local reason, message = coroutine.yield(WAIT, client, deadline)
  if reason == CANT_WAIT then
    return nil, message
  end
  return reason
end

-- Waits for a time. Only inside a task.
function waits.pause(deadline)
  local nobody = not waits.is_scheduled() and httpclient.Poller.new() or nil
  repeat
    waits.wait_for(nobody, deadline)
  until httpclient.monotonic_time() >= deadline
  if nobody then
    nobody:close()
  end
end

-- Lets others go first.
function waits.yield()
  local task = current()
  if not (task and task.sleeps) then
    coroutine.yield(AGAIN)
  end
end

-- Before a step of so many seconds that can't be divided: where process() has less than that left, the
-- next one begins with it. Where the Poller alone takes that long each time, it is done in the end.
function waits.for_seconds(seconds)
  for _ = 1, 3 do
    local left = turn.left()
    if not left or left >= seconds or turn.is_young() or not waits.is_scheduled() then
      return
    end
    coroutine.yield(FIRST)
  end
end

-- Can another task wake the calling one? Not if it is driven from outside of the scheduler.
function waits.is_scheduled()
  local task = current()
  return task ~= nil and root_of(task).is_scheduled
end

-- The same for a loop around: is the calling task driven by a coroutine that can wait there?
function waits.may_pause()
  local task = current()
  return task ~= nil and root_of(task).may_pause == true
end

-- Who moves the task, as far as connections are concerned, which have one home? -> "tasks", "loop"; nil: nobody else
function waits.home_of(task)
  local top = task and root_of(task)
  return top and (top.is_scheduled and "tasks" or top.may_pause and "loop") or nil
end

-- Can the task go on while the calling one waits?
function waits.can_move(task)
  return outside.can_move(root_of(task))
end

-- Ends the task if the coroutine that drives it is gone. -> is it?
function waits.drop_if_abandoned(task)
  local top = root_of(task)
  local is_gone = not top.is_scheduled and outside.is_abandoned(top)
  if is_gone then
    drop(top)
  end
  return is_gone
end

-- Was the task (default: the calling one) cancelled by a callback of its own?
function waits.is_dropped(task)
  task = task or current()
  while task and not task.is_dropped do
    task = task.parent or task.host
  end
  return task ~= nil
end

-- If it was, goes no further.
function waits.leave_if_dropped()
  if waits.is_dropped() then
    coroutine.yield(DROPPED)
  end
end

return waits
