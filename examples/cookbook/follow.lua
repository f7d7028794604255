-- Follows a log until a line comes that says what is looked for. follow.lua URL TEXT
local httpclient = require("httpclient")
local url, text = ...

local response = assert(httpclient.stream(url))
for line in response:lines() do
  if line:find(text, 1, true) then
    print(line)
    break
  end
end
response:close() -- what would still come is not waited for
