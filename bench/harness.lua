-- harness.lua: starts drivers and reads their results. What runs (`run`) has made servers and drivers ready before.
local profile = require("profile")

local harness = { config = {} }
local config = harness.config

local numeric = { quick = true, runs = true, nofile = true, syscalls = true, instructions = true,
  profile = true, peers = true, plain_port = true,
  full_port = true, resumed_port = true, h2_port = true, server_port = true }

for _, argument in ipairs(arg) do
  local key, value = argument:match("^([%w_]+)=(.*)$")
  assert(key, "not of the form key=value: " .. argument)
  if numeric[key] then value = tonumber(value) end
  config[key] = value
end
config.quick = config.quick == 1
config.runs = config.runs or (config.quick and 1 or 5)

-- Before 5.2 a closed pipe doesn't tell how the command ended, so the shell prints it.
local function shell(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"status:$?\""))
  local output = pipe:read("*a")
  pipe:close()
  local text, status = output:match("^(.-)status:(%d+)%s*$")
  return tonumber(status) == 0, text or output
end
harness.shell = shell

local function quote(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = "'" .. tostring(word):gsub("'", "'\\''") .. "'" end
  return table.concat(quoted, " ")
end

local function append(list, ...)
  for _, more in ipairs({ ... }) do
    for _, word in ipairs(type(more) == "table" and more or { more }) do list[#list + 1] = word end
  end
  return list
end

-- --- the drivers

local function lua_environment(abi, paths)
  local native = config.build .. "/bench/" .. abi
  return { "env", ("LUA_PATH=%s/drivers/?.lua;%s;"):format(config.bench, paths or ""),
    ("LUA_CPATH=%s/?.so;%s;"):format(native,
      paths and ("%s/%s/?.so;"):format(config.build, config.abi) or "") }
end

local function lua_driver(label, interpreter, abi, script, load, paths)
  local environment = lua_environment(abi, paths)
  return { label = label, environment = environment,
    command = { interpreter, config.bench .. "/drivers/" .. script },
    load = { interpreter, "-e", load } }
end

local our_paths = ("%s/lua/?.lua;%s/lua/?/init.lua;"):format(config.root, config.root)

local python = "/usr/bin/python3" -- for which Debian has httpx
local lua_http_on = shell("command -v luajit") and { "luajit", "luajit" } or { "lua5.1", "5.1" }

--- In the order of the report; `bare` first, because the others are compared with it.
harness.drivers = {
  { label = "bare", environment = lua_environment(config.abi),
    command = { config.build .. "/bench/bare" },
    load = { config.lua, "-e", 'require "bench_empty"' } },
  lua_driver("httpclient", config.lua, config.abi, "ours.lua", 'require "httpclient"', our_paths),
  lua_driver("floor", config.lua, config.abi, "floor.lua", 'require "bench_floor"'),
  { label = "libcurl", environment = {}, command = { config.build .. "/bench/curl" },
    load = { config.build .. "/bench/curl", "nothing" } },
  lua_driver("luasocket", "lua5.4", "5.4", "luasocket.lua",
    'require "socket.http" require "ssl.https"'),
  lua_driver("lua-http", lua_http_on[1], lua_http_on[2], "luahttp.lua", 'require "http.request"'),
  { label = "httpx", environment = {},
    command = { python, config.bench .. "/drivers/with_httpx.py" },
    load = { python, "-c", "import importlib.util, sys\n"
      .. "importlib.util.find_spec('httpx') or sys.exit('Python has no httpx')" } },
}
harness.lua_http_on = lua_http_on[1]

--- Marks the drivers that cannot be loaded here, and says why.
function harness.find_missing()
  for i, driver in ipairs(harness.drivers) do
    local ok, output = shell(quote(append({}, driver.environment, driver.load)))
    driver.index, driver.missing = i, not ok and (output:match("[^\n]+") or "does not start") or nil
  end
end

function harness.driver(label)
  for _, driver in ipairs(harness.drivers) do
    if driver.label == label then return driver end
  end
end

-- --- one run

local function make_input(mib)
  local path = ("%s/www/%dm"):format(config.work, mib)
  local file = io.open(path, "rb")
  if file then file:close() return path end
  local ok, output = shell(("head -c %d /dev/urandom >%s"):format(mib * 1048576, quote({ path })))
  assert(ok, output)
  return path
end

local ports = { plain = "plain_port", full = "full_port", resumed = "resumed_port",
  server = "server_port", h2 = "h2_port" }

--- The driver's arguments for `count` operations; makes the files that are asked for.
local function arguments_of(workload, as, count)
  local size = workload.mib and count * 1048576 or workload.size
  for _, mib in ipairs(workload.files or {}) do make_input(mib) end
  local path, file = workload.path, nil
  if workload.mib then
    make_input(count)
    path = path:gsub("%%d", ("%d"):format(count)):gsub("%%s", ("%d"):format(size or 0))
  end
  if workload.file == "in" then file = make_input(count) end
  if workload.file == "out" then file = config.work .. "/out" end
  local port = config[ports[workload.on]]
  local words = { as, ("count=%d"):format(count), ("port=%d"):format(port), "path=" .. path }
  local function option(key, value)
    if value then
      words[#words + 1] = key .. "=" .. (type(value) == "number" and ("%d"):format(value) or value)
    end
  end
  option("size", size)
  option("file", file)
  option("connections", config.quick and workload.quick_connections or workload.connections)
  option("busy", workload.busy)
  if workload.on == "full" or workload.on == "resumed" or workload.on == "h2" then
    option("ca", config.work .. "/ca.pem")
  end
  return words
end

local function command_of(driver, workload, as, count)
  if not workload.spawn then
    return append({}, driver.command, arguments_of(workload, as, count))
  end
  return append({ config.build .. "/bench/bare", "spawn", ("count=%d"):format(count), "--" },
    driver.load)
end

local function pinned(driver, workload, seconds, ...)
  local core = workload.shared and config.server_core or config.other_core
  return append({}, driver.environment, "timeout", "--foreground", "-k", "5", seconds, "taskset",
    "-c", core, ...)
end

local function short(output)
  local lines = {}
  for line in output:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines[#lines] or "no output"
end

--- Runs a driver once. Returns its result as a table, or nil and what it said.
function harness.run(driver, workload, count, as)
  local command = command_of(driver, workload, as or workload.as or workload.name, count)
  local ok, output = shell(quote(pinned(driver, workload, "300", command)))
  os.remove(config.work .. "/out")
  local line = output:match("{[^\n]*}")
  if not ok or not line then return nil, short(output) end
  local result = {}
  for key, value in line:gmatch('"(%w+)":(-?[%d%.]+)') do result[key] = tonumber(value) end
  return result
end

local function last_number(pattern)
  return function(text)
    local found
    for number in text:gmatch(pattern) do found = tonumber(number) end
    return found
  end
end

--- `read` makes one or two numbers of what the tool has written.
local function traced(driver, workload, as, count, tool, log, read)
  -- The one start of an interpreter is traced without the process that repeats it.
  local command = workload.spawn and driver.load or command_of(driver, workload, as, count)
  local ok, output = shell(quote(pinned(driver, workload, "600", tool, command)))
  os.remove(config.work .. "/out")
  local file = io.open(log, "r")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  os.remove(log)
  local found, other = read(text)
  if not ok or not found then return nil, short(output) end
  return found, other
end

local function for_one_operation(driver, workload, as, tool, log, read)
  if workload.spawn then return traced(driver, workload, as, 1, tool, log, read) end
  if not workload.trace then return nil end
  local few, many = workload.trace[1], workload.trace[2]
  local first, first_other = traced(driver, workload, as, few, tool, log, read)
  if not first then return nil, first_other end
  local second, second_other = traced(driver, workload, as, many, tool, log, read)
  if not second then return nil, second_other end
  local other = first_other and (second_other - first_other) / (many - few)
  return (second - first) / (many - few), other
end

function harness.syscalls(driver, workload, as)
  local log = config.work .. "/strace"
  return for_one_operation(driver, workload, as or workload.as or workload.name,
    { "strace", "-f", "-c", "-U", "calls,name", "-o", log }, log, last_number("(%d+)%s+total"))
end

-- A call that another thread interrupts has a second line, which tells of its end.
local function calls_and_looks(text)
  local calls, looks = 0, 0
  for line in text:gmatch("[^\n]+") do
    if line:find("^%d*%s*[%l_][%l%d_]*%(") then
      calls = calls + 1
      if line:find("MSG_PEEK", 1, true) then looks = looks + 1 end
    end
  end
  if calls > 0 then return calls, looks end
end

--- The system calls; and how many of them only look whether something has come.
function harness.calls_and_looks(driver, workload)
  local log = config.work .. "/strace"
  return for_one_operation(driver, workload, workload.as or workload.name,
    { "strace", "-f", "-o", log }, log,
    calls_and_looks)
end

--- Lines that say where the work goes; none for what has no two counts.
function harness.profile(driver, workload, as)
  if not workload.trace then return {} end
  local function run(tool, count)
    shell(quote(pinned(driver, workload, "600", tool, command_of(driver, workload, as, count))))
    os.remove(config.work .. "/out")
  end
  return profile.lines(run, shell, config.work, workload.trace[1], workload.trace[2])
end

local counters_work

--- Counted by the processor where it lets us, else by valgrind.
function harness.instructions_by()
  if counters_work == nil then
    local _, output = shell("perf stat -x, -e instructions:u true")
    counters_work = output:match("^%d+,") ~= nil
  end
  if counters_work then return "perf" end
  return shell("command -v valgrind") and "callgrind" or nil
end

function harness.instructions(driver, workload, as)
  local log, by = config.work .. "/instructions", harness.instructions_by()
  as = as or workload.as or workload.name
  if by == "perf" then
    return for_one_operation(driver, workload, as,
      { "perf", "stat", "-x,", "-e", "instructions:u", "-o", log }, log,
      last_number("(%d+),[^\n]*instructions"))
  elseif by == "callgrind" then
    return for_one_operation(driver, workload, as, { "valgrind", "--tool=callgrind",
      "--callgrind-out-file=/dev/null", "--log-file=" .. log }, log,
      last_number("Collected : (%d+)"))
  end
end

-- The C library has its string functions several times, and takes those that suit the processor:
-- these names are of all that glibc on x86 asks for, so that every machine is left with the same
-- ones.
local plainest = "glibc.cpu.hwcaps=-AVX,-AVX_Usable,-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,-BMI1,-BMI2,-MOVBE,-LZCNT," ..
  "-SSSE3,-SSE4_1,-SSE4_2,-ERMS,-FSRM,-RTM,-XSAVE,-XSAVEC,-Fast_Unaligned_Copy,-Fast_Unaligned_Load,-Fast_Copy_Backward," ..
  "-AVX_Fast_Unaligned_Load,-Prefer_PMINUB_for_stringop"

--- Counted by valgrind, in such a way that neither the processor of the machine nor the time of day
--- has a part in it. Each `draw` is another number that Lua's tables hash with (`steady.c`).
function harness.instructions_anywhere(driver, workload, draw)
  local log = config.work .. "/instructions"
  return for_one_operation(driver, workload, workload.as or workload.name,
    { "env", "GLIBC_TUNABLES=" .. plainest, "LD_PRELOAD=" .. config.build .. "/bench/steady.so",
    ("BENCH_TIME=%d"):format(1e9 + draw), "valgrind", "--tool=callgrind",
    "--callgrind-out-file=/dev/null", "--log-file=" .. log }, log,
    last_number("Collected : (%d+)"))
end

-- --- the machine

function harness.machine()
  local function first_line(command)
    local ok, output = shell(command)
    return ok and output:match("[^\n]+") or "?"
  end
  return {
    date = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    processor = first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"),
    processors = tonumber(first_line("nproc")),
    kernel = first_line("uname -sr"),
    load = first_line("cut -d' ' -f1-3 /proc/loadavg"),
    compiler = first_line("${CC:-cc} --version"),
    openssl = first_line("openssl version"),
    nginx = first_line(quote({ config.nginx, "-v" }) .. " 2>&1 | sed 's/^nginx version: //'"),
    libcurl = first_line("pkg-config --modversion libcurl"),
    lua = first_line(quote({ config.lua, "-v" }) .. " 2>&1 | cut -c1-40"),
    luasocket = first_line([[lua5.4 -e 'print(require("socket")._VERSION, "LuaSec " .. require("ssl")._VERSION)']]),
    httpx = first_line(python .. " -c 'import httpx; print(httpx.__version__)' 2>/dev/null"),
    lua_http = first_line(quote({ harness.lua_http_on, "-e",
      [[print("lua-http " .. require("http.version").version .. " on " .. (jit and jit.version or _VERSION))]] })),
  }
end

function harness.median(values)
  if #values == 0 then return nil end
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  local middle = (#sorted + 1) / 2
  return (sorted[math.floor(middle)] + sorted[math.ceil(middle)]) / 2, sorted[1], sorted[#sorted]
end

function harness.selected(name)
  if config.only == nil or config.only == "" then return true end
  for wanted in config.only:gmatch("[^,%s]+") do
    if name == wanted or wanted:match("^%l+$") and name:match("^(%l+)%d+$") == wanted then
      return true
    end
  end
  return false
end

function harness.write_file(name, text)
  assert(shell("mkdir -p " .. quote({ config.bench .. "/results" })))
  local path = config.bench .. "/results/" .. name
  local file = assert(io.open(path, "w"))
  assert(file:write(text, "\n"))
  assert(file:close())
  return path
end

return harness
