-- proxy_auth.lua: a proxy that reads the requests itself may ask for Digest (407). The core has learned what it wants
-- by then, so the same request goes out once more; what it says to that is the answer. (In a tunnel the core does this
-- by itself.)
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local request_body = require(root .. ".message.request_body")

local proxy_auth = {}

local PROXY_AUTHENTICATION_REQUIRED = 407
-- The wrong scheme or none, and a nonce that was too old.
local TRIES_MOST = 2

function proxy_auth.after_head(t)
  if t.head.status ~= PROXY_AUTHENTICATION_REQUIRED or not core.can_satisfy_proxy(t.client)
    or t.proxy_tries == TRIES_MOST or not request_body.rewind(t) then
    return false
  end
  t.proxy_tries = t.proxy_tries + 1
  return true
end

return proxy_auth
