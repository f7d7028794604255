-- Which of these URLs can be had? Nothing of their content is fetched. alive.lua URL...
local httpclient = require("httpclient")

local list = {}
for i, url in ipairs({ ... }) do
  list[i] = { url, { method = "HEAD", timeout = 10 } }
end
httpclient.fetch_all(list, { on_each = function(i, response, message)
  if not response or not response.ok then
    print(list[i][1], response and response.status or message)
  end
end })
