-- fetch.lua: prints the body of a URL.
--
--   lua examples/fetch.lua URL
--
-- Redirects are followed, gzip is decoded, a proxy is taken from the environment. Exit status: 0
-- for a 2xx answer, 1 for another one, 2 for a wrong call, 4 when there is no complete answer.
local httpclient = require("httpclient")

local function quit(status, message)
  io.stderr:write("fetch.lua: ", message, "\n")
  os.exit(status, true)
end

if #arg ~= 1 then
  quit(2, "usage: fetch.lua URL")
end
local response, message, code = httpclient.fetch(arg[1])
if not response then
  quit(code == httpclient.Error.ERR_INVALID_PARAMETER and 2 or 4, message)
end
io.stdout:write(response.body)
if not response.ok then
  quit(1, ("%s answered %d %s"):format(response.url, response.status, response.reason))
end
