-- memory.lua: memory that a game has outside of Lua: a Data object of LÖVE, or { pointer =, size = }
-- with a light userdata or a pointer of LuaJIT's FFI. Who gives it keeps it where it is; where it is
-- is asked anew for each piece, so that one that was released meanwhile raises LÖVE's own error.
local core = require("httpclient.core")

local memory = {}

local has_ffi, ffi = pcall(require, "ffi")
has_ffi = has_ffi and rawget(_G, "jit") ~= nil

local PIECE = 65536

local function is_size(value)
  return type(value) == "number" and value >= 0 and value <= 2 ^ 52 and value % 1 == 0
end

-- As the core takes it: of FFI's pointers and arrays a `void *`.
local function as_pointer(value)
  return has_ffi and type(value) == "cdata" and ffi.cast("void *", value) or value
end

local function is_pointer(value)
  return pcall(function() return core.memory_string(as_pointer(value), 0, 0) end)
end

local function method_of(value, name)
  local ok, method = pcall(function() return value[name] end)
  return ok and type(method) == "function" and method or nil
end

-- One that was released is none any more.
local function is_data(value)
  local get_size = type(value) == "userdata" and method_of(value, "getPointer")
    and method_of(value, "getSize")
  return get_size and pcall(get_size, value) or false
end

function memory.is(value)
  return is_data(value) or type(value) == "table" and is_size(value.size)
    and is_pointer(value.pointer)
end

-- -> pointer, as the core takes it, and size
local function look(value)
  if type(value) == "table" then
    return as_pointer(value.pointer), value.size
  end
  -- On some processors a light userdata has no room for each address.
  local get = has_ffi and method_of(value, "getFFIPointer")
  return as_pointer((get or value.getPointer)(value)), value:getSize()
end

-- Puts what has come of the client's body behind `at` bytes of the memory.
-- -> how much; nil where there is no room for more
function memory.read(client, value, at)
  local pointer, size = look(value)
  return core.read_body_into(client, pointer, at, size - at)
end

-- --- as a body that is sent

local Body = {}
Body.__index = Body

-- What request_body.lua takes for one: see multipart.lua.
function memory.body(value)
  local _, size = look(value)
  return setmetatable({ memory = value, size = size, at = 0 }, Body)
end

function Body:rewind()
  self.at = 0
  return true
end

function Body:pull()
  local pointer = look(self.memory)
  local size = math.min(PIECE, self.size - self.at)
  if size == 0 then
    return nil
  end
  self.at = self.at + size
  return core.memory_string(pointer, self.at - size, size)
end

function Body.is_once()
  return false
end

function Body.close() end

return memory
