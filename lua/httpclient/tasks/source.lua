-- source.lua: a task that hands out one value after the other, and rests in between: nothing of it
-- moves unless somebody asks. Who asks waits as a call of drive() does, whoever asked before.
--
-- While it rests nobody but its owner holds it: a source that is forgotten is collected.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local drive = require(root .. ".tasks.drive")
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local unpack = table.unpack or unpack -- luacheck: ignore
local now = httpclient.monotonic_time
local HANDED = kept("HANDED", {})

local Source = {}
Source.__index = Source

-- fn(...) runs when next() is called, and hands out by give().
local function new(fn, ...)
  return setmetatable({ task = life.new(fn, ...), reader = nil }, Source)
end

-- Called by the source's function: rests until the next value is wanted.
local function give(value)
  coroutine.yield(HANDED, value)
end

-- What the source waits for is waited for until the deadline. -> what that gives; nil: it has come
local function wait_until(deadline, _, client, own)
  local back = life.pack(coroutine.yield(waits.WAIT, client, math.min(own or deadline, deadline)))
  if now() < deadline or (own and own <= deadline) or back[1] == waits.CANT_WAIT then
    return back
  end
end

-- Moves the source until it hands something out, or ends, or waits for its client when the deadline
-- comes; in a task of its own, whose child it is meanwhile. -> the value; nil and whether it waits
local function pump(self, deadline)
  local task, driver, back = self.task, waits.current(), self.back or { n = 0 }
  self.back = nil
  task.parent, driver.child, self.reader = driver, task, driver
  local value, is_waiting
  while task.state == "running" do
    local yielded = life.resume(task, unpack(back, 1, back.n))
    if yielded and yielded[1] == HANDED then
      value = yielded[2]
      break
    elseif yielded and deadline and yielded[1] == waits.WAIT and yielded[2] then
      back = wait_until(deadline, unpack(yielded, 1, yielded.n))
      if not back then
        self.back, is_waiting = { n = 1, "ready" }, true
        break
      end
    elseif yielded then
      back = life.pack(coroutine.yield(unpack(yielded, 1, yielded.n)))
    end
  end
  task.parent, driver.child, self.reader = nil, nil, nil
  return value, is_waiting
end

-- -> the next value; nil where the task has ended: its `state` and `results` say how; nil and true
-- where the deadline (nil: none) came first
function Source:next(deadline)
  if self.task.state ~= "running" then
    return nil
  end
  local driver = drive(pump, self, deadline)
  if driver.state == "failed" then
    error(driver.results[2], 0)
  end
  if driver.state == "done" then
    return driver.results[1], driver.results[2]
  end
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
