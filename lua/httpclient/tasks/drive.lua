-- drive.lua: a function that runs as a task of its own, moved by whoever calls: inside a task it
-- waits as that one does, outside of tasks in the kernel, or in the waiter that was set.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local finalizer = require(root .. ".base.finalizer")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local current, drop, new_task, resume, root_of = life.current, life.drop, life.new, life.resume,
  life.root_of
local AGAIN, WAIT = waits.AGAIN, waits.WAIT

-- What a task has yielded is waited for where its driver waits. -> what that gives
local function pass_on(parent, is_pinned, ...)
  local why, client, deadline = ...
  if why == AGAIN then
    if parent then
      coroutine.yield(AGAIN)
    end
  elseif why ~= WAIT or parent then
    return coroutine.yield(...)
  elseif client then
    return outside.wait(client, deadline, is_pinned)
  else
    scheduler.work_once(deadline)
  end
end

local drive_on

local function go_on(task, parent, is_pinned, is_waiting, ...)
  if is_waiting then
    return drive_on(task, parent, is_pinned, pass_on(parent, is_pinned, ...))
  end
end

-- Moves the task to its end; the last arguments are what its wait has given.
function drive_on(task, parent, is_pinned, ...)
  return go_on(task, parent, is_pinned, resume(task, ...))
end

-- Where nothing yields across pcall, what the waiter raises goes right through, and leaves the task where it was. What
-- stands on the stack is then collected, and says so; a finalizer may come at any moment and does no more than that.
local function drive_unguarded(task, is_pinned)
  local sentinel = finalizer(function()
    if task.state == "running" then
      life.lose(task)
    end
  end)
  drive_on(task, nil, is_pinned)
  return sentinel
end

-- drive() for a task that can't yield. Where nothing schedules it, and in the midst of the Poller's
-- work, the others stand.
local function drive_here(parent, fn, ...)
  local ok, message, task
  if watched.is_busy() or not root_of(parent).is_scheduled then
    task = new_task(fn, ...)
    ok, message = pcall(drive_on, task, nil, true)
  else
    task = scheduler.new_scheduled(fn, ...)
    task.host = parent
    scheduler.start(task)
    ok, message = pcall(scheduler.work_here, function()
      return task.state ~= "running" or waits.is_dropped(parent)
    end, nil, true)
  end
  drop(task) -- it has ended, or nobody wants it any more
  if not ok then
    error(message, 0)
  end
  return task
end

-- Runs fn(...) as a task of its own to its end, and waits where the caller waits: inside a task for the scheduler, else
-- in the kernel or the waiter. -> the task, which has ended
local function drive(fn, ...)
  life.drop_lost()
  local parent = current()
  if parent and (parent.sleeps or not outside.can_yield()) then
    return drive_here(parent, fn, ...)
  end
  local task = new_task(fn, ...)
  if parent then
    life.drop_child(parent)
    task.parent = parent
    parent.child = task
    drive_on(task, parent)
    parent.child = nil
    return task
  end
  outside.adopt(task)
  local is_pinned = outside.is_pinned()
  if not outside.can_guard() then
    drive_unguarded(task, is_pinned)
    return task
  end
  local ok, message = pcall(drive_on, task, nil, is_pinned)
  if not ok then
    drop(task)
    error(message, 0)
  end
  return task
end

return drive
