-- ours.lua: the workloads with this client.
local common = require("common")
local httpclient = require("httpclient")

local HTTPClient = httpclient.HTTPClient
local check, measure = common.check, common.measure
local GET, POST = HTTPClient.METHOD_GET, HTTPClient.METHOD_POST
local BODY, CONNECTED = HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTED
local RESOLVING, CONNECTING, REQUESTING =
  HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_REQUESTING
local no_fields = {}

local workloads = {}

local function tls_options_of(options)
  if not options.ca then return nil end
  local chain = httpclient.X509Certificate.new()
  check(chain:load(options.ca) == 0, "cannot load " .. options.ca)
  return httpclient.TLSOptions.client(chain)
end

local function fail(client)
  local code, message = client:get_last_error()
  check(false, ("status %d, error %d: %s"):format(client:get_status(), code, message))
end

--- Connects and waits until the connection can take a request.
local function connect(client, port, tls_options)
  check(client:connect_to_host("127.0.0.1", port, tls_options) == 0, "connect_to_host refused")
  local status = client:get_status()
  while status == CONNECTING or status == RESOLVING do
    client:wait(10)
    status = client:get_status()
  end
  if status ~= CONNECTED then fail(client) end
end

local function open(options, blocking, tls_options)
  local client = HTTPClient.new()
  client.blocking_mode_enabled = blocking
  connect(client, options.port, tls_options or tls_options_of(options))
  return client
end

local function check_answer(client)
  if client:get_response_code() ~= 200 then
    if client:get_last_error() ~= 0 then fail(client) end
    check(false, "status " .. client:get_response_code())
  end
end

--- Reads what is left of a body; returns its size and the last piece.
local function drain(client)
  local bytes, last = 0, ""
  repeat
    local chunk = client:read_response_body_chunk()
    bytes = bytes + #chunk
    if chunk ~= "" then last = chunk end
  until client:get_status() ~= BODY
  return bytes, last
end

local function wait_for_answer(client)
  while client:get_status() == REQUESTING do client:wait(10) end
end

--- One request in blocking mode.
local function blocking_exchange(client, method, path, fields, body)
  if client:request(method, path, fields, body) ~= 0 then fail(client) end
  client:poll()
  check_answer(client)
  return drain(client)
end

local function repeat_blocking(options, method, fields, body)
  local client, path = open(options, true), options.path
  blocking_exchange(client, method, path, fields, body)
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do
      bytes = bytes + blocking_exchange(client, method, path, fields, body)
    end
    return bytes
  end)
  if client:get_status() ~= CONNECTED then fail(client) end
  return used, used.result
end

function workloads.get(options) return repeat_blocking(options, GET, no_fields) end

function workloads.post(options)
  return repeat_blocking(options, POST, { "Content-Type: text/plain" }, ("x"):rep(options.size))
end

function workloads.get_wait(options)
  local client, path = open(options, false), options.path
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do
      if client:request(GET, path, no_fields) ~= 0 then fail(client) end
      client:poll()
      wait_for_answer(client)
      check_answer(client)
      local status = client:get_status()
      while status == BODY do
        local chunk = client:read_response_body_chunk()
        bytes = bytes + #chunk
        status = client:get_status()
        if chunk == "" and status == BODY then client:wait(10) end
      end
    end
    return bytes
  end)
  if client:get_status() ~= CONNECTED then fail(client) end
  return used, used.result
end

function workloads.head(options)
  local client, path = open(options, true), options.path
  blocking_exchange(client, GET, path, no_fields)
  local name = ("X-Benchmark-Field-%03d"):format(options.size - 1)
  local used = measure(function()
    for _ = 1, options.count do
      if client:request(GET, path, no_fields) ~= 0 then fail(client) end
      client:poll()
      local fields = client:get_response_headers_as_dictionary()
      if options.size > 1 then check(fields[name], "no last field") end
      drain(client)
    end
  end)
  return used
end

function workloads.stream(options)
  local client = open(options, true)
  local used = measure(function()
    return (blocking_exchange(client, GET, options.path, no_fields))
  end)
  check(used.result == options.size, "the body has the wrong size")
  return used, used.result
end

workloads.chunked = workloads.stream

function workloads.tls_stream(options)
  local client = open(options, true)
  check(client:get_tls_version():find("1.3", 1, true), "not TLS 1.3")
  local used = measure(function()
    return (blocking_exchange(client, GET, options.path, no_fields))
  end)
  check(used.result == options.size, "the body has the wrong size")
  return used, used.result
end

function workloads.file(options)
  local client = open(options, true)
  local used = measure(function()
    local bytes = 0
    check(client:request(GET, options.path, no_fields) == 0, "request refused")
    client:poll()
    check_answer(client)
    while client:get_status() == BODY do
      bytes = bytes + check(client:read_response_body_to_file(options.file))
    end
    return bytes
  end)
  check(used.result == options.size, "the body has the wrong size")
  return used, used.result
end

-- Decoded by what asks for it and decodes: fetch.
local function gunzip(options, more)
  local url = ("http://127.0.0.1:%d%s"):format(options.port, options.path)
  more.proxy = false
  return measure(function()
    check(httpclient.fetch(url, more))
    return options.size
  end)
end

function workloads.gunzip(options)
  local bytes = 0
  local used = gunzip(options, { on_data = function(piece) bytes = bytes + #piece end })
  check(bytes == options.size, "the body has the wrong size")
  return used, bytes
end

function workloads.gunzip_file(options)
  local used = gunzip(options, { download_file = options.file })
  local file = check(io.open(options.file, "rb"))
  check(file:seek("end") == options.size, "the file has the wrong size")
  file:close()
  return used, options.size
end

function workloads.upload_string(options)
  local client, body = open(options, true), ("x"):rep(options.size)
  local used = measure(function()
    blocking_exchange(client, POST, options.path, { "Content-Type: application/octet-stream" },
      body)
  end)
  return used, options.size
end

function workloads.upload_file(options)
  local client, body = open(options, true), check(io.open(options.file, "rb"))
  local used = measure(function()
    blocking_exchange(client, POST, options.path, { "Content-Type: application/octet-stream" },
      body)
  end)
  return used, options.size
end

local function run_new(options, mark)
  local client, tls_options = HTTPClient.new(), tls_options_of(options)
  client.blocking_mode_enabled = true
  local function once()
    connect(client, options.port, tls_options)
    local bytes, body = blocking_exchange(client, GET, options.path, no_fields)
    client:close()
    return bytes, body
  end
  once()
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do
      local size, body = once()
      bytes = bytes + size
      check(not mark or body:sub(1, 1) == mark, "the handshake is of the wrong kind")
    end
    return bytes
  end)
  return used, used.result
end

workloads["new"] = function(options) return run_new(options) end
function workloads.tls_new(options) return run_new(options, ".") end
function workloads.tls_resumed(options) return run_new(options, "r") end

--- Keeps `busy` clients busy until `count` answers are in.
local function run_loop(poller, clients, busy, count, path)
  local left, done, bytes, empty = count, 0, 0, 0
  local function ask(client)
    if left == 0 then return end
    left = left - 1
    if client:request(GET, path, no_fields) ~= 0 then fail(client) end
  end
  for i = 1, busy do ask(clients[i]) end
  while done < count do
    local ready = poller:wait(10)
    empty = #ready == 0 and empty + 1 or 0
    check(empty < 3, "the poller found nothing")
    for i = 1, #ready do
      local client = ready[i]
      local status = client:get_status()
      if status == BODY then
        bytes = bytes + #client:read_response_body_chunk()
        if client:get_status() == CONNECTED then
          done = done + 1
          ask(client)
        end
      elseif status ~= REQUESTING then
        fail(client)
      end
    end
  end
  return bytes
end

local function open_many(options)
  local clients, tls_options = {}, tls_options_of(options)
  for i = 1, options.connections do
    clients[i] = open(options, true, tls_options)
    blocking_exchange(clients[i], GET, options.path, no_fields)
  end
  return clients
end

function workloads.many(options)
  local clients, poller = open_many(options), httpclient.Poller.new()
  for _, client in ipairs(clients) do
    client.blocking_mode_enabled = false
    poller:add(client)
  end
  local used = measure(function()
    return run_loop(poller, clients, options.busy, options.count, options.path)
  end)
  return used, used.result
end

function workloads.poll(options)
  local client = open(options, true)
  blocking_exchange(client, GET, options.path, no_fields)
  client.blocking_mode_enabled = false
  local used = measure(function()
    for _ = 1, options.count do client:poll() end
  end)
  if client:get_status() ~= CONNECTED then fail(client) end
  return used
end

workloads.tls_poll = workloads.poll

function workloads.memory(options)
  local tls_options = tls_options_of(options)
  local first, kept = open(options, true, tls_options), nil
  blocking_exchange(first, GET, options.path, no_fields)
  options.ops = options.connections
  return common.measure_memory(options.connections, function()
    kept = {}
    for i = 1, options.connections do
      kept[i] = open(options, true, tls_options)
      blocking_exchange(kept[i], GET, options.path, no_fields)
    end
    return kept
  end)
end

workloads.tls_memory = workloads.memory

--- HTTP/2: `connections` clients on one connection, `count` requests in all.
local function open_streams(options)
  local first = HTTPClient.new()
  first.http_version = "2"
  connect(first, options.port, tls_options_of(options))
  local clients = { first }
  while first:get_free_streams() < options.connections do first:wait(0.01) end
  for i = 2, options.connections do
    clients[i] = first:share_connection()
  end
  return clients
end

function workloads.h2(options)
  -- before the connection: a server does not wait for ever until its settings are acknowledged
  local uploads = options.size and options.size > 0
  local body = uploads and ("x"):rep(options.size) or nil
  local clients, poller = open_streams(options), httpclient.Poller.new()
  for _, client in ipairs(clients) do poller:add(client) end
  local left, done, bytes = options.count, 0, 0
  local function ask(client)
    if left == 0 then return end
    left = left - 1
    if client:request(uploads and POST or GET, options.path, no_fields, body) ~= 0 then
      fail(client)
    end
  end
  local function take(client)
    local status = client:get_status()
    while status == BODY do
      local chunk = client:read_response_body_chunk()
      if chunk == "" and client:get_status() == BODY then return end
      bytes = bytes + #chunk
      status = client:get_status()
    end
    if status == CONNECTED and client:is_response_complete() then
      check_answer(client)
      done = done + 1
      ask(client)
    elseif status ~= REQUESTING and status ~= CONNECTED then
      fail(client)
    end
  end
  local used = measure(function()
    for _, client in ipairs(clients) do ask(client) end
    while done < options.count do
      local ready = poller:wait(10)
      for i = 1, #ready do take(ready[i]) end
    end
  end)
  return used, bytes
end

-- --- the Lua half

-- Calls once() as often as is asked for; it gives the size of what it got.
local function repeat_call(options, once)
  once()
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do
      bytes = bytes + once()
    end
    return bytes
  end)
  return used, used.result
end

local function size_of(response, message)
  check(response and response.status == 200, message or "no answer with status 200")
  return #response.body
end

function workloads.fetch(options)
  local fetch, url = httpclient.fetch, options.url
  return repeat_call(options, function() return size_of(fetch(url)) end)
end

function workloads.fetch_stream(options)
  local open_stream, url = httpclient.stream, options.url
  return repeat_call(options, function()
    local response, bytes = check(open_stream(url)), 0
    for piece in response:chunks() do bytes = bytes + #piece end
    return bytes
  end)
end

function workloads.fetch_session(options)
  local session, url = httpclient.Session.new({ cookies = true }), options.url
  return repeat_call(options, function() return size_of(session:get(url)) end)
end

local question = { id = 17, text = "what is measured", tags = { "a", "b" } }

local function check_json(value) check(value and value.name == "bench", "not the JSON expected") end

function workloads.fetch_json(options)
  local fetch, url, more = httpclient.fetch, options.url, { json = question }
  return repeat_call(options, function()
    local response, message = fetch(url, more)
    local size = size_of(response, message)
    check_json(response:json())
    return size
  end)
end

function workloads.json_by_hand(options)
  local json, client = httpclient.json, open(options, false)
  local fields = { "Content-Type: application/json" }
  return repeat_call(options, function()
    if client:request(POST, options.path, fields, json.encode(question)) ~= 0 then fail(client) end
    wait_for_answer(client)
    check_answer(client)
    local body = client:read_response_body_chunk()
    while client:get_status() == BODY do
      client:wait(10)
      body = body .. client:read_response_body_chunk()
    end
    check_json(json.decode(body))
    return #body
  end)
end

-- As many connections as tasks: nobody waits for a turn.
function workloads.fetch_tasks(options)
  local fetch, url = httpclient.fetch, options.url
  httpclient.pool.max_per_host, httpclient.pool.max_idle = 0, options.connections
  local function run(count)
    local left, bytes = count, 0
    for _ = 1, options.connections do
      httpclient.async(function()
        while left > 0 do
          left = left - 1
          bytes = bytes + size_of(fetch(url))
        end
      end)
    end
    httpclient.run()
    return bytes
  end
  run(options.connections)
  local used = measure(function() return run(options.count) end)
  return used, used.result
end

common.run("httpclient", workloads)
