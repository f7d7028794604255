-- json.lua: as much JSON as the results need.
local json = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]',
    function(c) return escapes[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function encode_number(number)
  if number ~= number or number == math.huge or number == -math.huge then return "null" end
  if number == math.floor(number) and math.abs(number) < 2 ^ 53 then
    return ("%.0f"):format(number)
  end
  return ("%.9g"):format(number)
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Tables with a first element, and empty ones, are arrays.
function json.encode(value, indent)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind == "number" then return encode_number(value) end
  if kind ~= "table" then return tostring(value) end
  local inner, parts = (indent or "") .. "  ", {}
  local is_array = value[1] ~= nil or next(value) == nil
  for _, key in ipairs(is_array and value or sorted_keys(value)) do
    local member = is_array and json.encode(key, inner) or quote(key) .. ": "
      .. json.encode(value[key], inner)
    parts[#parts + 1] = inner .. member
  end
  if #parts == 0 then return "[]" end
  local open, close = is_array and "[" or "{", is_array and "]" or "}"
  return open .. "\n" .. table.concat(parts, ",\n") .. "\n" .. (indent or "") .. close
end

local parse

local function fail(text, at)
  error(("no JSON at byte %d: %s"):format(at, text:sub(at, at + 20)))
end

local function skip(text, at) return text:match("^%s*()", at) end

local function parse_string(text, at)
  local finish = at + 1
  while text:sub(finish, finish) ~= '"' do
    if finish > #text then fail(text, at) end
    finish = finish + (text:sub(finish, finish) == "\\" and 2 or 1)
  end
  local names = { n = "\n", r = "\r", t = "\t" }
  local function byte_of(hex) return string.char(tonumber(hex, 16)) end
  local plain = text:sub(at + 1, finish - 1):gsub("\\u00(%x%x)", byte_of)
  return plain:gsub("\\(.)", function(c) return names[c] or c end), finish + 1
end

local function parse_members(text, at, close, take)
  at = skip(text, at + 1)
  while text:sub(at, at) ~= close do
    at = skip(text, take(at))
    local mark = text:sub(at, at)
    if mark == "," then at = skip(text, at + 1) elseif mark ~= close then fail(text, at) end
  end
  return at + 1
end

local function parse_object(text, at)
  local object = {}
  return object, parse_members(text, at, "}", function(from)
    local key, after = parse_string(text, from)
    after = skip(text, after)
    if text:sub(after, after) ~= ":" then fail(text, after) end
    object[key], after = parse(text, skip(text, after + 1))
    return after
  end)
end

local function parse_array(text, at)
  local array = {}
  return array, parse_members(text, at, "]", function(from)
    local after
    array[#array + 1], after = parse(text, from)
    return after
  end)
end

function parse(text, at)
  local first = text:sub(at, at)
  if first == "{" then return parse_object(text, at) end
  if first == "[" then return parse_array(text, at) end
  if first == '"' then return parse_string(text, at) end
  local word, after = text:match("^([%w%.%+%-]+)()", at)
  if word == "true" or word == "false" then return word == "true", after end
  if word == "null" then return nil, after end
  if not tonumber(word) then fail(text, at) end
  return tonumber(word), after
end

function json.decode(text)
  local value = parse(text, skip(text, 1))
  return value
end

return json
