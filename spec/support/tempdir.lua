-- Temporary folders that are removed when they are closed, at the latest when they are collected.
local finalizer = require("httpclient.base.finalizer")
local native = require("spec_native")

local tempdir = {}

local function remove(path)
  local process = native.spawn({ "rm", "-rf", path })
  if process then
    process:wait()
    process:close()
  end
end

-- -> folder; folder.path; folder:file("name") -> its path; folder:write("name", text) -> its path; folder:close()
function tempdir.new()
  local path = assert(native.mkdtemp())
  local folder = { path = path, finalizer = finalizer(function() remove(path) end) }
  function folder.file(_, name)
    return path .. "/" .. name
  end
  function folder.write(_, name, text)
    local file = assert(io.open(path .. "/" .. name, "wb"))
    assert(file:write(text))
    assert(file:close())
    return path .. "/" .. name
  end
  function folder.close()
    remove(path)
  end
  return folder
end

function tempdir.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

return tempdir
