-- Stores a file of any size with PUT, and shows how far it is. put_file.lua URL FILE
local httpclient = require("httpclient")
local url, path = ...

local file = assert(io.open(path, "rb"))
local response = assert(httpclient.fetch(url, {
  method = "PUT", body = file,
  on_progress = function(_, _, sent, total)
    io.stderr:write(("\r%.0f of %.0f bytes"):format(sent, total))
  end,
}))
file:close()
print(response.status, response.body)
