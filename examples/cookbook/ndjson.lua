-- Reads lines of JSON as they come. ndjson.lua URL
local httpclient = require("httpclient")
local url = ...

for line in assert(httpclient.stream(url)):lines() do
  local entry = httpclient.json.decode(line)
  print(entry.level, entry.text)
end
