-- response.lua: what fetch gives back: a table of facts, and questions about its header fields.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local texts = require(root .. ".base.text")

local Response = {}
local meta = {}

-- The values of the response's lines in `list` with this name, letter case apart, in their order.
local function values_of(self, list, name, method)
  local lines = check.own(self, list, method, "Response", "response", 3)
  if type(name) ~= "string" then
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

-- The body as JSON, by the codec of httpclient.json. -> value; nil and a message where it is none
function Response:json()
  local body = type(self) == "table" and rawget(self, "body")
  if type(body) ~= "string" then
    check.fail_self("json", "Response", "response", self, 2)
  elseif body == "" then
    return nil, "there is no body to take JSON from"
  end
  body = body:gsub("^\239\187\191", "") -- a byte order mark may be ignored (RFC 8259 section 8.1)
  local ok, value, why = pcall(httpclient.json.decode, body)
  if not ok then
    return nil, tostring(value)
  elseif value == nil then
    return nil, tostring(why or "the body is no JSON")
  end
  return value
end

-- What is made when it is first asked for.
local made = {}

-- See parse_link; URLs are whole, as seen from where the answer came from.
function made.links(self)
  local value = table.concat(self:header_values("Link"), ", ")
  local links = httpclient.parse_link(value)
  for _, link in ipairs(links) do
    link.url = httpclient.resolve_url(self.url, link.url) or link.url
  end
  return links
end

function meta.__index(self, name)
  if made[name] and rawget(self, "url") then
    self[name] = made[name](self)
    return rawget(self, name)
  end
  return Response[name]
end

return { class = meta, methods = Response }
