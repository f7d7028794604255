-- content.lua: the content of a transfer's last answer: read, counted, and written to where it
-- belongs.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local company = require(root .. ".tasks.company")
local connection = require(root .. ".transfer.connection")
local exchange = require(root .. ".transfer.exchange")
local fields = require(root .. ".message.fields")
local policies = require(root .. ".transfer.policies")
local results = require(root .. ".base.results")
local sinks = require(root .. ".transfer.sinks")
local turn = require(root .. ".tasks.turn")
local waits = require(root .. ".tasks.waits")

local HTTPClient = httpclient.HTTPClient
local OK, BODY = httpclient.Error.OK, HTTPClient.STATUS_BODY
local get_status, read_chunk = HTTPClient.get_status, HTTPClient.read_response_body_chunk
local get_received, get_length = HTTPClient.get_response_body_received,
  HTTPClient.get_response_body_length
local is_complete = HTTPClient.is_response_complete
local fail, now = results.fail, httpclient.monotonic_time

-- Others get their turn after this many bytes, or reads.
local TURN_SIZE = 1048576
local TURN_READS = 64

-- What is shorter than this takes no time to finish.
local LONG_STEP = 65536

local content = {}

-- -> the failure
local function cut_short(t)
  return connection.failure_of(t, t.client:is_response_chunked() and "CHUNKED_BODY_SIZE_MISMATCH"
    or "CONNECTION_ERROR")
end

local function check_size(t, size)
  local limit = t.options.body_size_limit
  if limit >= 0 and size > limit then
    fail("BODY_SIZE_LIMIT_EXCEEDED", ("the body has more than %.0f bytes"):format(limit))
  end
end

-- What is coded may come without end and never become content. No coding makes much more of what it
-- can't make smaller.
local function check_coded(t)
  local limit = t.options.body_size_limit
  if t.is_decoded and limit >= 0 and t.received > limit * 1.125 + 65536 then
    fail("BODY_SIZE_LIMIT_EXCEEDED", ("the coded body has far more than %.0f bytes"):format(limit))
  end
end

-- --- the sink

-- What an error's page says is no download, nor for a buffer: it is handed over like any other body. Nor is an answer
-- to HEAD, which would empty the file. -> the sink, and who watches it
local function choose_sink(t)
  local on_data, buffer = t.hand_out or t.options.on_data, t.options.buffer
  if buffer then
    local is_wanted = t.method ~= "HEAD" and content.is_success(t.head.status)
    return is_wanted and sinks.buffer(buffer, on_data) or sinks.memory(), false
  elseif not t.file then
    return on_data and sinks.nowhere() or sinks.memory(), on_data or false
  elseif t.method ~= "HEAD"
    and (content.is_success(t.head.status) or t.file:is_refused(t.client)) then
    return t.file, on_data or false
  end
  return sinks.memory(), false
end

-- -> true; false when the whole request has to be made again, since the file can not be continued
local function begin_file(t)
  if t.head.status == 206 and t.file.offset == 0 and not fields.have(t.headers, "range") then
    fail("CONNECTION_ERROR", "the server has sent a part of what was asked for")
  end
  local ok, message, result = t.file:begin(t.client, t.is_decoded, t.watcher ~= false)
  if ok == nil then
    fail(result, message)
  end
  t.size = t.file.offset
  return ok
end

-- What is coded has another size than the one that was announced.
local function begin_buffer(t)
  local size = get_length(t.client)
  t.sink:begin(size >= 0 and not t.is_decoded and size or nil)
  waits.leave_if_dropped()
end

-- Chooses where the content goes. -> as begin_file()
function content.open(t)
  t.sink, t.watcher = choose_sink(t)
  t.size = 0
  policies.before_content(t)
  if t.sink.buffer then
    begin_buffer(t)
  end
  return t.sink ~= t.file or begin_file(t)
end

-- Nothing comes of what has been written, unless the sink has finished it.
function content.abort(t)
  if t.sink then
    t.sink:abort()
  end
  t.sink = false
end

-- --- reading

-- Each step moves some of the content. -> how much came; nil and the failure where it is cut off

-- By the sink itself, without strings.
local function take(t)
  local moved, message, result, moved_before = t.sink:take(t.client)
  company.notice(t.client)
  t.received = get_received(t.client)
  if not moved then
    if moved_before > 0 then
      exchange.report_progress(t)
    end
    if result == "CONNECTION_ERROR" and t.client:get_last_error() ~= OK then
      return nil, cut_short(t)
    end
    fail(result, message)
  end
  t.size = t.size + moved
  check_size(t, t.size)
  check_coded(t)
  if moved > 0 and t.sink.on_data then
    t.is_handed_out = true
    t.is_stopped = t.sink.on_data(moved) == false
    waits.leave_if_dropped()
  end
  return moved
end

-- Counts what has come, hands it to the sink, and shows it to whoever watches, who may have seen enough.
local function write(t, bytes)
  local size = t.size + #bytes
  t.size = size
  if t.options.body_size_limit >= 0 then
    check_size(t, size)
  end
  local ok, message, result = t.sink:write(bytes)
  if not ok then
    fail(result, message)
  end
  if t.watcher then
    t.is_handed_out = true
    t.is_stopped = t.watcher(bytes) == false
    waits.leave_if_dropped()
  end
end

local function read(t)
  local client = t.client
  local bytes = read_chunk(client)
  if t.version ~= "1.1" then
    company.notice(client)
  end
  t.received = get_received(client)
  if bytes ~= "" then
    write(t, bytes)
  end
  if t.is_decoded then
    check_coded(t)
  end
  return #bytes
end

-- -> nil, or the failure
local function read_all(t, step)
  local size, reads = 0, 0
  while get_status(t.client) == BODY and not t.is_stopped do
    local moved, failure = step(t)
    if not moved then
      return failure
    elseif moved > 0 then
      if t.options.on_progress then
        exchange.report_progress(t)
      end
      size, reads = size + moved, reads + 1
      t:check_deadline()
      if size >= TURN_SIZE or reads >= TURN_READS or turn.is_over_budget() then
        size, reads = 0, 0
        waits.yield()
      end
    elseif get_status(t.client) == BODY then
      size, reads = 0, 0
      t:wait()
    end
  end
  -- Not the status: the connection may have ended since, with all that was to come.
  if not t.is_stopped and not is_complete(t.client) then
    return cut_short(t)
  end
end

-- -> as a sink's finish()
local function finish(t)
  local sink, time_per_byte = t.sink, t.size >= LONG_STEP and t.sink.time_per_byte
  if time_per_byte then
    if sink.parts then
      waits.for_seconds(t.size * time_per_byte)
      sink:gather(t.size)
    end
    waits.for_seconds(t.size * time_per_byte)
  end
  local ok, message, result = sink:finish()
  if not ok or not sink.settle then
    return ok, message, result
  end
  while sink:is_busy() and waits.is_scheduled() do
    waits.pause(now() + 0.001)
  end
  return sink:settle()
end

-- Reads all of it to where open() has chosen, or as much as is wanted. -> nil, or the failure in which it was cut off
function content.receive(t)
  local began = now()
  if t.options.body_size_limit >= 0 and not t.is_decoded then
    check_size(t, t.size + math.max(0, get_length(t.client)))
  end
  local failure = read_all(t, t.sink.take and not t.watcher and take or read)
  if failure or t.is_stopped then
    return failure
  end
  local ok, message, result = finish(t)
  if not ok and result == "CONNECTION_ERROR" then
    return results.failure(result, message) -- the rest may be had by another request
  elseif not ok then
    fail(result, message)
  end
  t.timings.body = now() - began
end

function content.is_success(code)
  return code >= 200 and code <= 299
end

return content
