-- response.lua: what fetch gives back: a table of facts, and questions about its header fields.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local check = require(root .. ".base.check")
local texts = require(root .. ".base.text")

local Response = {}
Response.__index = Response

-- The values of the response's lines in `list` with this name, letter case apart, in their order.
local function values_of(self, list, name, method)
  local lines = type(self) == "table" and rawget(self, list)
  if not lines then
    check.fail_self(method, "Response", "response", self, 3)
  elseif type(name) ~= "string" then
    check.fail_type(1, method, "string", name, 3)
  end
  local values, wanted = {}, texts.lower(name)
  for _, line in ipairs(lines) do
    local colon = line:find(":", 1, true)
    if colon == #wanted + 1 and texts.lower(line:sub(1, colon - 1)) == wanted then
      values[#values + 1] = line:sub(colon + 2) -- one blank stands behind it
    end
  end
  return values
end

-- All values of a header field, for Set-Cookie, which can't be joined. -> array, empty where there is none
function Response:header_values(name)
  local values = values_of(self, "header_list", name, "header_values")
  return values
end

-- A trailing field, repeated ones joined with ", " (RFC 9110 section 5.3). -> string, or nil
function Response:trailer(name)
  local values = values_of(self, "trailers", name, "trailer")
  return values[1] and table.concat(values, ", ")
end

return { class = Response }
