-- http_request.lua: the class HTTPRequest: one request at a time, with redirects, limits, files, and a completion.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local arguments = require(root .. ".http_request.arguments")
local auth = require(root .. ".message.auth")
local check = require(root .. ".base.check")
local completions = require(root .. ".http_request.completion")
local drive = require(root .. ".tasks.drive")
local http = require(root .. ".url.http")
local kept = require(root .. ".base.kept")
local methods = require(root .. ".message.methods")
local options = require(root .. ".options")
local proxies = require(root .. ".connect.proxy")
local results = require(root .. ".base.results")
local scheduler = require(root .. ".tasks.scheduler")
local task_class = require(root .. ".tasks.task")
local run = require(root .. ".transfer.run")
local signals = require(root .. ".http_request.signal")
local transfer = require(root .. ".transfer.transfer")
local waits = require(root .. ".tasks.waits")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error
local unpack = table.unpack or unpack -- luacheck: ignore

local HTTPRequest = {}
-- What belongs to an object is in this one field of it, so that every write to another is seen.
-- (Not in a weak table: 5.1 would never collect an object that its own callback knows.)
local STATE = kept("HTTPRequest", {})

-- --- properties

local properties = options.of("HTTPRequest")

-- -> what is wrong with the value; nil: nothing. One without a default may be nil.
local function problem_of(name, value)
  local property = properties[name]
  local may_be_nil = property.default == nil
  if may_be_nil and value == nil then
    return nil
  end
  local ok, problem = property.kind.is(value)
  if not ok then
    return problem or ("%s must be %s%s, got %s"):format(name, property.kind.what,
      may_be_nil and " or nil" or "", options.shown(value))
  end
end

-- `level` is that of error(): 3 is whoever has called the method that calls.
local function check_self(self, method, level)
  local state = check.own(self, STATE, method, "HTTPRequest", "request", level or 3)
  return state
end

for name, property in pairs(properties) do
  local setter, getter = "set_" .. name, property.getter
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
  elseif name == "request_completed" then
    return self[STATE].signal
  end
  local member = HTTPRequest[name]
  if member == nil then
    error(("HTTPRequest has no field '%s'"):format(tostring(name)), 2)
  end
  return member
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
  local handlers = signals.handlers()
  return setmetatable({ [STATE] = { values = options.new("HTTPRequest"), handlers = handlers,
    signal = signals.new(handlers), proxies = {} } }, meta)
end

-- --- settings

local function set_proxy(self, scheme, host, port, user, password)
  local name = "set_" .. scheme .. "_proxy"
  local state = check_self(self, name, 4)
  arguments.check_proxy(name, host, port, user, password)
  if host == nil or host == "" or (port or -1) == -1 then
    state.proxies[scheme] = nil
    return Error.OK
  end
  local found, message, code = proxies.from_parts(host, port, user, password)
  if not found then
    return code, message
  end
  state.proxies[scheme] = found
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

-- A proxy for all requests to come, as a URL (see docs/proxies.md); "" or nil: none. -> Error [, message]
function HTTPRequest:set_proxy(url)
  local state = check_self(self, "set_proxy")
  if url ~= nil and type(url) ~= "string" then
    check.fail_type(1, "set_proxy", "string", url, 2)
  end
  local found, why = nil, nil
  if url and url ~= "" then
    found, why = proxies.from_url(url)
  end
  if why then
    return Error.ERR_INVALID_PARAMETER, why
  end
  state.values.proxy = found and url or ""
  return Error.OK
end

-- TLSOptions for the requests to come; nil: full verification.
function HTTPRequest:set_tls_options(value)
  local state = check_self(self, "set_tls_options")
  if value ~= nil and not options.kinds.tls_options.is(value) then
    check.fail_type(1, "set_tls_options", "TLSOptions", value, 2)
  end
  state.tls_options = value
end

local function check_signal(self, method, name, handler)
  local state = check_self(self, method, 4)
  if name ~= "request_completed" then
    error(("HTTPRequest has no signal '%s'"):format(tostring(name)), 3)
  elseif type(handler) ~= "function" then
    check.fail_type(2, method, "function", handler, 3)
  end
  return state.signal
end

-- connect("request_completed", function(result, response_code, headers, body) end): the 3.x form of
-- request.request_completed:connect(fn).
function HTTPRequest:connect(name, handler, flags)
  local signal = check_signal(self, "connect", name, handler)
  signals.is_one_shot(flags, 3, 2)
  local code, message = signal:connect(handler, flags)
  return code, message
end

-- Takes a handler of connect() back.
function HTTPRequest:disconnect(name, handler)
  local code, message = check_signal(self, "disconnect", name, handler):disconnect(handler)
  return code, message
end

function HTTPRequest:is_connected(name, handler)
  return (check_signal(self, "is_connected", name, handler):is_connected(handler))
end

-- --- requests

local function work(state, t)
  local ended = drive(run, t)
  if state.is_starting then
    waits.yield() -- no completion from inside request()
  end
  waits.leave_if_dropped()
  local failure = ended.state ~= "done" and ended.results[2] or nil
  local completion = completions.of(t, ended)
  state.task.completion, state.task = completion, nil
  if failure ~= nil and not results.is_failure(failure) then
    error(ended.trace or failure, 0) -- a callback's own
  end
  state.message = failure and failure.message or ""
  completions.hand_out(state, completion)
end

-- -> the proxy of the properties, nil for none; or nil and why it is none
local function proxy_of(values)
  if values.proxy == "" then
    return nil
  end
  local found, why = proxies.from_url(values.proxy,
    { auth = values.proxy_auth, tls_options = values.proxy_tls_options })
  return found, why
end

-- What a request goes by is what the properties are now.
local function transfer_for(state, request, proxy, verifies, is_raw)
  return transfer.new(request.method, request.url, request.headers, request.body, {
    find_proxy = function(url)
      return state.proxies[url.scheme] or proxy
    end,
    tls_options = state.tls_options,
    sends_every_body = is_raw,
    verifies = verifies,
  }, options.complete("HTTPRequest", state.values))
end

local function start(self, name, is_raw, text, headers, ...)
  local state = check_self(self, name, 4)
  local lines, verifies, given, data, place = arguments.of_request(name, text, headers, ...)
  local body = arguments.body(name, place, data, is_raw)
  local method, no_method = methods.name_of(given)
  if method == "GET" and not is_raw then
    body = nil -- ignored, as by HTTPClient
  end
  if state.task then
    return Error.ERR_BUSY, "a request is under way"
  elseif not method then
    return Error.ERR_INVALID_PARAMETER, no_method
  end
  local url, why = http.from_text(text)
  if not url then
    return Error.ERR_INVALID_PARAMETER, why
  end
  local problem = auth.problem("HTTPRequest", state.values, lines, url)
  if problem then
    return Error.ERR_INVALID_PARAMETER, problem
  end
  local proxy, no_proxy = proxy_of(state.values)
  if no_proxy then
    return Error.ERR_INVALID_PARAMETER, no_proxy
  end
  state.transfer = transfer_for(state, { method = method, url = url, headers = lines, body = body },
    proxy, verifies, is_raw)
  local task = scheduler.new_scheduled(work, state, state.transfer)
  task.raises = true
  state.task, state.last = task, task
  state.is_starting = true
  scheduler.start(task)
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
    task_class.cancel(task)
  end
end

-- Waits for the end of the request: inside a task without holding up the others.
-- -> result, response_code, headers, body; nothing when it was cancelled
function HTTPRequest:await()
  local state = check_self(self, "await")
  local task = state.last or error("await() needs a request", 2)
  if not task.completion then
    task_class.wait(task)
  end
  if task.completion then
    return unpack(task.completion, 1, task.completion.n)
  end
end

-- --- facts

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
for _, constants in ipairs({ results.Result, signals.flags }) do
  for name, value in pairs(constants) do
    HTTPRequest[name] = value
  end
end

-- HTTPRequest() is HTTPRequest.new().
return setmetatable(HTTPRequest, { __call = function() return HTTPRequest.new() end })
