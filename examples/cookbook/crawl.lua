-- Follows the links of a site, eight pages at a time. crawl.lua URL
local httpclient = require("httpclient")
local start = ...

local todo, seen = { start }, { [start] = true }
while #todo > 0 do
  local found = {}
  for i, response in ipairs(httpclient.fetch_all(todo)) do
    print(response and response.status or "-", todo[i])
    for link in (response and response.body or ""):gmatch('href="([^"#]+)"') do
      local url = httpclient.resolve_url(response.url, link)
      if url:sub(1, #start) == start and not seen[url] then
        seen[url], found[#found + 1] = true, url
      end
    end
  end
  todo = found
end
