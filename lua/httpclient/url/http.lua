-- URLs: taken apart, resolved and put together again (RFC 3986), and made ready for HTTP. Internal.
--
-- Nothing here depends on the locale: patterns name their bytes. None of them takes more than linear time. Reasons never quote the URL, which may hold a password.
local url = {}

local DEFAULT_PORTS = { http = 80, https = 443 }
local HOST_LIMIT = 255
local IPV6_LIMIT = 45 -- six groups and an IPv4 address

-- ASCII only.
local function lower(text)
  return (text:gsub("[A-Z]", function(letter) return string.char(letter:byte() + 32) end))
end
url.lower = lower

-- Without blanks and tabs at both ends. `^[ \t]*(.-)[ \t]*$` would look at each run of blanks from each of its blanks.
function url.trim(text)
  local from = text:find("[^ \t]")
  return from and text:match("^.*[^ \t]", from) or ""
end

local function has_control(text)
  return text:find("[\1-\31\127]") ~= nil or text:find("\0", 1, true) ~= nil
end

local function percent_decode(text)
  return (text:gsub("%%([0-9A-Fa-f][0-9A-Fa-f])", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function percent_encode_byte(byte)
  return ("%%%02X"):format(byte:byte())
end

-- What a path or a query may not hold as it is. A '%' stays, encoded or not, and so do brackets: as in browsers and curl.
local function escape(text)
  return (text:gsub("[^A-Za-z0-9%-._~!$&'()*+,;=:@/?%%%[%]]", percent_encode_byte))
end

-- --- hosts

function url.is_ipv4(text)
  local parts = { text:match("^([0-9]+)%.([0-9]+)%.([0-9]+)%.([0-9]+)$") }
  for _, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 or part:find("^0.") then
      return false
    end
  end
  return #parts == 4
end

-- How many 16-bit groups a list of them has, or nil; an IPv4 address may stand for the last two.
local function count_groups(text, may_end_in_ipv4)
  local count, last = 0, text:match("[^:]*$")
  if may_end_in_ipv4 and url.is_ipv4(last) then
    text = text:sub(1, -#last - 1) .. "0:0"
  end
  for group in (text == "" and "" or text .. ":"):gmatch("([^:]*):") do
    if not group:find("^[0-9A-Fa-f][0-9A-Fa-f]?[0-9A-Fa-f]?[0-9A-Fa-f]?$") then
      return nil
    end
    count = count + 1
  end
  return count
end

-- Without brackets and zone.
function url.is_ipv6(text)
  if #text > IPV6_LIMIT then
    return false
  end
  local head, tail = text:match("^(.-)::(.*)$")
  if not head then
    return count_groups(text, true) == 8
  end
  local before, behind = count_groups(head, false), count_groups(tail, true)
  return before ~= nil and behind ~= nil and before + behind <= 7
end

local function append_groups(groups, text)
  for group in text:gmatch("[^:]+") do
    groups[#groups + 1] = tonumber(group, 16)
  end
end

-- The eight numbers of an IPv6 address (without brackets; a zone does not count), however it is written.
function url.ipv6_groups(text)
  text = text:match("^[^%%]*")
  local before, a, b, c, d = text:match("^(.*:)([0-9]+)%.([0-9]+)%.([0-9]+)%.([0-9]+)$")
  if before then
    text = before .. ("%x:%x"):format(a * 256 + b, c * 256 + d)
  end
  local head, tail = text:match("^(.-)::(.*)$")
  local groups, behind = {}, {}
  append_groups(groups, head or text)
  append_groups(behind, tail or "")
  while #groups + #behind < 8 do
    groups[#groups + 1] = 0
  end
  for _, group in ipairs(behind) do
    groups[#groups + 1] = group
  end
  return groups
end

-- What stands in brackets: the address in lower case, "%zone" behind it as the system knows it. RFC 6874 writes "%25" for
-- that '%'; a bare one is taken as well, as curl does.
local function ipv6_host(text)
  local address, zone = text:match("^([^%%]*)%%(.*)$")
  if zone and zone:find("^25.") then
    zone = zone:sub(3)
  end
  if zone and not zone:find("^[A-Za-z0-9._~-]+$") then
    return nil, "the zone of the IPv6 address is not valid"
  end
  if text:find("^[vV]") then
    return nil, "this kind of IP address in brackets is not supported"
  end
  if not url.is_ipv6(address or text) then
    return nil, "what stands in brackets is no IPv6 address"
  end
  return lower(address or text) .. (zone and "%" .. zone or "")
end

local function parse_port(text)
  if text == "" then
    return nil
  end
  if not text:find("^[0-9]+$") then
    return nil, "the port is no number"
  end
  local digits = text:gsub("^0+", "")
  if #digits > 5 or (tonumber(digits) or 0) > 65535 then
    return nil, "the port is over 65535"
  end
  return tonumber(digits) or 0
end

-- The host, still in its brackets, and what stands behind the colon.
local function split_port(text)
  if text:sub(1, 1) ~= "[" then
    if text:find("[%[%]]") then
      return nil, "the brackets of the host do not match"
    end
    local host, port = text:match("^([^:]*):?(.*)$")
    if port:find(":", 1, true) then
      return nil, "the host holds more than one ':' (an IPv6 address needs brackets)"
    end
    return host, port
  end
  local closing = text:find("]", 1, true)
  if not closing then
    return nil, "the brackets of the host do not match"
  end
  local behind = text:sub(closing + 1)
  if behind ~= "" and behind:sub(1, 1) ~= ":" then
    return nil, "something stands between the ']' and the port"
  end
  return text:sub(1, closing), behind:sub(2)
end

local function parse_host(parts, text)
  local host, port = split_port(text)
  if not host then
    return nil, port
  end
  local reason
  parts.port, reason = parse_port(port)
  if reason then
    return nil, reason
  end
  parts.is_ipv6 = host:sub(1, 1) == "["
  if not parts.is_ipv6 then
    parts.host = lower(host)
    return true
  end
  parts.host, reason = ipv6_host(host:sub(2, -2))
  return parts.host ~= nil, reason
end

local function parse_authority(parts, text)
  local userinfo, rest = text:match("^(.*)@([^@]*)$")
  if userinfo and userinfo:find("@", 1, true) then
    return nil, "there is more than one '@' (in user information, '@' is written %40)"
  end
  if text:find("[ \\]") then
    return nil, "a space or a backslash stands before the path"
  end
  parts.userinfo = userinfo
  return parse_host(parts, rest or text)
end

-- --- the generic syntax

-- Any URI or relative reference: {scheme, userinfo, host, is_ipv6, port, path, query, fragment}. What is not there is nil;
-- the path is always a string. Scheme and host are in lower case, nothing is decoded. Or nil and the reason.
function url.parse(text)
  if has_control(text) then
    return nil, "the URL holds a control character"
  end
  local parts = { is_ipv6 = false }
  local rest, fragment = text:match("^([^#]*)#(.*)$")
  parts.fragment, rest = fragment, rest or text
  local before, query = rest:match("^([^?]*)%?(.*)$")
  parts.query, rest = query, before or rest
  local scheme, behind = rest:match("^([A-Za-z][A-Za-z0-9+.-]*):(.*)$")
  if scheme then
    parts.scheme, rest = lower(scheme), behind
  end
  local authority, path = rest:match("^//([^/]*)(.*)$")
  parts.path = path or rest
  if authority then
    local ok, reason = parse_authority(parts, authority)
    if not ok then
      return nil, reason
    end
  end
  return parts
end

-- RFC 3986 section 5.2.4.
local function remove_dot_segments(path)
  local from = 1
  while path:find("^%.%.?/", from) do
    from = path:find("/", from, true) + 1
  end
  local rest = path:sub(from)
  if rest == "." or rest == ".." then
    return ""
  end
  local kept, first = {}, rest:match("^[^/]*")
  kept[1] = first ~= "" and first or nil
  local last
  for segment in rest:sub(#first + 1):gmatch("/[^/]*") do
    last = segment
    if segment == "/.." then
      kept[#kept] = nil
    elseif segment ~= "/." then
      kept[#kept + 1] = segment
    end
  end
  if last == "/." or last == "/.." then
    kept[#kept + 1] = "/"
  end
  return table.concat(kept)
end

local function merge_paths(base, path)
  if base.host and base.path == "" then
    return "/" .. path
  end
  return (base.path:match("^.*/") or "") .. path
end

local function copy_authority(to, from)
  to.userinfo, to.host, to.is_ipv6, to.port = from.userinfo, from.host, from.is_ipv6, from.port
end

local function parts_of(value)
  if type(value) == "table" then
    return value
  end
  return url.parse(value)
end

-- The reference (text or parts) seen from the base (the same), RFC 3986 section 5.2.2. New parts, or nil and the reason.
function url.resolve(base, reference)
  local from, why = parts_of(base)
  if not from then
    return nil, why
  end
  local ref, reason = parts_of(reference)
  if not ref then
    return nil, reason
  end
  local to = { scheme = ref.scheme or from.scheme, query = ref.query, fragment = ref.fragment }
  if ref.scheme or ref.host then
    copy_authority(to, ref)
    to.path = remove_dot_segments(ref.path)
    return to
  end
  copy_authority(to, from)
  if ref.path == "" then
    to.path = from.path
    to.query = ref.query or from.query
  elseif ref.path:sub(1, 1) == "/" then
    to.path = remove_dot_segments(ref.path)
  else
    to.path = remove_dot_segments(merge_paths(from, ref.path))
  end
  return to
end

-- --- HTTP

-- The host as it is looked up: percent-encoding decoded once, then only what RFC 3986 allows in a name.
local function http_host(parts)
  if parts.is_ipv6 then
    return parts.host
  end
  local host = lower(percent_decode(parts.host))
  if host:find("[\128-\255]") then
    return nil, "the host holds characters that are not ASCII: write it in its xn-- form"
  end
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
  if has_control(user) or has_control(password) then
    return nil, "the user information holds a control character"
  end
  if user:find(":", 1, true) then
    return nil, "a user name can't hold a ':'"
  end
  to.userinfo, to.user, to.password = parts.userinfo, user, password
  return true
end

-- Parts made ready for a request: the host checked, the port always there, the path never empty and without dot segments,
-- path, query and fragment escaped, `user` and `password` decoded where there is user information, `tls`. Or nil and the reason.
function url.to_http(parts)
  local default = DEFAULT_PORTS[parts.scheme or ""]
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
  local to = { scheme = parts.scheme, tls = parts.scheme == "https", host = host, is_ipv6 = parts.is_ipv6 }
  local ok, why = credentials(parts, to)
  if not ok then
    return nil, why
  end
  to.port = parts.port or default
  to.path = escape(remove_dot_segments(parts.path))
  if to.path == "" then
    to.path = "/"
  end
  to.query = parts.query and escape(parts.query)
  to.fragment = parts.fragment and escape(parts.fragment)
  return to
end

-- The same from text.
function url.http(text)
  local parts, reason = url.parse(text)
  if not parts then
    return nil, reason
  end
  return url.to_http(parts)
end

-- --- putting together

-- What a request line says of the URL: path and query.
function url.target(u)
  return (u.path == "" and "/" or u.path) .. (u.query and "?" .. u.query or "")
end

local function bracketed(u, host)
  return u.is_ipv6 and "[" .. host .. "]" or host
end

-- As in a Host header: no zone, no default port.
function url.authority(u)
  local host = bracketed(u, u.is_ipv6 and u.host:match("^[^%%]*") or u.host)
  if u.port and u.port ~= DEFAULT_PORTS[u.scheme] then
    return host .. ":" .. ("%d"):format(u.port)
  end
  return host
end

-- Where the longest run of zeros begins and ends, the first of several; nil when none has two.
local function zeros_of(groups)
  local from, to
  for first = 1, #groups do
    local last = first - 1
    while groups[last + 1] == 0 do
      last = last + 1
    end
    if last - first > (from and to - from or 0) then
      from, to = first, last
    end
  end
  return from, to
end

-- The address in the one spelling of RFC 5952 (without its IPv4 form), and the zone.
local function canonical_ipv6(host)
  local groups = url.ipv6_groups(host)
  local from, to = zeros_of(groups)
  for index, group in ipairs(groups) do
    groups[index] = ("%x"):format(group)
  end
  local zone = host:match("%%.*$") or ""
  if not from then
    return table.concat(groups, ":") .. zone
  end
  return table.concat(groups, ":", 1, from - 1) .. "::" .. table.concat(groups, ":", to + 1) .. zone
end

-- "scheme://host:port", the port always there: equal for URLs of one origin (RFC 6454), and for no others.
function url.origin(u)
  local host = u.is_ipv6 and canonical_ipv6(u.host) or u.host
  return ("%s://%s:%d"):format(u.scheme, bracketed(u, host), u.port or DEFAULT_PORTS[u.scheme] or 0)
end

local function compose(u, userinfo)
  local text = u.scheme and u.scheme .. ":" or ""
  if u.host then
    local host = u.is_ipv6 and u.host:gsub("%%", "%%25") or u.host
    local port = u.port and u.port ~= DEFAULT_PORTS[u.scheme or ""] and (":%d"):format(u.port) or ""
    text = text .. "//" .. (userinfo and userinfo .. "@" or "") .. bracketed(u, host) .. port
  end
  return text .. u.path .. (u.query and "?" .. u.query or "") .. (u.fragment and "#" .. u.fragment or "")
end

-- RFC 3986 section 5.3; a default port is left out.
function url.to_string(u)
  return compose(u, u.userinfo)
end

-- The same without user information: for people, and for logs.
function url.display(u)
  return compose(u, nil)
end

return url
