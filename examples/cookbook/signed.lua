-- Signs what it uploads. signed.lua URL KEY TEXT
local httpclient = require("httpclient")
local url, key, text = ...

local signature = httpclient.hex(httpclient.hmac("sha256", key, text))
local response = assert(httpclient.fetch(url,
  { method = "PUT", body = text, headers = { ["X-Signature"] = signature } }))
print(response.status)
