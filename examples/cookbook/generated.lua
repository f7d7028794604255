-- Sends what is made while it is sent: nothing of it is held in memory. generated.lua URL
local httpclient = require("httpclient")
local url = ...

local number = 0
local function rows()
  number = number + 1
  return number <= 1000 and ("%d,%d\n"):format(number, number * number) or nil
end

print(assert(httpclient.fetch(url, { method = "PUT", body = rows })).body)
