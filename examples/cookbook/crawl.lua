-- Follows the links of a site, eight pages at a time. crawl.lua URL
local httpclient = require("httpclient")
local site = ...

local list, seen = { site }, { [site] = true }
httpclient.fetch_all(list, { on_each = function(i, response)
  print(response and response.status or "-", list[i])
  for link in (response and response.body or ""):gmatch('href="([^"#]+)') do
    local url = httpclient.resolve_url(response.url, link) or ""
    if not seen[url] and url:sub(1, #site) == site then list[#list + 1], seen[url] = url, true end
  end
end })
