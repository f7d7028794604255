-- Uploads a file, and other fields of a form beside it. upload.lua URL FILE
local httpclient = require("httpclient")
local url, file = ...

local response = assert(httpclient.fetch(url, {
  multipart = { title = "Holiday", photo = { file = file, type = "image/jpeg" } } }))
io.write(response.body)
