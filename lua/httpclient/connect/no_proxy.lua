-- no_proxy.lua: does the list of the environment variable of that name mean this host?
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")
local idn = require(root .. ".url.idn")
local texts = require(root .. ".base.text")

local no_proxy = {}

-- Of an IPv4 address inside IPv6 (RFC 4291 section 2.5.5.2) so many bits stand before it.
local MAPPED_BITS = 96

-- The bytes of an IP address, 4 or 16, and how many bits were left out before them: an IPv4 address inside IPv6 is the
-- IPv4 address. nil for anything else.
local function address_bytes(text)
  text = text:match("^[^%%]*")
  local bytes = {}
  if addresses.is_ipv4(text) then
    for part in text:gmatch("[0-9]+") do
      bytes[#bytes + 1] = tonumber(part)
    end
    return bytes, 0
  elseif not addresses.is_ipv6(text) then
    return nil
  end
  local groups = addresses.ipv6_groups(text)
  local is_mapped = table.concat(groups, ":"):find("^0:0:0:0:0:65535:") ~= nil
  for index = is_mapped and 7 or 1, 8 do
    bytes[#bytes + 1] = math.floor(groups[index] / 256)
    bytes[#bytes + 1] = groups[index] % 256
  end
  return bytes, is_mapped and MAPPED_BITS or 0
end

-- Do two addresses of one kind agree in their first `bits`?
local function same_prefix(a, b, bits)
  if #a ~= #b or bits < 0 or bits > 8 * #a then
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
  domain = idn.ascii(domain) or domain
  return domain ~= "" and (host == domain or host:sub(-#domain - 1) == "." .. domain)
end

local function entry_matches(entry, u, address)
  if entry == "*" then
    return true
  end
  local network, bits = entry:match("^(.*)/([0-9][0-9]?[0-9]?)$")
  if network then
    local other, left_out = address_bytes(split_entry(network))
    return address ~= nil and other ~= nil
      and same_prefix(other, address, tonumber(bits) - left_out)
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

-- Does the list (separated by commas or blanks) name the host of the URL? Entries: "*", a domain
-- with or without a dot (or "*.") before it, which means itself and all below it, an IP address, a
-- network ("10.0.0.0/8"), each but the last with ":port".
function no_proxy.matches(u, list)
  local address = address_bytes(u.host)
  for entry in list:gmatch("[^,%z\1-\32]+") do
    if entry_matches(texts.lower(entry), u, address) then
      return true
    end
  end
  return false
end

return no_proxy
