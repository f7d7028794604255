-- fetch.lua: one call, one response.
local root = (...):match("^(.*)%.[^.]*$")
local call = require(root .. ".call")

-- fetch(url [, options]) -> response, or nil, message, Error, facts. See docs/fetch.md.
return function(text, given)
  local response, message, code, facts = call.make("fetch", text, given, call.finish, 2)
  return response, message, code, facts
end
