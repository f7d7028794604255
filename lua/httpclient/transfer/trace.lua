-- trace.lua: what the option `trace` is told of a connection and of the request on it: what `curl -v` shows.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local secrets = require(root .. ".message.secrets")
local write = require(root .. ".url.write")

local trace = {}

local function place_of(t)
  local proxy = t.proxy
  return write.authority(t.url) .. (proxy and " by way of the proxy " .. proxy.authority or "")
end

local function address_of(client)
  local address, port = client:get_remote_address()
  return address and ("%s port %d"):format(address, port) or "its peer"
end

function trace.lookup(t)
  t:trace("lookup", "looking up %s", t.proxy and t.proxy.authority:match("^(.*):") or t.url.host)
end

function trace.connecting(t)
  t:trace("connection", "connecting to %s", place_of(t))
end

function trace.kept(t)
  t:trace("connection", "using the kept connection to %s (%s)", place_of(t), address_of(t.client))
end

local function tls(t)
  local client = t.client
  local version = client:get_tls_version()
  if not version then
    return
  end
  t:trace("tls", "%s, %s, ALPN %s", version, client:get_tls_cipher() or "no cipher",
    client:get_alpn() or "none")
  local certificate = client:get_peer_certificate()
  if certificate then
    t:trace("tls", "certificate of %s, issued by %s, valid until %s", certificate.subject,
      certificate.issuer, os.date("!%Y-%m-%d %H:%M:%S GMT", certificate.not_after))
  end
end

function trace.connected(t)
  t:trace("connection", "connected to %s", address_of(t.client))
  tls(t)
end

-- The heads that have passed since the last call: requests, also those for a tunnel, what a proxy has answered to
-- these, and 1xx. (The final answer is the policy's, which comes before others act on it.)
function trace.heads(t)
  local names = { [">"] = "request", ["<"] = "response" }
  for mark, head in core.take_transcript(t.client):gmatch("([<>])(.-\r\n)\r\n") do
    local lines = {}
    for line in head:gmatch("(.-)\r\n") do
      lines[#lines + 1] = line
    end
    t:trace(names[mark], "%s", secrets.head(lines))
  end
end

-- The fields behind the content.
function trace.trailers(t, list)
  local shown = {}
  for index, line in ipairs(list) do
    shown[index] = secrets.line(line)
  end
  if shown[1] then
    t:trace("trailers", "%s", table.concat(shown, "\n"))
  end
end

return trace
