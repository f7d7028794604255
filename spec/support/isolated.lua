-- Lua in a process of its own: with its own hosts file, or one that hangs whoever opens it, and so every lookup.
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local isolated = {}
local unpack = table.unpack or unpack

local function interpreter()
  local i = -1
  while arg[i - 1] do
    i = i - 1
  end
  return assert(arg[i], "no interpreter")
end

local function run(command)
  local process = assert(native.spawn(command, { stdout = "pipe", stderr = "stdout" }))
  local text = process:read()
  local code = process:wait()
  process:close()
  return text, code
end

-- A mount of one's own needs rights that not everybody has.
local function can_mount(folder)
  local hosts = folder:write("try", "192.0.2.7 isolated.test\n")
  local text = run({ "unshare", "-m", "sh", "-c", "mount --bind " .. hosts .. " /etc/hosts && cat /etc/hosts" })
  return text:find("isolated.test", 1, true) ~= nil
end

-- Runs the program's text. Options: hosts, the text of its hosts file; hang: lookups never end.
-- -> what it printed, then "exit " and its code; or nil and why this can not be done here.
function isolated.run(program, options)
  options = options or {}
  local folder = tempdir.new()
  -- The sanitizers' library, which the specs do not hand on by themselves (see run.lua).
  local preload = "LD_PRELOAD=" .. (os.getenv("SPEC_PRELOAD") or "")
  local command = { "env", preload, interpreter(), folder:write("program.lua", program) }
  if options.hosts or options.hang then
    if not native.spawn({ "unshare", "--version" }, { stdout = "pipe" }) or not can_mount(folder) then
      folder:close()
      return nil, "no mount of one's own"
    end
    local hosts = folder:file("hosts")
    if options.hang then
      run({ "mkfifo", hosts })
    else
      folder:write("hosts", options.hosts)
    end
    local mount = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    command = { "unshare", "-m", "sh", "-c", mount, "sh", hosts, unpack(command) }
  end
  local text, code = run(command)
  folder:close()
  return text .. "exit " .. tostring(code), nil
end

return isolated
