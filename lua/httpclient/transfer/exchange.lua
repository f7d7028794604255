-- exchange.lua: one request of a transfer and the head of its answer, tried again where a policy says so.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local company = require(root .. ".tasks.company")
local connection = require(root .. ".transfer.connection")
local core = require("httpclient.core")
local policies = require(root .. ".transfer.policies")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local trace = require(root .. ".transfer.trace")
local write = require(root .. ".url.write")

local HTTPClient = httpclient.HTTPClient
local OK, ERR_BUSY = httpclient.Error.OK, httpclient.Error.ERR_BUSY
local CONNECTED, REQUESTING = HTTPClient.STATUS_CONNECTED, HTTPClient.STATUS_REQUESTING
local CONNECTION_ERROR, is_untried = HTTPClient.STATUS_CONNECTION_ERROR, core.is_untried
-- What every request calls is called without the look-up, which costs more than most of these.
local request, request_raw, poll = HTTPClient.request, HTTPClient.request_raw, HTTPClient.poll
local get_status, get_sent = HTTPClient.get_status, HTTPClient.get_request_body_sent
local has_response, get_code = HTTPClient.has_response, HTTPClient.get_response_code
local get_reason, get_version = HTTPClient.get_response_reason, HTTPClient.get_response_version
local get_headers, get_length = HTTPClient.get_response_headers, HTTPClient.get_response_body_length
local now = httpclient.monotonic_time

local exchange = {}
local NONE = {}

-- The size of the content; of an answer to HEAD what it would be (RFC 9110 section 8.6). -1: not known
local function announced_size(t)
  return t.method == "HEAD" and core.announced_length(t.client)
    or get_length(t.client)
end

function exchange.report_progress(t)
  local on_progress = t.options.on_progress
  if not on_progress then
    return
  end
  local client = t.client
  local offset = t.sink and t.sink.offset or 0
  local total = client:has_response() and announced_size(t) or -1
  t:call(on_progress, client:get_response_body_received() + offset, total >= 0 and total + offset
    or -1,
    client:get_request_body_sent(), t.send_total)
end

-- -> nil, or the failure
local function send(t)
  if t.body then
    local is_whole, why = request_body.rewind(t)
    if not is_whole then
      return results.failure("REQUEST_FAILED", why)
    end
  end
  local lines = policies.lines_of(t)
  local make = t.way.sends_every_body and request_raw or request
  local code, message = make(t.client, t.method, t.url.target or write.target(t.url), lines,
    t.body and request_body.outgoing(t) or "")
  connection.note_request(t)
  if code == OK then
    if t.is_traced then
      trace.heads(t)
    end
    return nil
  end
  -- Others that share the connection may have taken the room, or have seen it end.
  local is_lost = t.is_reused and (code == ERR_BUSY or t.client:get_status() ~= CONNECTED)
  local failure = results.failure(is_lost and "CONNECTION_ERROR" or "REQUEST_FAILED", message)
  failure.is_displaced = is_lost
  return failure
end

-- What calls no function of the script's goes out now, as far as the socket takes it, and not with the first wait.
local function begin_to_send(t)
  if request_body.is_text(t) then
    poll(t.client)
    if t.version ~= "1.1" then
      company.notice(t.client)
    end
  end
end

local function await_head(t)
  local client, sent = t.client, 0
  local watches = t.options.on_progress ~= nil
  while get_status(client) == REQUESTING do
    t:wait()
    if t.is_traced then
      trace.heads(t)
    end
    if watches and get_sent(client) ~= sent and get_status(client) == REQUESTING then
      sent = get_sent(client)
      exchange.report_progress(t)
    end
  end
  if watches and get_sent(client) ~= sent then
    exchange.report_progress(t)
  end
end

local function no_answer(t)
  local _, message = t.client:get_last_error()
  local is_silent = not t.client:has_response_begun() and message:find("without an answer", 1, true)
  local failure = connection.failure_of(t, is_silent and "NO_RESPONSE" or "CONNECTION_ERROR")
  failure.is_unanswered, failure.is_reset = true, connection.stands(t)
  return failure
end

-- Gets a connection and sends the request there. -> when it began, nil and the failure, or nil: the connection had
-- ended before
local function go_out(t)
  local failure = connection.obtain(t)
  if failure then
    failure.is_unsent = true
    return nil, failure
  end
  local began = now()
  failure = send(t)
  if failure then
    failure.is_unsent, failure.is_final = true, not failure.is_displaced
    return nil, failure
  end
  local was_sent = t.was_sent
  t.was_sent = true -- from here on nobody can say that it was not, however the next call ends
  begin_to_send(t)
  if t.is_reused and get_status(t.client) == CONNECTION_ERROR and is_untried(t.client) then
    connection.discard(t)
    t.was_sent = was_sent
    return nil
  end
  return began
end

-- -> nil when the head is there, or the failure
local function attempt(t)
  local began, failure
  if t.rest_until then
    t:rest(t.rest_until)
  end
  t.attempts = t.attempts + 1
  repeat
    began, failure = go_out(t)
  until began or failure
  if failure then
    return failure
  end
  await_head(t)
  if t.is_traced then
    trace.heads(t)
  end
  t.timings.response = now() - began
  return not has_response(t.client) and no_answer(t) or nil
end

-- All that a response has (docs/fetch.md), so that the table is made large enough at once; what is known later has its
-- place here. A script sees the last one.
local function note_head(t)
  local client = t.client
  local status = get_code(client)
  t.head = {
    status = status, ok = status >= 200 and status <= 299,
    url = t.url.place or write.place(t.url), remote_address = connection.remote_address(client),
    location = nil, redirects = t.redirects, history = t.history,
    proxy = t.proxy and t.proxy.url or nil,
    timings = t.timings, trailers = NONE, body = "",
    reason = get_reason(client),
    http_version = get_version(client),
    header_list = get_headers(client),
    headers = core.response_fields(client),
    body_size = announced_size(t),
  }
end

-- Sends the request as it stands now, over a connection that the pool gives or that is made for it, and waits for
-- the head of the answer.
function exchange.run(t)
  if t.attempts > 0 then
    t.is_again, t.lost, t.needs_http1 = nil, 0, nil
  end
  local failure = attempt(t)
  while failure do
    if not policies.after_failure(t, failure) then
      error(failure, 0)
    end
    connection.discard(t)
    failure = attempt(t)
  end
  note_head(t)
end

return exchange
