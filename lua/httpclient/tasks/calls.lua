-- calls.lua: what scripts call to make tasks and to pause them: async, sleep, next_frame.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local agenda = require(root .. ".tasks.agenda")
local check = require(root .. ".base.check")
local outside = require(root .. ".tasks.outside")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

require(root .. ".tasks.task") -- the methods of what async() gives back

local now = httpclient.monotonic_time

local calls = {}

-- Runs fn(...) as a task, in process() and run(): a frame that begins a hundred pays for none of them. -> the task
function calls.async(fn, ...)
  if type(fn) ~= "function" then
    check.fail_type(1, "async", "function", fn, 2)
  end
  local task = scheduler.new_scheduled(fn, ...)
  task.is_a_scripts = true
  agenda.add(task)
  return task
end

-- Ends the turn of the task that calls: it goes on in the next process(), in run() with the next round.
function calls.next_frame()
  if not waits.is_scheduled() then
    error("next_frame() is for tasks: what runs outside of async() has no frames to wait for", 2)
  elseif not outside.can_yield() then
    error("next_frame() can't wait here: a C function that calls back, such as table.sort, does not let it yield", 2)
  end
  coroutine.yield()
end

-- Waits for the time in seconds: inside a task without holding up the others.
function calls.sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    check.fail_type(1, "sleep", "number", seconds, 2)
  end
  local deadline = now() + seconds
  if not waits.is_scheduled() then
    if waits.current() and outside.can_yield() then
      waits.pause(deadline) -- who drives the task knows whether the waiter can be asked
    else
      outside.pause(deadline, outside.is_pinned())
    end
  elseif outside.can_yield() then
    repeat
      coroutine.yield(waits.WAIT, nil, deadline)
    until now() >= deadline
  elseif watched.is_busy() then
    outside.pause(deadline, true)
  else
    scheduler.work_here(waits.is_dropped, deadline)
  end
end

return calls
