-- main.lua: one seed of the fuzzer of the binding; fuzz/lua/run starts it, in a folder that may be
-- filled with files of any name. Several rounds of drawn calls; after each one everything is let
-- go, and must be gone: objects, descriptors, memory.
local native = require("spec_native")

native.unsetenv("LD_PRELOAD") -- the sanitizers' library is not for what is started from here
for _, name in ipairs({ "http_proxy", "https_proxy", "all_proxy", "no_proxy" }) do
  native.unsetenv(name)
  native.unsetenv(name:upper())
end
for _, name in ipairs({ "httpclient/core", "spec_native" }) do
  native.pin((package.cpath:match("^[^;]*"):gsub("%?", name)))
end

local callbacks = require("fuzz.lua.callbacks")
local calls = require("fuzz.lua.calls")
local lua_calls = require("fuzz.lua.lua_calls")
local random = require("fuzz.lua.random")
local server = require("fuzz.lua.server")
local values = require("fuzz.lua.values")

local ROUNDS = tonumber(os.getenv("FUZZ_ROUNDS")) or 6
local CALLS = tonumber(os.getenv("FUZZ_CALLS")) or 400
-- Rounds are not alike, and allocators keep something.
local GROWTH = { lua = 400 * 1024, c = 1024 * 1024 }
-- A lookup that nobody waits for any more keeps its thread's socket until the system's resolver gives it up.
local LOOKUP_SECONDS = 40

local seed = assert(tonumber(arg[1]), "a seed is needed")
random.seed(seed)
if rawget(_G, "jit") and seed % 2 == 0 then
  jit.off() -- luacheck: ignore
end

local function flush_traces()
  if rawget(_G, "jit") then
    jit.flush() -- luacheck: ignore
  end
end

-- Objects go in the order of their finalizers, and some only with the next cycle.
local function collect()
  flush_traces()
  for _ = 1, 6 do
    collectgarbage()
  end
end

local function play()
  calls.left = CALLS
  while calls.left > 0 do
    callbacks.act()
  end
end

local function let_go()
  calls.left = 0
  lua_calls.finish()
  values.forget_all()
  server.close_all()
  collectgarbage("restart")
  collectgarbage("setpause", 200)
  collectgarbage("setstepmul", 200)
  collect()
  lua_calls.finish() -- coroutines that stayed in the waiter are gone now
  collect()
  values.remove_files()
end

local function check_left()
  local left = {}
  for kind, count in pairs(values.left()) do
    left[#left + 1] = count .. " of " .. kind
  end
  if #left > 0 then
    table.sort(left)
    calls.fail("not collected: %s", table.concat(left, ", "))
  end
end

local function measure()
  return { descriptors = native.descriptors() or {}, lua = collectgarbage("count") * 1024,
    c = native.allocated_memory() }
end

local function count(list)
  local number = 0
  for _ in pairs(list) do
    number = number + 1
  end
  return number
end

-- The system's line about a socket.
local function line_of_socket(inode)
  for _, kind in ipairs({ "tcp", "tcp6", "udp", "udp6", "netlink", "unix" }) do
    local file = io.open("/proc/net/" .. kind)
    for line in file and file:lines() or function() end do
      if (" " .. line .. " "):find(" " .. inode .. " ", 1, true) then
        file:close()
        return kind .. " " .. line
      end
    end
    if file then
      file:close()
    end
  end
  return "of no kind that is known"
end

local function description(name)
  local inode = name:match("^socket:%[(%d+)%]$")
  return inode and name .. ", " .. line_of_socket(inode) or name
end

-- -> what has grown; nil when nothing has
local function growth(before, after)
  if count(after.descriptors) > count(before.descriptors) then
    for fd, name in pairs(after.descriptors) do
      if not before.descriptors[fd] then
        return ("descriptor %d is left open: %s"):format(fd, description(name))
      end
    end
  end
  for name, most in pairs(GROWTH) do
    if before[name] and after[name] - before[name] > most then
      return ("memory has grown (%s): %d bytes, then %d"):format(name, before[name], after[name])
    end
  end
end

local function check_growth(before)
  local ends = native.monotonic() + LOOKUP_SECONDS
  local what = growth(before, measure())
  while what and native.monotonic() < ends do
    native.sleep(0.05)
    collect()
    what = growth(before, measure())
  end
  if what then
    calls.fail("%s", what)
  end
end

server.open()
local before
for round = 1, ROUNDS do
  play()
  let_go()
  check_left()
  if round == 1 then
    before = measure() -- what is made once has been made
  end
  check_growth(before)
end
server.close()
print(("seed %d: %d calls, %d errors"):format(seed, calls.count, calls.faults))
