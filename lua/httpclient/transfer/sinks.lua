-- sinks.lua: where the content of a response goes: into a string, or nowhere, since a function sees it on its way
-- there. A file is in download/.
--
-- A sink has write(bytes) and finish(), which give true, or nil, a message and the name of a result; and abort(). One
-- that takes content from the client itself has take(client) -> bytes moved; nil, message, result, bytes moved before.
local core = require("httpclient.core")

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

return sinks
