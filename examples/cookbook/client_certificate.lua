-- Shows a certificate of its own. client_certificate.lua URL CA.PEM CERTIFICATE.PEM KEY.PEM
local httpclient = require("httpclient")
local url, ca, certificate, key = ...

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local tls = httpclient.TLSOptions.client(read(ca), "",
  { certificate = read(certificate), private_key = read(key) })
io.write(assert(httpclient.fetch(url, { tls_options = tls })).body)
