-- Which proxy a request goes through: a URL, or what the environment says. Internal.
--
-- The variables are read as curl reads them: lower case first, an empty one counts as unset, hosts of this machine are no
-- exception unless no_proxy names them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local url = require(root .. ".url.http")

local proxy = {}

-- {host, port, user, password} of "http://user:password@host:port" or the same without scheme (user and password are nil
-- where there is no user information; port 80 where none is written). Or nil and the reason.
function proxy.from_url(text)
  text = url.trim(text)
  if text == "" then
    return nil, "the proxy's URL is empty"
  end
  local scheme = text:match("^([^:/?#]*)://")
  if scheme and not scheme:find("^[hH][tT][tT][pP]$") then
    return nil, "only http:// proxies are supported"
  end
  local u, reason = url.http(scheme and text or "http://" .. text)
  if not u then
    return nil, "the proxy's URL is not valid: " .. reason
  end
  return { host = u.host, port = u.port, user = u.user, password = u.password }
end

-- --- no_proxy

-- The bytes of an IP address, 4 or 16; nil for anything else. An IPv4 address inside IPv6 is the IPv4 address.
local function address_bytes(text)
  text = text:match("^[^%%]*")
  local bytes = {}
  if url.is_ipv4(text) then
    for part in text:gmatch("[0-9]+") do
      bytes[#bytes + 1] = tonumber(part)
    end
    return bytes
  elseif not url.is_ipv6(text) then
    return nil
  end
  local groups = url.ipv6_groups(text)
  local is_mapped = table.concat(groups, ":"):find("^0:0:0:0:0:65535:") ~= nil
  for index = is_mapped and 7 or 1, 8 do
    bytes[#bytes + 1] = math.floor(groups[index] / 256)
    bytes[#bytes + 1] = groups[index] % 256
  end
  return bytes
end

-- Do two addresses of one kind agree in their first `bits`?
local function same_prefix(a, b, bits)
  if #a ~= #b or bits > 8 * #a then
    return false
  end
  local at = 1
  while bits >= 8 do
    if a[at] ~= b[at] then
      return false
    end
    at, bits = at + 1, bits - 8
  end
  local unit = 2 ^ (8 - bits)
  return bits == 0 or math.floor(a[at] / unit) == math.floor(b[at] / unit)
end

-- "host", "host:port", "[v6]", "[v6]:port" or "v6" -> host and port.
local function split_entry(entry)
  local literal, behind = entry:match("^%[([^%]]*)%](.*)$")
  if literal then
    return literal, tonumber(behind:match("^:([0-9]+)$"))
  end
  local host, port = entry:match("^([^:]*):([0-9]+)$")
  if host then
    return host, tonumber(port)
  end
  return entry
end

local function is_in_domain(host, domain)
  host, domain = host:gsub("%.$", ""), domain:gsub("^%*%.", ""):gsub("^%.", ""):gsub("%.$", "")
  return domain ~= "" and (host == domain or host:sub(-#domain - 1) == "." .. domain)
end

local function entry_matches(entry, u, address)
  if entry == "*" then
    return true
  end
  local network, bits = entry:match("^(.*)/([0-9][0-9]?[0-9]?)$")
  if network then
    network = address_bytes(split_entry(network))
    return address ~= nil and network ~= nil and same_prefix(network, address, tonumber(bits))
  end
  local host, port = split_entry(entry)
  if port and port ~= u.port then
    return false
  end
  local other = address_bytes(host)
  if address or other then
    return address ~= nil and other ~= nil and same_prefix(other, address, 8 * #address)
  end
  return is_in_domain(u.host, host)
end

-- Does the list (separated by commas or blanks) name the host of the URL? Entries: "*", a domain with or without a dot (or
-- "*.") before it, which means itself and all below it, an IP address, a network ("10.0.0.0/8"), each but the last with ":port".
function proxy.is_excepted(u, list)
  local address = address_bytes(u.host)
  for entry in list:gmatch("[^,%z\1-\32]+") do
    if entry_matches(url.lower(entry), u, address) then
      return true
    end
  end
  return false
end

-- --- the environment

local function first_set(getenv, ...)
  for _, name in ipairs({ ... }) do
    local value = getenv(name)
    if value and url.trim(value) ~= "" then
      return value, name
    end
  end
end

local function variables_of(u, getenv)
  if u.scheme == "https" then
    return "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"
  end
  -- A CGI program has the client's "Proxy:" header field in HTTP_PROXY.
  if getenv("REQUEST_METHOD") then
    return "http_proxy", "all_proxy", "ALL_PROXY"
  end
  return "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"
end

-- The proxy for a URL (from url.http) as in from_url; nil when it is reached without; nil and a message when the environment
-- names a proxy that can't be used: going without would be against its owner's will.
function proxy.from_environment(u, getenv)
  getenv = getenv or os.getenv
  local text, name = first_set(getenv, variables_of(u, getenv))
  if not text then
    return nil
  end
  if proxy.is_excepted(u, first_set(getenv, "no_proxy", "NO_PROXY") or "") then
    return nil
  end
  local found, reason = proxy.from_url(text)
  if not found then
    return nil, ("environment variable %s: %s"):format(name, reason)
  end
  return found
end

return proxy
