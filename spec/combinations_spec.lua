-- Options of fetch beside each other: every two of them, and each of them in every way to make a request. What holds
-- for one alone holds beside the others; the exceptions stand here.
local certs = require("spec.support.certs")
local combine = require("spec.support.combine")
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local nginx = require("spec.support.nginx")
local proxies = require("spec.support.proxy")
local python = require("spec.support.python")

local by_name = combine.by_name

-- --- the exceptions

-- "a b" -> the message of the error, or what is seen of both
local exceptions = {
  -- a redirect that is handed over is none that could be too many
  ["redirect max_redirects"] = by_name.redirect.check,
  -- nobody's address is asked for
  ["unix_socket allow_address"] = function(seen) assert.is_nil(seen.calls.allow_address) end,
  -- as with curl: what is on this machine is behind no proxy
  ["proxy unix_socket"] = by_name.unix_socket.check,
  -- ranges count bytes as they are stored
  ["accept_encoding resume"] = function(seen)
    assert.is_nil(seen.echo.headers["accept-encoding"])
  end,
}

for _, pair in ipairs({ "body form", "body json", "body multipart", "form json", "form multipart",
  "json multipart", "auth bearer", "unix_socket connect_to",
  "accept_gzip accept_encoding", "download_file buffer", "resume buffer" }) do
  exceptions[pair] = "not both"
end

-- --- the worlds

local server, front, proxy, plain, tls2

local function world_of(home, elsewhere, connect_to)
  local world = { home = home, elsewhere = elsewhere, connect_to = connect_to,
    tls_options = httpclient.TLSOptions.client(certs.ca.cert), socket = server.socket,
    proxy = proxy and ("http://127.0.0.1:%d"):format(proxy:port()),
    file = server.folder:file("file") }
  function world.url(path)
    return world.base .. path
  end
  return world
end

setup(function()
  server = python.start("echo")
  proxy = proxies.has("tinyproxy") and proxies.tinyproxy() or nil
  front = nginx.start({ secure = { tls = certs.localhost, http2 = true, body = ([[
    client_body_buffer_size 1m;
    location / {
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_pass http://127.0.0.1:%d;
    }]]):format(server.port) } })
  plain = world_of(server.url(""), "http://named.test",
    { ["named.test:80"] = "127.0.0.1:" .. server.port })
  local at = "127.0.0.1:" .. front:port("secure")
  tls2 = world_of("https://" .. at, "https://localhost:1", { ["localhost:1"] = at })
end)

teardown(function()
  httpclient.pool.close_idle()
  front:stop()
  if proxy then proxy:stop() end
  server.stop()
end)

-- --- the ways

local function read_all(response, message)
  if not response then
    return nil, message
  end
  local parts = {}
  repeat
    local piece, why = response:read()
    assert(not why, why)
    parts[#parts + 1] = piece
  until not piece
  plain.text = table.concat(parts)
  tls2.text = plain.text
  return response
end

local function in_task(fn)
  return function(...)
    local task = httpclient.async(fn, ...)
    httpclient.run()
    return task:result()
  end
end

local function stream(...)
  return read_all(httpclient.stream(...))
end

-- fn in a coroutine of a loop.
local function in_loop(name, fn)
  return function(...)
    local arguments, results = { ... }, nil
    loops.run(name, { function() results = { fn(arguments[1], arguments[2]) } end })
    return results[1], results[2]
  end
end

-- name; call(url, options) -> response; does it stream?
local ways = {
  { "fetch", httpclient.fetch },
  { "stream", stream, true },
  { "a session with the option as its default", function(url, options)
    local session = assert(httpclient.Session.new(options))
    local response, why = session:fetch(url)
    session:close()
    return response, why
  end },
  { "fetch of a session", function(url, options)
    local session = assert(httpclient.Session.new({ base_url = url }))
    local response, why = session:fetch("", options)
    session:close()
    return response, why
  end },
  { "stream of a session", function(url, options)
    local session = assert(httpclient.Session.new({ cookies = true }))
    local response, why = read_all(session:stream(url, options))
    session:close()
    return response, why
  end, true },
  { "fetch_all", function(url, options)
    local responses, messages = httpclient.fetch_all({ { url, options } })
    return responses[1] or nil, messages[1]
  end },
  { "a task", in_task(httpclient.fetch) },
  { "a stream in a task", in_task(stream), true },
}

for _, name in ipairs(loops.names) do
  if not loops.lack(name) then
    ways[#ways + 1] = { name, in_loop(name, httpclient.fetch) }
    ways[#ways + 1] = { "a stream under " .. name, in_loop(name, stream), true }
  end
end

-- --- the tables

-- The versions of HTTP, each with what has no meaning there. Windows has no Unix sockets.
local is_windows = package.config:sub(1, 1) == "\\"
local versions = {
  { "HTTP/1.1", function() return plain end, { unix_socket = is_windows } },
  { "HTTP/2", function() return tls2 end, { unix_socket = true } },
}

local function try(world, rows, call)
  if world == tls2 then
    local inner = call
    call = function(url, options)
      options.tls_options = options.tls_options or world.tls_options
      return inner(url, options)
    end
  end
  return combine.try(world, rows, call)
end

local function needs_proxy(row)
  return row.name == "proxy" and not proxies.has("tinyproxy")
end

for _, version in ipairs(versions) do
  local version_name, world_now, without = version[1], version[2], version[3]
  describe("Over " .. version_name, function()
    for _, way in ipairs(ways) do
      it(way[1] .. " takes each option", function()
        for _, row in ipairs(combine.rows) do
          if not (without[row.name] or needs_proxy(row) or way[3] and combine.sinks[row.name]) then
            local seen, why = try(world_now(), { row }, way[2])
            assert(seen, ("%s: %s"):format(row.name, tostring(why)))
            local ok, problem = pcall(row.check, seen)
            assert(ok, ("%s: %s"):format(row.name, tostring(problem)))
            if version_name == "HTTP/2" and row.name ~= "http_version" then
              assert.equal("2", seen.response.http_version)
            end
          end
        end
      end)
    end
  end)
end

local function check_seen(seen, one, two, exception)
  if exception then
    return exception(seen)
  end
  one.check(seen)
  two.check(seen)
end

-- Does the message name the row's option, or one that it needs?
local function names(message, row)
  for _, name in ipairs({ row.name, (row.also or {})[1] }) do
    if message:find(name, 1, true) then
      return true
    end
  end
end

local function check_both(world, one, two)
  local name = one.name .. " " .. two.name
  local exception = exceptions[name]
  local seen, why = try(world, { one, two }, httpclient.fetch)
  if type(exception) == "string" then
    assert(not seen, name)
    assert.truthy(why:find(exception, 1, true), name .. ": " .. why)
    assert.truthy(names(why, one) and names(why, two), why)
    return
  end
  assert(seen, ("%s: %s"):format(name, tostring(why)))
  local ok, problem = pcall(check_seen, seen, one, two, exception)
  assert(ok, ("%s: %s"):format(name, tostring(problem)))
end

-- SPEC_FEWER: where each connection takes long, so many times fewer pairs.
local fewer = tonumber(os.getenv("SPEC_FEWER")) or 1

-- What differs between the versions of HTTP is below Lua: it is enough to see that on one.
local paired = { versions[1], _VERSION == "Lua 5.4" and versions[2] or nil }

describe("Beside each other option", function()
  for index, one in ipairs(combine.rows) do
    for _, version in ipairs(paired) do
      local version_name, world_now, without = version[1], version[2], version[3]
      it(("%s does what it does alone, over %s"):format(one.name, version_name), function()
        for at = index + 1, #combine.rows do
          local two = combine.rows[at]
          if (index + at) % fewer == 0 and not (without[one.name] or without[two.name]
            or needs_proxy(one) or needs_proxy(two)) then
            check_both(world_now(), one, two)
          end
        end
      end)
    end
  end
end)
