-- fetch.lua: one call, one response.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local fields = require(root .. ".message.fields")
local methods = require(root .. ".message.methods")
local proxies = require(root .. ".connect.proxy")
local response = require(root .. ".message.response")
local results = require(root .. ".transfer.results")
local tasks = require(root .. ".tasks.scheduler")
local transfer = require(root .. ".transfer.run")
local urls = require(root .. ".url.http")

local HTTPClient = httpclient.HTTPClient
local Response = response.class
local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

-- So that no call hangs for ever; 0 switches one off.
local DEFAULTS = { connect_timeout = 30, response_timeout = 300, idle_timeout = 300 }

-- --- options ------------------------------------------------------------------------------------------------------------

local function is_seconds(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

local function is_count(value)
  return type(value) == "number" and value % 1 == 0
end

local function is_a(name)
  return function(value)
    return type(value) == name
  end
end

local function is_tls_options(value)
  return type(value) == "userdata" and tostring(value):find("^TLSOptions") ~= nil
end

-- What each option may be, and how that is called in the message.
local seconds = { is_seconds, "0 or more seconds" }
local options_known = {
  method = { function(value) return type(value) == "string" or is_count(value) end, "a method's name or number" },
  headers = { is_a("table"), "a table" },
  body = {
    function(value)
      return type(value) == "string" or type(value) == "function" or io.type(value) == "file"
    end,
    "a string, a function or an open file",
  },
  form = { is_a("table"), "a table" },
  query = { is_a("table"), "a table" },
  timeout = seconds,
  connect_timeout = seconds,
  response_timeout = seconds,
  idle_timeout = seconds,
  max_redirects = { is_count, "a whole number" },
  allow_downgrade = { is_a("boolean"), "a boolean" },
  tls_options = { is_tls_options, "TLSOptions" },
  proxy = { function(value) return value == false or type(value) == "string" end, "a URL or false" },
  accept_gzip = { is_a("boolean"), "a boolean" },
  body_size_limit = { is_count, "a whole number of bytes" },
  download_file = {
    function(value) return type(value) == "string" and value ~= "" and not value:find("\0", 1, true) end,
    "a path",
  },
  resume = { is_a("boolean"), "a boolean" },
  on_data = { is_a("function"), "a function" },
  on_progress = { is_a("function"), "a function" },
}

local function check_options(options)
  for name, value in pairs(options) do
    local known = options_known[name]
    if not known then
      error(("fetch has no option '%s'"):format(tostring(name)), 3)
    elseif not known[1](value) then
      error(("bad option '%s' of fetch (%s expected, got %s)"):format(name, known[2],
        type(value) == "number" and tostring(value) or check.name_of(value)), 3)
    end
  end
  if options.body ~= nil and options.form then
    error("fetch takes 'body' or 'form', not both", 3)
  elseif options.resume and not options.download_file then
    error("fetch takes 'resume' only with 'download_file'", 3)
  elseif options.on_data and options.download_file then
    error("fetch takes 'on_data' or 'download_file', not both", 3)
  end
end

-- -> name; nil and a message where the token is none
local function method_of(options)
  local method = options.method
  if method == nil then
    return (options.body ~= nil or options.form) and "POST" or "GET"
  end
  local name, why = methods.name_of(method)
  if not name and type(method) == "number" then
    error(("bad option 'method' of fetch (%s)"):format(why), 3)
  end
  return name, why
end

local function headers_of(options)
  local lines, why = fields.normalize(options.headers or {})
  if not lines then
    error(("bad option 'headers' of fetch (%s)"):format(why), 3)
  end
  if options.form and not fields.have(lines, "content-type") then
    lines[#lines + 1] = "Content-Type: application/x-www-form-urlencoded"
  end
  return lines
end

-- The text of options.form, or options.query; its errors are told as those of the option, at the caller's line.
local function encoded(options, name)
  if not options[name] then
    return nil
  end
  local ok, text = pcall(HTTPClient.query_string_from_dict, options[name])
  if not ok then
    local problem = type(text) == "string" and text:match("^bad argument #1 to 'query_string_from_dict' %((.*)%)$")
    if not problem then
      error(text, 0) -- of the table's own __pairs
    end
    error(("bad option '%s' of fetch (%s)"):format(name, problem), 3)
  end
  return text
end

local function add_query(url, text)
  if text and text ~= "" then
    url.query = url.query and url.query ~= "" and url.query .. "&" .. text or text
  end
end

-- -> function(url) -> proxy; or nil and why the option is no proxy
local function proxy_finder(option)
  if option == false then
    return function() end
  elseif option == nil then
    return proxies.from_environment
  end
  local proxy, why = proxies.from_url(option)
  if not proxy then
    return nil, why
  end
  return function()
    return proxy
  end
end

-- --- the call -----------------------------------------------------------------------------------------------------------

local function outcome_of(task)
  if task.state == "done" then
    return setmetatable(task.results[1], Response)
  end
  local failure = task.results[2]
  if results.is_failure(failure) then
    return nil, failure.message, results.error_of[failure.result]
  end
  error(failure, 0) -- a callback's, or the caller's own task was cancelled
end

-- fetch(url [, options]) -> response, or nil, message, Error. See docs/fetch.md.
return function(text, options)
  if type(text) ~= "string" then
    check.fail_type(1, "fetch", "string", text, 2)
  elseif options ~= nil and type(options) ~= "table" then
    check.fail_type(2, "fetch", "table", options, 2)
  end
  options = options or {}
  check_options(options)
  local method, no_method = method_of(options)
  local headers = headers_of(options)
  local body = options.body
  local form, query = encoded(options, "form"), encoded(options, "query")
  if form then
    body = form
  end
  local url, why = urls.http(text)
  if not method or not url then
    return nil, no_method or why, INVALID
  end
  add_query(url, query)
  local find_proxy, no_proxy = proxy_finder(options.proxy)
  if not find_proxy then
    return nil, no_proxy, INVALID
  end
  return outcome_of(tasks.drive(transfer.run, {
    url = url,
    method = method,
    headers = headers,
    body = body,
    raw = true,
    timeout = options.timeout,
    connect_timeout = options.connect_timeout or DEFAULTS.connect_timeout,
    response_timeout = options.response_timeout or DEFAULTS.response_timeout,
    idle_timeout = options.idle_timeout or DEFAULTS.idle_timeout,
    max_redirects = options.max_redirects or 8,
    allow_downgrade = options.allow_downgrade,
    tls_options = options.tls_options,
    verify = true,
    find_proxy = find_proxy,
    accept_gzip = options.accept_gzip ~= false,
    limit = options.body_size_limit or -1,
    chunk_size = 65536,
    download_file = options.download_file,
    resume = options.resume,
    on_data = options.on_data,
    on_progress = options.on_progress,
  }))
end
