-- stream.lua: one call that comes back with the head of the answer; what follows is read as it comes.
local root = (...):match("^(.*)%.[^.]*$")
local bodies = require(root .. ".stream.body")
local call = require(root .. ".call")
local check = require(root .. ".base.check")
local kept = require(root .. ".base.kept")
local parsers = require(root .. ".stream.event_parser")
local response = require(root .. ".message.response")

-- What a line, or an event, may have at most where nothing is said: a peer that ends none of them fills no memory.
local LIMIT = 16777216
-- The body is in this one field of a response.
local BODY = kept("Stream", {})

local Stream = {}
local meta = { __name = "Stream" }

function meta.__index(self, name)
  local method = Stream[name]
  if method ~= nil then
    return method
  end
  return response.class.__index(self, name)
end

local function body_of(self, method)
  local body = check.own(self, BODY, method, "Stream", "stream", 3)
  return body
end

local function check_size(method, size)
  if size ~= nil and type(size) ~= "number" then
    check.fail_type(1, method, "number or nil", size, 3)
  elseif size and (size < 1 or size % 1 ~= 0) then
    check.fail(1, method, "a whole number of bytes is needed", 3)
  end
end

-- What has come and was not read yet, at most so many bytes; waits until there is something.
-- -> bytes; nil at the end; nil, message, Error, facts
function Stream:read(size)
  local body = body_of(self, "read")
  check_size("read", size)
  local bytes, message, code = body:read(size)
  if bytes or not message then
    return bytes
  end
  return nil, message, code, body:facts()
end

-- An iterator that raises where there is no more for another reason than the end.
local function iterate(next_one, ...)
  local state, limit = ...
  return function()
    local value, message = next_one(state, limit)
    if message then
      error(message, 0)
    end
    return value
  end
end

-- Iterates over the content as it comes.
function Stream:chunks(size)
  local body = body_of(self, "chunks")
  check_size("chunks", size)
  return iterate(body.read, body, size)
end

-- Iterates over the lines without their ends, which are LF, CRLF or CR; the last one need not have an end.
function Stream:lines(limit)
  local body = body_of(self, "lines")
  check_size("lines", limit)
  return iterate(body.line, body, limit or LIMIT)
end

-- Iterates over the events of text/event-stream: tables of type, data and id.
function Stream:events(limit)
  local body = body_of(self, "events")
  check_size("events", limit)
  body.parser = body.parser or parsers.new()
  return iterate(function()
    return body:event(body.parser, limit or LIMIT)
  end)
end

-- What is left of the content, as JSON. -> as of a response of fetch
function Stream:json()
  local body, parts = body_of(self, "json"), {}
  local bytes, message = body:read()
  while bytes do
    parts[#parts + 1] = bytes
    bytes, message = body:read()
  end
  if message then
    return nil, message
  end
  self.body = table.concat(parts)
  return response.class.__index(self, "json")(self)
end

-- Ends it. What has not come yet is not waited for: its connection is closed.
function Stream:close()
  body_of(self, "close"):close()
end
meta.__close = Stream.close

function meta:__tostring()
  return ("Stream (%d)"):format(self.status)
end

local stream = {}

-- Starts the transfer of call.transfer(). -> response; nil, message, Error, facts
function stream.open(t)
  local body = bodies.new(t)
  local head, message, code = body:begin()
  if not head then
    return nil, message, code, t:facts()
  end
  head[BODY] = body
  return setmetatable(head, meta)
end

-- stream(url [, options]) -> response, or nil, message, Error, facts. See docs/sessions.md.
function stream.call(text, given)
  local head, message, code, facts = call.make("stream", text, given, stream.open, 2)
  return head, message, code, facts
end

return stream
