-- reach.lua: where a transfer's connections go and come from, other than its URL says: the options unix_socket,
-- connect_to, local_address, address_family, allow_address. What goes by a way of its own is kept apart from the rest.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")
local endpoint = require(root .. ".url.endpoint")

local reach = {}

-- What the map has for the URL: the most exact entry first. -> "address:port"; "": nothing
local function target_of(map, url)
  local host = url.is_ipv6 and addresses.canonical(url.host) or url.host
  local port = ("%d"):format(url.port)
  local found = {}
  for from, to in pairs(map) do
    local of_host, of_port = endpoint.split(from)
    found[of_host .. "\0" .. of_port] = to
  end
  local to = found[host .. "\0" .. port] or found[host .. "\0"] or found["\0" .. port]
    or found["\0"]
  return to or ""
end

-- -> what the options say; false where they say nothing
function reach.of(options)
  local path, map, from = options.unix_socket, options.connect_to, options.local_address
  local family, allow = options.address_family, options.allow_address
  if not (path or map or from or family or allow) then
    return false
  end
  return { unix_socket = path, connect_to = map, local_address = from, address_family = family,
    allow_address = allow }
end

-- A text that is the same for connections that are alike. `number_of` gives one for a function.
function reach.key(self, url, number_of)
  return table.concat({ self.unix_socket or "", self.connect_to and target_of(self.connect_to, url)
    or "", self.local_address or "", self.address_family or 0,
    self.allow_address and number_of(self.allow_address) or 0 }, "\1")
end

-- Sets the client up for the connect to come.
function reach.apply(self, client, url)
  client.connect_to = self.connect_to and target_of(self.connect_to, url) or ""
  client.local_address = self.local_address or ""
  client.address_family = self.address_family or 0
  client.allow_address = self.allow_address
end

return reach
