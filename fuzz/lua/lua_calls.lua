-- lua_calls.lua: the calls of what is written in Lua: fetch, tasks, HTTPRequest, the scheduler; and coroutines.
local httpclient = require("httpclient")
local callbacks = require("fuzz.lua.callbacks")
local core_calls = require("fuzz.lua.core_calls")
local random = require("fuzz.lua.random")
local server = require("fuzz.lua.server")
local values = require("fuzz.lua.values")

local function url()
  local kind = random.below(12)
  if kind == 12 then
    return values.any()
  elseif kind == 11 then
    return random.pick({ "http://", "x://y", "/", "http://127.0.0.1:99999/", "http://[::1",
      "http://a b/" })
  end
  local scheme = random.pick({ "http", "http", "https" })
  local name = random.chance(80) and (scheme == "http" and "plain" or "tls")
    or random.pick({ "silent", "refused", "tls", "plain" })
  return ("%s://%s:%d/%s"):format(scheme, random.pick({ "127.0.0.1", "127.0.0.1", "localhost" }),
    server.port(name), random.pick({ "", "a?b#c" }))
end

-- Ends soon, whatever the other side does.
local function short()
  return random.pick({ 0.001, 0.005, 0.02, 0.03 })
end

local optional = {
  method = function()
    return random.pick({ "GET", "HEAD", "POST", "put", 2, "x y", values.any() })
  end,
  headers = callbacks.headers,
  body = core_calls.body,
  form = function() return random.pick({ { a = 1 }, {}, values.any() }) end,
  query = function() return { a = "b" } end,
  connect_timeout = short,
  response_timeout = short,
  max_redirects = function() return random.between(-1, 3) end,
  allow_downgrade = values.boolean,
  tls_options = function() return values.some("options") end,
  proxy = function()
    return random.pick({ false, "http://127.0.0.1:" .. server.port("plain"), values.text() })
  end,
  accept_gzip = values.boolean,
  body_size_limit = values.integer,
  download_file = values.path,
  resume = values.boolean,
  on_data = callbacks.handler,
  on_progress = callbacks.handler,
  unknown = values.any,
}
local names = {}
for name in pairs(optional) do
  names[#names + 1] = name
end
table.sort(names)

local function fetch_options()
  local options = { timeout = short() }
  for _ = 1, random.below(4) - 1 do
    local name = random.pick(names)
    if name ~= "unknown" or random.chance(10) then
      options[name] = random.chance(96) and optional[name]() or values.any()
    end
  end
  if random.chance(20) then
    options.tls_options = httpclient.TLSOptions.client_unsafe()
  end
  return options
end

-- What a task does: a few calls, waits between them, an end of any kind.
local function work()
  return function(...)
    for _ = 1, random.below(4) do
      local kind = random.below(6)
      if kind == 1 then
        httpclient.sleep(values.seconds())
      elseif kind == 2 then
        httpclient.fetch(url(), fetch_options())
      elseif kind == 3 then
        coroutine.yield(values.any())
      elseif kind == 4 then
        callbacks.nested()
      else
        server.step()
      end
    end
    return ...
  end
end

-- --- the calls

local request_methods = {
  { "request", 6, url, callbacks.headers, function() return random.below(9) - 1 end,
    core_calls.body },
  { "request_raw", 2, url, callbacks.headers, function() return random.below(9) - 1 end,
    core_calls.body },
  { "cancel_request", 2 }, { "connect", 2, function() return "request_completed" end,
    callbacks.handler },
  { "get_body_size" }, { "get_downloaded_bytes" }, { "get_http_client_status" },
  { "get_last_message" }, { "await", 3 }, { "set_http_proxy", 1, core_calls.host, core_calls.port },
  { "set_https_proxy", 1, core_calls.host, core_calls.port },
  { "set_tls_options", 2, function() return values.some("options") end },
  { "set_download_file", 1, values.path }, { "set_resume", 1, values.boolean },
  { "set_body_size_limit", 1, values.integer }, { "set_max_redirects", 1, values.integer },
  { "set_accept_gzip", 1, values.boolean }, { "set_download_chunk_size", 1, values.integer },
  { "set_on_progress", 2, callbacks.handler }, { "set_on_request_completed", 2, callbacks.handler },
  { "set_timeout", 1, short },
}

local task_methods = {
  { "status" }, { "result" }, { "cancel", 3 }, { "wait", 4, values.seconds },
}

local makers = {
  request = function()
    local request = httpclient.HTTPRequest.new()
    request.timeout = short()
    return request
  end,
  task = function() return httpclient.async(work(), values.any()) end,
}

-- Somebody has to answer while run() works.
local function answering()
  return httpclient.async(function()
    for _ = 1, 15 do
      server.step()
      httpclient.sleep(0.001)
    end
  end)
end

local function run()
  answering()
  httpclient.run()
end

-- Several calls in a coroutine, which is resumed a few times and then left, or was kept by an earlier one.
local function in_coroutine()
  local co = values.some("coroutine")
  if not co or random.chance(60) then
    co = coroutine.create(function()
      for _ = 1, random.below(5) do
        callbacks.act()
        if random.chance(40) then
          coroutine.yield()
        end
      end
    end)
    values.keep("coroutine", co)
  end
  coroutine.resume(co)
  if coroutine.close and random.chance(10) and coroutine.status(co) ~= "running"
    and coroutine.status(co) ~= "normal" then
    coroutine.close(co)
  end
end

local calls = {
  { "fetch", 4, function()
    if random.chance(50) then
      answering()
    end
    return httpclient.fetch(url(), fetch_options())
  end },
  { "async fetch", 5,
    function()
      return values.keep("task", httpclient.async(httpclient.fetch, url(), fetch_options()))
    end },
  { "process", 8,
    function() return httpclient.process(random.chance(50) and values.seconds() or nil) end },
  { "run", 2, run },
  { "sleep", 1, function() return httpclient.sleep(values.seconds()) end },
  { "set_waiter", 1,
    function() return httpclient.set_waiter(random.chance(50) and callbacks.waiter() or nil) end },
  { "coroutine", 5, in_coroutine },
  { "pool", 1, function()
    httpclient.pool.max_per_host = random.pick({ 6, 1, 2, 0 })
    httpclient.pool.max_idle = random.pick({ 32, 0, 1 })
    httpclient.pool.idle_timeout = random.pick({ 60, 0, 0.001 })
    return httpclient.pool.count()
  end },
  { "close_idle", 1, function() return httpclient.pool.close_idle() end },
  { "query string", 1,
    function()
      return httpclient.query_string_from_dict(random.chance(50) and callbacks.headers()
        or values.any())
    end },
  { "uri_encode", 1, function()
    return httpclient.uri_decode(httpclient.uri_encode(values.text())),
      httpclient.uri_encode(values.any())
  end },
  { "error_string", 1, function() return httpclient.error_string(values.any()) end },
}

-- Nothing of the round is under way any more. What handlers raise comes one by one.
local function finish()
  httpclient.set_waiter(nil)
  values.each("request", function(request) pcall(request.cancel_request, request) end)
  values.each("task", function(task) pcall(task.cancel, task) end)
  for _ = 1, 500 do
    answering()
    if pcall(httpclient.run) then
      break
    end
  end
  httpclient.pool.close_idle()
end

return {
  methods = { request = request_methods, task = task_methods },
  makers = makers,
  calls = calls,
  finish = finish,
  url = url,
}
