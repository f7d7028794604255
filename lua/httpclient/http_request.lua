-- http_request.lua: the class HTTPRequest: one request at a time, with redirects, limits, files, and a completion.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local fields = require(root .. ".message.fields")
local methods = require(root .. ".message.methods")
local kept = require(root .. ".base.kept")
local results = require(root .. ".transfer.results")
local tasks = require(root .. ".tasks.scheduler")
local transfer = require(root .. ".transfer.run")
local urls = require(root .. ".url.http")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local unpack = table.unpack or unpack -- luacheck: ignore

local HTTPRequest = {}
-- What belongs to an object is in this one field of it, so that every write to another is seen. (Not in a weak table: 5.1
-- would never collect an object that its own callback knows.)
local STATE = kept("HTTPRequest", {})

-- --- properties ---------------------------------------------------------------------------------------------------------

local function is_whole(value)
  return type(value) == "number" and value % 1 == 0
end

local function is_boolean(value)
  return type(value) == "boolean"
end

local function is_callback(value)
  return value == nil or type(value) == "function"
end

local properties = {
  accept_gzip = { default = true, is = is_boolean, what = "a boolean", getter = "is_accepting_gzip" },
  allow_downgrade = { default = false, is = is_boolean, what = "a boolean" },
  body_size_limit = { default = -1, is = is_whole, what = "a whole number of bytes" },
  download_chunk_size = {
    default = 65536,
    is = function(value) return is_whole(value) and value >= 256 and value <= 16777216 end,
    what = "from 256 to 16777216",
  },
  download_file = {
    default = "",
    is = function(value) return type(value) == "string" and not value:find("\0", 1, true) end,
    what = "a path or \"\"",
  },
  max_redirects = { default = 8, is = is_whole, what = "a whole number" },
  resume = { default = false, is = is_boolean, what = "a boolean" },
  timeout = {
    default = 0,
    is = function(value) return type(value) == "number" and value >= 0 and value < math.huge end,
    what = "0 or more seconds",
  },
  use_threads = { default = false, is = is_boolean, what = "a boolean", getter = "is_using_threads" },
  on_request_completed = { is = is_callback, what = "a function or nil" },
  on_progress = { is = is_callback, what = "a function or nil" },
}

-- -> what is wrong with the value; nil: nothing
local function problem_of(name, value)
  if not properties[name].is(value) then
    return ("%s must be %s, got %s"):format(name, properties[name].what,
      type(value) == "number" and tostring(value) or check.name_of(value))
  end
end

-- `level` is that of error(): 3 is whoever has called the method that calls.
local function check_self(self, method, level)
  local state = type(self) == "table" and rawget(self, STATE)
  if not state then
    check.fail_self(method, "HTTPRequest", "request", self, level or 3)
  end
  return state
end

for name, property in pairs(properties) do
  local setter, getter = "set_" .. name, property.getter or "get_" .. name
  HTTPRequest[setter] = function(self, value)
    local state, problem = check_self(self, setter), problem_of(name, value)
    if problem then
      check.fail(1, setter, problem, 2)
    end
    state.values[name] = value
  end
  HTTPRequest[getter] = function(self)
    return check_self(self, getter).values[name]
  end
end

local meta = { __name = "HTTPRequest" }

function meta.__index(self, name)
  if properties[name] then
    return self[STATE].values[name]
  end
  return HTTPRequest[name]
end

function meta.__newindex(self, name, value)
  if not properties[name] then
    error(("HTTPRequest has no field '%s' to write"):format(tostring(name)), 2)
  end
  local problem = problem_of(name, value)
  if problem then
    error("HTTPRequest." .. problem, 2)
  end
  self[STATE].values[name] = value
end

function meta.__tostring(self)
  return ("HTTPRequest (%s)"):format(self[STATE].task and "busy" or "idle")
end

-- A new, idle object.
function HTTPRequest.new()
  local values = {}
  for name, property in pairs(properties) do
    values[name] = property.default
  end
  return setmetatable({ [STATE] = { values = values, handlers = {}, proxies = {} } }, meta)
end

-- --- settings -----------------------------------------------------------------------------------------------------------

local function check_proxy(name, ...)
  for index, expected in ipairs({ "string", "number", "string", "string" }) do
    local value = select(index, ...)
    if value ~= nil and type(value) ~= expected or index == 2 and type(value) == "number" and value % 1 ~= 0 then
      check.fail(index, name, ("%s expected, got %s"):format(index == 2 and "integer" or expected,
        type(value) == "number" and tostring(value) or check.name_of(value)), 4)
    end
  end
end

local function set_proxy(self, scheme, host, port, user, password)
  local name = "set_" .. scheme .. "_proxy"
  local state = check_self(self, name, 4)
  check_proxy(name, host, port, user, password)
  -- The client knows what a proxy may be.
  local probe = HTTPClient.new()
  local code, message = probe[name](probe, host, port, user, password)
  if code ~= Error.OK then
    return code, message
  end
  local is_set = host ~= nil and host ~= "" and (port or -1) ~= -1
  state.proxies[scheme] = is_set and { host = host, port = port, user = user, password = password } or nil
  return Error.OK
end

-- As HTTPClient's: host, port [, user, password]; unset with "" or -1. (No tail call: errors tell the caller's line.)
function HTTPRequest:set_http_proxy(...)
  local code, message = set_proxy(self, "http", ...)
  return code, message
end

function HTTPRequest:set_https_proxy(...)
  local code, message = set_proxy(self, "https", ...)
  return code, message
end

-- TLSOptions for the requests to come; nil: full verification.
function HTTPRequest:set_tls_options(options)
  local state = check_self(self, "set_tls_options")
  if options ~= nil and not (type(options) == "userdata" and tostring(options):find("^TLSOptions")) then
    check.fail_type(1, "set_tls_options", "TLSOptions", options, 2)
  end
  state.tls_options = options
end

-- connect("request_completed", function(result, response_code, headers, body) end); several are called in turn.
function HTTPRequest:connect(name, handler)
  local state = check_self(self, "connect")
  if name ~= "request_completed" then
    error(("HTTPRequest has no signal '%s'"):format(tostring(name)), 2)
  elseif type(handler) ~= "function" then
    check.fail_type(2, "connect", "function", handler, 2)
  end
  table.insert(state.handlers, handler)
  return Error.OK
end

-- Takes a handler of connect() back.
function HTTPRequest:disconnect(name, handler)
  local handlers = check_self(self, "disconnect").handlers
  for index, other in ipairs(handlers) do
    if name == "request_completed" and other == handler then
      table.remove(handlers, index)
      return Error.OK
    end
  end
  return Error.ERR_DOES_NOT_EXIST, "the handler is not connected"
end

-- --- completion ---------------------------------------------------------------------------------------------------------

local function completion_of(t, ended)
  if ended.state == "done" then
    local response = ended.results[1]
    return { n = 4, results.Result.RESULT_SUCCESS, response.status, response.header_list, response.body }
  end
  local failure = ended.results[2]
  local result = results.is_failure(failure) and failure.result or results.Result.RESULT_REQUEST_FAILED
  return { n = 4, result, t.head and t.head.status or 0, t.head and t.head.header_list or {}, "" }
end

-- The handlers that there are at this moment, however they change meanwhile. All are called; then the first error of
-- theirs is raised. Each is a task of its own and not in a pcall, across which it could not wait in 5.1.
local function call_handlers(state, completion)
  local handlers, failed = { state.values.on_request_completed }, nil
  for _, handler in ipairs(state.handlers) do
    handlers[#handlers + 1] = handler
  end
  for _, handler in ipairs(handlers) do
    local ended = tasks.drive(handler, unpack(completion, 1, completion.n))
    failed = failed or ended.state == "failed" and ended or nil
    tasks.leave_if_dropped()
  end
  if failed then
    error(failed.trace, 0)
  end
end

local function work(state, t)
  local ended = tasks.drive(transfer.run, t)
  if state.is_starting then
    tasks.yield() -- no completion from inside request()
  end
  tasks.leave_if_dropped()
  local failure = ended.state ~= "done" and ended.results[2] or nil
  local completion = completion_of(t, ended)
  state.task.completion, state.task = completion, nil
  if failure ~= nil and not results.is_failure(failure) then
    error(ended.trace or failure, 0) -- a callback's own
  end
  state.message = failure and failure.message or ""
  call_handlers(state, completion)
end

-- --- requests -----------------------------------------------------------------------------------------------------------

-- request(url [, headers [, ssl_validate_domain]] [, method [, data]]): the boolean of 3.x may be there or not.
local function take_arguments(name, url, headers, ...)
  if type(url) ~= "string" then
    check.fail_type(1, name, "string", url, 4)
  elseif headers ~= nil and type(headers) ~= "table" then
    check.fail_type(2, name, "table", headers, 4)
  end
  local lines, why = fields.normalize(headers or {})
  if not lines then
    check.fail(2, name, why, 4)
  end
  local verify, place, method, data = true, 3, ...
  local third, fourth = ...
  if type(third) == "boolean" or (third == nil and type(fourth) == "number") then
    verify, place, method, data = third ~= false, 4, select(2, ...)
  end
  if method ~= nil and type(method) ~= "string" and not is_whole(method) then
    check.fail_type(place, name, "integer or string", method, 4)
  end
  return lines, verify, method or "GET", data, place + 1
end

local function to_bytes(name, place, data, is_raw)
  if is_raw and type(data) == "table" then
    local parts = {}
    for index, byte in ipairs(data) do
      if not is_whole(byte) or byte < 0 or byte > 255 then
        check.fail(place, name, ("element %d is no integer from 0 to 255"):format(index), 4)
      end
      parts[index] = string.char(byte)
    end
    return table.concat(parts)
  elseif data ~= nil and type(data) ~= "string" and type(data) ~= "function" and io.type(data) ~= "file" then
    check.fail_type(place, name, "string, function or file", data, 4)
  end
  return data
end

local function transfer_for(state, url, lines, verify, method, body, is_raw)
  local values = state.values
  return {
    url = url,
    method = method,
    headers = lines,
    body = body,
    raw = is_raw,
    timeout = values.timeout,
    max_redirects = values.max_redirects,
    allow_downgrade = values.allow_downgrade,
    tls_options = state.tls_options,
    verify = verify,
    find_proxy = function(target)
      return state.proxies[target.scheme]
    end,
    accept_gzip = values.accept_gzip,
    limit = values.body_size_limit,
    chunk_size = values.download_chunk_size,
    download_file = values.download_file ~= "" and values.download_file or nil,
    resume = values.resume,
    on_progress = values.on_progress,
  }
end

local function start(self, name, is_raw, text, headers, ...)
  local state = check_self(self, name, 4)
  local lines, verify, given, data, place = take_arguments(name, text, headers, ...)
  local body = to_bytes(name, place, data, is_raw)
  local method, no_method = methods.name_of(given)
  if method == "GET" and not is_raw then
    body = nil -- ignored, as by HTTPClient
  end
  if state.task then
    return Error.ERR_BUSY, "a request is under way"
  elseif not method then
    return Error.ERR_INVALID_PARAMETER, no_method
  end
  local url, why = urls.http(text)
  if not url then
    return Error.ERR_INVALID_PARAMETER, why
  end
  state.transfer = transfer_for(state, url, lines, verify, method, body, is_raw)
  local task = tasks.new_scheduled(work, state, state.transfer)
  task.raises = true
  state.task, state.last = task, task
  state.is_starting = true
  tasks.start(task)
  state.is_starting = false
  return Error.OK
end

-- request(url, custom_headers = {}, method = METHOD_GET, request_data = "") -> Error [, message]. The answer comes by
-- process() or run(). As in HTTPClient, data of a GET is ignored.
function HTTPRequest:request(...)
  local code, message = start(self, "request", false, ...)
  return code, message
end

-- The same, with the data (which may be an array of bytes) sent for every method.
function HTTPRequest:request_raw(...)
  local code, message = start(self, "request_raw", true, ...)
  return code, message
end

-- Ends the request at once; no completion follows.
function HTTPRequest:cancel_request()
  local state = check_self(self, "cancel_request")
  local task = state.task
  state.task = nil
  if task then
    task:cancel()
  end
end

-- Waits for the end of the request: inside a task without holding up the others.
-- -> result, response_code, headers, body; nothing when it was cancelled
function HTTPRequest:await()
  local state = check_self(self, "await")
  local task = state.last or error("await() needs a request", 2)
  if not task.completion then
    task:wait()
  end
  if task.completion then
    return unpack(task.completion, 1, task.completion.n)
  end
end

-- --- facts --------------------------------------------------------------------------------------------------------------

-- The Content-Length of the answer, to HEAD too; -1 where there is none, or no answer yet.
function HTTPRequest:get_body_size()
  local t = check_self(self, "get_body_size").transfer
  return t and t.head and t.head.body_size or -1
end

-- Bytes of content that have come.
function HTTPRequest:get_downloaded_bytes()
  local t = check_self(self, "get_downloaded_bytes").transfer
  return t and t.received or 0
end

-- The status of the connection in use; STATUS_DISCONNECTED when there is none.
function HTTPRequest:get_http_client_status()
  local state = check_self(self, "get_http_client_status")
  local client = state.task and state.transfer.client
  return client and client:get_status() or HTTPClient.STATUS_DISCONNECTED
end

-- Why the last request has failed, in words; "" when it has not.
function HTTPRequest:get_last_message()
  return check_self(self, "get_last_message").message or ""
end

HTTPRequest.Result = results.Result
for name, value in pairs(results.Result) do
  HTTPRequest[name] = value
end

return HTTPRequest
