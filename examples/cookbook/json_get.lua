-- Asks an interface for JSON. json_get.lua URL WORD
local httpclient = require("httpclient")
local url, word = ...

local response = assert(httpclient.fetch(url, { query = { q = word } }))
for _, item in ipairs(assert(response:json())) do
  print(item.id, item.name)
end
