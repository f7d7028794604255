-- methods.lua: request methods by name. The Lua part knows them so: the client takes a token as well as a number.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)

local HTTPClient = httpclient.HTTPClient
local methods = {}

local names = {}
for name, number in pairs(HTTPClient.Method) do
  if number < HTTPClient.METHOD_MAX then
    names[number] = name:match("^METHOD_(.*)$")
  end
end

-- What may go out again when nobody knows whether it has arrived: what RFC 9110 section 9.2.2
-- names, and what the RFCs of QUERY, WebDAV, versioning and searching say of theirs.
local idempotent = {
  GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true,
  QUERY = true, PROPFIND = true, REPORT = true, SEARCH = true,
}

-- The name of a method that is given as a number of the enum, or as a token, whose letter case counts (RFC 9110 section
-- 9.1). Or nil, and what is wrong with it.
function methods.name_of(method)
  if type(method) == "number" then
    local name = names[method]
    return name, not name and ("there is no method %.0f"):format(method) or nil
  elseif method:find("^[A-Za-z0-9!#$%%&'*+%-.^_`|~]+$") then
    return method
  end
  return nil, "the method is no token"
end

function methods.is_idempotent(name)
  return idempotent[name] == true
end

return methods
