-- address.lua: IP addresses as text: which texts are some, what their numbers are, and the one spelling that each has.
local address = {}

local IPV6_LIMIT = 45 -- six groups and an IPv4 address

function address.is_ipv4(text)
  if not text:find("[0-9]$") then
    return false -- most names, without more to do
  end
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
  if may_end_in_ipv4 and address.is_ipv4(last) then
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
function address.is_ipv6(text)
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
function address.ipv6_groups(text)
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
function address.canonical(host)
  local groups = address.ipv6_groups(host)
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

return address
