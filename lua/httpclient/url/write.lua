-- write.lua: the texts that are made of a URL's parts: for a request line, a Host field, a place in the pool, a person.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local addresses = require(root .. ".url.address")
local default_ports = require(root .. ".url.authority").default_ports

local write = {}

-- What a request line says of the URL: path and query.
function write.target(u)
  if u.target then
    return u.target -- see recent.lua
  end
  return (u.path == "" and "/" or u.path) .. (u.query and "?" .. u.query or "")
end

local function bracketed(u, host)
  return u.is_ipv6 and "[" .. host .. "]" or host
end

-- As in a Host header: no zone, no default port.
function write.authority(u)
  local host = bracketed(u, u.is_ipv6 and u.host:match("^[^%%]*") or u.host)
  if u.port and u.port ~= default_ports[u.scheme] then
    return host .. ":" .. ("%d"):format(u.port)
  end
  return host
end

-- "scheme://host:port", the port always there: equal for URLs of one origin (RFC 6454), and for no others.
function write.origin(u)
  if u.origin then
    return u.origin
  end
  local host = u.is_ipv6 and addresses.canonical(u.host) or u.host
  return ("%s://%s:%d"):format(u.scheme, bracketed(u, host), u.port or default_ports[u.scheme] or 0)
end

local function compose(u, userinfo, default_port)
  local text = u.scheme and u.scheme .. ":" or ""
  if u.host then
    local host = u.is_ipv6 and u.host:gsub("%%", "%%25") or u.host
    local port = u.port and u.port ~= default_port and (":%d"):format(u.port) or ""
    text = text .. "//" .. (userinfo and userinfo .. "@" or "") .. bracketed(u, host) .. port
  elseif u.path:find("^//") then
    text = text .. "/." -- or what follows would be read as a host (RFC 3986 section 3.3)
  end
  return text .. u.path .. (u.query and "?" .. u.query or "")
end

local function default_port(u)
  return default_ports[u.scheme or ""]
end

local function fragment_of(u)
  return u.fragment and "#" .. u.fragment or ""
end

-- RFC 3986 section 5.3; a default port is left out.
function write.to_string(u)
  return compose(u, u.userinfo, default_port(u)) .. fragment_of(u)
end

-- The same without user information: for people, and for logs.
function write.display(u)
  return compose(u, nil, default_port(u)) .. fragment_of(u)
end

-- Without fragment, too: where an answer came from.
function write.place(u)
  if u.place then
    return u.place
  end
  return compose(u, nil, default_port(u))
end

-- All of it, as it was taken apart: a default port that was written stays.
function write.recompose(u)
  return compose(u, u.userinfo, nil) .. fragment_of(u)
end

return write
