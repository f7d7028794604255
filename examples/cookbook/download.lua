-- Downloads a file, goes on where an earlier try was broken off, and checks its sum. download.lua URL FILE SHA256
local httpclient = require("httpclient")
local url, path, sum = ...

local response = assert(httpclient.fetch(url, { download_file = path, resume = true, retry = 5 }))
assert(response.ok, response.reason)
local file = assert(io.open(path, "rb"))
local is_right = httpclient.hex(httpclient.digest("sha256", file:read("*a"))) == sum
file:close()
print(is_right and "complete" or "not what was expected")
