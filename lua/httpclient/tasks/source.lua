-- source.lua: a task that hands out one value after the other, and rests in between: nothing of it
-- moves unless somebody asks. Who asks waits as a call of drive() does, whoever asked before; where
-- no function of the script's is called meanwhile, without a coroutine for it (see in_place.lua).
--
-- While it rests nobody but its owner holds it: a source that is forgotten is collected.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local drive = require(root .. ".tasks.drive")
local in_place = require(root .. ".tasks.in_place")
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")
local outside = require(root .. ".tasks.outside")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local now = httpclient.monotonic_time
local HANDED = kept("HANDED", {})
local CANT_WAIT, WAIT = waits.CANT_WAIT, waits.WAIT

local Source = {}
Source.__index = Source

-- fn(subject) runs when next() is called, and hands out by give(). calls_script: it may call a function of the
-- script's. (`back` is what the task is resumed with next, which one of life.new() knows without being told.)
local function new(fn, subject, calls_script)
  local task = calls_script and life.new(fn, subject) or life.new_worker()
  return setmetatable({ task = task, calls_script = calls_script, back = fn, back_subject = subject,
    reader = nil, deadline = nil, is_waiting = nil }, Source)
end

-- Called by the source's function: rests until the next value is wanted; not where this is the last one, and nothing is
-- left to be waited for: then its end comes with it.
local function give(value, is_last)
  coroutine.yield(HANDED, value, is_last)
end

-- What the source has yielded is waited for as its driver waits. -> what that gives
local function pass_on(driver, ...)
  local why, client, deadline = ...
  if not driver.sleeps then
    return coroutine.yield(...)
  elseif why == WAIT and client then
    return outside.wait(client, deadline, false)
  elseif why == WAIT then
    scheduler.work_once(deadline)
  end -- else there are no others who could go first
end

local move

-- What the source waits for is waited for until its reader's deadline, and then left.
local function wait_until(self, driver, value, client, own)
  local deadline = self.deadline
  local reason, message = pass_on(driver, WAIT, client, math.min(own or deadline, deadline))
  if now() < deadline or (own and own <= deadline) or reason == CANT_WAIT then
    return move(self, driver, value, reason, message)
  end
  self.back, self.is_waiting = "ready", true
  return value
end

-- `value` is the last one, once it is known. The rest is as life.resume() gives it.
local function go_on(self, driver, value, is_waiting, ...)
  local why, given, is_last = ...
  if not is_waiting then
    return value
  elseif why ~= HANDED then
    if self.deadline and why == WAIT and given then
      return wait_until(self, driver, value, given, is_last)
    end
    return move(self, driver, value, pass_on(driver, ...))
  elseif is_last then
    return move(self, driver, given)
  end
  return given
end

-- Moves the source on; the last arguments are what its wait has given. -> as pump()
function move(self, driver, value, ...)
  if self.task.state ~= "running" then
    return value -- it was stopped meanwhile
  end
  return go_on(self, driver, value, life.resume(self.task, ...))
end

-- Moves the source until it hands something out, or ends, or waits for its client when the deadline
-- comes (then it is_waiting); in a task of its own, whose child it is meanwhile. -> the value, or nil
local function pump(self)
  local task, driver, back, subject = self.task, waits.current(), self.back, self.back_subject
  self.back, self.back_subject, self.is_waiting = nil, nil, nil
  task.parent, driver.child, self.reader = driver, task, driver
  local value = move(self, driver, nil, back, subject)
  task.parent, driver.child, self.reader = nil, nil, nil
  return value
end

-- pump() as a task of its own. -> the value, or nil
local function drive_pump(self)
  local driver = drive(pump, self)
  if driver.state == "failed" then
    error(driver.results[2], 0)
  elseif driver.state == "done" then
    return driver.results[1]
  end
  self.is_waiting = nil
end

-- -> the next value; nil where the task has ended: its `state` and `results` say how; nil and true
-- where the deadline (nil: none) came first
function Source:next(deadline)
  if self.task.state ~= "running" then
    return nil
  end
  self.deadline = deadline
  if not self.calls_script then
    local is_over, went_well, value = in_place(pump, self)
    if is_over and not went_well then
      error(value, 0)
    elseif is_over then
      return value, self.is_waiting
    end
  end
  local value = drive_pump(self)
  return value, self.is_waiting
end

-- Is somebody waiting for the next value?
function Source:is_asked()
  return self.reader ~= nil and self.reader.state == "running"
end

-- Ends the task where it stands, or, where its own callback has called, at its next wait. Who waits
-- for its next value goes on.
function Source:stop()
  local task, is_asked = self.task, self:is_asked()
  local status = coroutine.status(task.co)
  if task.state ~= "running" then
    return
  elseif status == "running" or status == "normal" or watched.is_busy() then
    task.is_dropped = true
  else
    life.drop(task)
  end
  if is_asked and life.root_of(self.reader).is_scheduled then
    scheduler.wake(self.reader)
  end
end

return { new = new, give = give }
