-- workloads.lua: what is measured, in the order of the report.
--
-- `on` names the server; `mib` marks an operation that is a MiB of body; `count` and `quick` are operations of a full
-- and a quick run; `trace` two counts whose difference gives system calls and instructions for one operation, start-up
-- left out; `shared` puts client and server on one processor. `as` is the name that the drivers know the work by,
-- `peers` those that can do it (a number: so much of the count, for the slow ones). `target` holds the ratios to the
-- bare loop that this client aims at (`memory` in KiB, `instructions` for one operation). With `by_hand` the ratios are
-- not to the bare loop but to this client's HTTPClient at the work of that name, and `of_peers` is the ratio to the
-- best peer that is written in Lua. `floor`: drivers/floor.c can do it.
local everyone = { libcurl = 1, luasocket = 1, ["lua-http"] = 0.2 }
local all = { libcurl = 1, luasocket = 1, ["lua-http"] = 1 }

local list = {
  { name = "get", floor = true, title = "small GET on a kept connection, blocking", on = "plain",
    path = "/small",
    shared = true,
    count = 30000, quick = 2000, trace = { 100, 400 }, peers = everyone,
    target = { cpu = 1.25, syscalls = 2, instructions = 6000 } },
  { name = "get_wait", floor = true, title = "small GET on a kept connection, with wait",
    on = "plain",
    path = "/small",
    shared = true, count = 30000, quick = 2000, trace = { 100, 400 }, peers = everyone,
    bare_as = "get", extra = { { driver = "bare", as = "get_wait", label = "bare + epoll" } },
    target = { cpu = 1.4, syscalls = 3 } },
  { name = "post", floor = true, title = "small POST on a kept connection", on = "plain",
    path = "/small",
    shared = true, size = 200,
    count = 30000, quick = 2000, trace = { 100, 400 }, peers = everyone, target = { cpu = 1.15 } },
  { name = "stream", title = "Content-Length body into strings", on = "plain", path = "/%dm",
    mib = true, rounds = 3,
    count = 256, quick = 128, trace = { 4, 12 }, peers = all,
    extra = { { driver = "bare", as = "stream_copy", label = "bare + copy" } },
    target = { cpu = 1.08 } },
  { name = "file", title = "Content-Length body into a file", on = "plain", path = "/%dm",
    mib = true, rounds = 3,
    file = "out", count = 256, quick = 128, trace = { 4, 12 }, peers = all,
    target = { cpu = 1.0 } },
  { name = "chunked16k", as = "chunked", title = "chunked body, chunks of 16 KiB", on = "server",
    path = "/chunked/16384/%s", mib = true, rounds = 3, count = 256, quick = 128, trace = { 4, 12 },
    peers = all,
    target = { cpu = 1.08 } },
  { name = "chunked512", as = "chunked", title = "chunked body, chunks of 512 bytes", on = "server",
    path = "/chunked/512/%s", mib = true, rounds = 3, count = 256, quick = 128, trace = { 2, 6 },
    peers = { libcurl = 1, luasocket = 0.25, ["lua-http"] = 0.125 }, target = { cpu = 1.25 } },
  { name = "gunzip", title = "gzip body, decoded into strings by fetch", on = "server",
    path = "/gzip/%s", mib = true, rounds = 3, count = 256, quick = 64, trace = { 4, 12 },
    peers = {},
    target = { cpu = 1.1 } },
  { name = "gunzip_file", title = "gzip body, decoded into a file by fetch", on = "server",
    path = "/gzip/%s", mib = true, rounds = 3, file = "out", count = 256, quick = 64,
    trace = { 4, 12 }, peers = {}, target = { cpu = 1.1 } },
  { name = "tls_stream", title = "Content-Length body over TLS 1.3", on = "full", path = "/%dm",
    mib = true,
    shared = true, count = 256, quick = 128, trace = { 2, 6 }, peers = all,
    target = { cpu = 1.05 } },
}

local function add(workload) list[#list + 1] = workload end

for _, connections in ipairs({ 1, 10, 100, 1000, 10000 }) do
  add({ name = "many" .. connections, as = "many", floor = true, title = connections
    .. " kept connections, all busy", on = "plain",
    path = "/small", shared = true, connections = connections, count = 30000,
    quick = math.max(2000, connections),
    trace = connections <= 1000 and { math.max(100, connections), math.max(400, connections * 2) }
      or nil,
    peers = { libcurl = 1, luasocket = connections <= 1000 and 0.5 or nil, ["lua-http"] = 0.4 },
    target = connections == 1000 and { cpu = 1.1 } or {} })
end

add({ name = "busy10of1000", as = "many", floor = true, title = "1000 kept connections, 10 busy",
  on = "plain",
  path = "/small",
  shared = true, connections = 1000, busy = 10, count = 30000, quick = 2000, trace = { 100, 400 },
  peers = { libcurl = 1, luasocket = 0.2, ["lua-http"] = 0.2 }, target = { cpu = 1.2 } })

add({ name = "new_plain", as = "new", floor = true, title = "new connection for each request",
  on = "plain",
  path = "/small",
  shared = true, count = 5000, quick = 500, trace = { 20, 120 }, peers = everyone,
  target = { cpu = 1.1 } })
add({ name = "new_tls", as = "tls_new", title = "new TLS connection for each request", on = "full",
  path = "/small",
  shared = true, count = 500, quick = 60, trace = { 5, 15 }, peers = all, target = { cpu = 1.05 } })
add({ name = "new_resumed", as = "tls_resumed", title = "new TLS connection, session resumed",
  on = "resumed",
  path = "/small", shared = true, count = 1000, quick = 100, trace = { 5, 25 },
  peers = { libcurl = 1 },
  target = { cpu = 1.1 } })

add({ name = "upload_string", title = "upload from a string", on = "server", path = "/upload",
  mib = true,
  shared = true, count = 256, quick = 128, trace = { 4, 12 }, peers = all,
  extra = { { driver = "bare", as = "upload_string_staged", label = "bare + block" } },
  target = { cpu = 0.5 } })
add({ name = "upload_file", title = "upload from a file", on = "server", path = "/upload",
  mib = true, shared = true,
  file = "in", count = 256, quick = 128, trace = { 4, 12 }, peers = all, target = { cpu = 1.0 } })

add({ name = "head40", as = "head", floor = true, title = "head of 40 fields as a dictionary",
  on = "server",
  path = "/head/40",
  size = 40, shared = true, count = 20000, quick = 1500, trace = { 100, 300 },
  peers = { libcurl = 1, luasocket = 0.5, ["lua-http"] = 0.1 }, target = { cpu = 1.4 } })

add({ name = "poll_plain", as = "poll", title = "poll() of an idle client", on = "plain",
  path = "/small",
  shared = true, count = 1000000, quick = 100000, trace = { 100, 600 }, peers = {},
  target = { cpu = 1.3 } })
add({ name = "poll_tls", as = "tls_poll", title = "poll() of an idle client over TLS", on = "full",
  path = "/small",
  shared = true, count = 1000000, quick = 100000, trace = { 100, 600 }, peers = {},
  target = { cpu = 1.3 } })

-- HTTP/2 over TLS, against nghttpd; `connections` are streams of one connection, `size` an upload.
local h2_peers = { libcurl = 1, ["lua-http"] = 0.2 }
add({ name = "h2_get", as = "h2", title = "HTTP/2: small GETs one after the other", on = "h2",
  path = "/small", shared = true, count = 10000, quick = 1000, trace = { 100, 400 },
  peers = h2_peers, target = { cpu = 1.5 } })
add({ name = "h2_many", as = "h2", title = "HTTP/2: small GETs, 100 at a time", on = "h2",
  path = "/small", shared = true, connections = 100, count = 10000, quick = 2000,
  trace = { 200, 800 }, peers = h2_peers, target = { cpu = 10 } })
add({ name = "h2_stream", as = "h2", title = "HTTP/2: a body of 256 MiB", on = "h2",
  path = "/256m", files = { 256 }, shared = true, count = 1, quick = 1, peers = { libcurl = 1 },
  target = { cpu = 1.15 } })
add({ name = "h2_upload", as = "h2", title = "HTTP/2: upload of 64 MiB", on = "h2",
  path = "/small", size = 67108864, shared = true, count = 1, quick = 1,
  peers = { libcurl = 1, ["lua-http"] = 1 },
  target = { cpu = 1.15 } })
add({ name = "h2_bodies", as = "h2", title = "HTTP/2: 64 bodies of 1 MiB at once", on = "h2",
  path = "/1m", files = { 1 }, shared = true, connections = 64, count = 64, quick = 64,
  peers = { libcurl = 1 }, target = { cpu = 1.4 } })

-- The Lua half. LuaSocket's and lua-http's requests connect anew each time, that is all they have.
local function lua_half(name, title, more)
  local workload = { name = name, as = more.as or name, title = title, on = "plain",
    path = "/small",
    by_hand = "get_wait", shared = true, count = 10000, quick = 1000, trace = { 50, 150 },
    peers = { luasocket = 0.2, ["lua-http"] = 0.1, httpx = 0.05 },
    target = { cpu = 3, of_peers = 0.5 } }
  for key, value in pairs(more) do workload[key] = value end
  add(workload)
end

lua_half("fetch", "fetch in a loop", { target = { cpu = 3, of_peers = 0.5, instructions = 60000 } })
lua_half("fetch_stream", "stream, read to its end", {})
lua_half("fetch_session", "fetch of a Session that has and gets a cookie",
  { path = "/cookie", peers = { ["lua-http"] = 0.1, httpx = 0.05 } })
lua_half("fetch_json", "fetch with JSON in both directions",
  { path = "/json", by_hand = "json_by_hand" })
lua_half("fetch_tasks", "fetch in 100 tasks at a time",
  { by_hand = "many", connections = 100, trace = { 200, 600 } })

add({ name = "memory_plain", as = "memory", title = "memory of an idle client", on = "plain",
  path = "/small",
  shared = true, connections = 1000, quick_connections = 300, memory = true, count = 1, quick = 1,
  peers = all,
  target = { memory = 1.5 } })
add({ name = "memory_tls", as = "tls_memory", title = "memory of an idle client over TLS",
  on = "full", path = "/small",
  shared = true, connections = 1000, quick_connections = 100, memory = true, count = 1, quick = 1,
  peers = all,
  target = { memory = 27 } })

-- Each start takes some 20 ms of CPU time, lua-http's 130, and on a busy machine a second or three.
add({ name = "require", title = "start the interpreter and load the module", spawn = true,
  shared = true, count = 30,
  quick = 10, peers = { libcurl = 1, luasocket = 1, ["lua-http"] = 0.2 }, target = { cpu = 1.3 } })

return list
