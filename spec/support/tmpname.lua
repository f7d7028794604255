-- os.tmpname in the folder that TMPDIR names, where the runner sees what stays (LUA_INIT of the
-- jobs, unless that folder is mounted on /tmp: glibc's tmpnam doesn't look at TMPDIR).
local folder, tmpname = os.getenv("SPEC_TMPDIR") or os.getenv("TMPDIR"), os.tmpname

function os.tmpname() -- luacheck: ignore
  local name = tmpname()
  os.remove(name)
  name = folder .. "/" .. name:match("[^/\\]+$"):gsub("%.$", "")
  assert(io.open(name, "w")):close()
  return name
end
