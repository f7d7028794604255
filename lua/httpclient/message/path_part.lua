-- path_part.lua: the content of a form's part that is a file by its path. A regular file is read by
-- the core, which takes paths in UTF-8 and files of any size on every system. Pipes and devices are
-- read as they come, by Lua's own io.
--
-- A source, as multipart.lua has them: read() -> bytes, or nil at the end; close(); rewind(). The
-- file is open only while it is read.
local core = require("httpclient.core")

local path_part = {}

local PIECE = 65536

-- --- what Lua opens

-- As OwnFile, of a file that is read from its beginning to its end.
local Stream = {}
Stream.__index = Stream

local function open_stream(path)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  return setmetatable({ file = file }, Stream)
end

function Stream:read_at(_, size)
  local bytes, why = self.file:read(size)
  return bytes or not why and "" or nil, why
end

function Stream:close()
  self.file:close()
end

-- -> its size; nil where it has none, as a pipe, or says that it has none and gives bytes all the same
local function size_of(file)
  local size = file:seek("end")
  if size == 0 and file:seek("set", 0) and file:read(1) then
    return nil
  end
  return size
end

-- -> function that opens it, its size (nil: not known); nil and why it can't be had
local function looked_at(path)
  local kind = core.file_kind(path)
  if kind == "directory" then
    return nil, path .. ": no regular file"
  elseif kind == "device" or kind == "other" then
    local stream, why = open_stream(path)
    if not stream then
      return nil, why
    end
    local size = size_of(stream.file)
    stream:close()
    return open_stream, size
  end
  local file, size = core.OwnFile.open_to_read(path)
  if not file then
    return nil, size
  end
  -- One of no bytes may have some all the same, below /proc, which wine shows as well.
  if size == 0 and file:read_at(0, 1) ~= "" then
    size = nil
  end
  file:close()
  return core.OwnFile.open_to_read, size
end

-- --- the source

local PathPart = {}
PathPart.__index = PathPart

-- -> source; nil and why the file can't be had
function path_part.new(part)
  local open, size = looked_at(part.file)
  if not open then
    return nil, size
  end
  size = part.size or size
  return setmetatable({ path = part.file, open = open, size = size, at = 0 }, PathPart)
end

function PathPart:read()
  local wanted = self.size and math.min(PIECE, self.size - self.at) or PIECE
  if not self.file then
    local file, why = self.open(self.path)
    self.file = file or error(why, 0)
  end
  local bytes, why = "", nil
  if wanted > 0 then
    bytes, why = self.file:read_at(self.at, wanted)
  end
  if not bytes then
    error(why, 0)
  elseif bytes == "" then
    self:close()
    return nil
  end
  self.at = self.at + #bytes
  return bytes
end

function PathPart:close()
  if self.file then
    self.file:close()
    self.file = nil
  end
end

function PathPart:rewind()
  self:close()
  self.at = 0
end

return path_part
