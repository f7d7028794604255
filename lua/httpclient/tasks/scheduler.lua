-- tasks.lua: functions that wait without holding anybody up. A task is a coroutine; the scheduler here resumes it when
-- the client that it waits for has moved, its time is over, or somebody has woken it.
--
-- A task that is in the scheduler's hands moves in process() and run(). Outside of tasks drive() does the same for a
-- single one, and sleeps in the kernel, or in the waiter that was set.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local agenda = require(root .. ".tasks.agenda")
local check = require(root .. ".base.check")
local errors = require(root .. ".tasks.errors")
local finalizer = require(root .. ".base.finalizer")
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local watched = require(root .. ".tasks.watched")

local now = httpclient.monotonic_time
local current, drop, new_task, resume, root_of = life.current, life.drop, life.new, life.resume, life.root_of
local enqueue, pack, waiting = agenda.add, life.pack, life.waiting
local unpack = table.unpack or unpack -- luacheck: ignore
local never = math.huge

local tasks = {}

-- What a task yields, first of all values: it waits, it lets others go first, it goes no further. Everything else that it
-- yields is its own business: for the scheduler its turn is over, and drive() passes it on to the loop around.
local WAIT, AGAIN, DROPPED = kept("WAIT", {}), kept("AGAIN", {}), kept("DROPPED", {})
-- What it gets back when the Poller can't be made.
local CANT_WAIT = kept("CANT_WAIT", {})

local state = kept("tasks", {
  turn = nil,     -- while the scheduler is at work: { ends = time or nil }
  pinned = 0,     -- how many tasks that can't yield wait one inside the other, see work_here()
  held = nil,     -- while that are too many: the tasks that must not become the next
  lost = {},      -- tasks that an error has left behind: see drive_unguarded()
})

-- The longest sleep in a waiter: what another coroutine of its loop has begun or ended meanwhile wakes nobody.
local LONGEST_SLEEP = 0.2
local MOST_PINNED = 8         -- each takes room on the C stack
-- Where no frames are, who only says "later" has a turn so often: no loop of such ones takes the whole processor.
local ROUND = 0.001

-- --- what a task does ---------------------------------------------------------------------------------------------------

-- The task that calls, or nil outside of tasks.
tasks.current = current

-- Waits until the client has moved, wake() is called for the task, or the deadline has come. Only inside a task.
-- -> "ready" or "timeout"; nil and a message where nothing can wait for the client
function tasks.wait_for(client, deadline)
  local reason, message = coroutine.yield(WAIT, client, deadline)
  if reason == CANT_WAIT then
    return nil, message
  end
  return reason
end

-- Lets others go first.
function tasks.yield()
  coroutine.yield(AGAIN)
end

-- True when the time that process() was given is used up.
function tasks.is_over_budget()
  local turn = state.turn
  return turn ~= nil and turn.ends ~= nil and now() >= turn.ends
end

-- Can the calling task be woken by another one? Not when it is driven from outside of the scheduler.
function tasks.is_scheduled()
  local task = current()
  return task ~= nil and root_of(task).is_scheduled
end

-- The same of a loop around: is the calling task driven from a coroutine that can wait there?
function tasks.may_pause()
  local task = current()
  return task ~= nil and root_of(task).may_pause == true
end

-- Can the task go on while the calling one waits?
function tasks.can_move(task)
  return outside.can_move(root_of(task))
end

-- Ends the task if the coroutine that drives it is gone. -> is it?
function tasks.drop_if_abandoned(task)
  local top = root_of(task)
  local is_gone = not top.is_scheduled and outside.is_abandoned(top)
  if is_gone then
    drop(top)
  end
  return is_gone
end

-- --- a task that its caller drives --------------------------------------------------------------------------------------

local function pass_on(yielded, parent, is_pinned)
  if yielded[1] == AGAIN then
    if parent then
      coroutine.yield(AGAIN)
    end
    return nil
  elseif yielded[1] == WAIT then
    if parent then
      return pack(coroutine.yield(WAIT, yielded[2], yielded[3]))
    end
    if not yielded[2] then
      return tasks.work_once(yielded[3])
    end
    return pack(outside.wait(yielded[2], yielded[3], is_pinned))
  end
  return pack(coroutine.yield(unpack(yielded, 1, yielded.n)))
end

local function drive_on(task, parent, is_pinned)
  local back = { n = 0 }
  while true do
    local yielded = resume(task, unpack(back, 1, back.n))
    if not yielded then
      return
    end
    back = pass_on(yielded, parent, is_pinned) or { n = 0 }
  end
end

local work_here, drive_here

-- Where nothing yields across pcall, what the waiter raises goes right through, and leaves the task where it was. What
-- stands on the stack is then collected, and says so; a finalizer may come at any moment and does no more than that.
local function drive_unguarded(task)
  local sentinel = finalizer(function()
    if task.state == "running" then
      state.lost[#state.lost + 1] = task
    end
  end)
  drive_on(task)
  return sentinel
end

local function drop_lost()
  while state.lost[1] do
    drop(table.remove(state.lost))
  end
end

-- Runs fn(...) as a task of its own to its end, and waits where the caller waits: inside a task for the scheduler, else
-- in the kernel or the waiter. -> the task, which has ended
function tasks.drive(fn, ...)
  drop_lost()
  local parent = current()
  if parent and not outside.can_yield() then
    return drive_here(parent, fn, ...)
  end
  local task = new_task(fn, ...)
  if parent then
    if parent.child then
      drop(parent.child) -- an error has passed it by: there was a C function in between, which nothing yields across
    end
    task.parent = parent
    parent.child = task
    drive_on(task, parent)
    parent.child = nil
    return task
  end
  outside.adopt(task)
  if not outside.can_guard() then
    drive_unguarded(task)
    return task
  end
  local ok, message = pcall(drive_on, task)
  if not ok then
    drop(task)
    error(message, 0)
  end
  return task
end

-- --- the scheduler ------------------------------------------------------------------------------------------------------

-- The scheduler forgets the client: another owner has it.
tasks.unwatch = watched.remove

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
  local yielded = resume(task, reason, task.message)
  if not yielded then
    if task.state == "failed" and task.raises then
      errors.add(task.trace)
    end
  elseif yielded[1] == WAIT then
    start_waiting(task, yielded[2], yielded[3])
  elseif yielded[1] == AGAIN then
    enqueue(task)
  else
    agenda.add_later(task)
  end
end

local function queue_moved(seconds)
  local moved, may_be_more = watched.wait(seconds)
  for _, client in ipairs(moved) do
    if waiting[client] then
      enqueue(waiting[client], "ready")
    else
      watched.remove(client) -- it has something to read, and its task is at something else
    end
  end
  if may_be_more then
    for _, task in pairs(waiting) do enqueue(task, "ready") end -- each looks for itself
  end
end

-- Sleeps until a task can go on, or `limit` has come.
local function sleep(limit)
  local poller = watched.poller()
  local deadline = math.min(limit or never, agenda.next_deadline())
  if state.pinned > 0 or not outside.has_waiter() then
    queue_moved(outside.slice(deadline))
    return
  end
  -- All is at rest meanwhile: another coroutine of the waiter's loop may call process() or run() too.
  local mine = state.turn
  state.turn = nil
  local sleeper = life.fall_asleep()
  local ok, message = outside.call_waiter(poller, math.min(deadline, now() + LONGEST_SLEEP))
  life.wake_up(sleeper)
  state.turn = mine
  if not ok then
    error(message, 0)
  end
  life.close_if_idle()
  queue_moved(0)
end

local function run_queue(count)
  while count > 0 and agenda.count() > 0 do
    count = count - 1
    local task, held = agenda.take(), state.held
    if held and not task.host then
      held[#held + 1] = task
    else
      step(task)
    end
    if tasks.is_over_budget() then
      return
    end
  end
end

local function enter(name, ends)
  if state.turn or current() then
    error(name .. "() can't be called from inside a task or a callback", 3)
  end
  state.turn = { ends = ends }
end

-- One round of the scheduler's own work, which must not leave it "at work" when the waiter or memory fails.
local function guarded(fn, ...)
  if outside.has_waiter() and not outside.can_guard() then
    return fn(...)
  end
  local ok, message = pcall(fn, ...)
  if not ok then
    state.turn = nil
    error(message, 0)
  end
end

-- What is ready moves once; within a time budget again and again.
local function rounds(seconds)
  agenda.begin_round()
  repeat
    queue_moved(0)
    agenda.add_expired()
    local count = agenda.count()
    run_queue(count)
  until not seconds or count == 0 or tasks.is_over_budget()
end

-- Moves every task and HTTPRequest, without waiting. seconds: the time it may take, as long as there is something to do;
-- without it each one that is ready moves once. Raises what a callback has raised, after all have moved.
function tasks.process(seconds)
  if seconds ~= nil and (type(seconds) ~= "number" or seconds < 0 or seconds ~= seconds) then
    check.fail(1, "process", "0 or more seconds are needed", 2)
  end
  enter("process", seconds and now() + seconds)
  guarded(rounds, seconds)
  state.turn = nil
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
function work_here(is_done, deadline, is_fetch)
  local my_turn, my_held, ok, message = state.turn, state.held
  state.turn, state.pinned = {}, state.pinned + 1
  state.held = is_fetch and state.pinned > MOST_PINNED and {} or nil
  repeat
    ok, message = pcall(work_until, is_done, deadline)
  until not ok or is_done() or (deadline and now() >= deadline)
  for _, task in ipairs(state.held or {}) do
    task.is_queued = false
    enqueue(task, task.reason)
  end
  state.turn, state.held, state.pinned = my_turn, my_held, state.pinned - 1
  if not ok then
    error(message, 0)
  end
end

-- drive() for a task that can't yield. Where nothing schedules it, and in the midst of the Poller's work, the others stand.
function drive_here(parent, fn, ...)
  local ok, message, task
  if watched.is_busy() or not root_of(parent).is_scheduled then
    task = new_task(fn, ...)
    ok, message = pcall(drive_on, task, nil, true)
  else
    task = tasks.new_scheduled(fn, ...)
    task.host = parent
    tasks.start(task)
    ok, message = pcall(work_here, function()
      return task.state ~= "running" or tasks.is_dropped(parent)
    end, nil, true)
  end
  drop(task) -- it has ended, or nobody wants it any more
  if not ok then
    error(message, 0)
  end
  return task
end

-- One round for a driven task, in a callback of which wait() was called. What handlers raise is for run() and process().
function tasks.work_once(deadline)
  local looks, mine = 0, state.turn
  state.turn = {}
  guarded(work_until, function()
    looks = looks + 1
    return looks > 1
  end, deadline)
  state.turn = mine
end

-- Works until all tasks and HTTPRequests have ended; sleeps in the kernel (or in the waiter) meanwhile. Raises what a
-- callback has raised; the others can then be run on.
function tasks.run()
  enter("run")
  guarded(work_until, function()
    return life.running_count() == 0
  end)
  state.turn = nil
  errors.raise()
end

tasks.set_waiter = outside.set_waiter

-- --- tasks for everyone ---------------------------------------------------------------------------------------------------

-- A task in the scheduler's hands. With a field `raises` nobody holds it, and its error comes out of process() or run().
function tasks.new_scheduled(fn, ...)
  return life.schedule(new_task(fn, ...))
end

-- Runs it up to its first wait, where there is time.
function tasks.start(task)
  if watched.is_busy() or tasks.is_over_budget() then -- the Poller takes nobody in now
    enqueue(task)
  else
    step(task)
  end
end

-- Runs fn(...) as a task, in process() and run(): a frame that begins a hundred pays for none of them. -> the task
function tasks.async(fn, ...)
  if type(fn) ~= "function" then
    check.fail_type(1, "async", "function", fn, 2)
  end
  local task = tasks.new_scheduled(fn, ...)
  enqueue(task)
  return task
end

-- Wakes a task that is in wait_for().
function tasks.wake(task)
  enqueue(root_of(task), "ready")
end

-- Ends the turn of the task that calls: it goes on in the next process(), in run() with the next round.
function tasks.next_frame()
  if not tasks.is_scheduled() then
    error("next_frame() is for tasks: what runs outside of async() has no frames to wait for", 2)
  elseif not outside.can_yield() then
    error("next_frame() can't wait here: a C function that calls back, such as table.sort, does not let it yield", 2)
  end
  coroutine.yield()
end

local function is_seconds(value)
  return type(value) == "number" and value == value
end

-- Waits for the time in seconds: inside a task without holding up the others.
function tasks.sleep(seconds)
  if not is_seconds(seconds) then
    check.fail_type(1, "sleep", "number", seconds, 2)
  end
  local deadline = now() + seconds
  if not tasks.is_scheduled() then
    outside.pause(deadline)
  elseif outside.can_yield() then
    repeat
      coroutine.yield(WAIT, nil, deadline)
    until now() >= deadline
  elseif watched.is_busy() then
    outside.pause(deadline, true)
  else
    work_here(tasks.is_dropped, deadline)
  end
end

-- Has the task (none: the calling one) been cancelled by a callback that it was calling?
function tasks.is_dropped(task)
  task = task or current()
  while task and not task.is_dropped do
    task = task.parent or task.host
  end
  return task ~= nil
end

-- Then nothing more comes of it.
function tasks.leave_if_dropped()
  if tasks.is_dropped() then
    coroutine.yield(DROPPED)
  end
end

-- Waits until the task has ended, or the seconds are over. -> as result()
function life.Task:wait(seconds)
  life.check_task(self, "wait")
  if seconds ~= nil and not is_seconds(seconds) then
    check.fail_type(1, "wait", "number or nil", seconds, 2)
  end
  local deadline = seconds and now() + seconds
  local caller = current()
  local function is_done()
    return self.state ~= "running"
  end
  if caller then
    local top = root_of(caller)
    if top == self or root_of(self) == top then
      error("a task can't wait for itself", 2)
    elseif watched.is_busy() then
      error("wait() can't be called from inside a body function", 2)
    elseif not outside.can_yield() then
      work_here(function()
        return is_done() or tasks.is_dropped()
      end, deadline)
      return self:result()
    end
    if top.is_scheduled then
      self.watchers = self.watchers or {}
      self.watchers[#self.watchers + 1] = top
      top.awaited = self
    elseif state.turn then
      error("wait() can't be called from inside a body function", 2)
    end
    while not is_done() and not (deadline and now() >= deadline) do
      coroutine.yield(WAIT, nil, deadline)
    end
    life.stop_watching(top)
  elseif not is_done() then
    enter("wait")
    guarded(work_until, is_done, deadline)
    state.turn = nil
    errors.raise()
  end
  return self:result()
end

return tasks
