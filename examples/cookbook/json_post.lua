-- Sends JSON, and reads the answer. json_post.lua URL NAME
local httpclient = require("httpclient")
local url, name = ...

local response = assert(httpclient.fetch(url, { json = { name = name, tags = { "new" } } }))
assert(response.status == 201, response.reason)
print(response:json().id)
