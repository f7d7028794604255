-- worker.lua: what a game does with LuaSocket and LuaSec: a thread that takes one job after the other and blocks in it.
local jobs, done = love.thread.getChannel("jobs"), love.thread.getChannel("done")
local authority = ...
local https, http, ltn12 = require("ssl.https"), require("socket.http"), require("ltn12")

local function work(job)
  local sink, parts
  if job.path then
    sink = ltn12.sink.file(assert(io.open(job.path, "wb")))
  else
    parts = {}
    sink = ltn12.sink.table(parts)
  end
  local is_tls = job.url:find("^https:") ~= nil
  http.TIMEOUT, https.TIMEOUT = job.timeout, job.timeout
  local ok, code = (is_tls and https or http).request({ url = job.url, sink = sink,
    verify = is_tls and "peer" or nil, cafile = is_tls and (job.authority or authority) or nil })
  return ok and code == 200 and "ok" or tostring(code), parts and table.concat(parts)
end

while true do
  local job = jobs:demand()
  local result, body = work(job)
  done:push({ result = result, body = body })
end
