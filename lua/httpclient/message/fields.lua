-- fields.lua: lists of header field lines, "Name: value".
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)

local fields = {}

-- The value of Authorization for Basic credentials (RFC 7617).
function fields.basic(user, password)
  return "Basic " .. httpclient.base64_encode(user .. ":" .. password)
end

-- Is there a line with this name (in lower case)?
function fields.have(lines, name)
  for index = 1, #lines do
    if lines[index]:match("^[^:]*"):lower() == name then
      return true
    end
  end
  return false
end

function fields.copy(list)
  local lines = {}
  for index = 1, #list do
    lines[index] = list[index]
  end
  return lines
end

function fields.join(first, second)
  local lines, count = fields.copy(first), #first
  for index = 1, #second do
    lines[count + index] = second[index]
  end
  return lines
end

local function value_text(name, value)
  if type(value) == "string" then
    return value
  elseif type(value) == "number" and value % 1 == 0 then
    return ("%.0f"):format(value)
  end
  return nil, ("the value of header '%s' must be a string or an integer, got %s"):format(name,
    type(value))
end

-- In a line the first colon ends the name: one in a map's key would move bytes of the name into the value. No name has
-- the byte that takes its place either, so the client refuses the line and says why.
local function line_name(name)
  return (name:gsub(":", "\0"))
end

-- The lines of an array, then those of a map, sorted by name since a table has no order: what
-- HTTPClient makes of the same table. -> list, or nil and why the table is none
function fields.normalize(headers)
  local lines, count = {}, 0
  if next(headers) == nil then
    return lines
  end
  for index, line in ipairs(headers) do
    if type(line) ~= "string" then
      return nil, ("header %d must be a string, got %s"):format(index, type(line))
    end
    lines[index], count = line, index
  end
  local mapped = {}
  for name, value in pairs(headers) do
    if type(name) == "string" then
      local text, why = value_text(name, value)
      if not text then
        return nil, why
      end
      mapped[#mapped + 1] = line_name(name) .. ": " .. text
    elseif type(name) ~= "number" then
      return nil, "a header's name must be a string"
    elseif name < 1 or name > count or name % 1 ~= 0 then -- ipairs() has ended in front of it
      return nil, "the array of headers has a gap"
    end
  end
  table.sort(mapped)
  for index, line in ipairs(mapped) do
    lines[count + index] = line
  end
  return lines
end

-- The same of an option that may be missing. What is none stays as it is, to be told where it is used.
function fields.lines_or_given(headers)
  return headers and (fields.normalize(headers) or headers)
end

return fields
