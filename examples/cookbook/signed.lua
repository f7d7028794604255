-- Signs what it uploads. signed.lua URL KEY TEXT
local httpclient = require("httpclient")
local url, key, text = ...

local headers = { ["X-Signature"] = httpclient.hex(httpclient.hmac("sha256", key, text)) }
print(assert(httpclient.fetch(url, { method = "PUT", body = text, headers = headers })).status)
