-- What the tools of the tree share: files and their texts, rooms that may look into others, and
-- faults, which are told at the end.
--
--   local rules = dofile(".ci/rules.lua")
local rules = {}

-- The text of a file.
function rules.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- What a command such as find names, in an order that no locale changes. -> array of paths
function rules.files(command)
  local list, pipe = {}, assert(io.popen(command .. " | LC_ALL=C sort"))
  for path in pipe:lines() do
    list[#list + 1] = path
  end
  pipe:close()
  return list
end

-- list: { { room, { rooms that it may look into } } ... } -> room -> set of rooms, its own among
-- them; more: rooms that all may look into.
function rules.rooms(list, more)
  local allowed = {}
  for _, room in ipairs(list) do
    local may = { [room[1]] = true }
    for _, others in ipairs({ room[2], more or {} }) do
      for _, other in ipairs(others) do
        may[other] = true
      end
    end
    allowed[room[1]] = may
  end
  return allowed
end

local faults = {}
function rules.fault(...)
  faults[#faults + 1] = string.format(...)
end

-- Tells the faults, and ends the check where there is one, or where nothing was checked.
function rules.finish(count)
  for _, text in ipairs(faults) do
    io.stderr:write(text, "\n")
  end
  if #faults > 0 or count == 0 then
    os.exit(1)
  end
end

return rules
