-- run.lua: one request and its answer, with all that a person means by that. fetch and HTTPRequest
-- are two ways to call it.
--
-- A transfer runs inside a task, waits there, and ends by returning its response or by
-- results.fail().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local connection = require(root .. ".transfer.connection")
local content = require(root .. ".transfer.content")
local download = require(root .. ".download.sink")
local exchange = require(root .. ".transfer.exchange")
local fields = require(root .. ".message.fields")
local forget_answer = require(root .. ".transfer.unwanted")
local policies = require(root .. ".transfer.policies")
local references = require(root .. ".url.reference")
local request_body = require(root .. ".message.request_body")
local response = require(root .. ".message.response")
local texts = require(root .. ".base.text")
local trace = require(root .. ".transfer.trace")
local waits = require(root .. ".tasks.waits")
local write = require(root .. ".url.write")

local Response = response.class
local SWITCHING_PROTOCOLS = 101
local now = httpclient.monotonic_time
local get_trailers = httpclient.HTTPClient.get_response_trailers
local is_chunked = httpclient.HTTPClient.is_response_chunked

-- Range has a meaning for GET alone (RFC 9110 section 14.2), and what the caller asks for is the caller's.
local function prepare_file(t)
  local path = t.options.download_file
  if path ~= "" then
    t.is_resumable = t.options.resume and t.method == "GET" and not fields.have(t.headers, "range")
    t.file_url = write.display(t.url)
    t.file = download.new(path, t.is_resumable, t.file_url)
  end
end

-- Lets go of all that a transfer holds, whatever it was at.
local function abort(t)
  request_body.close(t)
  content.abort(t)
  connection.abandon(t)
end

-- Where the answer points to, as a whole URL; nil where it points nowhere.
local function location_of(t)
  if not t.head.headers.location then
    return nil
  end
  local location = texts.trim(t.head:header_values("Location")[1])
  local to = location ~= "" and references.resolve(t.url, location)
  return to and write.to_string(to) or nil
end

-- The head of the answer becomes the response, and the script's, as soon as it is known to be the last one.
local function hand_out_head(t)
  local head = setmetatable(t.head, Response)
  head.location = location_of(t)
  local on_response, hand_out = t.options.on_response, t.hand_out
  if on_response or hand_out then
    t.is_handed_out = true
    head.trailers = {}
    t:call(on_response, head)
    t:call(hand_out, head)
  end
end

-- The request, all that comes in between, and the answer whose content goes to its place. -> nil, or the failure in
-- which that content was cut off
local function perform(t)
  exchange.run(t)
  while policies.after_head(t) or not content.open(t) do
    forget_answer(t)
    exchange.run(t)
  end
  hand_out_head(t)
  return content.receive(t)
end

-- What there is of the answer is given up, and the file begins anew, or goes on where it is now.
local function start_over(t)
  content.abort(t)
  connection.discard(t)
  t.head, t.received = nil, 0
  if t.file then
    t.file = download.new(t.options.download_file, t.is_resumable, t.file_url)
  end
end

-- In HTTP/1 only chunked content can have some.
local function trailers_of(t)
  if t.head.http_version == "1.1" and not is_chunked(t.client) then
    return {}
  end
  return get_trailers(t.client)
end

-- The last answer is in: what comes of it goes to the caller.
local function conclude(t)
  local head = t.head
  t.timings.total = now() - t.began
  if t.is_stopped then
    head.stopped, head.trailers = true, {}
    content.abort(t)
    forget_answer(t)
  else
    head.trailers, head.body = trailers_of(t), t.sink.body
    if t.options.buffer then
      head.buffer, head.buffered = t.sink.buffer, t.sink.at
    end
    if t.is_traced then
      trace.trailers(t, head.trailers)
    end
    if head.status == SWITCHING_PROTOCOLS then
      connection.discard(t)
    else
      connection.release(t)
    end
  end
  if t.body then
    request_body.close(t)
  end
  t.task.on_abort = false
  return head
end

-- Runs the transfer t (see transfer.lua); only inside a task, which who knows it may say. -> response
return function(t, task)
  task = task or waits.current()
  t:begin(task)
  task.on_abort, task.subject = abort, t
  if t.options.download_file then
    prepare_file(t)
  end
  local failure = perform(t)
  while failure do
    if not policies.after_failure(t, failure) then
      error(failure, 0)
    end
    start_over(t)
    failure = perform(t)
  end
  return conclude(t)
end
