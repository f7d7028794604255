-- request.lua: what options say of a request: method, URL, field lines and body.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local fields = require(root .. ".message.fields")
local http = require(root .. ".url.http")
local methods = require(root .. ".message.methods")

local query_string_from_dict = httpclient.HTTPClient.query_string_from_dict
local request = {}

-- -> name; nil and a message where the token is none
local function method_of(taker, options, level)
  local method = options.method
  if method == nil then
    local has_body = options.body ~= nil or options.form or options.json ~= nil
    return has_body and "POST" or "GET"
  end
  local name, why = methods.name_of(method)
  if not name and type(method) == "number" then
    error(("bad option 'method' of %s (%s)"):format(taker, why), level + 1)
  end
  return name, why
end

local function headers_of(taker, options, level)
  local lines, why = fields.normalize(options.headers or {})
  if not lines then
    error(("bad option 'headers' of %s (%s)"):format(taker, why), level + 1)
  end
  local kind = options.form and "application/x-www-form-urlencoded"
    or options.json ~= nil and "application/json"
  if kind and not fields.have(lines, "content-type") then
    lines[#lines + 1] = "Content-Type: " .. kind
  end
  return lines
end

-- The text of options.form, or options.query; its errors are told as those of the option, at the caller's line.
local function encoded(taker, options, name, level)
  if not options[name] then
    return nil
  end
  local ok, text = pcall(query_string_from_dict, options[name])
  if not ok then
    local problem = type(text) == "string"
      and text:match("^bad argument #1 to 'query_string_from_dict' %((.*)%)$")
    if not problem then
      error(text, 0) -- of the table's own __pairs
    end
    error(("bad option '%s' of %s (%s)"):format(name, taker, problem), level + 1)
  end
  return text
end

local function json_of(taker, options, level)
  if options.json == nil then
    return nil
  end
  local ok, text, why = pcall(httpclient.json.encode, options.json)
  if not ok or type(text) ~= "string" then
    error(("bad option 'json' of %s (%s)"):format(taker, tostring(not ok and text or why
      or "the codec gave no text")), level + 1)
  end
  return text
end

local function add_query(url, text)
  if text and text ~= "" then
    url.query = url.query and url.query ~= "" and url.query .. "&" .. text or text
  end
end

-- -> { method (its name), url (see url/http.lua), headers (array of field lines), body }; or nil
-- and why the method or the URL is none. Raises for options that are wrong in themselves; `level`
-- is that of error().
function request.from_options(taker, text, options, level)
  local method, no_method = method_of(taker, options, level + 1)
  local headers = headers_of(taker, options, level + 1)
  local form = encoded(taker, options, "form", level + 1)
  local query = encoded(taker, options, "query", level + 1)
  local json = json_of(taker, options, level + 1)
  local url, why = http.from_text(text)
  if not method or not url then
    return nil, no_method or why
  end
  add_query(url, query)
  return { method = method, url = url, headers = headers, body = form or json or options.body }
end

return request
