-- Downloads many files into a folder, a few at a time. save_all.lua FOLDER URL...
local httpclient = require("httpclient")
local folder = ...

local list = {}
for i, url in ipairs({ select(2, ...) }) do
  list[i] = { url, { download_file = folder .. "/" .. url:match("[^/]*$"), retry = true } }
end
httpclient.fetch_all(list, { jobs = 4, on_each = function(i, response, message)
  print(list[i][2].download_file, response and response.status or message)
end })
