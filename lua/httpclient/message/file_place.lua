-- file_place.lua: where a script's open file stands, and how much is left of it.
local file_place = {}

local is_windows = package.config:sub(1, 1) == "\\"

-- Files that the kernel makes up when they are read have the size 0, or that of a page: what is so small is looked at.
local DOUBTED_SIZE = 65536

-- Is its last byte there, and nothing behind it?
--
-- A Lua that MinGW has built counts places in 32 bits: of a larger file it gives what is left of the
-- number, and then more comes behind that place. The bindings ask the same of a file that is given to
-- an HTTPClient (is_end_file_methods in bindings/lua_file_methods.c). The two stay apart: nothing of
-- the public module measures an open file, theirs can't wait for the Lua half to be loaded, and they
-- ask only where a FILE can't be used as one, which a script can't know.
local function is_end(file, start, stop)
  if not is_windows and stop - start > DOUBTED_SIZE then
    return true
  end
  local last = stop > start and 1 or 0
  if stop < 0 or not file:seek("set", stop - last) then
    return false
  end
  local bytes, why = file:read(last + 1)
  return why ~= nil or #(bytes or "") == last -- why it can't be read is told where it is
end

-- -> its place, the bytes from there to its end; nil where it has none, as a pipe, or they are not
-- known. It stays where it is.
function file_place.of(file)
  local start = file:seek("cur")
  local stop = start and file:seek("end")
  local is_known = stop and is_end(file, start, stop)
  if start then
    file:seek("set", start)
  end
  return start, is_known and math.max(stop - start, 0) or nil
end

return file_place
