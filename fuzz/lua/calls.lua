-- calls.lua: makes one call after the other, drawn from all of them, and looks at what it gave: an
-- error is a clean Lua error, and no object is in a state that it can't be in.
local httpclient = require("httpclient")
local callbacks = require("fuzz.lua.callbacks")
local core_calls = require("fuzz.lua.core_calls")
local lua_calls = require("fuzz.lua.lua_calls")
local random = require("fuzz.lua.random")
local server = require("fuzz.lua.server")
local values = require("fuzz.lua.values")

local unpack = table.unpack or unpack -- luacheck: ignore
local HTTPClient = httpclient.HTTPClient
local is_traced = os.getenv("FUZZ_TRACE")

local calls = { left = 0, count = 0, faults = 0 }

-- A last line for the log, and the end.
function calls.fail(message, ...)
  io.stdout:write("FAILED: ", message:format(...), "\n")
  io.stdout:flush()
  os.exit(1)
end

local function trace(...)
  if is_traced then
    io.stdout:write(("  "):rep(callbacks.inside), table.concat({ ... }, " "), "\n")
    io.stdout:flush()
  end
end

-- --- what must hold

-- Mistakes in the library's own Lua show as such an error with its place.
local unclean = { "attempt to [^y]", "assertion failed",
  "bad argument .* %(.* expected, got no value%)$", "table overflow", "C stack overflow",
  "invalid order function" }

local function check_error(what, message)
  calls.faults = calls.faults + 1
  if type(message) ~= "string" or not message:find("httpclient/[%w_]+%.lua:%d+: ") then
    return
  end
  for _, pattern in ipairs(unclean) do
    if message:find("httpclient/[%w_]+%.lua:%d+: " .. pattern) then
      calls.fail("%s: an error of the library itself: %s", what, message)
    end
  end
end

local function check_client(what, client)
  local status, code = client:get_status(), client:get_last_error()
  local facts = {
    { "status", status, 0, 9 },
    { "last error", code, 0, 48 },
    { "response code", client:get_response_code(), 0, 999 },
    { "body length", client:get_response_body_length(), -1, 2 ^ 63 },
    { "body sent", client:get_request_body_sent(), 0, 2 ^ 53 },
    { "body received", client:get_response_body_received(), 0, 2 ^ 53 },
    { "fd", client:get_fd(), -1, 65535 },
  }
  for _, fact in ipairs(facts) do
    local value = fact[2]
    if type(value) ~= "number" or value < fact[3] or value > fact[4] then
      calls.fail("%s: %s of a client is %s", what, fact[1], tostring(value))
    end
  end
  local is_broken = status == HTTPClient.STATUS_CANT_RESOLVE
    or status == HTTPClient.STATUS_CANT_CONNECT
    or status >= HTTPClient.STATUS_CONNECTION_ERROR
  if is_broken and code == 0 then
    calls.fail("%s: status %d without an error", what, status)
  elseif status == HTTPClient.STATUS_BODY and not client:has_response() then
    calls.fail("%s: a body without a response", what)
  end
end

local function check_stream(what, stream)
  local status = stream:get_status()
  if type(status) ~= "number" or status < 0 or status > 4 then
    calls.fail("%s: status of a stream is %s", what, tostring(status))
  end
end

local function check_poller(what, poller)
  local count, seconds = poller:count(), poller:timeout()
  if type(count) ~= "number" or count < 0 or count > 1000 or (seconds and seconds < 0) then
    calls.fail("%s: a Poller with %s clients and %s seconds", what, tostring(count),
      tostring(seconds))
  end
end

local function check_task(what, task)
  local states = { running = true, done = true, failed = true, cancelled = true }
  if not states[task:status()] then
    calls.fail("%s: a task is %s", what, tostring(task:status()))
  end
end

local checks = { client = check_client, tcp = check_stream, tls = check_stream,
  poller = check_poller, task = check_task }


-- --- methods

local kinds, methods, makers = {}, {}, {}
for _, part in ipairs({ core_calls, lua_calls }) do
  for kind, list in pairs(part.methods) do
    kinds[#kinds + 1] = kind
    methods[kind] = {}
    for _, entry in ipairs(list) do
      for _ = 1, entry[2] or 1 do
        table.insert(methods[kind], entry)
      end
    end
    makers[kind] = part.makers[kind]
  end
end
table.sort(kinds)

local function arguments_of(entry)
  local list, count = {}, math.max(0, #entry - 2)
  for index = 1, count do
    list[index] = entry[index + 2]()
  end
  -- A wait without seconds has no end here.
  if count > 0 and random.chance(6) and entry[1] ~= "wait" then
    list[random.below(count)] = values.any()
    count = random.chance(30) and random.below(count) or count
  end
  return list, count
end

-- What a request needs to be taken: an idle connection.
local function check_taken(name, before, taken_before, client, code)
  if name ~= "request" and name ~= "request_raw" or code ~= 0 then
    return
  elseif callbacks.changes == taken_before and before ~= HTTPClient.STATUS_CONNECTED then
    calls.fail("%s was taken in status %d", name, before)
  elseif callbacks.changes == taken_before
    and client:get_status() ~= HTTPClient.STATUS_REQUESTING then
    calls.fail("%s was taken, and the status is %d", name, client:get_status())
  end
end

local function call_method(kind)
  local object = values.some(kind)
  if not object or random.chance(8) then
    object = values.keep(kind, kind == "client" and random.chance(60) and core_calls.connected()
      or makers[kind]())
  end
  local entry = random.pick(methods[kind])
  local list, count = arguments_of(entry)
  local receiver = (random.chance(99) or lua_calls.methods[kind]) and object or values.any()
  local before = kind == "client" and object:get_status()
  callbacks.changes = callbacks.changes + 1
  local changes = callbacks.changes
  trace(kind, tostring(object), entry[1])
  local results = { object[entry[1]](receiver, unpack(list, 1, count)) }
  if before and receiver == object then
    check_taken(entry[1], before, changes, object, results[1])
  end
  if type(results[1]) == "userdata" and entry[1] == "get_peer_certificate" then
    values.keep("info", results[1])
  end
end

local function set_field()
  local client = values.some("client")
  if not client then
    return
  end
  local name = random.pick(core_calls.fields)
  trace("client", tostring(client), "field", name)
  local _ = client[name]
  if name:find("timeout") then
    client[name] = random.pick({ 0.001, 0.005, 0.02, "x", -1 })
  elseif name == "blocking_mode_enabled" then
    -- The other side is in this thread: whoever waits for it must have a limit.
    client.connect_timeout, client.response_timeout, client.idle_timeout = 0.003, 0.003, 0.003
    client[name] = random.chance(50)
  elseif name == "connection" then
    client[name] = callbacks.stream()
  else
    client[name] = values.integer()
  end
end

-- --- other things

local close_scope = _VERSION == "Lua 5.4" and load("local x <close> = ...")

local other = {
  { "server", 12, server.step },
  { "collect", 2, function() collectgarbage() end },
  { "collector", 1, function()
    collectgarbage("setpause", random.pick({ 100, 200, 50 }))
    collectgarbage("setstepmul", random.pick({ 200, 100, 1000 }))
    if _VERSION == "Lua 5.4" then
      collectgarbage(random.pick({ "incremental", "generational" }))
    end
  end },
  { "steps", 2, function() collectgarbage("step", random.below(20)) end },
  { "forget", 1, values.forget_some },
  { "connected", 6, function() values.keep("client", core_calls.connected()) end },
  { "finalized", 3, callbacks.finalized },
  { "field", 4, set_field },
  { "wait_any", 3,
    function() return HTTPClient.wait_any(core_calls.clients(), values.seconds()) end },
  { "new wrong", 1, function()
    local class = random.pick({ "HTTPClient", "Poller", "Inflater", "X509Certificate",
      "StreamPeerTLS" })
    return httpclient[class].new(values.any())
  end },
  { "close file", 1, function() local file = values.some("file") return file and file:close() end },
  { "tostring", 1, function() return tostring(values.any_object()) end },
  { "<close>", 2, function()
    local object = values.any_object()
    if close_scope and object then
      close_scope(object)
    end
  end },
  { "__gc", 1, function()
    local object = values.any_object()
    local metatable = type(object) == "userdata" and debug.getmetatable(object)
    if metatable and metatable.__gc and values.kind_of(object) ~= "finalized" then
      metatable.__gc(object)
    end
  end },
}

local pool = {}
for _, list in ipairs({ other, lua_calls.calls }) do
  for _, entry in ipairs(list) do
    for _ = 1, entry[2] do
      pool[#pool + 1] = entry
    end
  end
end

local function check_some(what)
  local kind = random.pick(kinds)
  local object = checks[kind] and values.some(kind)
  if object then
    local ok, message = pcall(checks[kind], what, object)
    if not ok then
      check_error(what, message)
    end
  end
end

-- One call, whatever it is. Its error is looked at, and goes no further.
function callbacks.act()
  if calls.left <= 0 then
    return
  end
  calls.left, calls.count = calls.left - 1, calls.count + 1
  local what, ok, message
  if random.chance(55) then
    what = random.pick(kinds)
    ok, message = pcall(call_method, what)
  else
    local entry = random.pick(pool)
    what = entry[1]
    callbacks.changes = callbacks.changes + 1
    trace(what)
    ok, message = pcall(entry[3])
  end
  if not ok then
    check_error(what, message)
  end
  check_some(what)
end

callbacks.changes = 0

return calls
