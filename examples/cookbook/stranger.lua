-- Fetches a URL that a stranger has sent: nothing inside of the own network, nothing large, nothing slow.
-- stranger.lua URL
local httpclient = require("httpclient")
local url = ...

local response, message = httpclient.fetch(url, {
  allow_address = httpclient.is_public_address, proxy = false,
  timeout = 10, body_size_limit = 1000000, max_redirects = 3,
})
print(response and response.status or message)
