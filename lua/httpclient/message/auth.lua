-- auth.lua: what the options `auth` and `bearer` say: who asks, and by which scheme.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")

local auth = {}

-- -> user, password, scheme
function auth.parts_of(given)
  return given[1] or given.user, given[2] or given.password, given[3] or given.scheme or "basic"
end

-- Credentials that are given in two ways. -> what is wrong; nil: nothing
function auth.problem(taker, options, lines, url)
  local name = options.auth and "auth" or options.bearer and "bearer"
  if not name then
    return nil
  elseif options.auth and options.bearer then
    return ("%s takes 'auth' or 'bearer', not both"):format(taker)
  elseif fields.have(lines, "authorization") then
    return ("%s takes '%s' or a header Authorization, not both"):format(taker, name)
  elseif url and url.userinfo then
    return ("%s takes '%s' or user information in the URL, not both"):format(taker, name)
  end
end

return auth
