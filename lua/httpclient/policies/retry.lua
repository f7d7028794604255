-- retry.lua: a request that failed, or that a server was too busy for, goes out again: a few times,
-- at growing distances with full jitter, so that many clients don't come back at once.
--
-- What has never gone out is always safe to send. What may have happened is done once more only for
-- the methods that the option names, which are the idempotent ones (RFC 9110 section 9.2.2) unless
-- it says otherwise; and never when something of an answer is the script's already.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local methods = require(root .. ".message.methods")
local random = require(root .. ".base.random")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")

local now = httpclient.monotonic_time
local Result = results.Result

local retry = { options = { "retry" } }

local ATTEMPTS, BACKOFF, MAX_BACKOFF = 3, 0.5, 30
local STATUSES = { 408, 429, 500, 502, 503, 504 }
-- A server that wants to be left alone for longer is; its answer is handed over.
local RETRY_AFTER_MOST = 6 * 3600

-- How a transfer can fail because of the network, or of a server that may have got well again.
local PASSING = {
  [Result.RESULT_CHUNKED_BODY_SIZE_MISMATCH] = true, [Result.RESULT_CANT_CONNECT] = true,
  [Result.RESULT_CANT_RESOLVE] = true, [Result.RESULT_CONNECTION_ERROR] = true,
  [Result.RESULT_TLS_HANDSHAKE_ERROR] = true, [Result.RESULT_NO_RESPONSE] = true,
  [Result.RESULT_TIMEOUT] = true,
}

-- --- what the option says

-- An array, or a map to true.
local function set_of(list)
  local set = {}
  for key, value in pairs(list) do
    if type(key) == "number" and value ~= true then
      set[value] = true
    else
      set[key] = value or nil
    end
  end
  return set
end

local function names_of(list)
  local names = {}
  for method in pairs(set_of(list)) do
    names[type(method) == "string" and method or methods.name_of(method) or method] = true
  end
  return names
end

-- What is known of the attempts of a transfer, from the first that may have to be repeated.
local function state_of(t)
  local given = t.options.retry
  local wish = type(given) == "table" and given or { attempts = given ~= true and given or nil }
  t.retries = t.retries or {
    count = 0,
    attempts = wish.attempts or ATTEMPTS,
    backoff = wish.backoff or BACKOFF,
    max_backoff = wish.max_backoff or MAX_BACKOFF,
    statuses = set_of(wish.statuses or STATUSES),
    methods = wish.methods and names_of(wish.methods),
    on_retry = wish.on_retry,
  }
  return t.retries
end

local function may_repeat(state, method)
  if state.methods then
    return state.methods[method] == true
  end
  return methods.is_idempotent(method)
end

-- --- when

-- Seconds that the server asks for (RFC 9110 section 10.2.3), or nil.
local function wished_by_server(t)
  local value = t.client:get_response_header_values("Retry-After")[1]
  if not value then
    return nil
  elseif value:find("^%d+$") then
    return tonumber(value)
  end
  local moment = httpclient.parse_http_date(value)
  return moment and math.max(0, moment - os.time()) or nil
end

local function backoff_of(state)
  local most = math.min(state.max_backoff, state.backoff * 2 ^ math.min(state.count - 1, 60))
  return random.unit() * most
end

-- --- once more?

-- One attempt came to nothing; `info` says why. -> is there another one?
local function again(t, state, info, wish)
  state.count = state.count + 1
  if state.count >= state.attempts or not request_body.rewind(t) then
    return false
  end
  local delay = wish or backoff_of(state)
  if delay > RETRY_AFTER_MOST or t.deadline and now() + delay >= t.deadline then
    return false
  end
  info.attempt, info.attempts, info.delay, info.method = state.count, state.attempts, delay,
    t.method
  if t:call(state.on_retry, info) == false then
    return false
  end
  t:trace("retry", "%s: attempt %d of %d in %.3g s", info.reason, state.count + 1, state.attempts,
    delay)
  t.rest_until = now() + delay
  return true
end

function retry.after_head(t)
  if not t.options.retry then
    return false
  end
  local state, status = state_of(t), t.head.status
  if not state.statuses[status] or not may_repeat(state, t.method) then
    return false
  end
  return again(t, state, { status = status, reason = ("the server answered %d"):format(status),
    sent = true }, wished_by_server(t))
end

local function is_passing(failure)
  return PASSING[failure.result] and not failure.is_final
    and not results.is_refused_certificate(failure)
end

function retry.after_failure(t, failure)
  if not t.options.retry or t.is_handed_out or not is_passing(failure) then
    return false
  end
  local state = state_of(t)
  if not failure.is_unsent and not may_repeat(state, t.method) then
    return false
  end
  return again(t, state, { reason = failure.message, error = results.error_of[failure.result],
    sent = not failure.is_unsent })
end

return retry
