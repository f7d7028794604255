-- event_parser.lua: the lines of text/event-stream, made into events (WHATWG HTML section 9.2.6).
local EventParser = {}
EventParser.__index = EventParser

local BOM = "\239\187\191"
-- Lines of data that are joined at a time: an empty one takes more room in a table than its byte does in a text.
local LINES = 4096

-- `last_id`: what an earlier connection has left
local function new(last_id)
  return setmetatable({
    data = {}, size = 0, type = "",
    joined = {},            -- texts of many lines of data, before those in `data`
    id = last_id or "",     -- of the lines so far
    last_id = last_id or "",-- of the last event that was complete
    retry = nil,            -- milliseconds, where the server has said some
    is_first = true,
  }, EventParser)
end

-- Another connection begins: what the last one has left unfinished is none.
function EventParser:begin()
  self.data, self.joined, self.size, self.type = {}, {}, 0, ""
  self.id, self.is_first = self.last_id, true
end

local function join_lines(self)
  self.joined[#self.joined + 1] = table.concat(self.data, "\n")
  self.data = {}
end

local fields = {}

function fields.event(self, value)
  self.type = value
end

function fields.data(self, value)
  local count = #self.data + 1
  self.data[count], self.size = value, self.size + #value + 1
  if count == LINES then
    join_lines(self)
  end
end

function fields.id(self, value)
  if not value:find("\0", 1, true) then
    self.id = value
  end
end

function fields.retry(self, value)
  if value:find("^[0-9]+$") then
    self.retry = math.min(tonumber(value), 2 ^ 31)
  end
end

local function data_of(self)
  if not self.joined[1] then
    return table.concat(self.data, "\n")
  elseif self.data[1] then
    join_lines(self)
  end
  return table.concat(self.joined, "\n")
end

local function dispatch(self)
  local has_data = self.size > 0
  local event = has_data and { type = self.type ~= "" and self.type or "message",
    data = data_of(self), id = self.id } or nil
  self.last_id, self.type = self.id, ""
  if has_data then
    self.data, self.joined, self.size = {}, {}, 0
  end
  return event
end

-- -> the event that the line completes, or nil; nil and a message where one has more than `limit` bytes of data
function EventParser:line(line, limit)
  if self.is_first then
    self.is_first = false
    if line:sub(1, 3) == BOM then
      line = line:sub(4)
    end
  end
  if line == "" then
    return dispatch(self)
  end
  local colon = line:find(":", 1, true)
  local name = line:sub(1, (colon or 0) - 1)
  local value = colon and line:sub(colon + 1):gsub("^ ", "") or ""
  if fields[name] then
    fields[name](self, value)
  end
  if self.size > limit then
    return nil, ("an event has more than %.0f bytes"):format(limit)
  end
end

return { new = new }
