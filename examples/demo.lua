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

-- --- the server

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

local function read_file(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function read_line(command)
  local output = assert(io.popen(command))
  local line = output:read()
  output:close()
  return line
end

-- It ends when its standard input does: `hold` keeps that open until the demo is over, however it ends. The folder is
-- needed only until both sides have opened what is in it.
local function start_server()
  local folder = assert(read_line("mktemp -d"), "no temporary folder")
  local authority, input = folder .. "/ca.pem", folder .. "/input"
  os.execute("mkfifo " .. quoted(input))
  local output = assert(io.popen(("exec %s %s <%s"):format(quoted(server_path), quoted(authority),
    quoted(input))))
  local hold = assert(io.open(input, "w"))
  local plain, tls = (output:read() or ""):match("^plain (%d+)$"),
    (output:read() or ""):match("^tls (%d+)$")
  local server = plain and tls and {
    plain = tonumber(plain),
    tls = tonumber(tls),
    authority = read_file(authority),
    stop = function()
      hold:close()
      output:close()
    end,
  }
  os.execute("rm -r " .. quoted(folder))
  return server or error("the server did not start", 0)
end

-- --- what is shown

local function headline(text)
  print(("\n== %s"):format(text))
end

-- Prints the status whenever it has changed, in one line that end_line ends.
local shown, line_is_open

local function show(client)
  local now = client:get_status()
  if now ~= shown then
    io.write(line_is_open and " > " or "   ", status_names[now])
    io.flush()
    shown, line_is_open = now, true
  end
  return now
end

local function end_line()
  if line_is_open then
    print()
  end
  line_is_open = false
end

local function begin(client)
  shown = nil
  show(client)
end

-- A bar that is drawn over itself; into a file or a pipe only the last state goes.
local on_terminal = package.config:sub(1, 1) == "/" and os.execute("test -t 1")
on_terminal = on_terminal == true or on_terminal == 0
local drawn

local function draw_bar(received, total)
  local percent = math.floor(total > 0 and received / total * 100 or 100)
  if percent == drawn or not on_terminal and percent < 100 then
    return
  end
  drawn = percent
  local filled = math.floor(percent * 0.4)
  io.write(("%s   [%s%s] %3d%% %6.1f of %.1f MiB"):format(on_terminal and "\r" or "",
    ("#"):rep(filled),
    ("."):rep(40 - filled), percent, received / 1048576, total / 1048576))
  io.flush()
end

-- --- the client

local function fail_with(client)
  local _, why = client:get_last_error()
  show(client)
  end_line()
  error(why, 0)
end

-- The loop of every script: poll (here: wait, which sleeps until poll can do something) and look at the status.
local function run_until(client, ...)
  local goals = {}
  for _, status in ipairs({ ... }) do
    goals[status] = true
  end
  while not goals[show(client)] do
    client:wait(5)
    if client:get_last_error() ~= 0 then
      fail_with(client)
    end
  end
end

local function connect(client, ...)
  local code, message = client:connect_to_host(...)
  assert(code == 0, message)
  begin(client)
  run_until(client, HTTPClient.STATUS_CONNECTED)
end

-- total: how long the body will be, for a bar
local function read_body(client, total)
  local received, size = {}, 0
  drawn = nil
  while client:get_status() == HTTPClient.STATUS_BODY do
    client:wait(5)
    local chunk = client:read_response_body_chunk()
    received[#received + 1] = chunk
    size = size + #chunk
    if total then
      draw_bar(size, total)
    end
  end
  if client:get_last_error() ~= 0 then
    fail_with(client)
  end
  return table.concat(received)
end

local function exchange(client, method, path, headers, body)
  local code, message = client:request(method, path, headers, body)
  assert(code == 0, message)
  run_until(client, HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTED)
  end_line()
  print(("   %d %s, %s"):format(client:get_response_code(), client:get_response_reason(),
    client:is_response_chunked() and "chunked" or client:get_response_body_length() .. " bytes"))
end

local function show_requests(server)
  local client = HTTPClient.new()
  headline("GET")
  connect(client, "localhost", server.plain)
  exchange(client, HTTPClient.METHOD_GET, "/hello", {})
  print("   " .. read_body(client):gsub("\n", ""))

  headline("POST of a form, on the same connection")
  local form = httpclient.query_string_from_dict({ { "name", "Ada Lovelace" },
    { "langs", { "lua", "c" } }, { "ok", true } })
  begin(client)
  exchange(client, HTTPClient.METHOD_POST, "/form",
    { "Content-Type: application/x-www-form-urlencoded" }, form)
  print("   the server got: " .. read_body(client))

  headline("Chunked download")
  begin(client)
  exchange(client, HTTPClient.METHOD_GET, "/chunked", {})
  local body = read_body(client)
  print(("   %d bytes; trailer: %s"):format(#body, client:get_response_trailers()[1]))
  client:close()
end

local function show_tls(server)
  headline("Large download over TLS")
  local client = HTTPClient.new()
  connect(client, "localhost", server.tls, httpclient.TLSOptions.client(server.authority))
  end_line()
  print(("   %s, %s, certificate of %s"):format(client:get_tls_version(), client:get_tls_cipher(),
    client:get_peer_certificate().subject))
  begin(client)
  exchange(client, HTTPClient.METHOD_GET, "/large", {})
  read_body(client, client:get_response_body_length())
  print()
  client:close()
end

local function show_refusal(server)
  headline("A certificate that nobody vouches for")
  local client = HTTPClient.new()
  local ok, why = pcall(connect, client, "localhost", server.tls, httpclient.TLSOptions.client())
  assert(not ok, "the certificate was taken")
  print("   refused: " .. why:gsub(" %(", "\n            (", 1):gsub("; ", ";\n             "))
  client:close()
end

local function show_fetch(server)
  headline("And all of it in one call: fetch(url)")
  local response = assert(httpclient.fetch(("https://localhost:%d/hello"):format(server.tls),
    { tls_options = httpclient.TLSOptions.client(server.authority), proxy = false }))
  print(("   %d %s, %d bytes: %s"):format(response.status, response.reason, #response.body,
    response.body:gsub("\n", "")))
  httpclient.pool.close_idle()
end

local started, server = pcall(start_server)
local ok, why = started, server
if started then
  ok, why = pcall(function()
    show_requests(server)
    show_tls(server)
    show_refusal(server)
    show_fetch(server)
  end)
  server.stop()
end
if not ok then
  end_line()
  io.stderr:write("the demo failed: ", tostring(why), "\n")
  os.exit(1)
end
print("\nThat was it. Where next: README.md, examples/fetch.lua, docs/fetch.md, docs/api.md")
