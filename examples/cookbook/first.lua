-- Asks several mirrors at once, and takes the answer that comes first. first.lua URL...
local httpclient = require("httpclient")

local winner, tasks = nil, {}
for i, url in ipairs({ ... }) do
  tasks[i] = httpclient.async(function()
    local response = httpclient.fetch(url, { timeout = 30 })
    if response and response.ok and not winner then
      winner = response
      for other, task in ipairs(tasks) do
        if other ~= i then task:cancel() end
      end
    end
  end)
end
httpclient.run()
print(winner and winner.url or "none of them answers")
