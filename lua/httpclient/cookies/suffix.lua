-- suffix.lua: domains under which everybody can have a name (publicsuffix.org): no cookie is for all
-- of them. The list is libpsl's; in a build without it a single label is known to be one, no more.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local texts = require(root .. ".base.text")

-- `domain` is in lower case.
return function(domain)
  local name = texts.lower(domain):gsub("%.$", "")
  if not name:find(".", 1, true) then
    return true
  end
  return core.is_public_suffix(name)
end
