-- calls.lua: what scripts call to take URLs apart and to resolve references (RFC 3986).
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local reference = require(root .. ".url.reference")
local write = require(root .. ".url.write")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

local calls = {}

local function check_text(index, method, value)
  if type(value) ~= "string" then
    check.fail_type(index, method, "string", value, 3)
  end
end

-- parse_url(text) -> { scheme, userinfo, user, password, host, port, path, query, fragment }, where
-- what the text does not have is nil, but the path, which is always there; or nil, message, Error
function calls.parse_url(text)
  check_text(1, "parse_url", text)
  local parts, why = reference.parse(text)
  if not parts then
    return nil, why, INVALID
  end
  parts.is_ipv6 = nil
  if parts.userinfo then
    local user, password = parts.userinfo:match("^([^:]*):?(.*)$")
    parts.user = httpclient.uri_decode(user)
    parts.password = parts.userinfo:find(":", 1, true) and httpclient.uri_decode(password) or nil
  end
  return parts
end

-- resolve_url(base, reference) -> text; or nil, message, Error
function calls.resolve_url(base, relative)
  check_text(1, "resolve_url", base)
  check_text(2, "resolve_url", relative)
  local from, no_base = reference.parse(base)
  if not from then
    return nil, "the base: " .. no_base, INVALID
  elseif not from.scheme then
    return nil, "the base: the URL has no scheme", INVALID
  end
  local to, why = reference.resolve(from, relative)
  if not to then
    return nil, why, INVALID
  end
  return write.recompose(to)
end

return calls
