-- text.lua: what all of HTTP's grammars do with text: letter case, blanks and control characters as
-- ASCII has them, whatever the locale says. None of it takes more than linear time.
local text = {}

local lower_of = {}
for byte = ("A"):byte(), ("Z"):byte() do
  lower_of[string.char(byte)] = string.char(byte + 32)
end

-- ASCII only.
function text.lower(value)
  return value:find("[A-Z]") and (value:gsub("[A-Z]", lower_of)) or value
end

-- Without blanks and tabs at both ends. `^[ \t]*(.-)[ \t]*$` would look at each run of blanks from each of its blanks.
function text.trim(value)
  local from = value:find("[^ \t]")
  return from and value:match("^.*[^ \t]", from) or ""
end

function text.has_control(value)
  return value:find("[\1-\31\127]") ~= nil or value:find("\0", 1, true) ~= nil
end

-- A table of fn's results, each made when it is first asked for: what string.gsub takes in place of a function, since a
-- call for each byte of what a peer sends is dear.
function text.table_of(fn)
  return setmetatable({}, { __index = function(self, key)
    local value = fn(key)
    self[key] = value
    return value
  end })
end

text.byte_of_hex = text.table_of(function(hex)
  return string.char(tonumber(hex, 16))
end)

return text
