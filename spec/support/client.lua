-- What specs do with a client again and again. The server is on the other side of a real socket, mostly in this very
-- thread (spec_native's listen): so nothing here blocks, the client is polled until what is awaited is there.
local httpclient = require("httpclient")
local native = require("spec_native")

local support = {}

local HTTPClient = httpclient.HTTPClient
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

-- The limit that stands in for "never" (seconds): only a hang comes to it, however busy the machine is.
support.LIMIT = 60 * factor

local names = {}
for name, number in pairs(HTTPClient.Status) do
  if name ~= "STATUS_SSL_HANDSHAKE_ERROR" then
    names[number] = name
  end
end

function support.status_name(status)
  return names[status] or tostring(status)
end

-- --- waiting

-- Calls step() until it returns something true, which is returned. An error after the limit.
function support.until_true(step, seconds, what)
  local deadline = native.monotonic() + (seconds or support.LIMIT)
  local idle = 0
  while true do
    local value = step()
    if value then
      return value
    end
    if native.monotonic() > deadline then
      error("waited too long" .. (what and " for " .. what() or ""), 2)
    end
    idle = idle + 1
    if idle > 20 then
      native.sleep(0.0005)
    end
  end
end

local function condition_of(goal)
  if type(goal) == "function" then
    return goal
  end
  local wanted = {}
  for _, status in ipairs(type(goal) == "table" and goal or { goal }) do
    wanted[status] = true
  end
  return function(client)
    return wanted[client:get_status()]
  end
end

function support.status_of(client)
  return support.status_name(client:get_status())
end

-- Polls until the server has the head of a request. -> the head
function support.head_of(client, conn)
  return support.until_true(function()
    client:poll()
    return conn:recv_until("\r\n\r\n", 0)
  end)
end

-- Polls the client until the goal: a status, a list of them, or a function of the client. -> status, what the last poll
-- answered, its message. The goal is looked at before the first poll, too.
function support.pump(client, goal, seconds)
  local reached = condition_of(goal)
  local code, message = httpclient.Error.OK, nil
  support.until_true(function()
    if reached(client) then
      return true
    end
    code, message = client:poll()
    return reached(client)
  end, seconds, function()
    return ("the goal; the client is in %s, poll said %s %s"):format(support.status_name(client:get_status()),
      tostring(code), tostring(message))
  end)
  return client:get_status(), code, message
end

local function not_in(...)
  local left = {}
  for _, name in ipairs({ ... }) do
    left[HTTPClient.Status[name]] = true
  end
  return function(client)
    return not left[client:get_status()]
  end
end

support.is_connected_or_failed = not_in("STATUS_RESOLVING", "STATUS_CONNECTING")
support.is_answered_or_failed = not_in("STATUS_REQUESTING")

-- --- connecting

-- Polls the client until the listener has its connection. -> conn
function support.accept(listener, client)
  return support.until_true(function()
    client:poll()
    return listener:accept(0)
  end, nil, function()
    return "a connection; the client is in " .. support.status_name(client:get_status())
  end)
end

-- Both sides of a TLS handshake in this thread. -> true, or nil and why the server's side failed; the client is then
-- where its side led it.
function support.handshake(client, conn, options)
  assert(conn:starttls(options))
  local done, why
  support.until_true(function()
    client:poll()
    if not done and not why then
      done, why = conn:handshake("step")
    end
    return why or (done and support.is_connected_or_failed(client))
  end, nil, function()
    return "the handshake; the client is in " .. support.status_name(client:get_status())
  end)
  if why then
    -- The client reads the alert, or the end.
    conn:close()
    support.pump(client, support.is_connected_or_failed)
    return nil, why
  end
  return true
end

-- A client connected to a listener of this thread. Options: host, tls (third argument of connect_to_host), and
-- server_tls (for starttls). -> client, conn
function support.connect(listener, options)
  options = options or {}
  local client = options.client or HTTPClient.new()
  local code, message = client:connect_to_host(options.host or listener:host(), listener:port(),
    options.tls)
  assert(code == httpclient.Error.OK, message)
  local conn = support.accept(listener, client)
  if options.server_tls then
    support.handshake(client, conn, options.server_tls)
  else
    support.pump(client, support.is_connected_or_failed)
  end
  return client, conn
end

-- A client connected to a port that another thread or process serves.
function support.connect_port(port, options)
  options = options or {}
  local client = options.client or HTTPClient.new()
  local code, message = client:connect_to_host(options.host or "127.0.0.1", port, options.tls)
  assert(code == httpclient.Error.OK, message)
  support.pump(client, support.is_connected_or_failed)
  return client
end

-- --- requests

function support.request(client, method, path, headers, body)
  local number = type(method) == "number" and method
    or HTTPClient.Method["METHOD_" .. (method or "GET")]
  local code, message = client:request(number, path or "/", headers or {}, body or "")
  assert(code == httpclient.Error.OK, message)
end

-- Sends a GET and polls until the server has it. -> its head
function support.ask(client, conn)
  support.request(client)
  return support.head_of(client, conn)
end

-- Sends a request and the answer to it, and polls until its head is in.
function support.answer(client, conn, bytes, method)
  support.request(client, method)
  support.head_of(client, conn)
  assert(conn:send(bytes))
  support.pump(client, support.is_answered_or_failed)
end

-- Polls until what the server has got behind what it took already is enough: is_enough(size, bytes), where bytes() are
-- those so far. -> the bytes
function support.receive_until(client, conn, is_enough, expected)
  local parts, got = {}, 0
  local function bytes() return table.concat(parts) end
  support.until_true(function()
    client:poll()
    local piece = conn:recv(1048576, 0)
    if piece then
      parts[#parts + 1] = piece
      got = got + #piece
    end
    return is_enough(got, bytes)
  end, nil, expected and function() return expected(got) end)
  return bytes()
end

-- Polls until the server has so many bytes behind what it took already. -> the bytes
function support.receive(client, conn, size)
  return support.receive_until(client, conn, function(got) return got >= size end)
end

-- A client that has asked a proxy at the listener for a tunnel. -> the proxy's side
function support.ask_proxy(client, listener, tls_options)
  client:set_https_proxy("127.0.0.1", listener:port())
  assert(client:connect_to_host("localhost", 443, tls_options) == httpclient.Error.OK)
  local conn = support.accept(listener, client)
  support.head_of(client, conn)
  return conn
end

-- Reads the body to its end. -> body, the status then
function support.read_all(client, seconds)
  local parts = {}
  support.until_true(function()
    if client:get_status() ~= HTTPClient.STATUS_BODY then
      return true
    end
    for _ = 1, 100 do -- the limit of time is looked at between
      local chunk = client:read_response_body_chunk()
      if chunk == "" then break end
      parts[#parts + 1] = chunk
    end
    if client:get_status() == HTTPClient.STATUS_BODY then client:poll() end
    return client:get_status() ~= HTTPClient.STATUS_BODY
  end, seconds, function()
    return "the end of the body"
  end)
  return table.concat(parts), client:get_status()
end

-- What a response came to, for comparisons. The status is the one right behind the body.
local function outcome_of(client, body, status)
  local code, message = client:get_last_error()
  return {
    status = support.status_name(status),
    code = client:get_response_code(),
    headers = client:get_response_headers(),
    body = body,
    chunked = client:is_response_chunked(),
    length = client:get_response_body_length(),
    trailers = client.get_response_trailers and client:get_response_trailers() or {},
    error = code,
    message = message,
  }
end

-- One exchange on a connected client whose server is not in this thread. -> outcome
function support.exchange(client, method, path, headers, body)
  support.request(client, method, path, headers, body)
  support.pump(client, support.is_answered_or_failed)
  local content, status = support.read_all(client)
  return outcome_of(client, content, status)
end

-- Connects, asks, reads, closes. Options: host, tls, method, headers, body. -> outcome
function support.get(port, path, options)
  options = options or {}
  local client = support.connect_port(port, options)
  local outcome
  if client:get_status() == HTTPClient.STATUS_CONNECTED then
    outcome = support.exchange(client, options.method or "GET", path, options.headers, options.body)
  else
    outcome = outcome_of(client, "", client:get_status())
  end
  client:close()
  return outcome
end

-- --- responses in pieces

local endings = {
  keep = function() end,
  close = function(conn)
    conn:close()
  end,
  shutdown = function(conn)
    conn:shutdown()
  end,
  reset = function(conn)
    conn:reset()
  end,
}

-- Plays the pieces as the server's answer. Options: method, path, headers, body of the request; ending: "close"
-- (default), "keep", "shutdown", "reset", what the server does behind the last piece. -> outcome
function support.play(listener, pieces, options)
  options = options or {}
  local client, conn = support.connect(listener, options)
  support.request(client, options.method, options.path, options.headers, options.body)
  local parts = {}
  local settled_status

  local function step()
    if settled_status then
      return true
    end
    local moved = false
    if client:get_status() == HTTPClient.STATUS_BODY then
      local chunk = client:read_response_body_chunk()
      parts[#parts + 1] = chunk
      moved = chunk ~= ""
    end
    local status = client:get_status()
    if status == HTTPClient.STATUS_REQUESTING
      or (status == HTTPClient.STATUS_BODY and not moved) then
      client:poll()
      status = client:get_status()
    end
    if status ~= HTTPClient.STATUS_REQUESTING and status ~= HTTPClient.STATUS_BODY then
      settled_status = status
    end
    return settled_status
  end

  support.until_true(function()
    client:poll()
    return conn:recv_until("\r\n\r\n", 0)
  end, nil, function()
    return "the request"
  end)
  for _, piece in ipairs(pieces) do
    local ok = conn:send(piece)
    step()
    if not ok then
      break -- the client has refused the rest and hung up
    end
  end
  -- What is on the wire is taken before the ending, so that a kept connection is seen as one.
  for _ = 1, 20 do
    if step() then
      break
    end
    native.sleep(0.0002)
  end
  endings[options.ending or "close"](conn)
  support.until_true(step, nil, function()
    return ("the end of the response; the client is in %s, has %d bytes of body"):format(
      support.status_name(client:get_status()), #table.concat(parts))
  end)
  local outcome = outcome_of(client, table.concat(parts), settled_status)
  client:close()
  conn:close()
  return outcome
end

local function bytes_of(text)
  local list = {}
  for i = 1, #text do
    list[i] = text:sub(i, i)
  end
  return list
end

local function describe(outcome)
  local lines = {}
  for name, value in pairs(outcome) do
    if type(value) == "table" then
      value = table.concat(value, " | ")
    end
    lines[#lines + 1] = ("%s = %s"):format(name, tostring(value))
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end
support.describe = describe

-- Plays the answer whole, byte by byte, and split in two at every point (at most options.points of them, default 400,
-- spread evenly). All outcomes must be the same; -> that outcome. `check`, when given, is called with it.
function support.split_play(answer, check, options)
  options = options or {}
  local listener = assert(native.listen({ host = options.host }))
  local whole = support.play(listener, { answer }, options)
  local expected = describe(whole)
  local function compare(how, pieces)
    local text = describe(support.play(listener, pieces, options))
    if text ~= expected then
      error(("%s differs from whole:\n%s\n--- whole:\n%s"):format(how, text, expected), 3)
    end
  end
  compare("byte by byte", bytes_of(answer))
  local step = math.max(1, math.ceil((#answer - 1) / (options.points or 400)))
  for at = 1, #answer - 1, step do
    compare("split at " .. at, { answer:sub(1, at), answer:sub(at + 1) })
  end
  listener:close()
  if check then
    check(whole)
  end
  return whole
end

return support
