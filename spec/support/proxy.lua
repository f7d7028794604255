-- Proxies that are not ours: tinyproxy and squid, microsocks and dante, with or without credentials.
--
--   local proxy = proxies.tinyproxy({ user = "u", password = "p" })
--   proxy:port(); proxy:stop()
--
-- squid takes more: auth = "digest" (default "basic"), tls = certs.localhost (an https:// proxy), names =
-- {["name"] = "127.0.0.1"} that it alone knows, nonce = {seconds, uses} of Digest. dante: host, the address to listen
-- at.
local native = require("spec_native")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local proxies = {}

local programs = { tinyproxy = ports.find_program("tinyproxy"),
  squid = ports.find_program("squid"), microsocks = ports.find_program("microsocks"),
  dante = ports.find_program("danted") }

function proxies.has(name)
  return programs[name] ~= nil
end

local function finish(process, list, folder)
  local proxy = { process = process, folder = folder }
  function proxy.port()
    return list[1]
  end
  function proxy.stop()
    process:close()
    folder:close()
  end
  return proxy
end

local function start(name, arguments, configuration, folder)
  local process, list = ports.start(1, function(list)
    local path = folder:write("proxy.conf", configuration(list[1]))
    local command = { programs[name] }
    for _, argument in ipairs(arguments) do
      command[#command + 1] = argument
    end
    command[#command + 1] = path
    return assert(native.spawn(command,
      { stdout = folder:file("out.log"), stderr = folder:file("err.log") }))
  end, function()
    return tempdir.read(folder:file("err.log")) .. tempdir.read(folder:file("out.log"))
  end)
  return finish(process, list, folder)
end

function proxies.tinyproxy(options)
  options = options or {}
  local folder = tempdir.new()
  return start("tinyproxy", { "-d", "-c" }, function(port)
    local lines = { "Port " .. port, "Listen 127.0.0.1", "Timeout 60", "MaxClients 50",
      "Allow 127.0.0.1", "LogLevel Warning" }
    if options.user then
      lines[#lines + 1] = ("BasicAuth %s %s"):format(options.user, options.password)
    end
    return table.concat(lines, "\n") .. "\n"
  end, folder)
end

function proxies.microsocks(options)
  options = options or {}
  local folder = tempdir.new()
  local process, list = ports.start(1, function(list)
    local command = { programs.microsocks, "-i", "127.0.0.1", "-p", tostring(list[1]) }
    if options.user then
      for _, argument in ipairs({ "-u", options.user, "-P", options.password }) do
        command[#command + 1] = argument
      end
    end
    return assert(native.spawn(command,
      { stdout = folder:file("out.log"), stderr = folder:file("err.log") }))
  end, function()
    return tempdir.read(folder:file("err.log"))
  end)
  return finish(process, list, folder)
end

-- Its users are the system's, so it is asked without any.
function proxies.dante()
  local folder = tempdir.new()
  folder:write("out.log", "")
  return start("dante", { "-N", "1", "-f" }, function(port)
    return ([[
logoutput: stderr
internal: 127.0.0.1 port = %d
external: lo
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 127.0.0.9/32 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
]]):format(port)
  end, folder)
end

-- squid asks a helper program: for Basic whether a name and password (percent-encoded, one pair in a line) are right;
-- for Digest what MD5 makes of "user:realm:password" ('"user":"realm"' in a line).
local helpers = {
  basic = [[#!/bin/sh
while read -r line; do
  if [ "$line" = "%s %s" ]; then echo OK; else echo ERR; fi
done
]],
  digest = [[#!/bin/sh
while read -r line; do
  user=${line#\"}; user=${user%%%%\"*}
  realm=${line##*:\"}; realm=${realm%%%%\"*}
  if [ "$user" = "%s" ]; then
    echo "OK ha1=\"$(printf '%%s:%%s:%%s' "$user" "$realm" '%s' | md5sum | cut -d' ' -f1)\""
  else echo ERR; fi
done
]],
}

-- The lines of the configuration that let nobody in but the user.
local function squid_auth(options, folder)
  local scheme = options.auth or "basic"
  local path = folder:write("auth", helpers[scheme]:format(options.user, options.password))
  assert(native.spawn({ "chmod", "755", path })):wait()
  local lines = {
    ("auth_param %s program /bin/sh %s"):format(scheme, path),
    ("auth_param %s children 1 startup=1"):format(scheme),
    "acl known proxy_auth REQUIRED",
    "http_access deny !known",
  }
  if scheme == "digest" then
    table.insert(lines, 3, "auth_param digest realm spec proxy")
    if options.nonce then
      table.insert(lines, 4, "auth_param digest nonce_max_count " .. options.nonce)
    end
  end
  return table.concat(lines, "\n")
end

local function squid_names(options, folder)
  local lines = { "127.0.0.1 localhost" }
  for name, address in pairs(options.names or {}) do
    lines[#lines + 1] = address .. " " .. name
  end
  return "hosts_file " .. folder:write("hosts", table.concat(lines, "\n") .. "\n")
end

local function squid_port(options, port)
  if not options.tls then
    return "http_port 127.0.0.1:" .. port
  end
  return ("https_port 127.0.0.1:%d tls-cert=%s tls-key=%s"):format(port, options.tls.chain_file,
    options.tls.key_file)
end

-- Started by root, squid goes on as another user, who has to reach the folder.
local function open_up(folder)
  assert(native.spawn({ "chmod", "-R", "a+rwX", folder.path })):wait()
end

-- Its names in shared memory begin with that of the service, and one user's squid can not open another's.
local count = 0
local function service_name(folder)
  count = count + 1
  return "spec" .. folder.path:gsub("%W", ""):sub(-12) .. count
end

function proxies.squid(options)
  options = options or {}
  local folder = tempdir.new()
  local name = service_name(folder)
  local auth = options.user and squid_auth(options, folder) or ""
  local names = squid_names(options, folder)
  folder:write("err.log", "")
  folder:write("out.log", "")
  open_up(folder)
  local proxy = start("squid", { "-N", "-n", name, "-f" }, function(port)
    return table.concat({
      squid_port(options, port),
      names,
      "pid_filename none",
      "access_log none",
      "cache_log " .. folder:file("cache.log"),
      "cache deny all",
      "cache_mem 8 MB",
      "max_filedescriptors 1024",
      "coredump_dir none",
      "pinger_enable off",
      "netdb_filename none",
      "shutdown_lifetime 0 seconds",
      -- a scripted server closes without a word, and squid would send the next request into that
      "server_persistent_connections off",
      "visible_hostname localhost",
      "workers 1",
      auth,
      "http_access allow all",
    }, "\n") .. "\n"
  end, folder)
  -- It would need two seconds to end by itself; killed, it leaves its shared memory behind.
  local stop = proxy.stop
  function proxy.stop()
    stop()
    assert(native.spawn({ "sh", "-c", ("rm -f /dev/shm/%s-*"):format(name) })):wait()
  end
  return proxy
end

return proxies
