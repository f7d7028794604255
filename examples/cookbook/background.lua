-- Goes on with other work while answers come. background.lua URL...
local httpclient = require("httpclient")

local left = 0
for _, url in ipairs({ ... }) do
  left = left + 1
  httpclient.async(function()
    local response, message = httpclient.fetch(url, { timeout = 30 })
    print(response and response.status or message)
    left = left - 1
  end)
end
while left > 0 do
  httpclient.process(0.004) -- what the network may take of this round
  httpclient.sleep(1 / 60)  -- the other work
end
