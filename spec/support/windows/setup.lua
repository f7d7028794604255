-- What a spec file needs under wine before it is loaded: processes of the system below, what busted takes from C
-- modules that are not built for Windows, and the tests that are left out. See spec/support/run.lua.
local native = require("spec_native")
require("spec.support.windows.process")

-- wine itself has none: its server is found by it.
native.setenv("TMPDIR", os.getenv("SPEC_TMPDIR"))
-- There it tells what time has passed, not what the processor spent.
os.clock = native.cputime -- luacheck: ignore

package.preload.lfs = function()
  local lfs = {}
  function lfs.attributes(path, what)
    local mode = native.file_mode(path)
    if not mode then
      return nil, "no such file"
    end
    return what and (what == "mode" and mode or nil) or { mode = mode }
  end
  lfs.symlinkattributes = lfs.attributes
  lfs.currentdir = native.current_folder
  -- busted goes where it is.
  function lfs.chdir()
    return true
  end
  for _, name in ipairs({ "mkdir", "rmdir", "dir", "touch", "setmode", "link" }) do
    lfs[name] = function() error("not here: lfs." .. name) end
  end
  return lfs
end
package.preload.system = function()
  return { gettime = os.time, monotime = native.monotonic, sleep = native.sleep }
end
package.preload.term = function()
  return { isatty = function() return false end }
end

local file = assert(arg[1])
local is_newer = (tonumber(os.getenv("SPEC_WINE")) or 0) >= 9
for _, cause in ipairs(require("spec.windows.exceptions")) do
  local is_meant = not cause.on_older or _VERSION == "Lua 5.1"
  for _, tests in ipairs(is_meant and { cause.tests or {}, is_newer and cause.newer or {} }
    or {}) do
    for _, pattern in ipairs(tests[file] or {}) do
      arg[#arg + 1] = "--filter-out=" .. pattern -- luacheck: ignore
      print(("pending: %s: %s"):format(pattern, cause.reason))
    end
  end
end
