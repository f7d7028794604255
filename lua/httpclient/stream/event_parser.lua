-- event_parser.lua: the lines of text/event-stream, made into events (WHATWG HTML section 9.2.6).
local EventParser = {}
EventParser.__index = EventParser

local BOM = "\239\187\191"

-- `last_id`: what an earlier connection has left
local function new(last_id)
  return setmetatable({
    data = {}, size = 0, type = "",
    id = last_id or "",     -- of the lines so far
    last_id = last_id or "",-- of the last event that was complete
    retry = nil,            -- milliseconds, where the server has said some
    is_first = true,
  }, EventParser)
end

-- Another connection begins: what the last one has left unfinished is none.
function EventParser:begin()
  self.data, self.size, self.type, self.id, self.is_first = {}, 0, "", self.last_id, true
end

local fields = {}

function fields.event(self, value)
  self.type = value
end

function fields.data(self, value)
  self.data[#self.data + 1] = value
  self.size = self.size + #value + 1
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

local function dispatch(self)
  local event = { type = self.type ~= "" and self.type or "message",
    data = table.concat(self.data, "\n"), id = self.id }
  local has_data = self.data[1] ~= nil
  self.data, self.size, self.type, self.last_id = {}, 0, "", self.id
  return has_data and event or nil
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
