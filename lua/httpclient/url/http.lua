-- http.lua: a URL made ready for a request: everything checked, filled in and escaped once, so that
-- nobody below has to ask.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local default_ports = require(root .. ".url.authority").default_ports
local idn = require(root .. ".url.idn")
local reference = require(root .. ".url.reference")
local texts = require(root .. ".base.text")

local http = {}

local HOST_LIMIT = 255

local function percent_decode(text)
  return text:find("%", 1, true) and (text:gsub("%%([0-9A-Fa-f][0-9A-Fa-f])", texts.byte_of_hex))
    or text
end

local percent_encoded = texts.table_of(function(byte)
  return ("%%%02X"):format(byte:byte())
end)

-- What a path or a query may not hold as it is. A '%' stays, encoded or not, and so do brackets: as
-- in browsers and curl.
local function escape(text)
  if not text:find("[^A-Za-z0-9/._=&-]") then
    return text -- most of them
  end
  return (text:gsub("[^A-Za-z0-9%-._~!$&'()*+,;=:@/?%%%[%]]", percent_encoded))
end

-- The host as it is looked up: percent-encoding decoded once, then only what RFC 3986 allows in a name.
local function http_host(parts)
  if parts.is_ipv6 then
    return parts.host
  end
  local host = texts.lower(percent_decode(parts.host))
  local ascii, why = idn.ascii(host)
  if not ascii then
    return nil, why
  end
  host = ascii
  if not host:find("^[a-z0-9%-._~!$&'()*+,;=]+$") then
    return nil, "the host holds a character that no host name has"
  end
  if #host > HOST_LIMIT then
    return nil, "the host is longer than 255 bytes"
  end
  return host
end

-- RFC 7617 section 2: no control characters, no ':' in the name.
local function credentials(parts, to)
  if not parts.userinfo or parts.userinfo == "" then
    return true
  end
  local user, password = parts.userinfo:match("^([^:]*):?(.*)$")
  user, password = percent_decode(user), percent_decode(password)
  if texts.has_control(user) or texts.has_control(password) then
    return nil, "the user information holds a control character"
  end
  if user:find(":", 1, true) then
    return nil, "a user name can't hold a ':'"
  end
  to.userinfo, to.user, to.password = parts.userinfo, user, password
  return true
end

-- Parts made ready for a request: the host checked, the port always there, the path never empty and
-- without dot segments, path, query and fragment escaped, `user` and `password` decoded where there
-- is user information, `tls`. Or nil and the reason.
function http.from_parts(parts)
  local default = default_ports[parts.scheme or ""]
  if not default then
    return nil, "only http:// and https:// URLs are supported"
  end
  if not parts.host or parts.host == "" then
    return nil, "the URL has no host"
  end
  if parts.port == 0 then
    return nil, "the port is 0"
  end
  local host, reason = http_host(parts)
  if not host then
    return nil, reason
  end
  local to = { scheme = parts.scheme, tls = parts.scheme == "https", host = host,
    is_ipv6 = parts.is_ipv6 }
  local ok, why = credentials(parts, to)
  if not ok then
    return nil, why
  end
  to.port = parts.port or default
  to.path = escape(reference.remove_dot_segments(parts.path))
  if to.path == "" then
    to.path = "/"
  end
  to.query = parts.query and escape(parts.query)
  to.fragment = parts.fragment and escape(parts.fragment)
  return to
end

-- The number of what stands behind the host's colon; nil where it needs a closer look.
local function plain_port(digits, scheme)
  if digits == "" then
    return default_ports[scheme]
  end
  local number = tonumber(digits)
  return digits:sub(1, 1) ~= "0" and number <= 65535 and number or nil
end

-- What most URLs are like: nothing in them has to be decoded, escaped or left out. Then a few patterns, none of which
-- goes back, do what all of the above would for a sixth of the cost. -> as below; nil for all others
local function from_plain_text(text)
  local scheme, host, at = text:match("^(https?)://([a-z0-9.-]+)()")
  if not scheme or #host > HOST_LIMIT then
    return nil
  end
  local digits, behind = text:match("^:([0-9]*)()", at)
  local port = plain_port(digits or "", scheme)
  local path, rest = text:match("^(/[A-Za-z0-9/_.~-]*)()", behind or at)
  local query = path and text:match("^%?([A-Za-z0-9/_.~=&+-]*)$", rest)
  if not port or not path or path:find("/.", 1, true) or not query and rest <= #text then
    return nil
  end
  return { scheme = scheme, tls = scheme == "https", host = host, is_ipv6 = false, port = port,
    path = path, query = query }
end

-- The same from text.
function http.from_text(text)
  local plain = from_plain_text(text)
  if plain then
    return plain
  end
  local parts, reason = reference.parse(text)
  if not parts then
    return nil, reason
  end
  return http.from_parts(parts)
end

return http
