-- Servers in Python, for what needs logic: cookbook.py and echo.py in this folder. Each is at a port and at a Unix
-- socket.
--
--   local server = python.start("cookbook", { ["data.bin"] = "..." })
--   server.url("/items"); server.port; server.socket; server.folder:file("x"); server.stop()
local native = require("spec_native")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local python = {}

local PYTHON = "/usr/bin/python3" -- the system's, for which aiohttp is

-- files: name -> text, what is in the folder that the script gets as its last argument
function python.start(script, files)
  local folder, www = tempdir.new(), tempdir.new()
  for name, text in pairs(files or {}) do
    www:write(name, text)
  end
  local log, socket = folder:file("log"), folder:file("socket")
  local process, list = ports.start(1, function(free)
    return assert(native.spawn({ PYTHON, "spec/support/" .. script .. ".py", tostring(free[1]),
      socket, www.path }, { stdout = log, stderr = log }))
  end, function() return tempdir.read(log) end)
  return {
    folder = folder, socket = socket, port = list[1],
    url = function(path)
      return ("http://127.0.0.1:%d%s"):format(list[1], path)
    end,
    stop = function()
      process:close()
      os.remove(socket)
      folder:close()
      www:close()
    end,
  }
end

return python
