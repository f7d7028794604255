-- Sends a form, as a browser would. form.lua URL
local httpclient = require("httpclient")
local url = ...

local response = assert(httpclient.fetch(url, { form = { name = "Ada L.", city = "London" } }))
io.write(response.body)
