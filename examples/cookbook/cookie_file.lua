-- Stays logged in from one run to the next, with a file that curl reads as well. cookie_file.lua URL FILE
local httpclient = require("httpclient")
local url, file = ...

local jar = assert(httpclient.CookieJar.new(file)) -- it need not be there yet
local session = httpclient.Session.new({ base_url = url, cookies = jar })
if not jar:get(url) then
  assert(session:post("login", { form = { user = "ada", password = "secret" } }))
  assert(jar:save())
end
io.write(assert(session:get("account")).body)
