-- secrets.lua: messages as people may see them: in a trace, in a log. What is a credential, or may
-- be one, stands there as "***": the value of a field or of a query's parameter whose name says so,
-- and user information in any URL.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local texts = require(root .. ".base.text")

local secrets = {}

local MASK = "***"

-- What a name has in it whose value nobody should see ...
local WORDS = {
  "auth", "cookie", "token", "secret", "passw", "credential", "apikey", "accesskey", "session",
  "signature",
}
-- ... what it is as a whole ...
local NAMES = { key = true, sig = true, code = true, pwd = true, sid = true, jwt = true }
-- ... and the fields that ask for a secret and have none.
local CHALLENGES = { wwwauthenticate = true, proxyauthenticate = true }

local function is_secret(name)
  name = texts.lower(name):gsub("[-_]", "")
  if NAMES[name] then
    return true
  elseif CHALLENGES[name] then
    return false
  end
  for _, word in ipairs(WORDS) do
    if name:find(word, 1, true) then
      return true
    end
  end
  return false
end

-- A text in which URLs may stand, or the target of a request.
function secrets.url(text)
  text = text:gsub("//[^/?# \t]*@", "//" .. MASK .. "@")
  return (text:gsub("([?&;])([^=?&;# \t]*)=([^?&;# \t]*)", function(sign, name)
    return is_secret(name) and sign .. name .. "=" .. MASK or nil
  end))
end

-- A field line, "Name: value".
function secrets.line(line)
  local name, value = line:match("^([^:]*):[ \t]*(.*)$")
  if not name then
    return line
  elseif is_secret(texts.trim(name)) then
    return name .. ": " .. MASK
  end
  return name .. ": " .. secrets.url(value)
end

-- A head as it goes over the wire, or an array of its lines. -> text, its lines parted by "\n"
function secrets.head(lines)
  local shown = { secrets.url(lines[1]) }
  for index = 2, #lines do
    shown[index] = secrets.line(lines[index])
  end
  return table.concat(shown, "\n")
end

return secrets
