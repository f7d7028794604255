-- transfer.lua: one request and its answer, with all that a person means by that: redirects, a second try on a stale
-- connection, decoding, limits, files. fetch and HTTPRequest are two ways to call it.
--
-- A transfer runs inside a task (see tasks.lua), waits there, and ends by returning its response or by results.fail().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local core = require("httpclient.core")
local decoder = require(root .. ".message.decoder")
local download = require(root .. ".download.sink")
local fields = require(root .. ".message.fields")
local methods = require(root .. ".message.methods")
local kept = require(root .. ".base.kept")
local pool = require(root .. ".connect.pool")
local redirect = require(root .. ".policies.redirect")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".transfer.results")
local sinks = require(root .. ".transfer.sinks")
local tasks = require(root .. ".tasks.scheduler")
local urls = require(root .. ".url.http")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local now = httpclient.monotonic_time
local fail = results.fail

local transfer = {}

-- Others get their turn after this many bytes, or reads.
local TURN_SIZE = 1048576
local TURN_READS = 64
-- The content behind a redirect is read, for the connection's sake, if it is no more than this and comes at once.
local DRAIN_SIZE = 65536
local DRAIN_SECONDS = 0.25

local STATUS = HTTPClient.Status
local RESOLVING, CONNECTING, CONNECTED = STATUS.STATUS_RESOLVING, STATUS.STATUS_CONNECTING, STATUS.STATUS_CONNECTED
local REQUESTING, BODY = STATUS.STATUS_REQUESTING, STATUS.STATUS_BODY

-- --- small things -------------------------------------------------------------------------------------------------------

-- A number for each TLSOptions, so that a text can stand for it.
local numbers = kept("TLSOptions", { last = 0, of = setmetatable({}, { __mode = "k" }) })

local function number_of(object)
  if not numbers.of[object] then
    numbers.last = numbers.last + 1
    numbers.of[object] = numbers.last
  end
  return numbers.of[object]
end

-- A callback of the script: it may cancel the transfer.
local function call(fn, ...)
  if fn then
    fn(...)
    tasks.leave_if_dropped()
  end
end

-- --- waiting ------------------------------------------------------------------------------------------------------------

local function check_deadline(t)
  if t.deadline and now() >= t.deadline then
    fail("TIMEOUT", ("timeout after %g s"):format(t.timeout))
  end
end

-- Whatever woke it: a server that always has one more byte does not put the deadline off.
local function wait(t)
  local reason, message = tasks.wait_for(t.client, t.deadline)
  if not reason then
    fail("CANT_CONNECT", message)
  end
  check_deadline(t)
end

-- Between two pieces of work of which there may be many.
local function pause(t)
  check_deadline(t)
  if tasks.is_over_budget() then
    tasks.yield()
  end
end

-- --- the connection -----------------------------------------------------------------------------------------------------

local function key_of(t)
  local tls = t.tls_options and number_of(t.tls_options) or t.verify and "verified" or "unverified"
  local proxy = t.proxy and table.concat({ t.proxy.host, t.proxy.port, t.proxy.user or "", t.proxy.password or "" }, "\0")
  return table.concat({ urls.origin(t.url), tls, proxy or "" }, "\0")
end

local function let_go(t, keep)
  local client, key = t.client, t.key
  t.client, t.key = nil, nil
  t.task.is_holder = false
  if client then
    (keep and pool.release or pool.discard)(key, client)
  end
end

local failure_of = {
  [STATUS.STATUS_CANT_RESOLVE] = "CANT_RESOLVE",
  [STATUS.STATUS_CANT_CONNECT] = "CANT_CONNECT",
  [STATUS.STATUS_TLS_HANDSHAKE_ERROR] = "TLS_HANDSHAKE_ERROR",
}

-- The client is in an error state: ends the transfer with it.
local function fail_with_client(t, otherwise)
  local code, message = t.client:get_last_error()
  if code == Error.ERR_TIMEOUT then
    fail("TIMEOUT", message)
  end
  fail(failure_of[t.client:get_status()] or otherwise, message)
end

local function apply_settings(t)
  local client = t.client
  client.connect_timeout = t.connect_timeout or 0
  client.response_timeout = t.response_timeout or 0
  client.idle_timeout = t.idle_timeout or 0
  client.read_chunk_size = t.chunk_size
end

local function set_proxy(t)
  local proxy = t.proxy
  if not proxy then
    return
  end
  local set = t.url.scheme == "https" and t.client.set_https_proxy or t.client.set_http_proxy
  local code, message = set(t.client, proxy.host, proxy.port, proxy.user or "", proxy.password or "")
  if code ~= Error.OK then
    fail("CANT_CONNECT", message)
  end
end

local function start_to_connect(t)
  local url, client = t.url, t.client
  if url.scheme ~= "https" then
    return client:connect_to_host(url.host, url.port)
  elseif t.tls_options then
    return client:connect_to_host(url.host, url.port, t.tls_options)
  end
  return client:connect_to_host(url.host, url.port, true, t.verify)
end

local function connect(t)
  local client, began = t.client, now()
  set_proxy(t)
  local code, message = start_to_connect(t)
  if code ~= Error.OK then
    fail("CANT_CONNECT", message)
  end
  local resolved = client:get_status() ~= RESOLVING and began or nil
  while client:get_status() == RESOLVING or client:get_status() == CONNECTING do
    wait(t)
    if not resolved and client:get_status() ~= RESOLVING then
      resolved = now()
    end
  end
  if client:get_status() ~= CONNECTED then
    fail_with_client(t, "CANT_CONNECT")
  end
  resolved = resolved or now()
  t.timings.resolve = resolved - began
  t.timings.connect = now() - resolved
end

-- A connection to the origin of t.url, ready for a request. -> has it been used before?
local function obtain(t, fresh)
  local proxy, why = t.find_proxy(t.url)
  if why then
    fail("CANT_CONNECT", why)
  end
  t.proxy = proxy
  t.key = key_of(t)
  local client, is_used = pool.acquire(t.key, fresh, t.deadline)
  if not client then
    check_deadline(t)
  end
  t.client, t.task.is_holder = client, true
  apply_settings(t)
  t.timings.resolve, t.timings.connect = 0, 0
  if not is_used then
    connect(t)
  end
  t.timings.reused = is_used
  return is_used
end

-- --- the request --------------------------------------------------------------------------------------------------------

-- User info becomes Basic credentials (RFC 7617), which redirects treat like the caller's own; the URL forgets it.
local function adopt_credentials(t)
  local user, password = t.url.user, t.url.password
  if (user or password) and not fields.have(t.headers, "authorization") then
    t.headers = fields.join(t.headers, { "Authorization: " .. fields.basic(user or "", password or "") })
  end
  t.url.userinfo, t.url.user, t.url.password = nil, nil, nil
end

-- The caller's lines and those that the transfer adds.
local function own_lines(t)
  local lines = fields.join(t.headers, t.file and t.file:range_lines() or {})
  if t.accept_gzip and not fields.have(lines, "accept-encoding") and not fields.have(lines, "range") then
    lines[#lines + 1] = "Accept-Encoding: gzip, deflate"
  end
  return lines
end

-- The size of the content; of an answer to HEAD what it would be (RFC 9110 section 8.6). -1: not known
local function announced_size(t)
  return t.method == "HEAD" and core.announced_length(t.client) or t.client:get_response_body_length()
end

local function report_progress(t)
  if not t.on_progress then
    return
  end
  local client = t.client
  local offset = t.sink and t.sink.offset or 0
  local total = client:has_response() and announced_size(t) or -1
  call(t.on_progress, client:get_response_body_received() + offset, total >= 0 and total + offset or -1,
    client:get_request_body_sent(), t.send_total)
end

-- Sends the request and waits for the head of its answer. -> is it there?
local function ask(t)
  local client, began, sent = t.client, now(), 0
  if not request_body.rewind(t) then
    fail("REQUEST_FAILED", io.type(t.body) == "closed file" and "the file of the body has been closed"
      or "the body comes from a function or a pipe, which can't give it a second time")
  end
  t.body_is_used = true
  local send = t.raw and client.request_raw or client.request
  local code, message = send(client, t.method, urls.target(t.url), own_lines(t), t.body or "")
  if code ~= Error.OK then
    fail("REQUEST_FAILED", message)
  end
  while client:get_status() == REQUESTING do
    wait(t)
    if client:get_request_body_sent() ~= sent and client:get_status() == REQUESTING then
      sent = client:get_request_body_sent()
      report_progress(t)
    end
  end
  if client:get_request_body_sent() ~= sent then
    report_progress(t)
  end
  t.timings.response = now() - began
  return client:has_response()
end

-- No head came. A connection that had been used may have been closed by the server while the request was on its way: then
-- it did not see it, and an idempotent one may go out again (RFC 9110 section 9.2.2).
local function may_ask_again(t)
  local code = t.client:get_last_error()
  return code ~= Error.ERR_TIMEOUT and not t.client:has_response_begun() and methods.is_idempotent(t.method) and request_body.rewind(t)
end

local function fail_without_head(t)
  local _, message = t.client:get_last_error()
  local is_silent = not t.client:has_response_begun() and message:find("without an answer", 1, true)
  fail_with_client(t, is_silent and "NO_RESPONSE" or "CONNECTION_ERROR")
end

local function note_head(t)
  local client = t.client
  t.head = {
    status = client:get_response_code(),
    reason = client:get_response_reason(),
    header_list = client:get_response_headers(),
    headers = core.response_fields(client),
    body_size = announced_size(t),
  }
end

-- Obtains a connection, and the head of the answer from it.
local function exchange(t)
  local is_used = obtain(t, false)
  if not ask(t) then
    if not (is_used and may_ask_again(t)) then
      fail_without_head(t)
    end
    let_go(t, false)
    obtain(t, true)
    if not ask(t) then
      fail_without_head(t)
    end
  end
  note_head(t)
end

-- --- the content --------------------------------------------------------------------------------------------------------

local function is_cut_short(t)
  fail_with_client(t, t.client:is_response_chunked() and "CHUNKED_BODY_SIZE_MISMATCH" or "CONNECTION_ERROR")
end

local function check_size(t, size)
  if t.limit >= 0 and size > t.limit then
    fail("BODY_SIZE_LIMIT_EXCEEDED", ("the body has more than %.0f bytes"):format(t.limit))
  end
end

local function put(t, bytes)
  t.size = t.size + #bytes
  check_size(t, t.size)
  local ok, message, name = t.sink:write(bytes)
  if not ok then
    fail(name, message)
  end
  tasks.leave_if_dropped()
end

local function put_decoded(t, bytes)
  local ok, message = t.decoder:feed(bytes, function(piece)
    put(t, piece)
  end, function()
    pause(t)
  end)
  if not ok then
    fail("BODY_DECOMPRESS_FAILED", message)
  end
end

local function take(t)
  local moved, message, name, moved_before = t.sink:take(t.client)
  t.received = t.client:get_response_body_received()
  if not moved then
    if moved_before > 0 then
      report_progress(t)
    end
    if name == "CONNECTION_ERROR" and t.client:get_last_error() ~= Error.OK then
      is_cut_short(t)
    end
    fail(name, message)
  end
  t.size = t.size + moved
  check_size(t, t.size)
  return moved
end

local function read(t)
  local bytes = t.client:read_response_body_chunk()
  t.received = t.client:get_response_body_received()
  if bytes ~= "" then
    (t.decoder and put_decoded or put)(t, bytes)
  end
  return #bytes
end

-- Reads to the end of the content. `step` moves some of it and says how much came.
local function read_all(t, step)
  local size, reads = 0, 0
  while t.client:get_status() == BODY do
    local moved = step(t)
    if moved > 0 then
      report_progress(t)
      size, reads = size + moved, reads + 1
      check_deadline(t)
      if size >= TURN_SIZE or reads >= TURN_READS or tasks.is_over_budget() then
        size, reads = 0, 0
        tasks.yield()
      end
    elseif t.client:get_status() == BODY then
      size, reads = 0, 0
      wait(t)
    end
  end
  -- Not the status: the connection may have ended since, with all that was to come.
  if not t.client:is_response_complete() then
    is_cut_short(t)
  end
end

local function is_success(code)
  return code >= 200 and code <= 299
end

-- What an error's page says is no download: it is handed over like any other body. Nor is an answer to HEAD, which would
-- empty the file.
local function choose_sink(t)
  if t.file and t.method ~= "HEAD" and (is_success(t.head.status) or t.file:is_refused(t.client)) then
    return t.file
  elseif t.on_data then
    return sinks.call(t.on_data)
  end
  return sinks.memory()
end

-- A part of something coded is handed over as it is: nothing can be decoded from its middle on.
local function prepare_decoder(t)
  local message
  local is_part = t.head.status == 206 and fields.have(t.headers, "range")
  t.decoder = nil
  if t.accept_gzip and not is_part and t.client:get_status() == BODY then
    t.decoder, message = decoder.new(t.client:get_response_header("Content-Encoding"))
  end
  if message then
    fail("BODY_DECOMPRESS_FAILED", message)
  end
end

local function finish_decoding(t)
  local ok, message = t.decoder:finish()
  if not ok then
    fail("BODY_DECOMPRESS_FAILED", message)
  end
end

-- -> true; false when the whole request has to be made again, since the file can not be continued
local function open_sink(t)
  t.sink, t.size = choose_sink(t), 0
  prepare_decoder(t)
  if t.sink ~= t.file then
    return true
  end
  if t.head.status == 206 and t.file.offset == 0 and not fields.have(t.headers, "range") then
    fail("CONNECTION_ERROR", "the server has sent a part of what was asked for")
  end
  local ok, message, name = t.file:begin(t.client, t.decoder ~= nil)
  if ok == nil then
    fail(name, message)
  end
  t.size = t.file.offset
  return ok
end

local function receive(t)
  local began = now()
  if not t.decoder then
    check_size(t, t.size + math.max(0, t.client:get_response_body_length()))
  end
  read_all(t, t.sink.take and not t.decoder and take or read)
  if t.decoder then
    finish_decoding(t)
  end
  local ok, message, name = t.sink:finish()
  if not ok then
    fail(name, message)
  end
  t.sink_is_done = true
  t.timings.body = now() - began
end

-- --- redirects ----------------------------------------------------------------------------------------------------------

-- Reads what is left of an answer that nobody wants, if that is little and comes soon, so that its connection can be used
-- again.
local function drain(t)
  local client, total = t.client, 0
  local length, patience = client:get_response_body_length(), now() + DRAIN_SECONDS
  if length > DRAIN_SIZE or (length < 0 and not client:is_response_chunked()) then
    return
  end
  while client:get_status() == BODY and total <= DRAIN_SIZE and now() < patience do
    local bytes = client:read_response_body_chunk()
    total = total + #bytes
    if bytes == "" and client:get_status() == BODY then
      tasks.wait_for(client, math.min(t.deadline or patience, patience))
    end
    check_deadline(t)
  end
end

-- What was known of an answer that is not the last one.
local function forget_answer(t)
  drain(t)
  let_go(t, true)
  t.head, t.received = nil, 0
end

local function hop_of(t)
  return redirect.next({
    method = t.method,
    code = t.head.status,
    url = t.url,
    location = t.client:get_response_header_values("Location")[1],
    headers = t.headers,
    allow_downgrade = t.allow_downgrade,
  })
end

-- Goes where the answer points to. -> false when it is no redirect
local function follow(t)
  local hop, message = hop_of(t)
  if message then
    fail("REQUEST_FAILED", message)
  elseif not hop then
    return false
  end
  if t.max_redirects >= 0 and t.redirects >= t.max_redirects then
    fail("REDIRECT_LIMIT_REACHED", ("more than %d redirects"):format(t.max_redirects))
  end
  forget_answer(t)
  t.redirects = t.redirects + 1
  t.url, t.method, t.headers = hop.url, hop.method, hop.headers
  adopt_credentials(t)
  if not hop.keeps_body then
    t.body, t.send_total = nil, 0
  end
  return true
end

-- --- the whole ----------------------------------------------------------------------------------------------------------

local function response_of(t)
  t.timings.total = now() - t.began
  local response = t.head
  response.ok = is_success(response.status)
  response.trailers = t.client:get_response_trailers()
  response.body = t.sink.body
  response.url = (urls.display(t.url):gsub("#.*", ""))
  response.redirects = t.redirects
  response.timings = t.timings
  return response
end

-- Lets go of all that a transfer holds, whatever it was at. In a table of its own: the transfer may be waiting.
local function abort(t)
  if t.task.ticket then
    pool.leave(t.key, t.task.ticket)
    t.task.ticket = nil
    t.key = nil
  end
  if t.sink and not t.sink_is_done then
    t.sink:abort()
  end
  if t.decoder then
    t.decoder:close()
  end
  let_go(t, false)
end

-- Runs the transfer t; only inside a task. -> response
--   url (see url.lua), method (its name), headers (array of field lines), body (string, function, file or nil), raw (send the body
--   whatever the method), timeout, connect_timeout, response_timeout, idle_timeout (seconds or nil), max_redirects,
--   allow_downgrade, tls_options or verify, find_proxy(url) -> proxy, accept_gzip, limit (bytes, -1 none), chunk_size,
--   download_file, resume, on_data, on_progress
-- While it runs t.client is the client in use, and t.head what is known of the answer.
function transfer.run(t)
  t.task = tasks.current()
  t.began = now()
  t.deadline = t.timeout and t.timeout > 0 and t.began + t.timeout or nil
  t.redirects, t.received, t.timings, t.send_total = 0, 0, {}, request_body.size(t.body, t.headers)
  t.task.on_abort = function()
    abort(t)
  end
  adopt_credentials(t)
  if t.download_file then
    -- Range has a meaning for GET alone (RFC 9110 section 14.2), and what the caller asks for is the caller's.
    local resume = t.resume and t.method == "GET" and not fields.have(t.headers, "range")
    t.file = download.new(t.download_file, resume, urls.to_string(t.url))
    t.accept_gzip = t.accept_gzip and not resume -- a range counts the bytes as they are stored
  end
  repeat
    exchange(t)
    local again = follow(t)
    if not again and not open_sink(t) then
      forget_answer(t)
      again = true
    end
  until not again
  receive(t)
  local response = response_of(t)
  if t.decoder then
    t.decoder:close()
  end
  let_go(t, t.head.status ~= 101)
  t.task.on_abort = nil
  return response
end

return transfer
