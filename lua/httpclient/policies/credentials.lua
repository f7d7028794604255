-- credentials.lua: user information of the URL becomes Basic credentials (RFC 7617), which
-- redirects treat like the caller's own; the URL forgets it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")

local credentials = {}

function credentials.before_send(t, lines)
  local url = t.url
  if not url.userinfo then
    return
  end
  if (url.user or url.password) and not fields.have(lines, "authorization") then
    local line = "Authorization: " .. fields.basic(url.user or "", url.password or "")
    t.headers = fields.join(t.headers, { line })
    lines[#lines + 1] = line
  end
  url.userinfo, url.user, url.password = nil, nil, nil
end

return credentials
