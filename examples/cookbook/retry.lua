-- Tries again when a server is busy or a connection breaks; a Retry-After is obeyed. retry.lua URL
local httpclient = require("httpclient")
local url = ...

local response = assert(httpclient.fetch(url,
  { timeout = 60, retry = { attempts = 5, backoff = 0.2 } }))
io.write(response.status, " ", response.body)
