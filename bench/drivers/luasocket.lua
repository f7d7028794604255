-- luasocket.lua: the workloads with LuaSocket and LuaSec. Their HTTP module closes the connection after every request,
-- so it does the streams, uploads and new connections; what needs a kept connection is written on the sockets, with
-- line reads, as scripts do it.
local common = require("common")
local socket = require("socket")
local http = require("socket.http")
local ltn12 = require("ltn12")

local check, measure = common.check, common.measure
local workloads = {}

-- The size of the pieces that bodies move in; the modules' default is 2048.
socket.BLOCKSIZE = common.buffer_size
ltn12.BLOCKSIZE = common.buffer_size

local function tls_parameters(options)
  return { mode = "client", protocol = "any", verify = "peer", cafile = options.ca,
    options = { "all", "no_sslv3" } }
end

local function open(options)
  local connection = check(socket.connect("127.0.0.1", options.port))
  connection:setoption("tcp-nodelay", true)
  if options.ca then
    connection = check(require("ssl").wrap(connection, tls_parameters(options)))
    check(connection:dohandshake())
  end
  return connection
end

local function make_request(options, method, extra, body)
  return ("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: luasocket\r\nAccept: */*\r\n%s\r\n%s")
    :format(method, options.path, options.port, extra or "", body or "")
end

--- Reads status line and fields; returns the table of fields, and calls `answered` after the first line.
local function read_head(connection)
  local line = check(connection:receive("*l"))
  check(line:sub(1, 12) == "HTTP/1.1 200", line)
  local fields = {}
  while true do
    line = check(connection:receive("*l"))
    if line == "" then return fields end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    fields[name:lower()] = value
  end
end

local function exchange(connection, request)
  check(connection:send(request))
  local fields = read_head(connection)
  return #check(connection:receive(tonumber(fields["content-length"]))), fields
end

local function run_kept(options, request)
  local connection = open(options)
  exchange(connection, request)
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do bytes = bytes + exchange(connection, request) end
    return bytes
  end)
  return used, used.result
end

function workloads.get(options) return run_kept(options, make_request(options, "GET")) end
workloads.head = workloads.get

function workloads.get_wait(options)
  local connection, request = open(options), make_request(options, "GET")
  local set = { connection }
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do
      check(connection:send(request))
      check(socket.select(set, nil, 10)[1], "nothing came")
      local fields = read_head(connection)
      bytes = bytes + #check(connection:receive(tonumber(fields["content-length"])))
    end
    return bytes
  end)
  return used, used.result
end

function workloads.post(options)
  local body = ("x"):rep(options.size)
  return run_kept(options,
    make_request(options, "POST",
      ("Content-Type: text/plain\r\nContent-Length: %d\r\n"):format(#body), body))
end

local function counting_sink()
  local bytes = 0
  return function(chunk)
    if chunk then bytes = bytes + #chunk end
    return 1
  end, function() return bytes end
end

local function run_request(options, request)
  request.url = options.url
  if options.ca then
    for key, value in pairs(tls_parameters(options)) do request[key] = value end
  end
  local module = options.ca and require("ssl.https") or http
  local ok, status = module.request(request)
  check(ok and status == 200, tostring(status))
end

local function run_stream(options, request)
  local sink, bytes = counting_sink()
  request.sink = request.sink or sink
  local used = measure(function() run_request(options, request) end)
  return used, bytes()
end

function workloads.stream(options)
  local used, bytes = run_stream(options, {})
  check(bytes == options.size, "the body has the wrong size")
  return used, bytes
end

workloads.chunked = workloads.stream
workloads.tls_stream = workloads.stream

function workloads.file(options)
  return run_stream(options, { sink = ltn12.sink.file(check(io.open(options.file, "wb"))) }),
    options.size
end

local function upload(options, source)
  return run_stream(options, { method = "POST", source = source,
    headers = { ["Content-Type"] = "application/octet-stream",
      ["Content-Length"] = ("%d"):format(options.size) } })
end

function workloads.upload_string(options)
  return upload(options, ltn12.source.string(("x"):rep(options.size))), options.size
end

function workloads.upload_file(options)
  return upload(options, ltn12.source.file(check(io.open(options.file, "rb")))), options.size
end

workloads["new"] = function(options)
  local sink, bytes = counting_sink()
  run_request(options, { sink = sink })
  local used = measure(function()
    for _ = 1, options.count do run_request(options, { sink = sink }) end
  end)
  return used, bytes()
end

workloads.tls_new = workloads["new"]

local function open_many(options, request)
  local connections = {}
  for i = 1, options.connections do
    connections[i] = open(options)
    exchange(connections[i], request)
  end
  return connections
end

-- select takes descriptors below 1024 only, so this does not go further than some hundred connections.
function workloads.many(options)
  local request = make_request(options, "GET")
  local connections = open_many(options, request)
  local left = options.count
  local function ask(connection)
    if left == 0 then return end
    left = left - 1
    check(connection:send(request))
  end
  local used = measure(function()
    local done, bytes = 0, 0
    for i = 1, options.busy do ask(connections[i]) end
    while done < options.count do
      local ready = socket.select(connections, nil, 10)
      check(#ready > 0, "nothing came")
      for _, connection in ipairs(ready) do
        local fields = read_head(connection)
        bytes = bytes + #check(connection:receive(tonumber(fields["content-length"])))
        done = done + 1
        ask(connection)
      end
    end
    return bytes
  end)
  return used, used.result
end

function workloads.memory(options)
  local request = make_request(options, "GET")
  exchange(open(options), request)
  options.ops = options.connections
  return common.measure_memory(options.connections, function()
    return open_many(options, request)
  end)
end

workloads.tls_memory = workloads.memory

-- --- what is beside the Lua half: one call of http.request for each request, a connection for each call

local function repeat_call(options, once)
  once()
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do bytes = bytes + once() end
    return bytes
  end)
  return used, used.result
end

function workloads.fetch(options)
  return repeat_call(options, function()
    local body, status = http.request(options.url)
    check(status == 200, tostring(status))
    return #body
  end)
end

function workloads.fetch_stream(options)
  return repeat_call(options, function()
    local sink, bytes = counting_sink()
    run_request(options, { sink = sink })
    return bytes()
  end)
end

function workloads.fetch_json(options)
  local json = require("cjson")
  local question = { id = 17, text = "what is measured", tags = { "a", "b" } }
  return repeat_call(options, function()
    local parts, body = {}, json.encode(question)
    run_request(options, { method = "POST", source = ltn12.source.string(body),
      sink = ltn12.sink.table(parts),
      headers = { ["Content-Type"] = "application/json", ["Content-Length"] = #body } })
    local text = table.concat(parts)
    check(json.decode(text).name == "bench", "not the JSON expected")
    return #text
  end)
end

-- By way of copas, which makes coroutines of it.
function workloads.fetch_tasks(options)
  local is_there, copas = pcall(require, "copas")
  check(is_there, "this Lua has no copas")
  local request = require("copas.http").request
  return measure(function()
    local left = options.count
    for _ = 1, options.connections do
      copas.addthread(function()
        while left > 0 do
          left = left - 1
          local _, status = request(options.url)
          check(status == 200, tostring(status))
        end
      end)
    end
    copas.loop()
  end)
end

common.run("luasocket", workloads)
