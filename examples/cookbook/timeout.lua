-- Does not wait for longer than a person would. timeout.lua URL
local httpclient = require("httpclient")
local url = ...

local response, message, code = httpclient.fetch(url, { timeout = 0.2 })
if code == httpclient.Error.ERR_TIMEOUT then
  print("too slow: " .. message)
else
  print(response and response.status or message)
end
