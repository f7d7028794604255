-- The same where the server wants Digest. digest.lua URL USER PASSWORD
local httpclient = require("httpclient")
local url, user, password = ...

io.write(assert(httpclient.fetch(url, { auth = { user, password, "digest" } })).body)
