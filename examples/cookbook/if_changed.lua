-- Fetches a document only where it is another one than last time. if_changed.lua URL ETAG
local httpclient = require("httpclient")
local url, etag = ...

local response = assert(httpclient.fetch(url, { headers = { ["If-None-Match"] = etag } }))
if response.status == 304 then
  print("it is still the same")
else
  print(response.headers.etag, response.body)
end
