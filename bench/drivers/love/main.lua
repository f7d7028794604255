-- main.lua: the frames of a game that has LuaSocket and LuaSec in four love.threads; see frames.lua, which runs it:
--
--   love bench/drivers/love WORKLOAD URL SILENT AUTHORITY PATH
--
-- A frame's part of the network is to put jobs into a channel and to take what is done out of another. It prints each
-- frame's CPU time and time by the clock in ms, and behind all "total" with the CPU time of all threads.
require("love.thread")
local ffi = require("ffi")
ffi.cdef("struct timespec_ { long s, ns; }; int clock_gettime(int, struct timespec_ *);")

local WORKERS, FRAME = 4, 1 / 60
local SILENT_FRAMES = 120 -- LuaSocket's time limits hold for no lookup, so that workload never ends
local PROCESS, THREAD, MONOTONIC = 2, 3, 1
local time = ffi.new("struct timespec_")

local function clock(kind)
  ffi.C.clock_gettime(kind, time)
  return tonumber(time.s) * 1e3 + tonumber(time.ns) / 1e6
end

local function jobs_of(workload, url, silent, path)
  local jobs = {}
  local function add(count, job)
    for _ = 1, count do
      jobs[#jobs + 1] = job
    end
  end
  if workload == "first" then
    add(1, { url = url .. "/empty", authority = "/etc/ssl/certs/ca-certificates.crt" })
  elseif workload == "download" then
    add(1, { url = url .. "/large", path = path })
  elseif workload == "bodies" then
    add(20, { url = url .. "/mib" })
  elseif workload == "silence" then
    add(4, { url = "http://silent.test/", timeout = 1 })
    add(4, { url = "http://" .. silent .. "/", timeout = 1 })
    add(4, { url = "https://" .. silent .. "/", timeout = 1 })
  elseif workload == "connections" then
    add(40, { url = url .. "/closing" })
  else
    add(tonumber(workload:match("^fetches(%d+)$")), { url = url .. "/empty" })
  end
  return jobs
end

function love.run()
  local workload, url, silent, authority, path = arg[2], arg[3], arg[4], arg[5], arg[6]
  for _ = 1, WORKERS do
    love.thread.newThread("worker.lua"):start(authority)
  end
  local jobs, done = love.thread.getChannel("jobs"), love.thread.getChannel("done")
  local wanted, got, lines = jobs_of(workload, url, silent, path), 0, {}
  local function frame(call)
    local cpu, wall = clock(THREAD), clock(MONOTONIC)
    call()
    lines[#lines + 1] = ("%.6f %.6f"):format(clock(THREAD) - cpu, clock(MONOTONIC) - wall)
  end
  local total = clock(PROCESS)
  local bodies = {} -- which a game keeps
  frame(function()
    for _, job in ipairs(wanted) do
      jobs:push(job)
    end
  end)
  return function()
    local began = clock(MONOTONIC)
    frame(function()
      local answer = done:pop()
      while answer do
        got = got + 1
        bodies[got] = answer.body or answer.result
        answer = done:pop()
      end
    end)
    if got == #wanted or workload == "silence" and #lines == SILENT_FRAMES then
      assert(#bodies == got)
      print(table.concat(lines, "\n"))
      print("total " .. clock(PROCESS) - total)
      io.stdout:flush()
      ffi.cdef("void _exit(int);")
      ffi.C._exit(0)
    end
    love.timer.sleep(math.max(0, FRAME - (clock(MONOTONIC) - began) / 1e3))
  end
end
