-- Programs that a spec runs to their end: what they wrote, and their exit status.
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local program = {}

local is_windows = package.config:sub(1, 1) == "\\"
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

-- What the interpreter runs under, where the suite runs under something (see mk/test.mk, asan and valgrind).
program.wrapper = os.getenv("LUA_WRAPPER") or ""

-- argv; options: env, stdin (a path), merge (standard error goes where standard output goes), seconds
-- -> { code =, out =, err = }
function program.run(argv, options)
  options = options or {}
  local seconds = (options.seconds or 60) * factor
  local folder = not options.merge and tempdir.new()
  local errors = folder and folder:file("stderr")
  local process = assert(native.spawn(argv, {
    env = options.env,
    stdin = options.stdin,
    stdout = "pipe",
    stderr = options.merge and "stdout" or errors,
  }))
  local out, why, partial = process:read(seconds)
  if is_windows and out then
    out = out:gsub("\r\n", "\n") -- what Lua prints there
  end
  local code = out and process:wait(seconds)
  process:close()
  local err = ""
  if folder then
    err = tempdir.read(errors)
    err = is_windows and err:gsub("\r\n", "\n") or err
    folder:close()
  end
  if not code then
    error(("%s: %s; it wrote:\n%s%s"):format(argv[1], tostring(why or "no end"), partial or out
      or "", err), 2)
  end
  return { code = code, out = out, err = err }
end

-- The command that runs a script on the interpreter of this run, with the module that is under test.
function program.lua(...)
  local argv = {}
  for word in (program.wrapper .. " " .. os.getenv("LUA")):gmatch("%S+") do
    argv[#argv + 1] = word
  end
  for _, word in ipairs({ ... }) do
    argv[#argv + 1] = word
  end
  return argv
end

-- The build folder, absolute.
function program.build()
  local build = os.getenv("BUILD") or "build"
  if build:sub(1, 1) == "/" then
    return build
  end
  local root = program.run({ "pwd", "-P" }).out:gsub("\n", "")
  return root .. "/" .. build
end

-- make in this checkout, for the interpreter of this run.
function program.make(...)
  local argv = { "make", "-s", "LUA=" .. os.getenv("LUA"), "BUILD="
    .. (os.getenv("BUILD") or "build") }
  for _, word in ipairs({ ... }) do
    argv[#argv + 1] = word
  end
  return argv
end

return program
