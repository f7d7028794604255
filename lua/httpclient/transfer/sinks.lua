-- sinks.lua: where the content of a response goes: into a string, into memory of the caller's, or nowhere, since a
-- function sees it on its way there. A file is in download/.
--
-- A sink has write(bytes) and finish(), which give true, or nil, a message and the name of a result; and abort(). One
-- that takes content from the client itself has take(client) -> bytes moved; nil, message, result, bytes moved before.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local memory = require(root .. ".base.memory")

local sinks = {}

local Memory = {}
Memory.__index = Memory

-- Collects everything; the string is at the end in `body`.
function sinks.memory()
  return setmetatable({ parts = {}, body = "" }, Memory)
end

function Memory:write(bytes)
  self.parts[#self.parts + 1] = bytes
  return true
end

function Memory:finish()
  self.body = core.join(self.parts) or table.concat(self.parts)
  self.parts = {}
  return true
end

function Memory:abort()
  self.parts = {}
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
