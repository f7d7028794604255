-- frames.lua: what a game's frame pays. The longest call, and the one that 99 of 100 are shorter
-- than, of process(0.004) in some workloads that have had long ones. The server is a thread of this
-- program; the CPU time is this thread's alone.
--
--   make all native && eval "$(make -s env)" && lua5.4 bench/frames.lua [RUNS [FOLDER]]
--
-- Each workload runs RUNS times (5); shown is the run whose longest call took the least CPU time,
-- since others use the machine too. FOLDER (/tmp) is where the files go: what it costs to free and
-- to rename one is the file system's.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")

local async, fetch, process = httpclient.async, httpclient.fetch, httpclient.process

local RUNS = tonumber(arg[1]) or 5
local folder = arg[2] or "/tmp"
local path = os.tmpname()
os.remove(path)
path = folder .. "/" .. path:match("[^/]+$")

local MIB = ("x"):rep(1048576)
local FILE = 200 -- MiB

-- `count` connections with one answer each, of so many MiB.
local function start(count, size)
  local head = ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %.0f\r\n\r\n"):format(size * #MIB)
  local steps = { seconds = 600 }
  for _ = 1, count do
    steps[#steps + 1] = { "accept" }
    steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
    steps[#steps + 1] = { "send", head }
    if size > 0 then
      steps[#steps + 1] = { "send_some", MIB, size }
    end
    steps[#steps + 1] = { "close" }
  end
  return assert(native.script(steps))
end

local function write_file()
  local file = assert(io.open(path, "wb"))
  for _ = 1, FILE do
    assert(file:write(MIB))
  end
  assert(file:close())
end

-- --- one call, many calls

local function measure(calls, call)
  local cpu, wall = native.thread_cputime(), native.monotonic()
  call()
  calls[#calls + 1] = { cpu = (native.thread_cputime() - cpu) * 1e3,
    wall = (native.monotonic() - wall) * 1e3 }
end

local function frame(calls)
  measure(calls, function() process(0.004) end)
end

local function finish(calls, tasks)
  for _, task in ipairs(tasks) do
    while task:status() == "running" do
      frame(calls)
    end
    local response, message = task:result()
    assert(response and response.status == 200, message)
  end
end

local function fetches(count, size, options)
  return function(calls, url)
    local tasks = {}
    measure(calls, function()
      for index = 1, count do
        tasks[index] = async(fetch, url, options)
      end
    end)
    finish(calls, tasks)
  end, count, size
end

-- One after the other.
local function bodies(count, size)
  return function(calls, url)
    for _ = 1, count do
      finish(calls, { async(fetch, url) })
    end
  end, count, size
end

local function cancelled(calls, url)
  local received = 0
  local task = async(fetch, url,
    { download_file = path, on_progress = function(bytes) received = bytes end })
  while received < (FILE - 1) * #MIB do
    frame(calls)
  end
  measure(calls, function() task:cancel() end)
  frame(calls)
end

-- The first use of TLS in a process, and so in one of its own; prepare() has done, or not, what it would load.
local function first_fetch(port, is_prepared)
  if is_prepared then
    httpclient.prepare()
  end
  local task, calls = async(fetch, ("https://127.0.0.1:%s/"):format(port), { timeout = 60 }), {}
  while task:status() == "running" do
    frame(calls)
    native.sleep(0.001)
  end
  -- Nothing vouches for this server, and all was done to find that out.
  local _, message = task:result()
  assert(message:find("unable to get local issuer certificate", 1, true), message)
  for _, call in ipairs(calls) do
    print(call.cpu, call.wall)
  end
end

local function first_use(mode)
  local server = assert(native.script({ { "accept" }, { "trytls", certs.localhost.tls() },
    { "close" }, seconds = 60 }))
  local command = ("exec %s %s %s %d"):format(arg[-1], arg[0], mode, server:port())
  local output, calls = assert(io.popen(command)), {}
  for line in output:lines() do
    local cpu, wall = line:match("(%S+)%s+(%S+)")
    calls[#calls + 1] = { cpu = tonumber(cpu), wall = tonumber(wall) }
  end
  output:close()
  server:stop()
  assert(#calls > 0, "the first fetch failed")
  return calls
end

local workloads = {
  { "the first fetch over TLS", run = function() return first_use("first") end },
  { "the same after prepare()", run = function() return first_use("prepared") end },
  { "100 fetches begun in one frame", fetches(100, 0) },
  { "500 fetches begun in one frame", fetches(500, 0) },
  { "a body of 1 MiB, 20 times", bodies(20, 1) },
  { "a body of 16 MiB, 20 times", bodies(20, 16) },
  { "200 MiB into a new file", fetches(1, FILE, { download_file = path }) },
  { "200 MiB over a file of 200 MiB", fetches(1, FILE, { download_file = path }) },
  { "200 MiB, cancelled near the end", cancelled, 1, FILE },
}
for _, workload in ipairs(workloads) do
  if workload[1]:find("over a file", 1, true) then
    workload.prepare = write_file
  end
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

local function run(workload)
  if workload.run then
    return workload.run()
  elseif workload.prepare then
    workload.prepare()
  end
  local server, calls = start(workload[3], workload[4]), {}
  workload[2](calls, ("http://127.0.0.1:%d/"):format(server:port()))
  httpclient.pool.close_idle()
  server:stop()
  os.remove(path)
  return calls
end

local function best(workload)
  local found
  for _ = 1, RUNS do
    collectgarbage()
    local calls = run(workload)
    if not found or figure(calls, "cpu", 1) < figure(found, "cpu", 1) then
      found = calls
    end
  end
  return found
end

if arg[1] == "first" or arg[1] == "prepared" then
  first_fetch(arg[2], arg[1] == "prepared")
  return
end

print(("%-34s %7s %9s %9s %9s %9s"):format("process(0.004), in ms", "calls", "cpu 99%", "longest",
  "wall 99%", "longest"))
for _, workload in ipairs(workloads) do
  local calls = best(workload)
  print(("%-34s %7d %9.2f %9.2f %9.2f %9.2f"):format(workload[1], #calls,
    figure(calls, "cpu", 0.99), figure(calls, "cpu", 1),
    figure(calls, "wall", 0.99), figure(calls, "wall", 1)))
  io.stdout:flush()
end
