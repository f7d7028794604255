-- Asks a service on this machine over its Unix socket: which containers run? docker.lua SOCKET
local httpclient = require("httpclient")
local socket = ...

local response = assert(httpclient.fetch("http://docker/containers/json", { unix_socket = socket }))
for _, container in ipairs(response:json()) do
  print(container.Names[1], container.State)
end
