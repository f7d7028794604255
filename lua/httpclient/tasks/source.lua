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

local unpack = table.unpack or unpack -- luacheck: ignore
local now = httpclient.monotonic_time
local HANDED = kept("HANDED", {})

local Source = {}
Source.__index = Source

-- fn(subject) runs when next() is called, and hands out by give(). calls_script: it may call a function of the
-- script's.
local function new(fn, subject, calls_script)
  local task = calls_script and life.new(fn, subject) or life.new_worker()
  return setmetatable({ task = task, calls_script = calls_script, reader = nil, deadline = nil,
    back = not calls_script and { n = 2, fn, subject } or nil, is_waiting = nil }, Source)
end

-- Called by the source's function: rests until the next value is wanted; not where this is the last one, and nothing is
-- left to be waited for: then its end comes with it.
local function give(value, is_last)
  coroutine.yield(HANDED, value, is_last)
end

local NOTHING = { n = 0 }

-- What the source has yielded is waited for as its driver waits. -> what that gives
local function pass_on(driver, yielded)
  if not driver.sleeps then
    return life.pack(coroutine.yield(unpack(yielded, 1, yielded.n)))
  elseif yielded[1] ~= waits.WAIT then
    return NOTHING -- there are no others who could go first
  elseif not yielded[2] then
    scheduler.work_once(yielded[3])
    return NOTHING
  end
  return life.pack(outside.wait(yielded[2], yielded[3], false))
end

-- What the source waits for is waited for until the deadline. -> what that gives; nil: it has come
local function wait_until(driver, yielded, deadline)
  local own = yielded[3]
  yielded[3], yielded.n = math.min(own or deadline, deadline), 3
  local back = pass_on(driver, yielded)
  if now() < deadline or (own and own <= deadline) or back[1] == waits.CANT_WAIT then
    return back
  end
end

-- Moves the source until it hands something out, or ends, or waits for its client when the deadline
-- comes (then it is_waiting); in a task of its own, whose child it is meanwhile. -> the value, or nil
local function pump(self)
  local task, driver, back, deadline = self.task, waits.current(), self.back or NOTHING,
    self.deadline
  self.back, self.is_waiting = nil, nil
  task.parent, driver.child, self.reader = driver, task, driver
  local value
  while task.state == "running" do
    local yielded = life.resume(task, unpack(back, 1, back.n))
    if yielded and yielded[1] == HANDED then
      value, back = yielded[2], NOTHING
      if not yielded[3] then
        break
      end
    elseif yielded and deadline and yielded[1] == waits.WAIT and yielded[2] then
      back = wait_until(driver, yielded, deadline)
      if not back then
        self.back, self.is_waiting = { n = 1, "ready" }, true
        break
      end
    elseif yielded then
      back = pass_on(driver, yielded)
    end
  end
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
