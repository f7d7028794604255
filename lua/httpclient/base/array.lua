-- array.lua: arrays that scripts give. # and ipairs() end at a nil in their midst: what stands behind it would be left
-- out, and nobody would notice.
local array = {}

-- -> how many elements a table has by number; and the index of one that is missing in front of
-- another, or nil
function array.look(given)
  local count, at = 0, 1
  for key in pairs(given) do
    count = count + (type(key) == "number" and 1 or 0)
  end
  while given[at] ~= nil do
    at = at + 1
  end
  return count, at <= count and at or nil
end

-- Has it elements by number alone, from 1 on and none missing?
function array.is(given)
  local count, missing = array.look(given)
  for _ in pairs(given) do
    count = count - 1
  end
  return count == 0 and not missing
end

return array
