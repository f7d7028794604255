-- challenges.lua: what stands in WWW-Authenticate: challenges, each a scheme with parameters (RFC 9110 section 11.6.1),
-- several in one field or in many. What stands behind a mistake is not there.
local core = require("httpclient.core")

-- The values of the fields -> array of { scheme (in lower case), params (by name in lower case), token68, is_broken }
return function(values)
  local list = {}
  for _, value in ipairs(values) do
    for _, challenge in ipairs(core.read_challenges(value)) do
      list[#list + 1] = challenge
    end
  end
  return list
end
