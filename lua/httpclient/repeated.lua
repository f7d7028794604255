-- repeated.lua: options that say what those of the call before have said, in which case what was made of them serves
-- again: most scripts give their calls the same few.
--
-- They do so if each value is the same, and one that nobody can change: a number, a text, a boolean. What is asked for
-- may be another each time, as long as it is of the same type. Nothing else of a script's is kept here.
local repeated = {}

-- The types of what each call may ask for anew.
local ASKED = { headers = "table", query = "table", form = "table", json = "table",
  body = "string" }
-- Stands for that among the values.
local ANY = {}
local LASTING = { number = true, string = true, boolean = true }

-- `said`: what the last call has said, see repeated.note(), or nil. -> do these options say the same?
function repeated.is(said, given)
  if not said or getmetatable(given) ~= nil then
    return false
  end
  local values, count = said.values, 0
  for name, value in pairs(given) do
    local before = values[name]
    if before ~= value and (before ~= ANY or type(value) ~= ASKED[name]) then
      return false
    end
    count = count + 1
  end
  return count == said.count
end

-- Options that were checked. `apart`: name -> true of those by which nothing is alike, or nil. -> what they say, with a
-- field `prepared` of the caller's, nil at first; nil: no others can say the same
function repeated.note(given, apart)
  if getmetatable(given) ~= nil then
    return nil
  end
  local values, count = {}, 0
  for name, value in pairs(given) do
    local kind = type(value)
    if apart and apart[name] then
      return nil
    elseif ASKED[name] == kind then
      value = ANY
    elseif ASKED[name] or not LASTING[kind] then
      return nil
    end
    values[name], count = value, count + 1
  end
  return { values = values, count = count, prepared = nil }
end

-- -> of the options those that are the same each time, and those that are not
function repeated.parts(said, given)
  local lasting, asked = {}, {}
  for name, value in pairs(given) do
    if said.values[name] == ANY then
      asked[name] = value
    else
      lasting[name] = value
    end
  end
  return lasting, asked
end

return repeated
