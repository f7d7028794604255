-- Shows the end of a large file without fetching the rest. last_bytes.lua URL SIZE
local httpclient = require("httpclient")
local url, size = ...

local response = assert(httpclient.fetch(url, { headers = { Range = "bytes=-" .. size } }))
assert(response.status == 206, "the server does not do ranges")
io.write(response.body)
