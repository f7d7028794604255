-- json.lua: the codec that the option `json` and response:json() use: a library that is there,
-- looked for when it is first needed. A script may put one of its own in its place.
--
-- httpclient.null is JSON's null in both directions.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local numbers = require(root .. ".message.json_numbers")

local json = {}

local null = httpclient.null

local function by_cjson(cjson)
  cjson = cjson.new() -- what others set there is theirs
  cjson.decode_invalid_numbers(false)
  local decode = numbers.whole(cjson.decode)
  if pcall(cjson.encode_number_precision, 17) then -- as some releases can
    return cjson.encode, decode
  end
  return numbers.exact(cjson.encode), decode
end

local function by_dkjson(dkjson)
  local options = { exception = function(_, value, _, message)
    if value == null then
      return "null"
    end
    return nil, message
  end }
  local function encode(value)
    local text, why = dkjson.encode(value, options)
    return text or error(why, 0)
  end
  local function decode(text)
    local value, at, why = dkjson.decode(text, 1, null)
    if why then
      error(why, 0)
    elseif text:find("[^ \t\r\n]", at) then
      error(("something stands behind the value, at position %d"):format(at), 0)
    end
    return value
  end
  return numbers.exact(encode), decode
end

local function find()
  local ok, library = pcall(require, "cjson")
  if ok then
    return by_cjson(library)
  end
  ok, library = pcall(require, "dkjson")
  if ok then
    return by_dkjson(library)
  end
  error("JSON needs a library: install lua-cjson or dkjson, or set httpclient.json "
    .. "to a table with encode(value) and decode(text)", 0)
end

local encode, decode

-- A library raises with the place that has called it, which is none of the script's.
local function without_place(message)
  return (tostring(message):gsub("^[^\n]-%.lua:%d+: ", ""))
end

-- -> text. Raises for what JSON does not have.
function json.encode(value)
  if not encode then
    encode, decode = find()
  end
  local ok, text = pcall(encode, value)
  return ok and text or error(without_place(text), 2)
end

-- -> value; nil and a message where the text is no JSON
function json.decode(text)
  if not decode then
    encode, decode = find()
  end
  local ok, value = pcall(decode, text)
  if not ok then
    return nil, "the text is no JSON: " .. without_place(value)
  end
  return value
end

return json
