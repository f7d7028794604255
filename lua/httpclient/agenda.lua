-- agenda.lua: which tasks are to be resumed: those whose turn it is, in order, and those whose time will come.
local httpclient = require("httpclient")

local now = httpclient.monotonic_time
local never = math.huge

local agenda = {}

local queue, first, last = {}, 1, 0
local timed = {}              -- task -> when it is resumed at the latest
local next_deadline = never   -- no task is timed before this

-- Puts the task at the end of the queue, unless it is in there; `reason` is what its wait gives.
function agenda.add(task, reason)
  if not task.is_queued then
    task.is_queued = true
    task.reason = reason
    last = last + 1
    queue[last] = task
  end
end

-- How many are in the queue.
function agenda.count()
  return last - first + 1
end

-- The next of them.
function agenda.take()
  local task = queue[first]
  queue[first] = nil
  first = first + 1
  return task
end

-- Nobody is resumed for a deadline before this.
function agenda.next_deadline()
  return next_deadline
end

-- Is a task waiting for its time?
function agenda.has_deadlines()
  return next(timed) ~= nil
end

function agenda.set_deadline(task, deadline)
  timed[task] = deadline
  next_deadline = math.min(next_deadline, deadline)
end

function agenda.clear_deadline(task)
  timed[task] = nil
end

-- Queues those whose time has come, the earliest first.
function agenda.add_expired()
  local time = now()
  if time < next_deadline then
    return
  end
  next_deadline = never
  local expired = {}
  for task, deadline in pairs(timed) do
    if deadline <= time then
      expired[#expired + 1] = task
    else
      next_deadline = math.min(next_deadline, deadline)
    end
  end
  table.sort(expired, function(a, b)
    return timed[a] < timed[b]
  end)
  for _, task in ipairs(expired) do
    agenda.add(task, "timeout")
  end
end

return agenda
