-- refused.lua: what a server of HTTP/2 has not acted on may go out once more, whatever the method
-- (RFC 9113 section 8.7): a stream that it refused, or that came behind its GOAWAY. One that it
-- wants by HTTP/1.1 goes out by that.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local request_body = require(root .. ".message.request_body")

local now = httpclient.monotonic_time
-- So often a request may find that others have taken its place.
local LOST_MOST = 8

local refused = {}

local function go_elsewhere(t)
  if t.is_again then
    return false
  end
  t.is_again, t.wants_new = true, now()
  t:trace("retry", "the server has not acted on the request: once more on another connection")
  return true
end

local function go_by_http1(t)
  if t.options.http_version ~= "auto" or t.needs_http1 then
    return false
  end
  t.needs_http1 = true
  t:trace("retry", "the server asks for HTTP/1.1")
  return true
end

function refused.after_failure(t, failure)
  if failure.is_displaced then
    t.lost = t.lost + 1
    return t.lost <= LOST_MOST and request_body.rewind(t)
  end
  local hint = failure.is_unanswered and core.retry_of(t.client)
  if not hint or not request_body.rewind(t) then
    return false
  elseif hint == "http1" then
    return go_by_http1(t)
  end
  return go_elsewhere(t)
end

return refused
