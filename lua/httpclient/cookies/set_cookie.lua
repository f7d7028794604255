-- set_cookie.lua: the value of a Set-Cookie field taken apart (RFC 6265bis section 5.6). What an
-- attribute means for a URL is asked later, in accept.lua.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local date = require(root .. ".cookies.date")
local texts = require(root .. ".base.text")

local PAIR_MOST, ATTRIBUTE_MOST = 4096, 1024
-- No cookie lives longer without being set again (section 5.5).
local AGE_MOST = 400 * 86400
local EARLIEST = 0

-- The two halves around the first "=", trimmed; without one the second is nil.
local function halves(text)
  local at = text:find("=", 1, true)
  if not at then
    return texts.trim(text)
  end
  return texts.trim(text:sub(1, at - 1)), texts.trim(text:sub(at + 1))
end

local function max_age(value, now)
  local sign, digits = value:match("^(%-?)([0-9]+)$")
  if not digits then
    return nil
  end
  digits = digits:gsub("^0+", "")
  local seconds = #digits > 15 and AGE_MOST or tonumber(digits) or 0
  if sign == "-" or seconds == 0 then
    return EARLIEST
  end
  return now + math.min(seconds, AGE_MOST)
end

local SAME_SITE = { none = "None", lax = "Lax", strict = "Strict" }

-- Each notes what its attribute says; the last one of a name counts.
local attributes = {}

function attributes.expires(cookie, value, now)
  local at = date(value)
  cookie.expires_at = at and math.min(at, now + AGE_MOST) or cookie.expires_at
end

attributes["max-age"] = function(cookie, value, now)
  cookie.max_age_at = max_age(value, now) or cookie.max_age_at
end

function attributes.domain(cookie, value)
  cookie.domain = texts.lower((value:gsub("^%.", "")))
end

function attributes.path(cookie, value)
  cookie.has_path = true
  cookie.path = value:sub(1, 1) == "/" and value or nil
end

function attributes.secure(cookie)
  cookie.secure = true
end

function attributes.httponly(cookie)
  cookie.http_only = true
end

function attributes.samesite(cookie, value)
  cookie.same_site = SAME_SITE[texts.lower(value)]
end

-- As servers write them, and in lower case: nothing has to be lowered to find these.
for _, name in ipairs({ "Expires", "Max-Age", "Domain", "Path", "Secure", "HttpOnly",
  "SameSite" }) do
  attributes[name] = attributes[texts.lower(name)]
end

local function take_attribute(cookie, name, value, now)
  local take = #value <= ATTRIBUTE_MOST and (attributes[name] or attributes[texts.lower(name)])
  if take then
    take(cookie, value, now)
  end
end

-- What most have, without a blank, up to the next ";" or the end. Patterns that never go back.
local PAIR = "^([^=; \t]+)=([^; \t]*)()%f[;%z]"
local ATTRIBUTE = "^;[ \t]*([A-Za-z-]+)%f[=;%z]=?([^; \t]*)()%f[;%z]"

-- -> where the text from `at` on, which begins with ";", has its next one; nil: there is none
local function attribute_at(cookie, text, at, now)
  local name, value, stop = text:match(ATTRIBUTE, at)
  if not name then
    stop = text:find(";", at + 1, true)
    name, value = halves(text:sub(at + 1, (stop or 0) - 1))
  end
  take_attribute(cookie, name, value or "", now)
  return stop
end

-- -> name, value, and as attribute_at()
local function pair_of(text)
  local name, value, stop = text:match(PAIR)
  if name then
    return name, value, stop
  end
  stop = text:find(";", 1, true)
  name, value = halves(text:sub(1, (stop or 0) - 1))
  if not value then
    name, value = "", name
  end
  return name, value, stop
end

-- `now`: seconds as of os.time(). -> { name, value, expires, domain, path, has_path, secure,
-- http_only, same_site }, in which what is not said is nil; nil and why it is none
return function(text, now)
  if texts.has_control(text) and texts.has_control((text:gsub("\t", " "))) then
    return nil, "the cookie holds a control character"
  end
  local name, value, stop = pair_of(text)
  if #name + #value > PAIR_MOST then
    return nil, "the cookie's name and value are longer than 4096 bytes"
  elseif name == "" and value == "" then
    return nil, "the cookie has neither a name nor a value"
  end
  local cookie = { name = name, value = value, path = nil, has_path = nil, http_only = nil,
    domain = nil, host_only = nil, used = nil } -- made large enough at once for most
  while stop and stop <= #text do
    stop = attribute_at(cookie, text, stop, now)
  end
  local expires = cookie.max_age_at or cookie.expires_at
  if expires then
    cookie.expires, cookie.max_age_at, cookie.expires_at = expires, nil, nil
  end
  return cookie
end
