-- script.lua: runs inside the host program; fetches what its arguments name: HOST PORT PATH.
local httpclient = require("httpclient")
local HTTPClient = httpclient.HTTPClient

print(httpclient._VERSION)
local host, port, path = arg[1], tonumber(arg[2]), arg[3] or "/"
if host then
  local client = HTTPClient.new()
  assert(client:connect_to_host(host, port) == 0)
  while client:get_status() == HTTPClient.STATUS_RESOLVING
    or client:get_status() == HTTPClient.STATUS_CONNECTING do
    client:wait(5)
  end
  assert(client:request(HTTPClient.METHOD_GET, path, {}) == 0, select(2, client:get_last_error()))
  while client:get_status() == HTTPClient.STATUS_REQUESTING do
    client:wait(5)
  end
  print(client:get_response_code())
  client.blocking_mode_enabled = true
  while client:get_status() == HTTPClient.STATUS_BODY do
    io.write(client:read_response_body_chunk())
  end
end
