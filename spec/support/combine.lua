-- The options of fetch, each with a value and with what a server and the caller see of it (see combinations_spec.lua).
--
--   rows: array of { name =, value = (or function(world) -> value), path =, also =, check = function(seen) }
--
-- path is what stands in front of the URL's /echo, since something has to happen for the option; also: options without
-- which this one means nothing. What check gets:
--   echo      what the server was asked, see echo.py;  response, text (of its content, wherever it has gone)
--   calls     name -> the calls of the callback, arrays of arguments;  options, world
--
--   others    rows of options that only HTTPRequest or Session has
--   sinks     the names of those that say where content goes, which a stream does not take
--
-- A world has url(path), home and elsewhere (what URLs begin with; connect_to leads from the second to the first),
-- connect_to, proxy, socket, file (to download to), tls_options.
local httpclient = require("httpclient")
local core = require("httpclient.core")
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local combine = {}

local function truthy(value, what)
  if not value then
    error(what or "is not so", 2)
  end
end

local function same(expected, actual)
  if expected ~= actual then
    error(("expected %s, got %s"):format(tostring(expected), tostring(actual)), 2)
  end
end

local function note(name)
  return function(world)
    return function(...)
      world.calls[name] = world.calls[name] or {}
      table.insert(world.calls[name], { ... })
    end
  end
end

local function header(name, expected)
  return function(seen)
    same(expected, seen.echo.headers[name])
  end
end

local function body(expected, kind)
  return function(seen)
    same(expected, seen.echo.body)
    if kind then
      same(kind, seen.echo.headers["content-type"])
    end
  end
end

local function answered(seen)
  truthy(seen.response.status == 200 or seen.response.status == 307, seen.response.status)
end

local function called(name)
  return function(seen)
    truthy(seen.calls[name], name .. " was not called")
  end
end

combine.rows = {
  { name = "method", value = "PUT", check = function(seen) same("PUT", seen.echo.method) end },
  { name = "headers", value = { ["X-Own"] = "1" }, check = header("x-own", "1") },
  { name = "body", value = "text", check = body("text") },
  { name = "form", value = { a = "1 2" },
    check = body("a=1%202", "application/x-www-form-urlencoded") },
  { name = "json", value = { 1 }, check = body("[1]", "application/json") },
  { name = "multipart", value = { a = "1" }, check = function(seen)
    truthy(seen.echo.body:find('name="a"\r\n\r\n1\r\n', 1, true), seen.echo.body)
  end },
  { name = "query", value = { q = "x y" }, check = function(seen)
    same("q=x%20y", seen.echo.query)
  end },
  { name = "timeout", value = 60, check = answered },
  { name = "connect_timeout", value = 60, check = answered },
  { name = "response_timeout", value = 60, check = answered },
  { name = "idle_timeout", value = 60, check = answered },
  { name = "redirect", value = "manual", path = "/moved", check = function(seen)
    same(307, seen.response.status)
    same(0, seen.response.redirects)
    truthy(seen.response.location:find("/echo", 1, true))
  end },
  { name = "max_redirects", value = 1, path = "/moved", check = function(seen)
    same(200, seen.response.status)
    same(1, #seen.response.history)
  end },
  { name = "allow_downgrade", value = true, check = answered },
  { name = "http_version", value = "1.1", check = function(seen)
    same("1.1", seen.response.http_version)
  end },
  { name = "retry", value = { attempts = 2, backoff = 0, methods = { "GET", "POST", "PUT" } },
    path = "/busy", check = answered },
  { name = "auth", value = { "ada", "secret" }, check = header("authorization",
    "Basic YWRhOnNlY3JldA==") },
  { name = "bearer", value = "token", check = header("authorization", "Bearer token") },
  { name = "tls_options", value = function(world) return world.tls_options end, check = answered },
  { name = "cookies", path = "/cookie", value = function(world)
    local jar = httpclient.CookieJar.new()
    assert(jar:set(world.url("/"), "mine=1; Path=/"))
    return jar
  end, check = function(seen)
    truthy(seen.echo.headers.cookie:find("mine=1", 1, true), seen.echo.headers.cookie)
    truthy(seen.options.cookies:get(seen.world.url("/")):find("set=1", 1, true))
  end },
  { name = "proxy", value = function(world) return world.proxy end, check = function(seen)
    same(seen.world.proxy, seen.response.proxy)
  end },
  { name = "proxy_auth", value = "digest", check = answered },
  { name = "proxy_tls_options", value = function(world) return world.tls_options end,
    check = answered },
  { name = "unix_socket", value = function(world) return world.socket end, check = function(seen)
    same(nil, seen.response.remote_address)
  end },
  { name = "connect_to", base = "elsewhere", value = function(world) return world.connect_to end,
    check = function(seen)
      same(seen.world.elsewhere:match("//(.*)$"), seen.echo.headers.host)
    end },
  { name = "allow_address", value = function(world)
    return function(address, port)
      note("allow_address")(world)(address, port)
      return true
    end
  end, check = function(seen)
    truthy(seen.calls.allow_address, "allow_address was not called")
    same("127.0.0.1", seen.calls.allow_address[1][1])
  end },
  { name = "address_family", value = 4, check = answered },
  { name = "local_address", value = "127.0.0.1", check = answered },
  { name = "max_header_size", value = 2000, check = answered },
  { name = "accept_gzip", value = false, check = header("accept-encoding", nil) },
  { name = "accept_encoding", value = { "gzip" }, check = header("accept-encoding", "gzip") },
  { name = "body_size_limit", value = 100000, check = answered },
  { name = "download_file", value = function(world) return world.file end, check = function(seen)
    if seen.response.ok then
      same("", seen.response.body)
    end
  end },
  { name = "resume", value = true, also = { "download_file" }, check = answered },
  { name = "on_data", value = note("on_data"), check = function(seen)
    same("", seen.options.download_file and seen.response.status == 307 and ""
      or seen.response.body)
  end },
  { name = "buffer", value = function(world)
    local keeper, pointer = native.new_memory(1048576)
    world.keeper = keeper
    return { pointer = pointer, size = 1048576 }
  end, check = function(seen)
    if seen.response.ok then
      same("", seen.response.body)
      truthy(seen.response.buffered > 0)
    end
  end },
  { name = "on_response", value = note("on_response"), check = function(seen)
    same(1, #seen.calls.on_response)
    same(seen.response.status, seen.calls.on_response[1][1].status)
  end },
  { name = "on_progress", value = note("on_progress"), check = called("on_progress") },
  { name = "trace", value = note("trace"), check = function(seen)
    local events = {}
    for _, call in ipairs(seen.calls.trace) do
      events[call[1]] = true
      truthy(not call[2]:find("secret", 1, true) and not call[2]:find("token", 1, true), call[2])
    end
    truthy(events.request and events.response)
  end },
}

combine.others = {
  { name = "download_chunk_size", value = 256, check = answered },
  { name = "use_threads", value = true, check = answered },
  { name = "on_request_completed", value = note("on_request_completed"), check = function(seen)
    same(1, #seen.calls.on_request_completed)
    same(200, seen.calls.on_request_completed[1][2])
  end },
  { name = "base_url", value = function(world) return world.home .. "/base/" end,
    check = function(seen) same("/base/echo", seen.echo.path) end },
}

combine.sinks = { on_data = true, buffer = true, download_file = true, resume = true }

-- name -> row
combine.by_name = {}
for _, rows in ipairs({ combine.rows, combine.others }) do
  for _, row in ipairs(rows) do
    combine.by_name[row.name] = row
  end
end

-- Adds a row's option, and those that it needs, to the options of one call.
local function add(options, world, row)
  for _, name in ipairs(row.also or {}) do
    add(options, world, combine.by_name[name])
  end
  if type(row.value) == "function" then
    options[row.name] = row.value(world)
  else
    options[row.name] = row.value
  end
end

-- Wherever it has gone.
local function text_of(seen)
  local parts = { seen.world.text or seen.response.body }
  if parts[1] == "" and seen.options.buffer then
    return core.memory_string(seen.options.buffer.pointer, 0, seen.response.buffered)
  elseif parts[1] == "" and seen.options.download_file then
    parts[1] = tempdir.read(seen.options.download_file)
  elseif parts[1] == "" then
    for index, call in ipairs(seen.calls.on_data or {}) do
      parts[index] = call[1]
    end
  end
  return table.concat(parts)
end

local keys = 0

-- -> what stands in front of the URL's path for these rows
local function path_of(rows)
  local path = ""
  for _, row in ipairs(rows) do
    if row.path == "/busy" then
      keys = keys + 1
      path = ("/busy/%d%s"):format(keys, path)
    elseif row.path and not path:find(row.path, 1, true) then
      path = path .. row.path
    end
  end
  return path .. "/echo"
end

-- One request with the options of these rows. call(url, options) -> response or nil and why, raises or not.
-- -> seen (see above); nil and the message
function combine.try(world, rows, call)
  local options = {}
  world.calls, world.base, world.text = {}, world.home, nil
  for _, row in ipairs(rows) do
    world.base = row.base and world[row.base] or world.base
  end
  for _, row in ipairs(rows) do
    add(options, world, row)
  end
  local ok, response, message = pcall(call, world.url(path_of(rows)), options)
  if not ok or not response then
    return nil, not ok and response or message
  end
  local seen = { response = response, options = options, world = world, calls = world.calls }
  seen.text = text_of(seen)
  seen.echo = assert(httpclient.json.decode(seen.text))
  return seen
end

return combine
