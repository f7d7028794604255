-- file_place.lua: where a script's open file stands, and how much is left of it.
local file_place = {}

local is_windows = package.config:sub(1, 1) == "\\"

-- A Lua that MinGW has built counts places in 32 bits: of a larger file it gives what is left of the
-- number, and then more comes behind that place. The bindings ask the same of a file that is given to
-- an HTTPClient (is_end_file_methods in bindings/lua_file_methods.c). The two stay apart: nothing of
-- the public module measures an open file, theirs can't wait for the Lua half to be loaded, and they
-- ask only where a FILE can't be used as one, which a script can't know.
local function is_end(file, place)
  return not is_windows or place >= 0 and file:seek("set", place) and not file:read(1)
end

-- -> its place, the bytes from there to its end; nil where it has none, as a pipe, or they are not
-- known. It stays where it is.
function file_place.of(file)
  local start = file:seek("cur")
  local stop = start and file:seek("end")
  local is_known = stop and is_end(file, stop)
  if start then
    file:seek("set", start)
  end
  return start, is_known and stop - start or nil
end

return file_place
