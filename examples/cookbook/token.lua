-- Gets a token (OAuth 2, client credentials), and another one when it has run out. token.lua URL
local httpclient = require("httpclient")
local url = ...

local token
local function ask(path)
  local response = token and assert(httpclient.fetch(url .. path, { bearer = token }))
  if not response or response.status == 401 then
    token = assert(httpclient.fetch(url .. "/token", { auth = { "id", "secret" },
      form = { grant_type = "client_credentials" } })):json().access_token
    response = assert(httpclient.fetch(url .. path, { bearer = token }))
  end
  return response
end

token = "old"
io.write(ask("/private").body)
print(token)
