-- Where does a short URL lead, and by what way? short_url.lua URL
local httpclient = require("httpclient")
local url = ...

local response = assert(httpclient.fetch(url, { method = "HEAD" }))
for _, hop in ipairs(response.history) do
  print(hop.status, hop.url)
end
print(response.status, response.url)
