-- sinks.lua: where the content of a response goes: into a string, into memory of the caller's, or nowhere, since a
-- function sees it on its way there. A file is in download/.
--
-- A sink has write(bytes) and finish(), which give true, or nil, a message and the name of a result; and abort(), after
-- which a file that was finished stays. One that takes content from the client itself has take(client) -> bytes moved;
-- nil, message, result, bytes moved before. One whose finish() takes its time says so by time_per_byte; where it has
-- `parts` as well, gather(size) does the first half of that. One that goes on by itself after finish() has is_busy(),
-- and settle(), which waits and gives what finish() does.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local memory = require(root .. ".base.memory")

local now = httpclient.monotonic_time

local sinks = {}

-- Its string is made in one step, or two. What a byte takes in the longer one, in seconds, is the machine's: memory
-- that is new to the process costs a virtual one ten times what it costs others. So it is measured, and one
-- that was interrupted does not count for much.
local Memory = { time_per_byte = 1e-9 }
Memory.__index = Memory

local NONE = {}
local LONG_STEP = 65536 -- bytes; what is shorter tells nothing
local MOST_TIME = 5e-9

local function note_time(size, seconds)
  if size >= LONG_STEP then
    Memory.time_per_byte = (Memory.time_per_byte + math.min(seconds / size, MOST_TIME)) / 2
  end
end

-- Collects everything; the string is at the end in `body`.
function sinks.memory()
  return setmetatable({ body = "", parts = false }, Memory)
end

-- Most have one piece, which is the body then.
function Memory:write(bytes)
  local parts = self.parts
  if parts then
    parts[#parts + 1] = bytes
  elseif self.body == "" then
    self.body = bytes
  else
    self.parts = { self.body, bytes }
  end
  return true
end

-- The first of the two, where there are two.
function Memory:gather(size)
  local parts = self.parts
  if parts then
    local began = now()
    self.gathered = core.gather(parts)
    if self.gathered ~= parts then
      self.parts = NONE
      note_time(size, now() - began)
    end
  end
end

function Memory:finish()
  local parts = self.parts
  if parts then
    local began = now()
    self.body = core.join(self.gathered or parts) or table.concat(parts)
    note_time(#self.body, now() - began)
    self.parts, self.gathered = false, nil
  end
  return true
end

function Memory:abort()
  self.body, self.parts, self.gathered = "", false, nil
end

local Nowhere = {}
Nowhere.__index = Nowhere

-- Keeps nothing.
function sinks.nowhere()
  return setmetatable({ body = "" }, Nowhere)
end

function Nowhere:write() -- luacheck: ignore self
  return true
end

function Nowhere:finish() -- luacheck: ignore self
  return true
end

function Nowhere:abort() end -- luacheck: ignore self

local Buffer = {}
Buffer.__index = Buffer

-- Fills memory, from its beginning to its end; or, where on_data says what to do with each piece,
-- its beginning again and again. `buffer` may be a function that makes it.
function sinks.buffer(buffer, on_data)
  return setmetatable({ buffer = buffer, on_data = on_data, at = 0, body = "" }, Buffer)
end

-- `size` is that of the content, nil where it is not known.
function Buffer:begin(size)
  if type(self.buffer) ~= "function" then
    return
  end
  self.buffer = self.buffer(size)
  if not memory.is(self.buffer) then
    error("the function 'buffer' must give memory: a Data object, or a table of pointer and size",
      0)
  end
end

function Buffer:take(client)
  local moved = memory.read(client, self.buffer, self.on_data and 0 or self.at)
  if not moved then
    return nil, ("the body has more than the buffer's %.0f bytes"):format(self.at),
      "BODY_SIZE_LIMIT_EXCEEDED", 0
  end
  self.at = self.at + moved
  return moved
end

function Buffer:finish() -- luacheck: ignore self
  return true
end

function Buffer:abort() end -- luacheck: ignore self

return sinks
