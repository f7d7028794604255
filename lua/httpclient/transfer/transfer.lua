-- transfer.lua: what a transfer is while it runs: the request as it stands now, what is known of
-- the answer, and how to wait.
--
-- A transfer goes by
--   method (its name), url (see url/http.lua), headers (array of field lines), body (string, function, file or false)
--   options               by name, see options.lua; HTTPRequest has its properties here
--   known                 of options that are those of many transfers, what was asked of them once: calls_script,
--                         hooks, reach, lines; and a mark; false: these are for one transfer
--   way                   what fetch and HTTPRequest are told in ways of their own:
--     find_proxy(url)       -> proxy, nil for none; or nil and why that is an error
--     tls_options           TLSOptions or nil
--     sends_every_body      send the body whatever the method is
--     verifies              without TLSOptions: check the server's certificate
--     hands_over_redirects  with max_redirects 0 a redirect is the answer, and no error
--     is_usual              no TLSOptions, no proxy of its own, and the certificate is checked
--     scope                 whose connections it has: a session's; nil: everybody's
-- and has while it runs
--   task, began, deadline the task that it runs in; when it began, and when it is over at the latest (false: never)
--   client, key, proxy    the connection in use, its place in the pool (entry: see pool.acquire), and by whose way it
--                         goes (connect/proxy.lua);
--                         is_reused: it has been used before; proxy_tries: how often a proxy was asked again;
--                         reach: where it goes other than the URL says (see connect/reach.lua; false: nowhere else)
--   version               "1.1", "auto" or "2": what is wished for this request; needs_http1: the
--                         server wants it by HTTP/1.1
--   wants_new             a time: only a connection made since is wanted
--   is_again, lost        this request goes out a second time; how often it did not go out at all
--   head                  what is known of the answer, see exchange.lua; received: bytes of its content
--   sink, size            where decoded content goes, and how much has come there (is_decoded: the client takes
--                         codings off it)
--   file                  the sink that is a file, where one is wanted; is_resumable: with resume; file_url: of what
--   watcher               the function that sees content on its way; is_stopped: it has seen enough
--   hand_out              a stream's function: it gets the head, and then the content (nil: no stream)
--   is_handed_out         the script has got something of the answer, so that no other can take its place
--   hooks                 those of the policies, see policies.lua; false: not chosen yet
--   is_traced             the heads that pass on the client are noted for the option trace
--   was_sent              a request has gone out; attempts: how often one was begun, redirects and all
--   rest_until            when the next one may go out (nil: now)
--   home                  the origin that credentials are for; what else the policy auth knows: auth_session, with
--                         which the request has gone out, auth_is_fresh and auth_was_fresh, is it an answer to the
--                         last challenge, auth_refusals in a row, and auth_expects, has it asked for a 100
--   url_credentials       the field line that the URL's user information has become
--   expects_nothing       the server has refused an Expect
--   retries               what the policy retry knows of the attempts so far
--   redirects, history, timings  for the response
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local turn = require(root .. ".tasks.turn")
local waits = require(root .. ".tasks.waits")

local now, wait_of_client = httpclient.monotonic_time, httpclient.HTTPClient.wait

local Transfer = {}
Transfer.__index = Transfer

-- What most transfers never change.
Transfer.proxy_tries, Transfer.lost, Transfer.send_total, Transfer.redirects = 0, 0, 0, 0

-- (What every transfer comes to have stands here, so that the table is made large enough at once: 32 names. What is
-- asked more than once and mostly not there is false: of nil the metatable would be asked.)
function Transfer.new(method, url, headers, body, way, options, known)
  return setmetatable({
    method = method, url = url, headers = headers, body = body or false, options = options,
    known = known or false, way = way, hooks = false,
    task = false, began = false, deadline = false, client = false, key = false, entry = false,
    version = false, is_reused = false, proxy = false, reach = false, is_traced = false,
    head = false, received = 0, size = 0, sink = false, watcher = false, hand_out = false,
    is_stopped = false, is_decoded = false, is_handed_out = false, was_sent = false, attempts = 0,
    history = {},
    timings = { resolve = 0, connect = 0, response = 0, body = 0, total = 0, reused = false },
  }, Transfer)
end

-- Begins it, in the task that calls.
function Transfer:begin(task)
  local timeout = self.options.timeout
  self.task, self.began = task, now()
  if timeout > 0 then
    self.deadline = self.began + timeout
  end
  if self.body then
    self.send_total = request_body.size(self.body, self.headers)
  end
end

local OF_SCRIPT = { "on_progress", "on_data", "on_response", "trace", "allow_address", "buffer",
  "retry" }

local function have_functions(options)
  for index = 1, #OF_SCRIPT do
    if options[OF_SCRIPT[index]] then
      return true
    end
  end
  return false
end

-- May it call a function of the script's?
function Transfer:calls_script()
  local known, body = self.known, self.body
  if body and type(body) ~= "string" then
    return true
  elseif not known then
    return have_functions(self.options)
  elseif known.calls_script == nil then
    known.calls_script = have_functions(self.options)
  end
  return known.calls_script
end

function Transfer:check_deadline()
  if self.deadline and now() >= self.deadline then
    results.fail("TIMEOUT", ("timeout after %g s"):format(self.options.timeout))
  end
end

-- Waits until the client has moved. Whatever woke it: a server that always has one more byte does
-- not put the deadline off.
function Transfer:wait()
  local reason, message = waits.wait_for(self.client, self.deadline, self.task, wait_of_client)
  if not reason then
    results.fail("CANT_CONNECT", message)
  end
  self:check_deadline()
end

-- Between two pieces of work of which there may be many.
function Transfer:pause()
  self:check_deadline()
  if turn.is_over_budget() then
    waits.yield()
  end
end

-- What a failure tells beside its reason.
function Transfer:facts()
  return { sent = self.was_sent, attempts = self.attempts }
end

-- Calls a function of the script's, if there is one: it may cancel the transfer. -> what it has returned first
function Transfer.call(_, fn, ...)
  if fn then
    local answer = fn(...)
    waits.leave_if_dropped()
    return answer
  end
end

-- Waits until the moment that a policy wants the next request to go out at.
function Transfer:rest(moment)
  self.rest_until = nil
  waits.pause(moment)
  self:check_deadline()
end

-- Tells who wants to know what goes on; the text is made only then. Secrets are the caller's to mask (message/secrets).
function Transfer:trace(event, text, ...)
  local fn = self.options.trace
  if fn then
    self:call(fn, event, text:format(...))
  end
end

return Transfer
