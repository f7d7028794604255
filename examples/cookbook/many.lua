-- Fetches many URLs, a few at a time, and says what became of each. many.lua URL...
local httpclient = require("httpclient")

local responses, messages = httpclient.fetch_all({ ... }, { jobs = 4 })
for i, response in ipairs(responses) do
  print(i, response and response.status or messages[i])
end
