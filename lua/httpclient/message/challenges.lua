-- challenges.lua: what stands in WWW-Authenticate: challenges, each a scheme with parameters (RFC 9110 section 11.6.1),
-- several in one field or in many. Commas part both, so the text is read piece by piece; what stands behind a mistake
-- is not there. All in linear time.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local texts = require(root .. ".base.text")

local TOKEN = "^[A-Za-z0-9!#$%%&'*+.^_`|~-]+"
local TOKEN68 = "^([A-Za-z0-9._~+/-]+=*)[ \t]*()"

-- A quoted string, whose opening quote stands at `from` -> text, position behind it; nil where it does not end
local function quoted(value, from)
  local parts, at = {}, from + 1
  while true do
    local stop = value:find('["\\]', at)
    if not stop then
      return nil
    end
    parts[#parts + 1] = value:sub(at, stop - 1)
    if value:sub(stop, stop) == '"' then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1] = value:sub(stop + 1, stop + 1)
    at = stop + 2
  end
end

local function is_end(value, at)
  return at > #value or value:sub(at, at) == ","
end

-- What stands behind the "=" of a parameter -> text, position behind it; nil
local function parameter_value(value, at)
  at = value:match("^[ \t]*()", at)
  if value:sub(at, at) == '"' then
    return quoted(value, at)
  end
  local _, stop = value:find(TOKEN, at)
  if stop then
    return value:sub(at, stop), stop + 1
  end
end

local function add_parameter(challenge, name, text)
  name = texts.lower(name)
  if challenge.params[name] then
    challenge.is_broken = true -- said twice: nobody knows which one is meant
  end
  challenge.params[name] = text
end

-- A scheme has been read, which ends before `at`. -> position behind what belongs to it alone
local function begin_challenge(list, scheme, value, at)
  local challenge = { scheme = texts.lower(scheme), params = {} }
  list[#list + 1] = challenge
  local token68, behind = value:match(TOKEN68, at)
  if token68 and is_end(value, behind) then
    challenge.token68, at = token68, behind
  end
  return at
end

local function read(list, value)
  local own, at = nil, 1
  while true do
    at = value:match("^[ \t,]*()", at)
    local _, stop = value:find(TOKEN, at)
    if not stop then
      return
    end
    local word, behind = value:sub(at, stop), value:match("^[ \t]*()", stop + 1)
    if value:sub(behind, behind) == "=" then
      local text, next_at = parameter_value(value, behind + 1)
      if not text or not own then
        return
      end
      add_parameter(own, word, text)
      at = value:match("^[ \t]*()", next_at)
      if not is_end(value, at) then
        return
      end
    else
      if behind == stop + 1 and not is_end(value, behind) then
        return
      end
      at = begin_challenge(list, word, value, behind)
      own = list[#list]
    end
  end
end

-- The values of the fields -> array of { scheme (in lower case), params (by name in lower case), token68, is_broken }
return function(values)
  local list = {}
  for _, value in ipairs(values) do
    read(list, value)
  end
  return list
end
