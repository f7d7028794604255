-- agenda.lua: which tasks are to be resumed: those whose turn it is, in order, those that have had it and come with the
-- next round, and those whose time will come.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local kept = require(root .. ".base.kept")

local now = httpclient.monotonic_time
local never = math.huge

local agenda = {}

local state = kept("agenda", {
  queue = {}, first = 1, last = 0,
  later = {},               -- those of the next round
  firsts = {},              -- and those that it begins with
  timed = {},               -- task -> when it is resumed at the latest
  next_deadline = never,    -- no task is timed before this
})

local function append(task)
  state.last = state.last + 1
  state.queue[state.last] = task
end

-- Puts the task at the end of the queue, unless it is in there; `reason` is what its wait gives.
function agenda.add(task, reason)
  if not task.is_queued then
    task.is_queued = true
    task.reason = reason
    append(task)
  end
end

-- Its turn is over: it comes into the queue with the next round.
function agenda.add_later(task, reason)
  task.is_queued = true
  task.reason = reason
  state.later[#state.later + 1] = task
end

-- Its turn is over, and the next round begins with it.
function agenda.add_first(task)
  task.is_queued = true
  state.firsts[#state.firsts + 1] = task
end

-- Does a task wait for the next round?
function agenda.has_later()
  return state.later[1] ~= nil or state.firsts[1] ~= nil
end

-- A new round: before and behind what is left of the last one come those that have had their turn then.
function agenda.begin_round()
  local later, firsts = state.later, state.firsts
  if firsts[1] then
    state.firsts = {}
    for index = #firsts, 1, -1 do
      state.first = state.first - 1
      state.queue[state.first] = firsts[index]
    end
  end
  if later[1] then
    state.later = {}
    for _, task in ipairs(later) do
      append(task)
    end
  end
end

-- How many are in the queue.
function agenda.count()
  return state.last - state.first + 1
end

-- The next of them.
function agenda.take()
  local first = state.first
  local task = state.queue[first]
  state.queue[first] = nil
  state.first = first + 1
  return task
end

-- Nobody is resumed for a deadline before this.
function agenda.next_deadline()
  return state.next_deadline
end

-- Is a task waiting for its time?
function agenda.has_deadlines()
  return next(state.timed) ~= nil
end

function agenda.set_deadline(task, deadline)
  state.timed[task] = deadline
  state.next_deadline = math.min(state.next_deadline, deadline)
end

function agenda.clear_deadline(task)
  state.timed[task] = nil
end

-- Queues those whose time has come, the earliest first.
function agenda.add_expired()
  local time, timed = now(), state.timed
  if time < state.next_deadline then
    return
  end
  local expired, soonest = {}, never
  for task, deadline in pairs(timed) do
    if deadline <= time then
      expired[#expired + 1] = task
    else
      soonest = math.min(soonest, deadline)
    end
  end
  state.next_deadline = soonest
  table.sort(expired, function(a, b)
    return timed[a] < timed[b]
  end)
  for _, task in ipairs(expired) do
    agenda.add(task, "timeout")
  end
end

return agenda
