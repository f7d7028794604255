-- prefix.lua: names of cookies that promise something (RFC 6265bis section 4.1.3), whoever has set them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local texts = require(root .. ".base.text")

local UNDERSCORE = ("_"):byte()

local function starts_with(text, prefix)
  return texts.lower(text:sub(1, #prefix)) == prefix
end

-- `has_path`: has the cookie's path been said, and not only taken from a URL? -> nil; or why the name forbids it
return function(cookie, has_path)
  if cookie.name ~= "" and cookie.name:byte() ~= UNDERSCORE then
    return nil
  elseif cookie.name == ""
    and (starts_with(cookie.value, "__secure-") or starts_with(cookie.value, "__host-")) then
    return "a cookie without a name looks like one with a prefix"
  elseif starts_with(cookie.name, "__secure-") and not cookie.secure then
    return "a __Secure- cookie must be Secure"
  elseif starts_with(cookie.name, "__host-")
    and not (cookie.secure and cookie.host_only and has_path and cookie.path == "/") then
    return "a __Host- cookie must be Secure, without Domain, and with Path=/"
  end
end
