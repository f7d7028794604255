-- source.lua: a task that hands out one value after the other, and rests in between: nothing of it
-- moves unless somebody asks. Who asks waits as a call of drive() does, whoever asked before.
--
-- While it rests nobody but its owner holds it: a source that is forgotten is collected.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local drive = require(root .. ".tasks.drive")
local kept = require(root .. ".base.kept")
local life = require(root .. ".tasks.life")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")
local watched = require(root .. ".tasks.watched")

local unpack = table.unpack or unpack -- luacheck: ignore
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

-- Moves the source until it hands something out, or ends; in a task of its own, whose child it is meanwhile.
local function pump(self)
  local task, driver, back = self.task, waits.current(), { n = 0 }
  task.parent, driver.child, self.reader = driver, task, driver
  local value
  while task.state == "running" do
    local yielded = life.resume(task, unpack(back, 1, back.n))
    if yielded and yielded[1] == HANDED then
      value = yielded[2]
      break
    elseif yielded then
      back = life.pack(coroutine.yield(unpack(yielded, 1, yielded.n)))
    end
  end
  task.parent, driver.child, self.reader = nil, nil, nil
  return value
end

-- -> the next value; nil where the task has ended: its `state` and `results` say how
function Source:next()
  if self.task.state ~= "running" then
    return nil
  end
  local driver = drive(pump, self)
  if driver.state == "failed" then
    error(driver.results[2], 0)
  end
  return driver.state == "done" and driver.results[1] or nil
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
