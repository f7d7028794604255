-- Checks that includes go one way: pure <- transport <- client <- bindings, and that the doors to the system's libraries
-- are where they belong. Run in the root of the tree.
local layers = { pure = 1, transport = 2, client = 3, bindings = 4 }

-- By file name without extension, the first pattern that fits.
local files = {
  { "pure", { "error", "memory", "buffer", "chars", "headers", "uri", "request", "response", "chunked", "body", "parse",
    "limits", "version", "inflate", "gzip" } },
  { "transport", { "socket", "socket_.*", "resolver", "connector", "stream_peer", "stream_peer_.*", "tls_.*", "x509",
    "x509_.*", "file", "file_.*", "sigpipe", "sigpipe_.*", "thread",
    "thread_.*" } },
  { "client", { "httpclient", "client", "client_.*", "http_client", "http_client_.*", "poller", "poller_.*" } },
}

-- System headers that need a reason: header pattern -> patterns of the files in core/ that may include it.
local doors = {
  { "openssl/", { "tls_.*", "x509", "x509_.*", "stream_peer_tls.*" } },
  { "sys/socket%.h", { "socket_.*", "resolver", "poller.*" } },
  { "sys/un%.h", { "socket_.*" } },
  { "netinet/", { "socket_.*", "resolver" } },
  { "arpa/", { "socket_.*", "resolver" } },
  { "netdb%.h", { "socket_.*", "resolver" } },
  { "poll%.h", { "socket_.*", "resolver", "poller.*" } },
  { "sys/epoll%.h", { "socket_.*", "poller.*" } },
  { "sys/event%.h", { "socket_.*", "poller.*" } },
  { "sys/select%.h", {} },
  { "zlib%.h", { "inflate", "gzip" } },
  { "lua.*%.h", {} },
  { "lauxlib%.h", {} },
}

local function fits(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:find("^" .. pattern .. "$") then
      return true
    end
  end
  return false
end

local function layer_of(path)
  if path:find("^bindings/") then
    return "bindings"
  end
  local name = path:match("([^/]+)%.[ch]$")
  for _, entry in ipairs(files) do
    if name and fits(name, entry[2]) then
      return entry[1]
    end
  end
end

local faults = {}
local function fault(...)
  faults[#faults + 1] = string.format(...)
end

local function check_own(path, line, target)
  local folder = path:match("^[^/]+")
  local full = target:find("^%.%./") and target:sub(4) or folder .. "/" .. target
  local from, to = layer_of(path), layer_of(full)
  if not to then
    fault("%s:%d: %s has no layer: name it in .ci/check-includes.lua", path, line, full)
  elseif layers[to] > layers[from] then
    fault("%s:%d: a %s file includes %s, which is %s", path, line, from, full, to)
  end
end

local function check_system(path, line, target)
  local name = path:match("([^/]+)%.[ch]$")
  for _, door in ipairs(doors) do
    if target:find("^" .. door[1]) and not fits(name, door[2]) then
      fault("%s:%d: <%s> does not belong here", path, line, target)
    end
  end
end

local listing = assert(io.popen("ls core/*.[ch] bindings/*.[ch]"))
local count = 0
for path in listing:lines() do
  count = count + 1
  if not layer_of(path) then
    fault("%s has no layer: name it in .ci/check-includes.lua", path)
  else
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      local own = line:match('^%s*#%s*include%s+"([^"]+)"')
      local system = line:match("^%s*#%s*include%s+<([^>]+)>")
      if own then
        check_own(path, number, own)
      elseif system and path:find("^core/") then
        check_system(path, number, system)
      elseif system and system:find("^openssl/") then
        fault("%s:%d: bindings reach OpenSSL through the core only", path, number)
      end
    end
  end
end
listing:close()

for _, text in ipairs(faults) do
  io.stderr:write(text, "\n")
end
if #faults > 0 or count == 0 then
  os.exit(1)
end
print(("includes: %d files, one way"):format(count))
