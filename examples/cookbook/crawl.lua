-- Follows the links of a site, eight pages at a time. crawl.lua URL
local httpclient = require("httpclient")
local start = ...

local list, seen = { start }, { [start] = true }
httpclient.fetch_all(list, { on_each = function(i, response)
  print(response and response.status or "-", list[i])
  for link in (response and response.body or ""):gmatch('href="([^"#]+)"') do
    local url = httpclient.resolve_url(response.url, link)
    if not seen[url] and url:find(start, 1, true) == 1 then list[#list + 1] = url end
    seen[url] = true
  end
end })
