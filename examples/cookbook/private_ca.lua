-- Trusts a server whose certificate comes from an authority of one's own. private_ca.lua URL CA.PEM
local httpclient = require("httpclient")
local url, path = ...

local authority = httpclient.X509Certificate.new()
assert(authority:load(path) == 0, "no certificate")
local tls = httpclient.TLSOptions.client(authority)
print(assert(httpclient.fetch(url, { tls_options = tls })).status)
