-- Begins a job on a server, and asks until it is done. job.lua URL
local httpclient = require("httpclient")
local url = ...

local job = assert(httpclient.fetch(url, { method = "POST" })).location
repeat
  local response = assert(httpclient.fetch(job))
  local state = response:json().state
  print(state)
  if state == "running" then
    httpclient.sleep(tonumber(response.headers["retry-after"]) or 1)
  end
until state ~= "running"
