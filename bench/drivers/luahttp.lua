-- luahttp.lua: the workloads with lua-http, on its connection and stream layer, a cqueues coroutine for each connection
-- where there are many, with HTTP/2 for each stream.
local common = require("common")
local cqueues = require("cqueues")
local client = require("http.client")
local new_headers = require("http.headers").new

local check, measure = common.check, common.measure
local workloads = {}

local contexts = {}

--- The TLS context that trusts the given authority: one for all connections.
local function tls_context(options)
  if not options.ca then return nil end
  if not contexts[options.ca] then
    local context = require("http.tls").new_client_context()
    local store = require("openssl.x509.store").new()
    store:add(options.ca)
    context:setStore(store)
    contexts[options.ca] = context
  end
  return contexts[options.ca]
end

local function open(options, version)
  return check(client.connect({ host = "127.0.0.1", port = options.port, tls = options.ca ~= nil,
    ctx = tls_context(options), version = version or 1.1 }, 10))
end

local function make_headers(options, method, size, kind)
  local headers = new_headers()
  headers:append(":method", method)
  headers:append(":authority", "127.0.0.1:" .. options.port)
  headers:append(":path", options.path)
  headers:append(":scheme", options.ca and "https" or "http")
  headers:append("user-agent", "lua-http")
  headers:append("accept", "*/*")
  if size then
    headers:append("content-type", kind)
    headers:append("content-length", ("%d"):format(size))
  end
  return headers
end

--- One request; returns its stream and the answer's headers.
local function ask(connection, headers, body, from_file)
  local stream = check(connection:new_stream())
  stream.max_header_lines = 2000
  check(stream:write_headers(headers, body == nil, 100))
  if from_file then
    check(stream:write_body_from_file({ file = body }, 100))
  elseif body then
    check(stream:write_body_from_string(body, 100))
  end
  local answer = check(stream:get_headers(100))
  check(answer:get(":status") == "200", answer:get(":status"))
  return stream, answer
end

local function exchange(connection, headers, body)
  local stream, answer = ask(connection, headers, body)
  local text = check(stream:get_body_as_string(10))
  stream:shutdown()
  return #text, answer, text
end

local function run_kept(options, headers, body)
  local connection = open(options)
  exchange(connection, headers, body)
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do bytes = bytes + exchange(connection, headers, body) end
    return bytes
  end)
  return used, used.result
end

function workloads.get(options) return run_kept(options, make_headers(options, "GET")) end
workloads.get_wait = workloads.get

function workloads.post(options)
  return run_kept(options, make_headers(options, "POST", options.size, "text/plain"),
    ("x"):rep(options.size))
end

function workloads.head(options)
  local connection, headers = open(options), make_headers(options, "GET")
  local name = ("x-benchmark-field-%03d"):format(options.size - 1)
  exchange(connection, headers)
  return measure(function()
    for _ = 1, options.count do
      local _, answer = exchange(connection, headers)
      if options.size > 1 then check(answer:get(name), "no last field") end
    end
  end)
end

local function run_stream(options, take)
  local connection, headers = open(options), make_headers(options, "GET")
  local used = measure(function()
    local bytes = 0
    local stream = ask(connection, headers)
    for chunk in function() return stream:get_next_chunk(10) end do
      bytes = bytes + #chunk
      if take then take(chunk) end
    end
    return bytes
  end)
  check(used.result == options.size, "the body has the wrong size")
  return used, used.result
end

function workloads.stream(options) return run_stream(options) end
workloads.chunked = workloads.stream
workloads.tls_stream = workloads.stream

function workloads.file(options)
  local file = check(io.open(options.file, "wb"))
  file:setvbuf("full", common.buffer_size)
  return run_stream(options, function(chunk) file:write(chunk) end)
end

local function upload(options, body, from_file)
  local connection = open(options)
  local headers = make_headers(options, "POST", options.size, "application/octet-stream")
  local used = measure(function()
    local stream = ask(connection, headers, body, from_file)
    check(stream:get_body_as_string(10))
  end)
  return used, options.size
end

function workloads.upload_string(options) return upload(options, ("x"):rep(options.size)) end
function workloads.upload_file(options)
  return upload(options, check(io.open(options.file, "rb")), true)
end

workloads["new"] = function(options)
  local headers = make_headers(options, "GET")
  local function once()
    local connection = open(options)
    local bytes, _, body = exchange(connection, headers)
    connection:close()
    check(not options.ca or body:sub(1, 1) == ".", "the handshake is of the wrong kind")
    return bytes
  end
  once()
  local used = measure(function()
    local bytes = 0
    for _ = 1, options.count do bytes = bytes + once() end
    return bytes
  end)
  return used, used.result
end

workloads.tls_new = workloads["new"]

local function open_many(options, headers)
  local connections = {}
  for i = 1, options.connections do
    connections[i] = open(options)
    exchange(connections[i], headers)
  end
  return connections
end

function workloads.many(options)
  local headers, queue = make_headers(options, "GET"), cqueues.new()
  local connections = open_many(options, headers)
  local left, bytes = options.count, 0
  for i = 1, options.busy do
    queue:wrap(function()
      while left > 0 do
        left = left - 1
        bytes = bytes + exchange(connections[i], headers)
      end
    end)
  end
  return measure(function() check(queue:loop()) end), bytes
end

-- So many streams of one connection; what comes is taken piece by piece.
function workloads.h2(options)
  local connection, queue = open(options, 2), cqueues.new()
  local uploads = options.size and options.size > 0
  local body = uploads and ("x"):rep(options.size) or nil
  local headers = make_headers(options, uploads and "POST" or "GET", uploads and options.size,
    "application/octet-stream")
  exchange(connection, make_headers(options, "GET"))
  local left, bytes = options.count, 0
  for _ = 1, options.connections or 1 do
    queue:wrap(function()
      while left > 0 do
        left = left - 1
        local stream = ask(connection, headers, body)
        for chunk in function() return stream:get_next_chunk(100) end do
          bytes = bytes + #chunk
        end
        stream:shutdown()
      end
    end)
  end
  return measure(function() check(queue:loop()) end), bytes
end

function workloads.memory(options)
  local headers = make_headers(options, "GET")
  exchange(open(options), headers)
  options.ops = options.connections
  return common.measure_memory(options.connections, function()
    return open_many(options, headers)
  end)
end

workloads.tls_memory = workloads.memory

-- --- what is beside the Lua half: its request objects, which connect anew each time

local function go(options, prepare)
  local request = require("http.request").new_from_uri(options.url)
  if prepare then prepare(request) end
  local headers, stream = request:go(10)
  check(headers, stream)
  check(headers:get(":status") == "200", headers:get(":status"))
  return stream
end

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
  return repeat_call(options, function() return #check(go(options):get_body_as_string(10)) end)
end

-- It has a store of cookies for all requests.
workloads.fetch_session = workloads.fetch

function workloads.fetch_stream(options)
  return repeat_call(options, function()
    local stream, bytes = go(options), 0
    for chunk in function() return stream:get_next_chunk(10) end do bytes = bytes + #chunk end
    return bytes
  end)
end

function workloads.fetch_json(options)
  local json = require("cjson")
  local question = { id = 17, text = "what is measured", tags = { "a", "b" } }
  return repeat_call(options, function()
    local text = check(go(options, function(request)
      request.headers:upsert(":method", "POST")
      request.headers:append("content-type", "application/json")
      request:set_body(json.encode(question))
    end):get_body_as_string(10))
    check(json.decode(text).name == "bench", "not the JSON expected")
    return #text
  end)
end

function workloads.fetch_tasks(options)
  local queue, left = cqueues.new(), options.count
  for _ = 1, options.connections do
    queue:wrap(function()
      while left > 0 do
        left = left - 1
        check(go(options):get_body_as_string(10))
      end
    end)
  end
  return measure(function() check(queue:loop()) end)
end

common.run("lua-http", workloads)
