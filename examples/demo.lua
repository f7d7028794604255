-- demo.lua: the main job on screen, against the small server in examples/demo. `make demo` builds both and runs it:
--
--   lua examples/demo.lua PATH_OF_THE_SERVER
local httpclient = require("httpclient")
local HTTPClient = httpclient.HTTPClient

local server_path = assert(arg[1], "usage: demo.lua SERVER")
local status_names = {}
for name, number in pairs(HTTPClient.Status) do
  if name ~= "STATUS_SSL_HANDSHAKE_ERROR" then
    status_names[number] = name:gsub("^STATUS_", "")
  end
end

-- --- the server ------------------------------------------------------------------------------------------------------

-- It ends when its standard input does: `sleep` holds that open until the demo has ended it.
local function start_server()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -m 700 '" .. folder .. "'"))
  local authority, ports, input = folder .. "/ca.pem", folder .. "/ports", folder .. "/input"
  assert(os.execute(("mkfifo '%s' && { '%s' '%s' <'%s' >'%s' & }"):format(input, server_path, authority, input, ports)))
  local hold = assert(io.open(input, "w"))
  local plain, tls
  repeat
    local file = io.open(ports)
    local text = file and file:read("*a") or ""
    if file then
      file:close()
    end
    plain, tls = text:match("plain (%d+)\ntls (%d+)\n")
  until plain
  return {
    plain = tonumber(plain),
    tls = tonumber(tls),
    authority = authority,
    stop = function()
      hold:close()
      os.execute(("rm -r '%s'"):format(folder))
    end,
  }
end

-- --- what is shown ---------------------------------------------------------------------------------------------------

local function headline(text)
  print(("\n== %s"):format(text))
end

-- Prints the status whenever it has changed.
local function watch(client)
  local last = -1
  return function()
    local now = client:get_status()
    if now ~= last then
      io.write(last == -1 and "   " or " > ", status_names[now])
      io.flush()
      last = now
    end
    return now
  end
end

local function draw_bar(received, total)
  local share = total > 0 and received / total or 0
  local filled = math.floor(share * 40)
  io.write(("\r   [%s%s] %3d%% %6.1f MiB"):format(("#"):rep(filled), (" "):rep(40 - filled), math.floor(share * 100),
    received / 1048576))
  io.flush()
end

-- --- the client ------------------------------------------------------------------------------------------------------

-- The loop of every script: poll (here: wait, which sleeps until poll can do something) and look at the status.
local function run_until(client, show, ...)
  local goals = {}
  for _, status in ipairs({ ... }) do
    goals[status] = true
  end
  while not goals[show()] do
    client:wait(5)
    if client:get_last_error() ~= 0 then
      show()
      print()
      error(select(2, client:get_last_error()), 0)
    end
  end
end

local function read_body(client, total)
  local received, size = {}, 0
  while client:get_status() == HTTPClient.STATUS_BODY do
    local chunk = client:read_response_body_chunk()
    if chunk == "" then
      client:wait(5)
    end
    received[#received + 1] = chunk
    size = size + #chunk
    if total then
      draw_bar(size, total)
    end
  end
  if client:get_last_error() ~= 0 then
    error(select(2, client:get_last_error()), 0)
  end
  return table.concat(received)
end

local function exchange(client, show, method, path, headers, body)
  assert(client:request(method, path, headers, body) == 0)
  run_until(client, show, HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTED)
  print()
  print(("   %d %s, %s"):format(client:get_response_code(), client:get_response_reason(),
    client:is_response_chunked() and "chunked" or client:get_response_body_length() .. " bytes"))
end

local function show_requests(server)
  local client = HTTPClient.new()
  local show = watch(client)
  headline("GET")
  assert(client:connect_to_host("localhost", server.plain) == 0)
  run_until(client, show, HTTPClient.STATUS_CONNECTED)
  exchange(client, show, HTTPClient.METHOD_GET, "/hello", {})
  print("   " .. read_body(client):gsub("\n", ""))

  headline("POST of a form, on the same connection")
  local form = httpclient.query_string_from_dict({ { "name", "Ada Lovelace" }, { "langs", { "lua", "c" } }, { "ok", true } })
  exchange(client, show, HTTPClient.METHOD_POST, "/form", { "Content-Type: application/x-www-form-urlencoded" }, form)
  print("   the server got: " .. read_body(client))

  headline("Chunked download")
  exchange(client, show, HTTPClient.METHOD_GET, "/chunked", {})
  read_body(client, 64 * 16384)
  print()
  print("   trailer: " .. client:get_response_trailers()[1])
  client:close()
end

local function show_tls(server)
  headline("Large download over TLS")
  local authority = httpclient.X509Certificate.new()
  assert(authority:load(server.authority) == 0)
  local client = HTTPClient.new()
  local show = watch(client)
  assert(client:connect_to_host("localhost", server.tls, httpclient.TLSOptions.client(authority)) == 0)
  run_until(client, show, HTTPClient.STATUS_CONNECTED)
  print()
  print(("   %s, %s, certificate of %s"):format(client:get_tls_version(), client:get_tls_cipher(),
    client:get_peer_certificate().subject))
  exchange(client, show, HTTPClient.METHOD_GET, "/large", {})
  read_body(client, client:get_response_body_length())
  print()
  client:close()
end

local function show_refusal(server)
  headline("A certificate that nobody vouches for")
  local client = HTTPClient.new()
  local show = watch(client)
  assert(client:connect_to_host("localhost", server.tls, httpclient.TLSOptions.client()) == 0)
  local ok, why = pcall(run_until, client, show, HTTPClient.STATUS_CONNECTED)
  assert(not ok, "the certificate was taken")
  print("   " .. why)
  client:close()
end

local server = start_server()
local ok, why = pcall(function()
  show_requests(server)
  show_tls(server)
  show_refusal(server)
end)
server.stop()
if not ok then
  io.stderr:write("\nthe demo failed: ", tostring(why), "\n")
  os.exit(1)
end
print("\nThat was it. Where next: README.md, examples/get.lua, docs/api.md")
