-- idn.lua: host names in letters of all scripts, as they are looked up and compared.
local core = require("httpclient.core")

local idn = {}

-- -> the host in its ASCII form, which is itself where it is ASCII; nil and why there is none
function idn.ascii(host)
  if host:find("[\128-\255]") then
    return core.idn_to_ascii(host)
  end
  return host
end

return idn
