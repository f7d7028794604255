-- endpoint.lua: "host:port" as an option has it, where either part may be missing.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")
local idn = require(root .. ".url.idn")
local texts = require(root .. ".base.text")

local endpoint = {}

local function is_port(text)
  local number = tonumber(text)
  return text == "" or (#text <= 5 and number > 0 and number <= 65535)
end

-- -> host and port as texts, either may be empty; nil where it is nothing of the kind
function endpoint.split(text)
  local host, port = text:match("^%[([^%[%]]*)%]:?([0-9]*)$")
  if host then
    host = addresses.is_ipv6(host:match("^[^%%]*")) and addresses.canonical(host) or nil
  else
    host, port = text:match("^([^:%[%]]*):?([0-9]*)$")
    host = host and not host:find("[%z\1-\32/\\?#@%%\127]") and idn.ascii(texts.lower(host)) or nil
  end
  if host and is_port(port) then
    return host, port
  end
end

-- Is this a map from "host:port" to "address:port", as connect_to has to be?
function endpoint.is_map(value)
  if type(value) ~= "table" then
    return false
  end
  for from, to in pairs(value) do
    if type(from) ~= "string" or type(to) ~= "string" or not endpoint.split(from)
      or not endpoint.split(to) then
      return false
    end
  end
  return true
end

function endpoint.is_address(value)
  return type(value) == "string" and (addresses.is_ipv4(value)
    or addresses.is_ipv6(value:match("^([^%%]*)%%?[%w._~-]*$") or ""))
end

return endpoint
