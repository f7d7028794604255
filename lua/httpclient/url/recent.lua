-- recent.lua: URLs that are asked for again and again are taken apart once, and the texts that are
-- made of them are made once: the last few are known. What this gives is everybody's, and not to be written to.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local http = require(root .. ".url.http")
local write = require(root .. ".url.write")

local MOST, LONGEST = 64, 1024

local known, count = {}, 0

local recent = {}

-- As http.from_text().
function recent.url(text)
  if known[text] then
    return known[text]
  end
  local url, why = http.from_text(text)
  if not url or url.userinfo or #text > LONGEST then
    return url, why
  end
  if count == MOST then
    known, count = {}, 0
  end
  url.origin, url.place, url.target = write.origin(url), write.place(url), write.target(url)
  url.keys = {} -- see transfer/connection.lua
  known[text], count = url, count + 1
  return url
end

return recent
