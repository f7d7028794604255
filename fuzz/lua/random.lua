-- random.lua: the same numbers on every Lua. Finalizers draw from a second stream: when they run is
-- the collector's affair.
local random = {}

local streams, current = { 1, 1 }, 1

-- Park and Miller's generator: its products are exact in doubles.
local function draw()
  streams[current] = streams[current] * 16807 % 2147483647
  return streams[current] - 1
end

function random.seed(seed)
  for index = 1, 2 do
    streams[index] = (seed * 7919 + index * 104729) % 2147483646 + 1
    for _ = 1, 5 do
      streams[index] = streams[index] * 16807 % 2147483647
    end
  end
end

-- Runs fn(...) with the numbers for finalizers.
function random.aside(fn, ...)
  local before = current
  current = 2
  local ok, message = pcall(fn, ...)
  current = before
  if not ok then
    error(message, 0)
  end
end

-- 1 to n
function random.below(n)
  return draw() % n + 1
end

function random.between(low, high)
  return low + draw() % (high - low + 1)
end

function random.chance(percent)
  return draw() % 100 < percent
end

function random.pick(list)
  return list[draw() % #list + 1]
end

function random.bytes(size)
  local parts = {}
  for index = 1, size do
    parts[index] = string.char(draw() % 256)
  end
  return table.concat(parts)
end

-- The text with some bytes written over, cut out or doubled.
function random.spoiled(text)
  for _ = 1, random.below(3) do
    local at = random.below(#text + 1)
    local kind = random.below(4)
    if kind == 1 then
      text = text:sub(1, at - 1) .. random.bytes(1) .. text:sub(at + 1)
    elseif kind == 2 then
      text = text:sub(1, at - 1) .. text:sub(at + random.below(8))
    elseif kind == 3 then
      text = text:sub(1, at) .. text:sub(math.max(1, at - random.below(20)))
    else
      text = text:sub(1, at - 1)
    end
  end
  return text
end

return random
