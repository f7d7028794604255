-- Logs in with a form, and goes on as that user. login.lua URL USER PASSWORD
local httpclient = require("httpclient")
local url, user, password = ...

local session = httpclient.Session.new({ base_url = url, cookies = true })
local response = assert(session:post("login", { form = { user = user, password = password } }))
assert(response.ok, "the password is wrong")
io.write(assert(session:get("account")).body)
