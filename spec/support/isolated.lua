-- Lua in a process of its own: with its own hosts file, or one that hangs whoever opens it, and so every lookup.
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local isolated = {}
local unpack = table.unpack or unpack
local is_windows = package.config:sub(1, 1) == "\\" -- print ends lines in another way there

local function interpreter()
  return assert(os.getenv("LUA"), "no interpreter")
end

local function run(command, seconds)
  local process = assert(native.spawn(command, { stdout = "pipe", stderr = "stdout" }))
  local text = assert(process:read(seconds or 30))
  local code = process:wait()
  process:close()
  return text, code
end

-- What each option does to the mounts and networks of the process, as lines of the shell; $1 is the folder.
local preparations = {
  { "hosts", "mount --bind $1/hosts /etc/hosts" },
  { "hang", "mkfifo $1/pipe && mount --bind $1/pipe /etc/hosts" },
  { "resolver", "ip link set lo up && mount --bind $1/resolver /etc/resolv.conf" },
  { "line", "ip link set lo up mtu 1500 && tc qdisc add dev lo root $(cat $1/line)" },
  { "disk", "mkdir $1/disk && mount -t tmpfs -o size=$(cat $1/disk_size) tmpfs $1/disk" },
}

local function prepare(folder, options)
  local lines = {}
  for _, preparation in ipairs(preparations) do
    if options[preparation[1]] then
      lines[#lines + 1] = preparation[2]
    end
  end
  for _, name in ipairs({ "hosts", "resolver", "line" }) do
    folder:write(name, options[name] or "")
  end
  folder:write("disk_size", tostring(options.disk))
  return table.concat(lines, " && ")
end

-- Mounts and a network of one's own need rights that not everybody has.
local function is_allowed(unshare, steps, folder)
  if not native.spawn({ "unshare", "--version" }, { stdout = "pipe" }) then
    return false
  end
  local trial = tempdir.new()
  run({ "cp", "-r", folder.path .. "/.", trial.path })
  local text = run({ "unshare", unshare, "sh", "-c", steps .. " && echo prepared", "sh",
    trial.path })
  trial:close()
  return text:find("prepared", 1, true) ~= nil
end

-- Runs the program's text. Options: hosts, the text of its hosts file; hang: lookups never end;
-- resolver: the text of its resolv.conf, in a network that has nothing but a loopback; line: how
-- such a loopback queues (tc's words); disk: the size of a small file system, whose path is arg[1];
-- seconds: how long it may take (30); ends_open: it ends without closing its Lua state, so that
-- nothing it holds is a leak. -> what it printed, then "exit " and its code; or nil and why this
-- can not be done here.
function isolated.run(program, options)
  options = options or {}
  local folder = tempdir.new()
  -- The sanitizers' library, which the specs do not hand on by themselves (see run.lua).
  local preload = "LD_PRELOAD=" .. (os.getenv("SPEC_PRELOAD") or "")
  local leaks = options.ends_open and ":detect_leaks=0" or ""
  local sanitizer = "ASAN_OPTIONS=" .. (os.getenv("ASAN_OPTIONS") or "") .. leaks
  local command = { "env", preload, sanitizer, interpreter(), folder:write("program.lua", program),
    folder:file("disk") }
  local steps = prepare(folder, options)
  if steps ~= "" then
    local unshare = (options.resolver or options.line) and "-mn" or "-m"
    if not is_allowed(unshare, steps, folder) then
      folder:close()
      return nil, "no mounts or network of one's own"
    end
    command = { "unshare", unshare, "sh", "-c", steps .. ' && shift && exec "$@"', "sh",
      folder.path, unpack(command) }
  end
  local text, code = run(command, options.seconds)
  folder:close()
  -- wine itself writes there when a thread is at work while its process ends.
  text = is_windows and text:gsub("\r\n", "\n"):gsub("wine client error:[^\n]*\n", "") or text
  return text .. "exit " .. tostring(code), nil
end

return isolated
