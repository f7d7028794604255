-- Goes through a proxy; without the option the environment says through which. proxy.lua URL PROXY
local httpclient = require("httpclient")
local url, proxy = ...

local response = assert(httpclient.fetch(url,
  { proxy = proxy })) -- also https://, socks5://, socks5h://
print(response.status, response.proxy)
