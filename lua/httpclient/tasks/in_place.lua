-- in_place.lua: a function that runs as a task where its caller stands, without a coroutine of its own, which costs
-- more than a small request.
--
-- That is for what calls nothing of the script's while it runs: nobody could ask which coroutine it is in, yield there,
-- or cancel it. Inside a task it yields as that one does; outside of tasks it sleeps in the kernel. Where a
-- waiter is set, or nothing yields across pcall, drive.lua does it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")

local current, lost = life.current, life.lost

-- Runs fn(subject, task) to its end. -> true, whether it went well, and what it has returned or raised; false: not here
return function(fn, subject)
  if lost[1] then
    life.drop_lost()
  end
  local parent, co = current()
  if parent then
    if not outside.yields_across_pcall or parent.sleeps or not outside.can_yield() then
      return false
    end
  elseif outside.has_waiter() then
    return false
  end
  local task = life.enter(parent, co)
  local ok, value = pcall(fn, subject, task)
  life.leave(task, ok)
  return true, ok, value
end
