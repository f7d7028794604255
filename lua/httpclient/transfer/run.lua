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
local write = require(root .. ".url.write")

local SWITCHING_PROTOCOLS = 101
local now = httpclient.monotonic_time

-- Range has a meaning for GET alone (RFC 9110 section 14.2), and what the caller asks for is the caller's.
local function prepare_file(t)
  local path = t.options.download_file
  if path and path ~= "" then
    t.is_resumable = t.options.resume and t.method == "GET" and not fields.have(t.headers, "range")
    t.file = download.new(path, t.is_resumable, write.display(t.url))
  end
end

-- Lets go of all that a transfer holds, whatever it was at.
local function abort(t)
  content.abort(t)
  connection.abandon(t)
end

local function response_of(t)
  t.timings.total = now() - t.began
  local response = t.head
  response.ok = content.is_success(response.status)
  response.trailers = t.client:get_response_trailers()
  response.body = t.sink.body
  response.url = write.place(t.url)
  response.redirects = t.redirects
  response.timings = t.timings
  return response
end

-- The last answer is in: what comes of it goes to the caller.
local function conclude(t)
  content.receive(t)
  local response = response_of(t)
  content.close(t)
  if response.status == SWITCHING_PROTOCOLS then
    connection.discard(t)
  else
    connection.release(t)
  end
  t.task.on_abort = nil
  return response
end

-- Runs the transfer t (see transfer.lua); only inside a task. -> response
return function(t)
  t:begin()
  t.task.on_abort = function()
    abort(t)
  end
  prepare_file(t)
  exchange.run(t)
  while policies.after_head(t) or not content.open(t) do
    forget_answer(t)
    exchange.run(t)
  end
  return conclude(t)
end
