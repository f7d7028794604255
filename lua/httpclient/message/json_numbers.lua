-- json_numbers.lua: numbers come through a JSON library as they are. Both libraries write 14 digits, which makes
-- another number of a large identifier; and one that reads every number as a float makes 2.0 of a 2, which no URL
-- should have in it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local random = require(root .. ".base.random")

local json_numbers = {}

-- Beyond, a float does not stand for one whole number alone.
local WHOLE_MOST = 2 ^ 53
-- What libraries refuse as too deep is not gone into.
local DEPTH_MOST = 2000

-- --- out

local function text_of(number)
  if math.type and math.type(number) == "integer" then -- luacheck: compat
    return ("%d"):format(number)
  end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then
      return (text:gsub(",", "."))
    end
  end
end

-- Is it another number when it is written with 14 digits? Raises for what JSON does not have.
local function loses_digits(number)
  if number ~= number or number == math.huge or number == -math.huge then
    error("a number that is infinite or NaN", 0)
  end
  return tonumber(("%.14g"):format(number)) ~= number
end

-- A library that asks a table's metatable for its content gets that table as it is.
local function is_plain(value)
  local meta = getmetatable(value)
  return meta == nil or type(meta) == "table"
    and rawget(meta, "__tojson") == nil and rawget(meta, "__pairs") == nil
    and rawget(meta, "__index") == nil
end

local Writer = {}
Writer.__index = Writer

function Writer:number(number)
  self.texts[#self.texts + 1] = text_of(number)
  return self.mark .. #self.texts
end

-- -> the same, or a copy with marks in the place of numbers that would lose digits
function Writer:replace(value, depth)
  if type(value) == "number" then
    return loses_digits(value) and self:number(value) or value
  elseif type(value) ~= "table" or depth > DEPTH_MOST or not is_plain(value) then
    return value
  elseif self.seen[value] ~= nil then
    return self.seen[value]
  end
  self.seen[value] = value
  local copy
  for key, element in pairs(value) do
    local other = self:replace(element, depth + 1)
    if not rawequal(other, element) then
      copy = copy or {}
      copy[key] = other
    end
  end
  self.seen[value] = copy and self.complete(copy, value) or value
  return self.seen[value]
end

function Writer.complete(copy, value)
  for key, element in pairs(value) do
    if copy[key] == nil then
      copy[key] = element
    end
  end
  return setmetatable(copy, getmetatable(value))
end

-- encode as a library has it -> one that writes all digits
function json_numbers.exact(encode)
  return function(value)
    local writer = setmetatable({ texts = {}, seen = {}, mark = nil }, Writer)
    writer.mark = json_numbers.mark()
    local replaced = writer:replace(value, 0)
    local text = encode(replaced)
    if not writer.texts[1] then
      return text
    end
    return (text:gsub('"' .. writer.mark .. '(%d+)"', function(index)
      return writer.texts[tonumber(index)]
    end))
  end
end

-- A text that nobody can have put into a value, since nobody knows it.
local mark

function json_numbers.mark()
  mark = mark or "number" .. random.hex(16) .. "n"
  return mark
end

-- --- in

local to_whole = math.tointeger -- luacheck: compat

-- A float may not be the whole number that has so many digits.
local LONG = "[1-9]" .. ("%d"):rep(15)

-- Such a number stands in a text, in the place of a value, as text that begins with the mark.
local function mark_number(token, blank, behind, is_end)
  local is_value = behind:find("[,%]}]") or behind == "" and is_end
  if is_value and token:find("^%-?" .. LONG) and math.type(tonumber(token)) == "integer" then -- luacheck: compat
    return ('"%s%s"'):format(json_numbers.mark(), token) .. blank .. behind
  end
end

-- The position of the quote that ends the string whose first byte stands at `at`; nil where none does.
local function closing_quote(text, at)
  local stop = text:find('["\\]', at)
  while stop and text:byte(stop) == 92 do
    stop = text:find('["\\]', stop + 2)
  end
  return stop
end

-- -> the text with marks, or nil where it needs none
local function mark_numbers(text)
  if not (text:find("^%-?" .. LONG) or text:find("[%[:,%s%-]" .. LONG)) then
    return nil
  end
  local parts, at = {}, 1
  while at do
    local quote = text:find('"', at, true)
    parts[#parts + 1] = text:sub(at, (quote or 0) - 1):gsub("([^%s,:%[%]{}]+)(%s*)(.?)",
      function(token, blank, behind) return mark_number(token, blank, behind, not quote) end)
    local last = quote and (closing_quote(text, quote + 1) or #text)
    parts[#parts + 1] = quote and text:sub(quote, last)
    at = last and last + 1
  end
  return table.concat(parts)
end

local function make_whole(value, is_marked)
  local kind = type(value)
  if kind == "number" then
    return value % 1 == 0 and value >= -WHOLE_MOST and value <= WHOLE_MOST and to_whole(value)
      or value
  elseif kind == "string" and is_marked and value:sub(1, #mark) == mark then
    return tonumber(value:sub(#mark + 1))
  elseif kind == "table" then
    for key, element in pairs(value) do
      kind = type(element)
      if kind == "number" or kind == "table" or kind == "string" and is_marked then
        value[key] = make_whole(element, is_marked)
      end
    end
  end
  return value
end

-- decode as a library has it -> one that gives whole numbers as integers, where Lua has them, with all their digits
function json_numbers.whole(decode)
  if not to_whole or math.type(decode("[1]")[1]) == "integer" then -- luacheck: compat
    return decode
  end
  return function(text)
    local marked = type(text) == "string" and mark_numbers(text)
    local is_read, value = pcall(decode, marked or text)
    if not is_read then
      value = decode(text) -- raises, with the place in the text as it came
    end
    return make_whole(value, marked)
  end
end

return json_numbers
