-- A page behind a user's name and password. basic.lua URL USER PASSWORD
local httpclient = require("httpclient")
local url, user, password = ...

io.write(assert(httpclient.fetch(url, { auth = { user, password } })).body)
