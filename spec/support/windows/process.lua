-- native.spawn under wine, for programs of the system below it: see host.py, which starts them, and process.c for what
-- these functions promise. Also io.popen and os.execute, whose
-- commands are written for that system's shell.
local native = require("spec_native")

local Process = {}
Process.__index = Process

local default_seconds = 60
local settings = {} -- of the environment, changed since the start: false is removed

for _, name in ipairs({ "setenv", "unsetenv" }) do
  local change = native[name]
  native[name] = function(key, value)
    settings[key] = value or false
    return change(key, value)
  end
end

local function ask(conn, seconds, ...)
  local parts = { select("#", ...), "\n" }
  for i = 1, select("#", ...) do
    local item = tostring((select(i, ...)))
    parts[#parts + 1] = #item .. "\n" .. item
  end
  assert(conn:send(table.concat(parts), seconds + default_seconds))
  local answer = {}
  for i = 1, tonumber((assert(conn:recv_until("\n", seconds + default_seconds)))) do
    local size = tonumber((assert(conn:recv_until("\n", default_seconds))))
    answer[i] = size > 0 and assert(conn:recv_n(size, default_seconds)) or ""
  end
  return answer
end

local function add_settings(message, list)
  for name, value in pairs(list) do
    message[#message + 1] = name
    message[#message + 1] = value and "=" or "-"
    message[#message + 1] = value or ""
  end
end

local function connect()
  return assert(native.connect({ port = tonumber(os.getenv("SPEC_HOST")) }))
end

local first = connect()
ask(first, 0, "begun")
first:close()

function native.spawn(argv, options)
  options = options or {}
  local conn = connect()
  local message = { "spawn", #argv }
  for _, word in ipairs(argv) do
    message[#message + 1] = word
  end
  for _, stream in ipairs({ "stdin", "stdout", "stderr" }) do
    message[#message + 1] = options[stream] or ""
  end
  add_settings(message, settings)
  add_settings(message, options.env or {})
  local answer = ask(conn, 0, (table.unpack or unpack)(message))
  if answer[1] ~= "ok" then
    conn:close()
    return nil, answer[2]
  end
  return setmetatable({ conn = conn, number = tonumber(answer[2]) }, Process)
end

function Process:wait(seconds)
  if self.code then
    return self.code
  end
  seconds = seconds or default_seconds
  local answer = ask(self.conn, seconds, "wait", seconds)
  if answer[1] ~= "code" then
    return nil, "timeout"
  end
  self.code = tonumber(answer[2])
  return self.code
end

function Process:running()
  return not self.code and ask(self.conn, 0, "running")[1] == "1"
end

function Process:kill(number)
  return not self.code and ask(self.conn, 0, "kill", number or 15)[1] == "1"
end

function Process:pid()
  return self.number
end

local function read(self, seconds, reads_all)
  local until_then, parts = native.monotonic() + (seconds or default_seconds), {}
  repeat
    local left = math.max(0, until_then - native.monotonic())
    local answer = ask(self.conn, left, "read", left)
    if answer[1] ~= "data" then
      local why = answer[1] == "timeout" and "timeout" or "no output to read"
      return nil, why, table.concat(parts)
    end
    parts[#parts + 1] = answer[2]
  until answer[2] == "" or not reads_all
  return table.concat(parts)
end

function Process:read(seconds)
  return read(self, seconds, true)
end

function Process:read_some(seconds)
  return read(self, seconds, false)
end

function Process:write(text, seconds)
  seconds = seconds or default_seconds
  local answer = ask(self.conn, seconds, "write", text, seconds)[1]
  if answer == "ok" then
    return true
  end
  return nil, answer == "timeout" and "timeout" or "the process takes no input"
end

function Process:close_stdin()
  ask(self.conn, 0, "close_stdin")
end

function Process:close()
  if self.conn then
    self.conn:close()
  end
  self.conn = nil
end

-- --- what Lua has itself

local function shell(command, options)
  return assert(native.spawn({ "sh", "-c", command }, options))
end

function os.execute(command) -- luacheck: ignore
  local process = shell(command)
  local code = process:wait()
  process:close()
  if _VERSION == "Lua 5.1" then
    return code
  end
  return code == 0 or nil, "exit", code
end

-- What the command has written, once it has ended: read by "*a" or "*l".
function io.popen(command) -- luacheck: ignore
  local process = shell(command, { stdout = "pipe" })
  local text = assert(process:read())
  process:wait()
  process:close()
  local pipe = {}
  function pipe.read(_, what)
    if what == "*a" then
      text, what = "", text
      return what
    end
    local line, rest = text:match("^([^\n]*)\n?(.*)$")
    if text == "" then
      return nil
    end
    text = rest
    return line
  end
  function pipe.close()
    return true
  end
  return pipe
end
