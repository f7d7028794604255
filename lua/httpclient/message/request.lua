-- request.lua: what options say of a request: method, URL, field lines and body.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local auth = require(root .. ".message.auth")
local fields = require(root .. ".message.fields")
local methods = require(root .. ".message.methods")
local memory = require(root .. ".base.memory")
local multipart = require(root .. ".message.multipart")
local recent = require(root .. ".url.recent")

local query_string_from_dict = httpclient.HTTPClient.query_string_from_dict
local request = {}

-- -> name; nil and a message where the token is none
local function method_of(taker, options, level)
  local method = options.method
  if method == nil then
    local has_body = options.body ~= nil or options.form or options.json ~= nil
      or options.multipart
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

-- Adds its own fields to the lines. -> body; nil, why a file can't be had, Error
local function multipart_of(taker, options, lines, level)
  if not options.multipart then
    return nil
  elseif fields.have(lines, "content-type") then
    error(("%s takes 'multipart' or a header Content-Type, not both"):format(taker), level + 1)
  end
  local body, problem_or_kind, no_file = multipart.new(options.multipart)
  if not body and problem_or_kind then
    error(("bad option 'multipart' of %s (%s)"):format(taker, problem_or_kind), level + 1)
  elseif not body then
    return nil, no_file, httpclient.Error.ERR_FILE_CANT_OPEN
  end
  lines[#lines + 1] = "Content-Type: " .. problem_or_kind
  local size = type(body) == "table" and body.size
  if size and not fields.have(lines, "content-length") then
    lines[#lines + 1] = ("Content-Length: %.0f"):format(size)
  end
  return body
end

-- Of memory, with its size, which is known. -> body, or nil
local function memory_of(options, lines)
  if not memory.is(options.body) then
    return nil
  end
  local body = memory.body(options.body)
  if not fields.have(lines, "content-length") then
    lines[#lines + 1] = ("Content-Length: %.0f"):format(body.size)
  end
  return body
end

-- -> the URL with this query behind its own
local function with_query(url, text)
  if not text or text == "" then
    return url
  end
  local own = {}
  for name, part in pairs(url) do
    own[name] = part
  end
  own.query = url.query and url.query ~= "" and url.query .. "&" .. text or text
  own.place, own.target = nil, nil
  return own
end

-- What a request is made of beside its URL and its method.
local OF_REQUEST = { "headers", "body", "form", "json", "multipart", "query", "auth",
  "bearer" }

-- Do the options say where, or for how long, and nothing of what is asked?
function request.is_plain(options)
  local method = options.method
  if method ~= nil and method ~= "GET" then
    return false
  end
  for index = 1, #OF_REQUEST do
    if options[OF_REQUEST[index]] ~= nil then
      return false
    end
  end
  return true
end

-- A GET of a URL, about which nothing else is said.
local NO_LINES = {}

-- As request.from_options().
function request.plain(text)
  local url, why = recent.url(text)
  if not url then
    return nil, why
  end
  return "GET", url, NO_LINES
end

-- -> method (its name), URL (see url/http.lua), headers (array of field lines; not to be written to), body; or nil, why
-- the method or the URL is none or a file can't be had, and perhaps the Error. Raises for options that are wrong in
-- themselves; `level` is that of error().
function request.from_options(taker, text, options, level)
  if request.is_plain(options) then
    return request.plain(text)
  end
  local method, no_method = method_of(taker, options, level + 1)
  local headers = headers_of(taker, options, level + 1)
  local form = encoded(taker, options, "form", level + 1)
  local query = encoded(taker, options, "query", level + 1)
  local json = json_of(taker, options, level + 1)
  local parts, no_file, code = multipart_of(taker, options, headers, level + 1)
  local url, why = recent.url(text)
  if not method or not url then
    return nil, no_method or why
  elseif no_file then
    return nil, no_file, code
  end
  local problem = auth.problem(taker, options, headers, url)
  if problem then
    error(problem, level + 1)
  end
  return method, with_query(url, query), headers, form or json or parts
    or memory_of(options, headers) or options.body
end

return request
