-- turn.lua: whether the scheduler is at work, for how long it may be, and how many tasks that can't yield it stands on.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")

local now = httpclient.monotonic_time

local turn = {}

local state = kept("turn", {
  current = nil,  -- while the scheduler is at work: { ends, half = times or nil }
  pinned = 0,
  -- how many tasks that can't yield wait one inside the other, see scheduler.work_here()
  held = nil,     -- while that are too many: the tasks that must not become the next
})
turn.state = state

-- Begins one for the function of this name, which a script has called; `ends`: when its time is
-- used up, or nil. `level` is that of error().
function turn.enter(name, ends, level)
  if state.current or life.current() then
    error(name .. "() can't be called from inside a task or a callback", level)
  end
  life.drop_lost()
  state.current = { ends = ends, half = ends and (now() + ends) / 2 }
end

function turn.leave()
  state.current = nil
end

function turn.is_at_work()
  return state.current ~= nil
end

-- True when the time that process() was given is used up.
function turn.is_over_budget()
  local current = state.current
  return current ~= nil and current.ends ~= nil and now() >= current.ends
end

-- Is less than half of it used up?
function turn.is_young()
  local current = state.current
  return not (current and current.half) or now() < current.half
end

-- -> the seconds that are left of it; nil where nobody has said how many there are
function turn.left()
  local current = state.current
  return current and current.ends and math.max(current.ends - now(), 0) or nil
end

return turn
