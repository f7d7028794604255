-- random.lua: numbers and texts that nobody can guess. math.random belongs to the script: who seeds it, and who
-- counts on its order, is not our business.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)

local random = {}

-- `count` bytes, at most 64. Raises where the system has none.
function random.bytes(count)
  return assert(core.random_bytes(count))
end

-- The same as hex digits, two for each byte.
function random.hex(count)
  return httpclient.hex(random.bytes(count))
end

-- A number from 0 on, below 1.
function random.unit()
  local value = 0
  for _, byte in ipairs({ random.bytes(6):byte(1, 6) }) do
    value = value * 256 + byte
  end
  return value / 2 ^ 48
end

return random
