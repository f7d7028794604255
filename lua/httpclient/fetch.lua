-- fetch.lua: one call, one response.
local root = (...):match("^(.*)%.[^.]*$")
local call = require(root .. ".call")
local drive = require(root .. ".tasks.drive")
local run = require(root .. ".transfer.run")

-- fetch(url [, options]) -> response, or nil, message, Error, facts. See docs/fetch.md.
return function(text, given)
  call.check("fetch", text, given, 2)
  local t, why, code = call.transfer("fetch", text, given or {}, nil, 2)
  if not t then
    return call.refusal(why, code)
  end
  return call.outcome(drive(run, t), t)
end
