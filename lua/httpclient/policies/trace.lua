-- trace.lua: tells the option `trace` what the answers are. What is told of connections stands where they are made
-- (transfer/trace.lua), and what other policies do stands there.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")
local secrets = require(root .. ".message.secrets")

local trace = { options = { "trace" } }

function trace.after_head(t)
  if t.options.trace then
    local head = t.head
    local line = ("HTTP/%s %d %s"):format(t.client:get_response_version(), head.status,
      head.reason)
    t:trace("response", "%s", secrets.head(fields.join({ line }, head.header_list)))
  end
  return false
end

function trace.after_failure(t, failure)
  t:trace("failure", "%s", failure.message)
  return false
end

return trace
