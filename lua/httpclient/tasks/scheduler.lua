-- scheduler.lua: functions that wait without holding anybody up. A task is a coroutine; it is
-- resumed here when the client that it waits for has moved, its time is over, or somebody has woken
-- it. Tasks in the scheduler's hands move in process() and run().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local agenda = require(root .. ".tasks.agenda")
local check = require(root .. ".base.check")
local errors = require(root .. ".tasks.errors")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local turn = require(root .. ".tasks.turn")
local unasked = require(root .. ".tasks.unasked")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local now = httpclient.monotonic_time
local drop, new_task, resume, root_of = life.drop, life.new, life.resume, life.root_of
local enqueue, waiting = agenda.add, life.waiting
local AGAIN, CANT_WAIT, FIRST, WAIT = waits.AGAIN, waits.CANT_WAIT, waits.FIRST, waits.WAIT
local state = turn.state
local never = math.huge

local scheduler = {}

-- The longest sleep in a waiter: what another coroutine of its loop has begun or ended meanwhile wakes nobody.
local LONGEST_SLEEP = 0.2
local MOST_PINNED = 8         -- each takes room on the C stack
-- Where no frames are, who only says "later" has a turn so often: no loop of such ones takes the whole processor.
local ROUND = 0.001

-- The scheduler forgets the client: another owner has it.
scheduler.unwatch = watched.remove
-- A client that no task waits for: see watched.observe.
scheduler.observe = watched.observe

-- Registers what a scheduled task waits for.
local function start_waiting(task, client, deadline)
  if not client and deadline and deadline <= now() then
    return agenda.add_later(task, "timeout")
  elseif client then
    local ok, message = watched.add(client)
    if not ok then
      task.message = message
      return enqueue(task, CANT_WAIT)
    end
    task.client = client
    waiting[client] = task
  end
  if deadline then
    agenda.set_deadline(task, deadline)
  end
end

local function step(task)
  local reason = task.reason
  task.reason, task.is_queued = nil, false
  if task.state ~= "running" or coroutine.status(task.co) ~= "suspended" then
    return
  elseif task.is_dropped then
    return drop(task)
  end
  life.stop_waiting(task)
  local goes_on, why, client, deadline = resume(task, reason, task.message)
  if not goes_on then
    if task.state == "failed" then
      scheduler.report(task)
    end
  elseif why == WAIT then
    start_waiting(task, client, deadline)
  elseif why == AGAIN then
    enqueue(task)
  elseif why == FIRST then
    agenda.add_first(task)
  else
    agenda.add_later(task)
  end
end

-- `most`: for no longer than so many seconds, where that is said. -> has a client moved?
local function queue_moved(seconds, most)
  local moved, may_be_more = watched.wait(seconds, most)
  for _, client in ipairs(moved) do
    if waiting[client] then
      enqueue(waiting[client], "ready")
    elseif not watched.tell_observer(client) then
      watched.remove(client) -- it has something to read, and its task is at something else
    end
  end
  if may_be_more then
    watched.tell_observers()
    for _, task in pairs(waiting) do enqueue(task, "ready") end -- each looks for itself
  end
  return moved[1] ~= nil
end

-- Sleeps until a task can go on, or `limit` has come.
local function sleep(limit)
  local poller = watched.poller()
  local deadline = math.min(limit or never, agenda.next_deadline())
  if state.pinned > 0 or not outside.has_waiter() or outside.is_pinned() then
    queue_moved(outside.slice(deadline))
    return
  end
  -- All is at rest meanwhile: another coroutine of the waiter's loop may call process() or run() too.
  local mine = state.current
  turn.leave()
  local sleeper = life.fall_asleep()
  local ok, message = outside.call_waiter(poller, math.min(deadline, now() + LONGEST_SLEEP))
  life.wake_up(sleeper)
  state.current = mine
  if not ok then
    error(message, 0)
  end
  life.close_if_idle()
  queue_moved(0)
end

-- `is_owed`: the first of them is resumed even where no time is left.
local function run_queue(count, is_owed)
  while count > 0 and agenda.count() > 0 and (is_owed or not turn.is_over_budget()) do
    count, is_owed = count - 1, false
    local task, held = agenda.take(), state.held
    if held and not task.host then
      held[#held + 1] = task
    else
      step(task)
    end
  end
end

-- One round of the scheduler's own work, which must not leave it "at work" when the waiter or memory fails.
local function guarded(fn, ...)
  if outside.has_waiter() and not outside.can_guard() then
    return fn(...)
  end
  local ok, message = pcall(fn, ...)
  if not ok then
    turn.leave()
    error(message, 0)
  end
end

-- What is ready moves once; within a time budget again and again. Where tasks wait from the last time, the Poller gets
-- half of the time and they the rest; else they begin the next one if it has used all up. So each call brings either
-- further, and no task's step stands behind a full budget.
local function rounds(seconds)
  agenda.begin_round()
  local count, is_first = agenda.count(), true
  repeat
    local left, is_owed = turn.left(), is_first and count > 0
    local has_moved = queue_moved(0, left and is_owed and left / 2 or left)
    agenda.add_expired()
    count = agenda.count()
    run_queue(count, is_owed or is_first and not has_moved)
    is_first = false
  until not seconds or count == 0 or turn.is_over_budget()
end

-- Moves every task and HTTPRequest, without waiting. seconds: the time it may take, as long as
-- there is something to do; without it each one that is ready moves once. Raises what a callback
-- has raised, after all have moved.
function scheduler.process(seconds)
  if seconds ~= nil and (type(seconds) ~= "number" or seconds < 0 or seconds ~= seconds) then
    check.fail(1, "process", "0 or more seconds are needed", 2)
  end
  turn.enter("process", seconds and now() + seconds, 3)
  guarded(rounds, seconds)
  turn.leave()
  errors.raise()
end

-- Works until is_done() or the deadline. Fails where the tasks wait for each other.
local function work_until(is_done, deadline)
  local next_round = 0
  while not is_done() and not (deadline and now() >= deadline) do
    if agenda.count() > 0 then
      queue_moved(0)
    elseif agenda.has_later() then
      sleep(math.min(deadline or never, next_round))
    else
      if next(waiting) == nil and not agenda.has_deadlines() and not deadline then
        error("the tasks wait for each other", 0)
      end
      sleep(deadline)
    end
    next_round = now() + ROUND
    agenda.add_expired()
    agenda.begin_round()
    run_queue(agenda.count())
    if errors.are_there() then
      return
    end
  end
end

-- The same in the midst of a task that can't yield: the others move on top of it. `is_fetch`: it needs no other task.
function scheduler.work_here(is_done, deadline, is_fetch)
  local my_turn, my_held, ok, message = state.current, state.held
  state.current, state.pinned = {}, state.pinned + 1
  state.held = is_fetch and state.pinned > MOST_PINNED and {} or nil
  repeat
    ok, message = pcall(work_until, is_done, deadline)
  until not ok or is_done() or (deadline and now() >= deadline)
  for _, task in ipairs(state.held or {}) do
    task.is_queued = false
    enqueue(task, task.reason)
  end
  state.current, state.held, state.pinned = my_turn, my_held, state.pinned - 1
  if not ok then
    error(message, 0)
  end
end

-- One round for a driven task, in a callback of which wait() was called. What handlers raise is for
-- run() and process().
function scheduler.work_once(deadline)
  local looks, mine = 0, state.current
  state.current = {}
  guarded(work_until, function()
    looks = looks + 1
    return looks > 1
  end, deadline)
  state.current = mine
end

-- Works for a script that has called the function of this name, until is_done() or the deadline;
-- sleeps in the kernel (or in the waiter) meanwhile. Raises what a callback has raised; the others
-- can then be run on.
function scheduler.work(name, is_done, deadline)
  turn.enter(name, nil, 4)
  guarded(work_until, is_done, deadline)
  turn.leave()
  errors.raise()
end

-- Works until all tasks and HTTPRequests have ended.
function scheduler.run()
  scheduler.work("run", function()
    return life.running_count() == 0
  end)
end

-- A task in the scheduler's hands. With a field `raises` nobody holds it, and its error comes out
-- of process() or run().
function scheduler.new_scheduled(fn, ...)
  return life.schedule(new_task(fn, ...))
end

-- Ctrl-C: the interpreter has a hook raise in what runs next. In LuaJIT that may be a task, which it was not meant for.
local function is_interruption(message)
  return rawget(_G, "jit") and type(message) == "string" and message:find("interrupted!$") ~= nil
end

-- A task has failed: who hears of it? A handler is a task of its own, and may wait.
function scheduler.report(task)
  local handler = task.is_a_scripts and unasked.handler() or nil
  if task.raises or is_interruption(task.results[2]) then
    errors.add(task.trace)
  elseif not task.is_a_scripts then
    return -- whoever waits for it inside has its error
  elseif handler then
    local heard = scheduler.new_scheduled(handler, task, task.results[2], task.trace)
    heard.raises = true
    scheduler.start(heard)
  else
    unasked.watch(task)
  end
end

-- Runs it up to its first wait, where there is time.
function scheduler.start(task)
  if watched.is_busy() or turn.is_over_budget() then -- the Poller takes nobody in now
    enqueue(task)
  else
    step(task)
  end
end

-- Wakes a task that is in wait_for().
function scheduler.wake(task)
  enqueue(root_of(task), "ready")
end

return scheduler
