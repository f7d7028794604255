-- stale.lua: the server may have closed a kept connection while the request was on its way. Then it
-- did not see it, and an idempotent one goes out once more (RFC 9110 section 9.2.2), on a new
-- connection. A stream of HTTP/2 that the server resets on a connection that stands is another matter: it was seen.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local methods = require(root .. ".message.methods")
local request_body = require(root .. ".message.request_body")

local ERR_TIMEOUT = httpclient.Error.ERR_TIMEOUT

local stale = {}

function stale.after_failure(t, failure)
  if not t.is_reused or not failure.is_unanswered or failure.is_reset or t.is_again then
    return false
  end
  local is_safe = t.client:get_last_error() ~= ERR_TIMEOUT
    and not t.client:has_response_begun()
    and methods.is_idempotent(t.method) and request_body.rewind(t)
  if is_safe then
    t.is_again, t.wants_new = true, httpclient.monotonic_time()
    t:trace("retry", "the kept connection has ended without an answer: once more on a new one")
  end
  return is_safe
end

return stale
