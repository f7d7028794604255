-- Reads a list that comes in pages, each with a link to the next. pages.lua URL
local httpclient = require("httpclient")
local url = ...

while url do
  local response = assert(httpclient.fetch(url))
  for _, item in ipairs(response:json()) do
    print(item.name)
  end
  url = response.links.next and response.links.next.url
end
