-- cursor.lua: what has come of a stream and was not read yet, and the ways to take it: a piece, or a
-- line. A line ends with CR, LF or CRLF, wherever the pieces were cut; no byte is looked at twice.
local Cursor = {}
Cursor.__index = Cursor

local function new()
  return setmetatable({
    piece = "", at = 1,     -- unread from `at` on
    parts = {}, size = 0,   -- of the line that has not ended
    skips_lf = false,       -- the last line ended with CR: an LF that follows is a part of that
  }, Cursor)
end

-- Only where nothing is left.
function Cursor:put(piece)
  self.piece, self.at = piece, 1
  if self.skips_lf and piece ~= "" then
    self.at = piece:byte() == 10 and 2 or 1
    self.skips_lf = false
  end
end

function Cursor:is_empty()
  return self.at > #self.piece
end

-- What is left of the piece, at most so many bytes. A line that has not ended comes first.
function Cursor:take(size)
  if self.size > 0 then
    self.piece = table.concat(self.parts) .. self.piece:sub(self.at)
    self.parts, self.size, self.at = {}, 0, 1
  end
  local last = size and math.min(self.at + size - 1, #self.piece) or #self.piece
  local bytes = self.piece:sub(self.at, last)
  self.at = last + 1
  return bytes
end

function Cursor:has_part()
  return self.size > 0
end

local function join(self, last)
  local parts = self.parts
  if self.size == 0 then
    return last
  end
  parts[#parts + 1] = last
  self.parts, self.size = {}, 0
  return table.concat(parts)
end

-- -> the next line; nil where its end has not come; nil and a message where it has more than `limit` bytes
function Cursor:line(limit)
  local from = self.at
  local stop = self.piece:find("[\r\n]", from)
  local text = self.piece:sub(from, (stop or 0) - 1)
  if self.size + #text > limit then
    return nil, ("a line has more than %.0f bytes"):format(limit)
  elseif not stop then
    if text ~= "" then
      self.parts[#self.parts + 1], self.size = text, self.size + #text
    end
    self.at = #self.piece + 1
    return nil
  end
  self.at = stop + 1
  if self.piece:byte(stop) == 13 then
    if self.at > #self.piece then
      self.skips_lf = true
    elseif self.piece:byte(self.at) == 10 then
      self.at = self.at + 1
    end
  end
  return join(self, text)
end

-- Nothing more comes. -> the line that has not ended, or nil
function Cursor:rest()
  return self.size > 0 and join(self, "") or nil
end

return { new = new }
