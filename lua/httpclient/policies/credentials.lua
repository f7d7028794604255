-- credentials.lua: user information of the URL becomes Basic credentials (RFC 7617), which
-- redirects treat like the caller's own; the URL forgets it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")

local credentials = { adds_the_same = true }

local function remove(lines, line)
  for index = #lines, 1, -1 do
    if lines[index] == line then
      table.remove(lines, index)
    end
  end
end

-- A redirect may name others than the URL before it did.
local function forget_last(t, lines)
  if t.url_credentials then
    t.headers = fields.copy(t.headers)
    remove(t.headers, t.url_credentials)
    remove(lines, t.url_credentials)
  end
end

function credentials.before_send(t, lines)
  local url = t.url
  if not url.userinfo then
    return
  end
  if url.user or url.password then
    forget_last(t, lines)
    if not fields.have(lines, "authorization") then
      local line = "Authorization: " .. fields.basic(url.user or "", url.password or "")
      t.headers = fields.join(t.headers, { line })
      t.url_credentials, lines[#lines + 1] = line, line
    end
  end
  url.userinfo, url.user, url.password = nil, nil, nil
end

return credentials
