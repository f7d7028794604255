-- secrets.lua: messages as people may see them: in a trace, in a log. What is a credential, or may
-- be one, stands there as "***": the value of a field or of a query's parameter whose name says so,
-- credentials that begin with the name of their scheme, in whatever field they stand, and user
-- information in any URL. In doubt it is hidden: who needs it to find a mistake has it already.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local texts = require(root .. ".base.text")

local secrets = {}

local MASK = "***"

-- What a name has in it whose value nobody should see, whatever stands between its letters ...
local INSIDE = {
  "auth", "cookie", "token", "secret", "passw", "passphrase", "credential", "apikey", "accesskey",
  "session", "signature", "bearer", "csrf", "xsrf", "saml", "assertion",
}
-- ... what is one of its words ...
local WORDS = {
  key = true, sig = true, pwd = true, pass = true, pin = true, otp = true, sid = true, jwt = true,
  hmac = true, ticket = true,
}
-- ... what it is as a whole ...
local NAMES = { code = true }
-- ... and the fields that ask for a secret and have none.
local CHALLENGES = { wwwauthenticate = true, proxyauthenticate = true }

-- What credentials begin with, as in Authorization.
local SCHEMES = {
  basic = true, bearer = true, digest = true, negotiate = true, ntlm = true, token = true,
  dpop = true, apikey = true,
}

local function is_secret(name)
  if name:find("%", 1, true) then
    name = name:gsub("%%([0-9A-Fa-f][0-9A-Fa-f])", texts.byte_of_hex)
  end
  local whole = texts.lower(name):gsub("[^a-z0-9]", "")
  if NAMES[whole] then
    return true
  elseif CHALLENGES[whole] then
    return false
  end
  for _, word in ipairs(INSIDE) do
    if whole:find(word, 1, true) then
      return true
    end
  end
  for word in name:gmatch("[A-Z]*[a-z0-9]*") do -- "api_key", "Api-Key", "apiKey"
    if WORDS[texts.lower(word)] then
      return true
    end
  end
  return false
end

-- --- URLs

local function is_value_shown(sign, name)
  return is_secret(name) and sign .. name .. "=" .. MASK or nil
end

-- A parameter, up to the next "&" or "#". Not all think that a ";" ends it: behind one is another name, or the rest of
-- a secret.
local function shown_parameter(sign, name, value)
  if is_secret(name) then
    return sign .. name .. "=" .. MASK
  elseif value:find("[;?]") then
    return sign .. name .. "=" .. value:gsub("([;?])([^=;?]*)=([^;?]*)", is_value_shown)
  end
end

-- A text that is one URL, or the target of a request. (Blanks do not belong into one, but end none of its secrets.)
function secrets.url(text)
  text = text:gsub("//[^/?#]*@", "//" .. MASK .. "@")
  return (text:gsub("([?&;#])([^=?&;#]*)=([^&#]*)", shown_parameter))
end

-- A text in which URLs stand, between blanks or in angle brackets.
local function urls_in(text)
  if not text:find("[/?#&;=]") then
    return text -- most of them
  end
  text = text:gsub("//[^/?#<>]*@", "//" .. MASK .. "@")
  return (text:gsub("([?&;#])([^=?&;# \t<>]*)=([^&# \t<>]*)", shown_parameter))
end

-- --- heads

-- Fields whose value is one URL.
local ONE_URL = { location = true, ["content-location"] = true, referer = true }

-- A field line, "Name: value".
function secrets.line(line)
  local name, value = line:match("^([^:]*):[ \t]*(.*)$")
  if not name then
    return line
  end
  name = texts.trim(name)
  local own, scheme = texts.lower(name), value:match("^([A-Za-z]+)[ \t]+[^ \t]")
  if is_secret(name) then
    value = MASK
  elseif ONE_URL[own] then
    value = secrets.url(value)
  elseif scheme and SCHEMES[texts.lower(scheme)] and not CHALLENGES[own:gsub("-", "")] then
    value = scheme .. " " .. MASK
  else
    value = urls_in(value)
  end
  return name .. ": " .. value
end

-- A head as it goes over the wire, or an array of its lines. -> text, its lines parted by "\n"
function secrets.head(lines)
  local shown = { urls_in(lines[1]) }
  for index = 2, #lines do
    shown[index] = secrets.line(lines[index])
  end
  return table.concat(shown, "\n")
end

return secrets
