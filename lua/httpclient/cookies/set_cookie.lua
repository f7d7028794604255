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

local function take_attribute(cookie, text, now)
  local name, value = halves(text)
  value = value or ""
  local take = #value <= ATTRIBUTE_MOST and attributes[texts.lower(name)]
  if take then
    take(cookie, value, now)
  end
end

-- `now`: seconds as of os.time(). -> { name, value, expires, domain, path, has_path, secure,
-- http_only, same_site }, in which what is not said is nil; nil and why it is none
return function(text, now)
  if texts.has_control((text:gsub("\t", " "))) then
    return nil, "the cookie holds a control character"
  end
  local stop = text:find(";", 1, true)
  local name, value = halves(text:sub(1, (stop or 0) - 1))
  if not value then
    name, value = "", name
  end
  if #name + #value > PAIR_MOST then
    return nil, "the cookie's name and value are longer than 4096 bytes"
  elseif name == "" and value == "" then
    return nil, "the cookie has neither a name nor a value"
  end
  local cookie = { name = name, value = value }
  while stop do
    local following = text:find(";", stop + 1, true)
    take_attribute(cookie, text:sub(stop + 1, (following or 0) - 1), now)
    stop = following
  end
  cookie.expires = cookie.max_age_at or cookie.expires_at
  cookie.max_age_at, cookie.expires_at = nil, nil
  return cookie
end
