-- task.lua: what a script can ask of a task: its state and results, to wait for it, and to end it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local agenda = require(root .. ".tasks.agenda")
local check = require(root .. ".base.check")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local scheduler = require(root .. ".tasks.scheduler")
local turn = require(root .. ".tasks.turn")
local unasked = require(root .. ".tasks.unasked")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local now = httpclient.monotonic_time
local unpack = table.unpack or unpack -- luacheck: ignore
local Task = life.Task

local function check_task(self, method)
  if type(self) ~= "table" or rawget(self, "co") == nil then
    check.fail_self(method, "Task", "task", self, 3)
  end
end

-- "running", "done", "failed" or "cancelled"
function Task:status()
  check_task(self, "status")
  unasked.is_asked(self)
  return self.state
end

-- What the function has returned; nil and a message when it is still running, has failed or was cancelled.
function Task:result()
  check_task(self, "result")
  if self.state == "running" then
    return nil, "the task is still running"
  end
  unasked.is_asked(self)
  return unpack(self.results, 1, self.results.n)
end

-- Ends the task where it waits; its connection is closed at once. True when there was something to end.
function Task:cancel()
  check_task(self, "cancel")
  if self.state ~= "running" then
    return false
  end
  local status = coroutine.status(self.co)
  if status == "running" or status == "normal" then
    self.is_dropped = true -- its own callback has called: it ends at its next wait
  elseif watched.is_busy() then
    self.is_dropped = true -- a body function has called, and its client can't be closed under it
    agenda.add(self)
  else
    life.drop(self)
  end
  return true
end

-- May the task be waited for by a task that is a part of `top`?
local function check_wait(self, top)
  if top == self or life.root_of(self) == top then
    error("a task can't wait for itself", 3)
  elseif watched.is_busy()
    or (outside.can_yield() and not top.is_scheduled and turn.is_at_work()) then
    error("wait() can't be called from inside a body function", 3)
  end
end

local function wait_inside(self, top, is_done, deadline)
  if not outside.can_yield() then
    scheduler.work_here(function()
      return is_done() or waits.is_dropped()
    end, deadline)
    return
  end
  if top.is_scheduled then
    self.watchers = self.watchers or {}
    self.watchers[#self.watchers + 1] = top
    top.awaited = self
  end
  while not is_done() and not (deadline and now() >= deadline) do
    coroutine.yield(waits.WAIT, nil, deadline)
  end
  life.stop_watching(top)
end

-- Waits until the task has ended, or the seconds are over. -> as result()
function Task:wait(seconds)
  check_task(self, "wait")
  if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds) then
    check.fail_type(1, "wait", "number or nil", seconds, 2)
  end
  local deadline = seconds and now() + seconds
  local caller = waits.current()
  local function is_done()
    return self.state ~= "running"
  end
  if caller then
    check_wait(self, life.root_of(caller))
    wait_inside(self, life.root_of(caller), is_done, deadline)
  elseif not is_done() then
    scheduler.work("wait", is_done, deadline)
  end
  return self:result()
end

function Task:__tostring()
  return ("Task (%s): %s"):format(self.state, tostring(self.co):match("0x%x+") or "")
end

return Task
