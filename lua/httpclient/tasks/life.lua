-- life.lua: a task from its first step to its end, whoever moves it: the scheduler, or a caller who waits.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local agenda = require(root .. ".tasks.agenda")
local kept = require(root .. ".base.kept")
local watched = require(root .. ".tasks.watched")

local unpack = table.unpack or unpack -- luacheck: ignore
local enqueue = agenda.add

local lost = kept("lost", {})
local shared = kept("life", {
  waiting = {},       -- client -> the task that waits for it
  -- Task by coroutine. Both weak: a value leads to its key, and 5.1 knows no ephemerons.
  by_coroutine = setmetatable({}, { __mode = "kv" }),
  running_count = 0,
  -- One for each loop that sleeps in the waiter. Weak: a coroutine that nobody resumes any more
  -- never comes back from it.
  sleepers = setmetatable({}, { __mode = "k" }),
})

local life = { waiting = shared.waiting, lost = lost }

local Task = {}
Task.__index = Task
life.Task = Task

local by_coroutine = shared.by_coroutine
-- Stands for the main coroutine, which 5.1 does not tell.
local MAIN = kept("main coroutine", {})
local running = coroutine.running

local function pack(...)
  return { n = select("#", ...), ... }
end
life.pack = pack

-- -> the task that calls, or nil outside of tasks; what stands for the coroutine
function life.current()
  local co = running() or MAIN
  return by_coroutine[co], co
end

-- The task that this one is a part of.
function life.root_of(task)
  while task.parent do
    task = task.parent
  end
  return task
end

-- A task that has not begun.
function life.new(fn, ...)
  local arguments = pack(...)
  local task = setmetatable({ state = "running" }, Task)
  task.co = coroutine.create(function()
    return fn(unpack(arguments, 1, arguments.n))
  end)
  by_coroutine[task.co] = task
  return task
end

-- A coroutine and its stack cost a fifth of a small request. So those that have come to their end serve again.
local MOST_SPARE = 8
local ENDED = kept("ENDED", {})
local spares = {}

-- (While it rests it holds nothing of what it has run.)
local function work(fn, subject)
  while true do
    fn(subject)
    fn, subject = nil, nil -- luacheck: ignore
    fn, subject = coroutine.yield(ENDED)
  end
end

-- A task that has not begun, for something that is done often, returns nothing, and calls no function of the script's:
-- that could keep the coroutine, and resume it when it is another's. Its first resume() has to give the function and
-- what that is called with.
function life.new_worker()
  local count = #spares
  local co = spares[count] or coroutine.create(work)
  spares[count] = nil
  local task = setmetatable({ state = "running", co = co, parent = nil, on_abort = nil,
    subject = nil,
    is_holder = nil, child = nil, results = nil }, Task) -- made large enough at once
  by_coroutine[co] = task
  return task
end

-- A task that runs in the coroutine that calls, as a part of `parent`; without one it `sleeps`, since nothing resumes
-- it. `co`: see life.current()
function life.enter(parent, co)
  local task = setmetatable({ state = "running", co = co, parent = parent or false,
    sleeps = not parent, on_abort = false, subject = false, is_holder = false, child = false },
    Task)
  by_coroutine[co] = task
  if parent then
    life.drop_child(parent)
    parent.child = task
  end
  return task
end

-- It has ended.
function life.leave(task, is_done)
  local parent = task.parent
  by_coroutine[task.co] = parent or nil
  if parent then
    parent.child = nil
  end
  task.state = is_done and "done" or "failed"
  if task.child then
    life.drop_child(task)
  end
  if not is_done and task.on_abort then
    task.on_abort(task.subject)
  end
end

-- Puts the task into the scheduler's hands. -> the task
function life.schedule(task)
  task.is_scheduled = true
  shared.running_count = shared.running_count + 1
  return task
end

-- How many tasks the scheduler has in hand.
function life.running_count()
  return shared.running_count
end

-- The Poller's descriptor is for others while nothing is under way.
function life.close_if_idle()
  if shared.running_count == 0 and next(shared.sleepers) == nil then
    watched.close()
  end
end

-- A loop goes to sleep in the waiter. -> what stands for it; held by the caller, and by nobody else
function life.fall_asleep()
  local sleeper = {}
  shared.sleepers[sleeper] = true
  return sleeper
end

function life.wake_up(sleeper)
  shared.sleepers[sleeper] = nil
end

-- The task no longer waits for another one ...
function life.stop_watching(task)
  local watchers = task.awaited and task.awaited.watchers
  task.awaited = nil
  if not watchers then
    return
  end
  for index, other in ipairs(watchers) do
    if other == task then
      table.remove(watchers, index)
      return
    end
  end
end

-- ... or for a client, or a time.
function life.stop_waiting(task)
  if task.client then
    life.waiting[task.client] = nil
    task.client = nil
  end
  agenda.clear_deadline(task)
end

-- A part of it that an error has passed by: there was a C function in between, which nothing yields across.
function life.drop_child(task)
  if task.child then
    life.drop(task.child)
  end
end

-- The task has ended. What it holds outside of itself goes back, and those who wait for it go on.
local function conclude(task, state, ...)
  life.drop_child(task)
  task.state = state
  task.results = pack(...)
  life.stop_waiting(task)
  life.stop_watching(task)
  by_coroutine[task.co] = nil
  if task.is_scheduled then
    shared.running_count = shared.running_count - 1
  end
  local watchers = task.watchers
  for index = 1, watchers and #watchers or 0 do
    enqueue(watchers[index], "ready")
  end
  local on_abort = task.on_abort
  task.on_abort = nil
  if on_abort and state ~= "done" then
    on_abort(task.subject)
  end
  life.close_if_idle()
end

-- Ends the task where it stands.
function life.drop(task)
  if task.state ~= "running" then
    return
  end
  conclude(task, "cancelled", nil, "the task was cancelled")
  if coroutine.close and coroutine.status(task.co) == "suspended" then
    coroutine.close(task.co)
  end
end

-- An error has gone past the one who moved the task, and a finalizer has seen that: it ends with
-- the next call that moves tasks.
function life.lose(task)
  lost[#lost + 1] = task
end

function life.drop_lost()
  while lost[1] do
    life.drop(table.remove(lost))
  end
end

-- What has gone through another task, or a handler of the script's, may have its traceback already: the one that tells
-- where it began.
local function trace_of(task, message)
  if type(message) ~= "string" or message:find("\nstack traceback:\n", 1, true) then
    return message
  end
  return debug.traceback(task.co, message)
end

local function conclude_worker(task)
  conclude(task, "done")
  if #spares < MOST_SPARE then
    spares[#spares + 1] = task.co
  end
end

-- -> as life.resume()
local function settle(task, ok, ...)
  if coroutine.status(task.co) ~= "dead" then
    if task.is_dropped then
      life.drop(task)
      return false
    elseif ... == ENDED then
      conclude_worker(task)
      return false
    end
    return true, ...
  end
  if task.is_dropped then
    life.drop(task)
  elseif ok then
    conclude(task, "done", ...)
  else
    task.trace = trace_of(task, (...))
    conclude(task, "failed", nil, (...))
  end
  return false
end

-- Moves the task on. -> true, and what it has yielded; false when it has ended
function life.resume(task, ...)
  return settle(task, coroutine.resume(task.co, ...))
end

return life
