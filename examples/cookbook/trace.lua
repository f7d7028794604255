-- Shows what goes on, as curl -v does; secrets stand there as ***. trace.lua URL
local httpclient = require("httpclient")
local url = ...

assert(httpclient.fetch(url, { trace = print, bearer = "secret" }))
