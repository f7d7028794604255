-- match.lua: for which hosts and paths a cookie is (RFC 6265bis section 5.1).
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")

local match = {}

-- The host of a URL as cookies know it: an IPv6 address has many spellings, and one here.
function match.host_of(url)
  return url.is_ipv6 and addresses.canonical(url.host) or url.host
end

local function is_address(host)
  return host:find(":", 1, true) ~= nil or addresses.is_ipv4(host)
end

function match.domain(host, domain)
  if host == domain then
    return true
  end
  return #domain > 0 and #host > #domain and host:sub(-#domain - 1) == "." .. domain
    and not is_address(host)
end

-- Those of one host are asked for again and again.
local last_host, last_list

-- The domains that a cookie for this host may have: itself, and, with a name, what it is below. Not to be written to.
function match.domains_of(host)
  if host == last_host then
    return last_list
  end
  local list, at = { host }, not is_address(host) and host:find(".", 1, true)
  while at do
    list[#list + 1] = host:sub(at + 1)
    at = host:find(".", at + 1, true)
  end
  last_host, last_list = host, list
  return list
end

function match.path(path, of_cookie)
  if path == of_cookie then
    return true
  end
  return path:sub(1, #of_cookie) == of_cookie
    and (of_cookie:sub(-1) == "/" or path:sub(#of_cookie + 1, #of_cookie + 1) == "/")
end

-- Of a cookie that names none, set by an answer from this path.
function match.default_path(path)
  local folder = path:match("^(/.*)/[^/]*$")
  return folder or "/"
end

return match
