-- proxy_auth.lua: a proxy that reads the requests itself may ask for Digest (407). The core has learned what it wants
-- by then, so the same request goes out once more; what it says to that is the answer. (In a tunnel the core does this
-- by itself.)
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local request_body = require(root .. ".message.request_body")

local proxy_auth = {}

local UNAUTHORIZED, PROXY_AUTHENTICATION_REQUIRED = 401, 407
-- The wrong scheme or none, and a nonce that was too old.
local TRIES_MOST = 2

-- Whatever else the proxy lets through, but for a 401: two who ask in turns would find no end.
local function forget_tries(t)
  if t.proxy_tries ~= 0 and t.head.status ~= UNAUTHORIZED then
    t.proxy_tries = 0
  end
  return false
end

function proxy_auth.after_head(t)
  if t.head.status ~= PROXY_AUTHENTICATION_REQUIRED then
    return forget_tries(t)
  elseif not core.can_satisfy_proxy(t.client)
    or t.proxy_tries == TRIES_MOST or not request_body.rewind(t) then
    return false
  end
  t.proxy_tries = t.proxy_tries + 1
  return true
end

return proxy_auth
