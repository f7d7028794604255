-- frames.lua: what a game's frame pays for the network. A loop of 60 frames a second calls
-- process(0.004) in each of them; shown are the longest call, and the one that 99 of 100 are
-- shorter than, once after prepare() and once without.
--
--   make all native && eval "$(make -s env)" && lua5.4 bench/frames.lua [RUNS [FOLDER]]
--
-- Each workload is a process of its own, and so the first use of everything in it. The server is
-- nginx, over TLS. Of RUNS runs (3) that one is shown whose longest call took the least CPU time,
-- since others use the machine too. FOLDER (/tmp) is where the files go: what it costs to free and
-- to rename one is the file system's.
local httpclient = require("httpclient")
local native = require("spec_native")

local FRAME, BUDGET = 1 / 60, 0.004
local MIB = 1048576
local FILE = 200 -- MiB

-- --- the side that is measured: frames.lua frame WORKLOAD PREPARED PORT SILENT AUTHORITY PATH

local async, fetch = httpclient.async, httpclient.fetch

local function many(count, url, options)
  local tasks = {}
  for index = 1, count do
    tasks[index] = async(fetch, url, options)
  end
  return tasks
end

-- What is begun in the first frame. -> tasks; must they succeed?
local games = {
  first = function(game)
    return many(1, game.url .. "/empty", { timeout = 60 }), "unable to get local issuer certificate"
  end,
  download = function(game)
    return many(1, game.url .. "/large", { tls_options = game.trust, download_file = game.path })
  end,
  bodies = function(game)
    return many(20, game.url .. "/mib", { tls_options = game.trust })
  end,
  fetches100 = function(game)
    return many(100, game.url .. "/empty", { tls_options = game.trust })
  end,
  fetches500 = function(game)
    return many(500, game.url .. "/empty", { tls_options = game.trust })
  end,
  -- Names that no lookup ends for, a server that takes requests, and one that takes connections.
  silence = function(game)
    local tasks = {}
    for index = 1, 4 do
      local slow = { connect_timeout = 1, response_timeout = 1, tls_options = game.trust }
      tasks[#tasks + 1] = async(fetch, ("http://silent%d.test/"):format(index), slow)
      tasks[#tasks + 1] = async(fetch, "http://" .. game.silent .. "/", slow)
      tasks[#tasks + 1] = async(fetch, "https://" .. game.silent .. "/", slow)
    end
    return tasks, "timeout"
  end,
  connections = function(game)
    httpclient.pool.max_per_host = 40
    return many(40, game.url .. "/closing", { tls_options = game.trust })
  end,
}

local function is_running(tasks)
  for _, task in ipairs(tasks) do
    if task:status() == "running" then
      return true
    end
  end
end

local function check(tasks, failure)
  for _, task in ipairs(tasks) do
    local response, message = task:result()
    if failure then
      assert(not response and message:find(failure, 1, true), message)
    else
      assert(response and response.ok, message)
    end
  end
end

local function measure(calls, call)
  local cpu, wall = native.thread_cputime(), native.monotonic()
  call()
  calls[#calls + 1] = { (native.thread_cputime() - cpu) * 1e3, (native.monotonic() - wall) * 1e3 }
end

local function play(name, prepared, port, silent, authority, path)
  local game = { url = "https://127.0.0.1:" .. port, silent = "127.0.0.1:" .. silent, path = path }
  game.trust = httpclient.TLSOptions.client(authority)
  if prepared == "prepared" then
    httpclient.prepare()
  end
  collectgarbage()
  local calls, tasks, failure = {}, nil, nil
  measure(calls, function() tasks, failure = games[name](game) end)
  while is_running(tasks) do
    local began = native.monotonic()
    measure(calls, function() httpclient.process(BUDGET) end)
    native.sleep(math.max(0, began + FRAME - native.monotonic()))
  end
  check(tasks, failure)
  for _, call in ipairs(calls) do
    print(call[1], call[2])
  end
end

if arg[1] == "frame" then
  local file = assert(io.open(arg[6]))
  play(arg[2], arg[3], arg[4], arg[5], file:read("*a"), arg[7])
  os.exit(0, true)
end

-- --- the side that runs it

local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local tempdir = require("spec.support.tempdir")

local RUNS = tonumber(arg[1]) or 3
local place = arg[2] or "/tmp"

local web = nginx.start({ game = { tls = certs.localhost, body = [[
    location = /empty { return 200 ''; }
    location = /closing { keepalive_timeout 0; return 200 ''; }
    location / { root {{root}}; }]] } },
  { files = { mib = ("x"):rep(MIB), large = ("x"):rep(FILE * MIB) } })

-- Who connects is not refused, and hears nothing.
local silent = assert(native.listen({ backlog = 64 }))

local path = place .. "/httpclient-frames-" .. web:port("game")

local function write_file()
  local file, mib = assert(io.open(path, "wb")), ("y"):rep(MIB)
  for _ = 1, FILE do
    assert(file:write(mib))
  end
  assert(file:close())
end

local function run(workload, mode)
  if workload.is_over_file then
    write_file()
  end
  local command = ("exec %s %s frame %s %s %d %d %s %s"):format(arg[-1], arg[0], workload.name,
    mode, web:port("game"), silent:port(), certs.ca.cert_file, path)
  if mode == "peer" then
    command = ("exec timeout 120 love bench/drivers/love %s https://localhost:%d 127.0.0.1:%d %s %s"):format(
      workload.name, web:port("game"), silent:port(), certs.ca.cert_file, path)
  end
  if workload.name == "silence" then
    local folder = tempdir.new()
    command = ("mkfifo %s/hosts && exec unshare -m sh -c 'mount --bind %s/hosts /etc/hosts && %s'")
      :format(folder.path, folder.path, command)
  end
  local output, calls = assert(io.popen(command)), {}
  for line in output:lines() do
    local cpu, wall = line:match("^(%S+)%s+(%S+)$")
    calls[#calls + 1] = { cpu = tonumber(cpu), wall = tonumber(wall) }
  end
  output:close()
  os.remove(path)
  assert(#calls > 0 or mode == "peer", workload.name .. " failed")
  return calls
end

-- --- the figures

local function figure(calls, name, share)
  local values = {}
  for index, call in ipairs(calls) do
    values[index] = call[name]
  end
  table.sort(values)
  return values[math.max(1, math.ceil(#values * share))]
end

-- -> the run with the least of the longest calls, and the longest calls of all runs, the least first
local function rounds(workload, mode)
  local found, longest = nil, {}
  for round = 1, RUNS do
    local calls = run(workload, mode)
    if #calls == 0 then
      return nil
    end
    longest[round] = figure(calls, "cpu", 1)
    if not found or longest[round] < figure(found, "cpu", 1) then
      found = calls
    end
  end
  table.sort(longest)
  return found, longest
end

-- "99%, longest of the best round (longest of the median round)"
local function figures(workload, mode)
  local calls, longest = rounds(workload, mode)
  if not calls then
    return "| – "
  end
  return ("| %d | %.2f | %.2f (%.2f) "):format(#calls, figure(calls, "cpu", 0.99), longest[1],
    longest[math.ceil(#longest / 2)])
end

local workloads = {
  { name = "first", text = "the first fetch over TLS, with the system's authorities" },
  { name = "download", text = "200 MiB into a new file" },
  { name = "download", text = "200 MiB over a file of 200 MiB", is_over_file = true },
  { name = "bodies", text = "20 bodies of 1 MiB at once" },
  { name = "fetches100", text = "100 fetches begun in one frame" },
  { name = "fetches500", text = "500 fetches begun in one frame" },
  { name = "silence", text = "4 names, 4 servers and 4 handshakes that stay silent" },
  { name = "connections", text = "40 new connections at once" },
}

local heads = { "frames", "CPU, 99%", "CPU, longest" }
local has_love = os.execute("command -v love >/dev/null")
has_love = has_love == true or has_love == 0
print("| workload | " .. table.concat(heads, " | ") .. " | without `prepare()`: "
  .. table.concat(heads, " | ")
  .. (has_love and " | LuaSocket, LuaSec: " .. table.concat(heads, " | ") or "") .. " |")
print(("|---"):rep(has_love and 10 or 7) .. "|")
for _, workload in ipairs(workloads) do
  if not os.getenv("ONLY") or workload.name == os.getenv("ONLY") then
    io.write("| ", workload.text, " ", figures(workload, "prepared"), figures(workload, "first"),
      has_love and figures(workload, "peer") or "", "|\n")
    io.stdout:flush()
  end
end
web:stop()
silent:close()
