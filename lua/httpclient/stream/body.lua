-- body.lua: the content of an answer that is read while it comes. A source (see tasks/source.lua) is
-- the transfer, which rests whenever nobody reads: then nothing is taken from the connection.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local connection = require(root .. ".transfer.connection")
local cursors = require(root .. ".stream.cursor")
local finalizer = require(root .. ".base.finalizer")
local results = require(root .. ".base.results")
local run = require(root .. ".transfer.run")
local sources = require(root .. ".tasks.source")

local Error = httpclient.Error
local BODY = httpclient.HTTPClient.STATUS_BODY
local get_status = httpclient.HTTPClient.get_status

local Body = {}
Body.__index = Body

-- Of the transfer t, which has not begun.
local function new(t)
  t.hand_out = function(value)
    sources.give(value, get_status(t.client) ~= BODY)
  end
  local source = sources.new(run, t, t:calls_script())
  local self = setmetatable({ t = t, source = source, cursor = cursors.new(), finalizer = nil,
    is_over = false,
    failed = nil, failure = nil, code = nil }, Body) -- made large enough at once
  local task = self.source.task
  self.finalizer = finalizer(function()
    if task.state == "running" and t.client then
      connection.forget(t)
    end
  end)
  return self
end

local function note_end(self)
  local task = self.source.task
  self.is_over = true
  if task.state == "failed" then
    local failure = task.results[2]
    if not results.is_failure(failure) then
      error(failure, 0) -- a callback's
    end
    self.failed, self.failure = failure, failure.message
    self.code = failure.error or results.error_of[failure.result]
  elseif task.state == "cancelled" and not self.failure then
    self.failure, self.code = "the stream is closed", Error.ERR_UNAVAILABLE
  end
end

-- In the place of a message: the deadline has come, and nothing is lost.
local WAITING = {}

-- -> what the source hands out next; nil at the end; nil and true where the deadline came first
local function advance(self, deadline)
  if self.source:is_asked() then
    error("another read of the stream is under way", 0)
  end
  local value, is_waiting = self.source:next(deadline)
  if value ~= nil or is_waiting then
    connection.rest(self.t, value ~= nil)
  elseif not self.is_over then
    note_end(self)
  end
  return value, is_waiting
end

-- Waits for the head of the answer. -> response; nil, message, Error
function Body:begin(deadline)
  local head, is_waiting = advance(self, deadline)
  if is_waiting then
    return nil, WAITING
  elseif not head then
    return nil, self.failure, self.code
  end
  return head
end

-- Waits until there is something to take. -> true; false at the end; nil, message, Error
function Body:fill(deadline)
  while self.cursor:is_empty() do
    local piece, is_waiting
    if not self.is_over then
      piece, is_waiting = advance(self, deadline)
    end
    if is_waiting then
      return nil, WAITING
    elseif not piece then
      if self.failure then
        return nil, self.failure, self.code
      end
      return false
    end
    self.cursor:put(piece)
  end
  return true
end

-- -> bytes; nil at the end; nil, message, Error
function Body:read(size)
  if self.cursor:has_part() then
    return self.cursor:take(size)
  end
  local ok, message, code = self:fill()
  if ok then
    return self.cursor:take(size)
  elseif ok == nil then
    return nil, message, code
  end
  return nil
end

-- A line that has its end. -> the line without it; nil at the end of all; nil, message, Error
local function ended_line(self, limit, deadline)
  while true do
    local ok, message, code = self:fill(deadline)
    if not ok then
      return nil, message, code
    end
    local line, too_long = self.cursor:line(limit)
    if line or too_long then
      return line, too_long, too_long and Error.FAILED
    end
  end
end

-- -> a line, the last one of which need not have an end; nil at the end; nil, message, Error
function Body:line(limit)
  local line, message, code = ended_line(self, limit)
  if line or message then
    return line, message, code
  end
  return self.cursor:rest()
end

-- -> the parser's next event; nil at the end; nil, message, Error. (What the end has cut off of a line says nothing:
-- half of a number is another number.)
function Body:event(parser, limit, deadline)
  while true do
    local line, message, code = ended_line(self, limit, deadline)
    if not line then
      return nil, message, code
    end
    local event, too_long = parser:line(line, limit)
    if event or too_long then
      return event, too_long, too_long and Error.FAILED
    end
  end
end

-- What a failure tells beside its reason: see Transfer:facts().
function Body:facts()
  return self.t:facts()
end

-- Breaks it off where it is not complete: its connection is closed at once.
function Body:close()
  self.source:stop()
  self.is_over, self.cursor = true, cursors.new()
  if not self.failure then
    self.failure, self.code = "the stream is closed", Error.ERR_UNAVAILABLE
  end
end

return { new = new, WAITING = WAITING }
