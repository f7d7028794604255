-- options.lua: every option there is, once: its name, what it may be, what it is when nobody says
-- it, and who takes it.
--
-- fetch checks its table by this one, and so do stream, Session and EventSource, which take what fetch
-- takes but for some, and more. HTTPRequest makes its properties of it. The tables in docs/ and the
-- types in meta.lua are compared with it by a spec. A transfer has them as t.options,
-- by name: what an option does stands where that is asked.
local root = (...):match("^(.*)%.[^.]*$")
local array = require(root .. ".base.array")
local check = require(root .. ".base.check")
local memory = require(root .. ".base.memory")
local endpoint = require(root .. ".url.endpoint")
local other_names = require(root .. ".base.other_names")

local options = {}

-- The core counts no further. 0 stands for no limit.
local SECONDS_MOST = 1e18

-- --- what a value may be

local function is_whole(value)
  return type(value) == "number" and value % 1 == 0
end

-- A table whose fields are of these kinds, and no others. -> is it? false and what is wrong
local function has_fields(value, name, fields)
  for key, field in pairs(value) do
    local kind = fields[key]
    if not kind then
      return false, ("%s has no field '%s'"):format(name, tostring(key))
    elseif not kind.is(field) then
      return false, ("%s.%s must be %s, got %s"):format(name, key, kind.what, check.name_of(field))
    end
  end
  return true
end

-- The engine's own folders mean nothing to the system: a folder named "user:" is never meant.
local function is_path(value)
  return type(value) == "string" and not value:find("\0", 1, true)
    and not value:find("^user://") and not value:find("^res://")
end

local codings = { gzip = true, deflate = true, br = true, zstd = true, identity = true }

local function is_codings(value)
  if type(value) ~= "table" or not array.is(value) then
    return false
  end
  for _, name in ipairs(value) do
    if not codings[name] then
      return false
    end
  end
  return true
end

local function is_a(name)
  return function(value)
    return type(value) == name
  end
end

-- is: the check; what: how messages call it; type: how meta.lua does
local kinds = {
  boolean = { is = is_a("boolean"), what = "a boolean", type = "boolean" },
  whole = { is = is_whole, what = "a whole number", type = "integer" },
  count = {
    is = function(value) return is_whole(value) and value >= 1 end,
    what = "a whole number from 1 on", type = "integer",
  },
  bytes = { is = is_whole, what = "a whole number of bytes", type = "integer" },
  chunk = {
    is = function(value) return is_whole(value) and value >= 256 and value <= 16777216 end,
    what = "from 256 to 16777216", type = "integer",
  },
  seconds = {
    is = function(value)
      return type(value) == "number" and value >= 0 and value <= SECONDS_MOST
    end,
    what = "0 or more seconds", type = "number",
  },
  method = {
    is = function(value) return type(value) == "string" or is_whole(value) end,
    what = "a method's name or number", type = "string|integer",
  },
  headers = { is = is_a("table"), what = "a table", type = "httpclient.Headers" },
  redirect = {
    is = function(value) return value == "follow" or value == "manual" or value == "error" end,
    what = '"follow", "manual" or "error"', type = '"follow"|"manual"|"error"',
  },
  body = {
    is = function(value)
      return type(value) == "string" or type(value) == "function" or io.type(value) == "file"
        or memory.is(value)
    end,
    what = "a string, a function, an open file or memory", type = "httpclient.Body",
  },
  buffer = {
    is = function(value) return type(value) == "function" or memory.is(value) end,
    what = "memory or a function that gives it", type = "httpclient.Memory|fun(size:",
  },
  pairs = { is = is_a("table"), what = "a table", type = "table" },
  json = {
    is = function(value) return type(value) ~= "function" and type(value) ~= "thread" end,
    what = "a value that JSON has", type = "any",
  },
  tls_options = {
    is = function(value)
      return type(value) == "userdata" and tostring(value):find("^TLSOptions") ~= nil
    end,
    what = "TLSOptions", type = "TLSOptions",
  },
  text = { is = is_a("string"), what = "a string", type = "string" },
  cookies = {
    is = function(value) return check.name_of(value) == "CookieJar" end,
    what = "a CookieJar", type = "CookieJar",
  },
  map = { is = endpoint.is_map, what = 'a table from "host:port" to "address:port"',
    type = "table<string," },
  address = { is = endpoint.is_address, what = "an IP address", type = "string" },
  family = { is = function(value) return value == 4 or value == 6 end, what = "4 or 6",
    type = "4|6" },
  head_size = {
    is = function(value) return is_whole(value) and value >= 1 and value <= 16777216 end,
    what = "from 1 to 16777216", type = "integer",
  },
  socket = { is = function(value) return type(value) == "string" and value ~= "" end,
    what = "a path", type = "string" },
  allow = { is = is_a("function"), what = "a function", type = "fun(address:" },
  proxy = {
    is = function(value) return value == false or type(value) == "string" end,
    what = "a URL or false", type = "string|false",
  },
  version = {
    is = function(value) return value == "auto" or value == "1.1" or value == "2" end,
    what = '"auto", "1.1" or "2"', type = '"auto"|"1.1"|"2"',
  },
  codings = {
    is = function(value) return type(value) == "boolean" or is_codings(value) end,
    what = 'true, false, or a list of "gzip", "deflate", "br", "zstd" and "identity"',
    type = "boolean|string[]",
  },
  proxy_or_none = { is = is_a("string"), what = "a URL or \"\"", type = "string" },
  proxy_auth = {
    is = function(value) return value == "any" or value == "digest" end,
    what = "\"any\" or \"digest\"", type = "\"any\"|\"digest\"",
  },
  path = { is = function(value) return is_path(value) and value ~= "" end,
    what = "a path of the system (user:// and res:// are the engine's)", type = "string" },
  path_or_none = { is = is_path,
    what = "a path of the system (user:// and res:// are the engine's) or \"\"", type = "string" },
  on_data = { is = is_a("function"), what = "a function", type = "fun(chunk:" },
  on_response = { is = is_a("function"), what = "a function", type = "fun(response:" },
  trace = { is = is_a("function"), what = "a function", type = "httpclient.Trace" },
  on_progress = { is = is_a("function"), what = "a function", type = "httpclient.Progress" },
  on_completed = { is = is_a("function"), what = "a function", type = "httpclient.Completed" },
}

-- An array of what is_one accepts, or a map from that to true.
local function is_set_of(is_one)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    for key, element in pairs(value) do
      local one = type(key) == "number" and type(element) ~= "boolean" and element or key
      if not is_one(one) then
        return false
      end
    end
    return true
  end
end

kinds.statuses = {
  is = is_set_of(function(one) return is_whole(one) and one >= 100 and one <= 999 end),
  what = "a table of status numbers", type = "integer[]",
}
kinds.methods = {
  is = is_set_of(kinds.method.is), what = "a table of methods' names or numbers",
  type = "(string|integer)[]",
}

-- What `retry` has as a table.
local retry_fields = {
  attempts = kinds.count, backoff = kinds.seconds, max_backoff = kinds.seconds,
  statuses = kinds.statuses, methods = kinds.methods, on_retry = kinds.on_data,
}

kinds.retry = {
  is = function(value)
    if type(value) == "table" then
      return has_fields(value, "retry", retry_fields)
    end
    return type(value) == "boolean" or kinds.count.is(value)
  end,
  what = "a boolean, a number of attempts or a table", type = "httpclient.Retry",
}

local SCHEMES = { basic = true, digest = true, any = true }
local auth_keys = { true, true, true, user = 1, password = 2, scheme = 3 }

local function is_clean(text)
  return type(text) == "string" and not text:find("[\1-\31\127]") and not text:find("\0", 1, true)
end

-- { user, password [, scheme] }, by number or by name.
local function is_auth(value)
  if type(value) ~= "table" then
    return false
  end
  for key in pairs(value) do
    if not auth_keys[key] then
      return false, ("auth has no field '%s'"):format(tostring(key))
    elseif type(key) == "string" and value[auth_keys[key]] ~= nil then
      return false, ("auth has its %s twice"):format(key)
    end
  end
  local user, scheme = value[1] or value.user, value[3] or value.scheme or "basic"
  if not is_clean(user) or not is_clean(value[2] or value.password) then
    return false, "auth needs a user and a password, strings without control characters"
  elseif not SCHEMES[scheme] then
    return false, 'auth\'s scheme must be "basic", "digest" or "any"'
  elseif scheme ~= "digest" and user:find(":", 1, true) then
    return false, "auth's user can't hold a ':' in Basic credentials"
  end
  return true
end

kinds.auth = { is = is_auth, what = "a table of user, password and scheme",
  type = "httpclient.Auth" }
kinds.bearer = {
  is = function(value) return type(value) == "string" and value:find("^[!-~]+$") ~= nil end,
  what = "a token of visible characters", type = "string",
}

-- --- the table

-- A taker's entry: true, or what is otherwise with this taker. The defaults of the three timeouts are such that no call
-- hangs for ever; 0 switches one off.
local list = {
  { name = "method", kind = kinds.method, fetch = true },
  { name = "headers", kind = kinds.headers, fetch = true },
  { name = "body", kind = kinds.body, fetch = true },
  { name = "form", kind = kinds.pairs, fetch = true },
  { name = "multipart", kind = kinds.pairs, fetch = true },
  { name = "json", kind = kinds.json, fetch = true },
  { name = "query", kind = kinds.pairs, fetch = true },
  { name = "timeout", kind = kinds.seconds, default = 0, fetch = true, HTTPRequest = true },
  { name = "connect_timeout", kind = kinds.seconds, default = 30, fetch = true },
  { name = "response_timeout", kind = kinds.seconds, default = 300, fetch = true },
  { name = "idle_timeout", kind = kinds.seconds, default = 300, fetch = true },
  { name = "redirect", kind = kinds.redirect, default = "follow", fetch = true },
  { name = "max_redirects", kind = kinds.whole, default = 8, fetch = true, HTTPRequest = true },
  { name = "allow_downgrade", kind = kinds.boolean, default = false, fetch = true,
    HTTPRequest = true },
  { name = "http_version", kind = kinds.version, default = "auto", fetch = true,
    HTTPRequest = true },
  { name = "retry", kind = kinds.retry, default = false, fetch = true, HTTPRequest = true },
  { name = "auth", kind = kinds.auth, fetch = true, HTTPRequest = true },
  { name = "bearer", kind = kinds.bearer, fetch = true, HTTPRequest = true },
  { name = "tls_options", kind = kinds.tls_options, fetch = true },
  { name = "cookies", kind = kinds.cookies, fetch = true },
  { name = "proxy", kind = kinds.proxy, fetch = true,
    HTTPRequest = { kind = kinds.proxy_or_none, default = "" } },
  { name = "proxy_auth", kind = kinds.proxy_auth, default = "any", fetch = true,
    HTTPRequest = true },
  { name = "proxy_tls_options", kind = kinds.tls_options, fetch = true, HTTPRequest = true },
  { name = "unix_socket", kind = kinds.socket, fetch = true },
  { name = "connect_to", kind = kinds.map, fetch = true },
  { name = "allow_address", kind = kinds.allow, fetch = true },
  { name = "address_family", kind = kinds.family, fetch = true },
  { name = "local_address", kind = kinds.address, fetch = true },
  { name = "max_header_size", kind = kinds.head_size, default = 65536, fetch = true },
  { name = "accept_gzip", kind = kinds.boolean, default = true, fetch = true,
    HTTPRequest = { getter = "is_accepting_gzip" } },
  { name = "accept_encoding", kind = kinds.codings, default = true, fetch = true,
    HTTPRequest = true },
  { name = "body_size_limit", kind = kinds.bytes, default = -1, fetch = true, HTTPRequest = true },
  { name = "download_chunk_size", kind = kinds.chunk, default = 65536, HTTPRequest = true },
  { name = "download_file", kind = kinds.path, fetch = true,
    HTTPRequest = { kind = kinds.path_or_none, default = "" } },
  { name = "resume", kind = kinds.boolean, default = false, fetch = true, HTTPRequest = true },
  { name = "use_threads", kind = kinds.boolean, default = false,
    HTTPRequest = { getter = "is_using_threads" } },
  { name = "on_data", kind = kinds.on_data, fetch = true },
  { name = "buffer", kind = kinds.buffer, fetch = true },
  { name = "on_response", kind = kinds.on_response, fetch = true },
  { name = "on_progress", kind = kinds.on_progress, fetch = true, HTTPRequest = true },
  { name = "trace", kind = kinds.trace, fetch = true, HTTPRequest = true },
  { name = "on_request_completed", kind = kinds.on_completed, HTTPRequest = true },
}

-- Nothing coded is wished for, and something.
local function wish_apart(accept_gzip, accept_encoding)
  if accept_gzip or type(accept_encoding) ~= "table" then
    return false
  end
  for _, name in ipairs(accept_encoding) do
    if name ~= "identity" then
      return true
    end
  end
  return false
end

-- One excludes the other; with a function, where that says so of their values.
local contradictions = {
  { "buffer", "download_file" },
  { "unix_socket", "connect_to" }, { "accept_gzip", "accept_encoding", wish_apart },
  { "body", "form" }, { "body", "json" }, { "form", "json" },
  { "body", "multipart" }, { "form", "multipart" }, { "json", "multipart" },
}

-- The first means nothing without the second.
local needs = {
  { "resume", "download_file" },
}

options.kinds = kinds
options.contradictions, options.needs = contradictions, needs

-- taker -> name -> { kind, default, getter }; and a metatable that gives the defaults
local takers, defaults = {}, {}
for _, option in ipairs(list) do
  for _, taker in ipairs({ "fetch", "HTTPRequest" }) do
    local own = option[taker]
    if own then
      own = own == true and {} or own
      local default = own.default
      if default == nil then
        default = option.default
      end
      takers[taker] = takers[taker] or {}
      defaults[taker] = defaults[taker] or { __index = {} }
      defaults[taker].__index[option.name] = default
      takers[taker][option.name] = {
        kind = own.kind or option.kind,
        default = default,
        getter = own.getter or "get_" .. option.name,
      }
    end
  end
end

-- Others take what fetch takes, but for some, and more.
local function derive(taker, without, more)
  local own = {}
  for name, option in pairs(takers.fetch) do
    own[name] = not without[name] and option or nil
  end
  for name, option in pairs(more) do
    own[name] = option
  end
  takers[taker], defaults[taker] = own, defaults.fetch
end

-- Where the content goes is for the reader to say.
local NOT_READ = { on_data = true, buffer = true, download_file = true, resume = true }
derive("stream", NOT_READ, {})
-- on_response is on_open there.
NOT_READ.on_response = true
derive("EventSource", NOT_READ, {
  reconnect = { kind = kinds.boolean },
  last_event_id = { kind = kinds.text },
  on_event = { kind = kinds.on_data }, on_open = { kind = kinds.on_data },
  on_error = { kind = kinds.on_data },
})
derive("Session", {}, {
  base_url = { kind = kinds.text },
  cookies = {
    kind = {
      is = function(value) return value == true or kinds.cookies.is(value) end,
      what = "a CookieJar or true",
    },
  },
})

-- --- what is asked of it

-- -> name -> { kind = { is, what, type }, default, getter } of all that this one takes
function options.of(taker)
  return takers[taker]
end

-- How messages call a value that is wrong.
function options.shown(value)
  return type(value) == "number" and tostring(value) or check.name_of(value)
end

local function check_needs(taker, given, level)
  for index = 1, #needs do
    local pair = needs[index]
    if given[pair[1]] and given[pair[2]] == nil then
      error(("%s takes '%s' only with '%s'"):format(taker, pair[1], pair[2]), level + 1)
    end
  end
end

-- Raises for a name that the taker does not know, a value of the wrong kind, and options that
-- contradict each other. `level` is that of error().
function options.check(taker, given, level)
  local known = takers[taker]
  if next(given) == nil and getmetatable(given) == nil then
    return
  end
  local count = 0
  for name, value in pairs(given) do
    local option = known[name]
    count = count + 1
    if not option then
      local other = other_names[name]
      error(("%s has no option '%s'%s"):format(taker, tostring(name), other
        and (" (here it is %s)"):format(other) or ""), level + 1)
    end
    local ok, problem = option.kind.is(value)
    if not ok then
      problem = problem
        or ("%s expected, got %s"):format(option.kind.what, options.shown(value))
      error(("bad option '%s' of %s (%s)"):format(name, taker, problem), level + 1)
    end
  end
  if count < 2 and getmetatable(given) == nil then
    check_needs(taker, given, level + 1)
    return
  end
  for index = 1, #contradictions do
    local pair = contradictions[index]
    local one, two = given[pair[1]], given[pair[2]]
    if one ~= nil and two ~= nil and (not pair[3] or pair[3](one, two)) then
      error(("%s takes '%s' or '%s', not both"):format(taker, pair[1], pair[2]), level + 1)
    end
  end
  check_needs(taker, given, level + 1)
end

-- -> an empty table in which every option has the taker's default
function options.new(taker)
  return setmetatable({}, defaults[taker])
end

-- Is every option what it is by default?
function options.say_nothing(given)
  return given == nil or next(given) == nil and getmetatable(given) == nil
end

-- -> a table of what both say; where they differ, of what the second one says
function options.over(below, above)
  local values = {}
  for name, value in pairs(below) do
    values[name] = value
  end
  for name, value in pairs(above) do
    values[name] = value
  end
  return values
end

-- As options.complete(), for what is asked often: in one table without a metatable.
function options.whole(taker, given)
  return options.over(defaults[taker].__index, given)
end

-- -> name -> value; where nothing is given, the taker's default. What the caller does to its table
-- later does not count. Not to be written to.
function options.complete(taker, given)
  local meta, own = getmetatable(given), defaults[taker]
  if options.say_nothing(given) then
    return own.__index
  end
  local values = setmetatable({}, own)
  if meta == nil or meta == own then
    for name, value in pairs(given) do
      values[name] = value
    end
    return values
  end
  for name in pairs(takers[taker]) do -- it may have options that pairs() does not show
    values[name] = given[name]
  end
  return values
end

return options
