-- Proxies that are not ours: tinyproxy and squid, with or without Basic credentials.
--
--   local proxy = proxies.tinyproxy({ user = "u", password = "p" })
--   proxy:port(); proxy:stop()
local native = require("spec_native")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local proxies = {}

local programs = { tinyproxy = ports.find_program("tinyproxy"),
  squid = ports.find_program("squid") }

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

-- squid asks a helper program whether a name and password (percent-encoded, one pair in a line) are right.
local helper = [[#!/bin/sh
while read -r line; do
  if [ "$line" = "%s %s" ]; then echo OK; else echo ERR; fi
done
]]

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
  local auth = ""
  if options.user then
    local path = folder:write("auth", helper:format(options.user, options.password))
    assert(native.spawn({ "chmod", "755", path })):wait()
    auth = table.concat({
      "auth_param basic program /bin/sh " .. path,
      "auth_param basic children 1 startup=1",
      "acl known proxy_auth REQUIRED",
      "http_access deny !known",
    }, "\n")
  end
  folder:write("err.log", "")
  folder:write("out.log", "")
  open_up(folder)
  local proxy = start("squid", { "-N", "-n", name, "-f" }, function(port)
    return table.concat({
      "http_port 127.0.0.1:" .. port,
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
