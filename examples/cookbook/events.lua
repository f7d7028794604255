-- Listens to a server's events; a lost connection is made anew. events.lua URL
local httpclient = require("httpclient")
local url = ...

for event in httpclient.EventSource.new(url):events() do
  print(event.type, event.id, event.data)
end
