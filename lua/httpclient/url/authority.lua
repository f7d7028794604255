-- authority.lua: the part of a URL that says where: user information, host and port (RFC 3986 section 3.2).
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")
local texts = require(root .. ".base.text")

local lower = texts.lower
-- The ports that a URL need not name.
local authority = { default_ports = { http = 80, https = 443 } }

-- What stands in brackets: the address in lower case, "%zone" behind it as the system knows it. RFC
-- 6874 writes "%25" for that '%'; a bare one is taken as well, as curl does.
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
  if not addresses.is_ipv6(address or text) then
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
  local digits = text:match("^0*(.*)$")
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
    local colon = text:find(":", 1, true)
    if not colon then
      return text, ""
    elseif text:find(":", colon + 1, true) then
      return nil, "the host holds more than one ':' (an IPv6 address needs brackets)"
    end
    return text:sub(1, colon - 1), text:sub(colon + 1)
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

-- The text between "//" and the path -> true, with host, is_ipv6 and, where they are there,
-- userinfo and port in `parts`; or nil and the reason
function authority.parse(parts, text)
  local userinfo, rest
  if text:find("@", 1, true) then
    userinfo, rest = text:match("^(.*)@([^@]*)$")
  end
  if userinfo and userinfo:find("@", 1, true) then
    return nil, "there is more than one '@' (in user information, '@' is written %40)"
  end
  if text:find("[ \\]") then
    return nil, "a space or a backslash stands before the path"
  end
  parts.userinfo = userinfo
  return parse_host(parts, rest or text)
end

return authority
