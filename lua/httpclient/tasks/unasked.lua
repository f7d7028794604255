-- unasked.lua: a task that has failed. httpclient.on_task_error hears of it at once; where there is
-- none, and nobody asks the task before it is collected, its error comes out of the next process()
-- or run(): no error is lost in silence.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local errors = require(root .. ".tasks.errors")
local finalizer = require(root .. ".base.finalizer")

local unasked = {}

-- The handler of the module's user; nil: none. What is none and can't be called is told beside the task's error.
function unasked.handler()
  local handler = rawget(httpclient, "on_task_error")
  if handler ~= nil and type(handler) ~= "function" then
    errors.add("httpclient.on_task_error must be a function, got " .. check.name_of(handler))
    return nil
  end
  return handler
end

-- The task has failed, and there is no handler. What stands for it is collected with it, and then
-- only notes the error: a finalizer may run at any moment.
function unasked.watch(task)
  local record = { error = task.trace, is_open = true }
  task.unasked = record
  task.witness = finalizer(function()
    if record.is_open then
      errors.add(record.error)
    end
  end)
end

-- Somebody has asked how the task has ended.
function unasked.is_asked(task)
  local record = task.unasked
  if record then
    record.is_open, task.unasked = false, nil
  end
end

return unasked
