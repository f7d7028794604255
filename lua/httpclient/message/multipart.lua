-- multipart.lua: forms of many parts (RFC 7578), as the option `multipart` describes them.
--
-- What comes of it is a string where all of it is in memory and small, else a source: it gives the
-- body piece by piece, knows its size where all sizes are known, and can begin anew where none of
-- its parts comes from a function or a pipe. At most one file is open at a time.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local array = require(root .. ".base.array")
local random = require(root .. ".base.random")
local file_place = require(root .. ".message.file_place")
local path_part = require(root .. ".message.path_part")
local texts = require(root .. ".base.text")

local multipart = {}

-- A form of strings up to this size is sent as one.
local IN_MEMORY = 1048576
local PIECE = 65536

local FIELDS = { name = true, value = true, file = true, filename = true, type = true, size = true }

-- --- what the option says

-- A number or a boolean is written as in a query. -> text, or nil
local function text_of(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "boolean" then
    return tostring(value)
  elseif type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
    return nil
  elseif value % 1 == 0 then
    return ("%.0f"):format(value)
  end
  local short = ("%.15g"):format(value)
  return (tonumber(short) == value and short or ("%.17g"):format(value)):gsub(",", ".")
end

local function is_file_like(file)
  return type(file) == "string" or type(file) == "function" or io.type(file) == "file"
end

-- -> what is wrong with the part; nil: nothing
local function problem_of(part)
  for key in pairs(part) do
    if not FIELDS[key] then
      return ("has no field '%s'"):format(tostring(key))
    end
  end
  if type(part.name) ~= "string" then
    return "needs a name"
  elseif (part.value == nil) == (part.file == nil) then
    return "takes 'value' or 'file', one of them"
  elseif part.value ~= nil and not text_of(part.value) then
    return "has a value that is no string, number or boolean"
  elseif part.file ~= nil and not is_file_like(part.file) then
    return "has a file that is no path, open file or function"
  elseif part.filename ~= nil and type(part.filename) ~= "string" then
    return "has a filename that is no string"
  elseif part.type ~= nil and (type(part.type) ~= "string" or texts.has_control(part.type)) then
    return "has a type that is none"
  elseif part.size ~= nil
    and (type(part.size) ~= "number" or part.size < 0 or part.size % 1 ~= 0) then
    return "has a size that is none"
  end
end

-- An entry of a map: a value, a part without its name, or an array of them. -> what is wrong; nil: nothing
local function add_named(parts, name, entry)
  if type(entry) ~= "table" then
    parts[#parts + 1] = { name = name, value = entry }
    return nil
  end
  local count, gap = array.look(entry)
  if gap then
    return ("the array '%s' lacks element %d"):format(name, gap)
  elseif count > 0 or next(entry) == nil then
    if not array.is(entry) then
      return ("the array '%s' has names beside its elements"):format(name)
    end
    for _, element in ipairs(entry) do
      local problem = add_named(parts, name, element)
      if problem then
        return problem
      end
    end
    return nil
  end
  local part = { name = name }
  for key, value in pairs(entry) do
    part[key] = value
  end
  parts[#parts + 1] = part
end

-- The parts in their order: that of the array, or by name, since a map has none. -> array; or nil and what is wrong
local function parts_of(given)
  local parts, names = {}, {}
  local _, gap = array.look(given)
  if gap then
    return nil, ("part %d is missing in front of another one"):format(gap)
  end
  for index, part in ipairs(given) do
    if type(part) ~= "table" then
      return nil, ("part %d is no table"):format(index)
    end
    parts[index] = part
  end
  for key in pairs(given) do
    if type(key) == "string" then
      names[#names + 1] = key
    elseif parts[key] == nil then
      return nil, "a name must be a string"
    end
  end
  if names[1] and parts[1] then
    return nil, "it is an array and a map at once"
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local problem = add_named(parts, name, given[name])
    if problem then
      return nil, problem
    end
  end
  for index, part in ipairs(parts) do
    local problem = problem_of(part)
    if problem then
      return nil, ("part %d %s"):format(index, problem)
    end
  end
  return parts
end

-- --- the head of a part

local ESCAPES = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

-- As the HTML standard has it (4.10.21.8): no other character is escaped; line ends of a name are CRLF.
local function escaped(text)
  return (text:gsub('["\r\n]', ESCAPES))
end

local function escaped_name(name)
  return escaped((name:gsub("\r\n?", "\n"):gsub("\n", "\r\n")))
end

local SEPARATORS = package.config:sub(1, 1) == "\\" and "[^/\\]*$" or "[^/]*$"

-- Browsers call a file without a name so.
local NAMELESS = "blob"

local function filename_of(part)
  if part.filename or part.file == nil then
    return part.filename
  end
  local name = type(part.file) == "string" and part.file:match(SEPARATORS) or ""
  return name ~= "" and name or NAMELESS
end

local function head_of(part)
  local filename = filename_of(part)
  local head = 'Content-Disposition: form-data; name="' .. escaped_name(part.name) .. '"'
  if filename then
    head = head .. '; filename="' .. escaped(filename) .. '"'
  end
  local kind = part.type or filename and "application/octet-stream"
  return head .. "\r\n" .. (kind and "Content-Type: " .. kind .. "\r\n" or "") .. "\r\n"
end

-- --- where the content of a part comes from: read() -> bytes, or nil at the end; close()

local FromFile = {}
FromFile.__index = FromFile

-- From where it stands to its end, or as many bytes as the part says. What has no positions can be read once.
local function from_file(part)
  local file = part.file
  local start, left = file_place.of(file)
  local size = part.size or left
  return setmetatable({ file = file, start = start, size = size, left = size,
    is_once = not start }, FromFile)
end

local function read_some(self)
  local wanted = math.min(PIECE, self.left or PIECE)
  local bytes, why = nil, nil
  if wanted > 0 then
    bytes, why = self.file:read(wanted)
  end
  if why then
    error(why, 0)
  elseif bytes and self.left then
    self.left = self.left - #bytes
  end
  return bytes
end

function FromFile:read()
  if not self.is_used and self.start then
    self.file:seek("set", self.start)
  end
  self.is_used = true
  return read_some(self)
end

function FromFile:rewind()
  self.is_used, self.left = nil, self.size
end

local FromFunction = {}
FromFunction.__index = FromFunction

local function from_function(part)
  return setmetatable({ read_next = part.file, size = part.size, is_once = true }, FromFunction)
end

function FromFunction:read()
  self.is_used = true
  return self.read_next()
end

function FromFunction:rewind() end -- luacheck: ignore self

local function content_of(part)
  if part.value ~= nil then
    return text_of(part.value)
  elseif type(part.file) == "string" then
    return path_part.new(part)
  elseif type(part.file) == "function" then
    return from_function(part)
  end
  return from_file(part)
end

-- --- all of it

local Source = {}
Source.__index = Source

-- The next piece; nil at the end. Raises where a file can't be read.
function Source:pull()
  while self.segments[self.at] do
    local segment = self.segments[self.at]
    local piece
    if type(segment) == "string" then
      self.at = self.at + 1
      return segment
    end
    piece = segment:read()
    if piece ~= nil then
      return piece
    end
    self.at = self.at + 1
  end
end

-- Back to its beginning. -> true; false and why that is impossible
function Source:rewind()
  for _, segment in ipairs(self.segments) do
    if type(segment) == "table" and segment.is_once and segment.is_used then
      return false, ("the part '%s' comes from a function or a pipe, which can't give it a second "
        .. "time"):format(segment.name)
    end
  end
  self.at = 1
  for _, segment in ipairs(self.segments) do
    if type(segment) == "table" then
      segment:rewind()
    end
  end
  return true
end

function Source:is_once()
  for _, segment in ipairs(self.segments) do
    if type(segment) == "table" and segment.is_once then
      return true
    end
  end
  return false
end

function Source:close()
  for _, segment in ipairs(self.segments) do
    if type(segment) == "table" and segment.close then
      segment:close()
    end
  end
end

local function add(self, segment)
  local size = type(segment) == "string" and #segment or segment.size
  self.size = self.size and size and self.size + size
  self.segments[#self.segments + 1] = segment
  self.is_text = self.is_text and type(segment) == "string"
end

-- -> a string or a source, and its media type; nil, what is wrong with the option; nil, nil, why a file can't be read
function multipart.new(given)
  local parts, problem = parts_of(given)
  if not parts then
    return nil, problem
  end
  local boundary = "----httpclient" .. random.hex(16)
  local self = setmetatable({ segments = {}, at = 1, size = 0, is_text = true }, Source)
  for index, part in ipairs(parts) do
    local content, why = content_of(part)
    if not content then
      return nil, nil, why
    end
    add(self, (index > 1 and "\r\n--" or "--") .. boundary .. "\r\n" .. head_of(part))
    if type(content) == "table" then
      content.name = part.name
    end
    add(self, content)
  end
  add(self, (parts[1] and "\r\n--" or "--") .. boundary .. "--\r\n")
  local kind = "multipart/form-data; boundary=" .. boundary
  if self.is_text and self.size <= IN_MEMORY then
    return table.concat(self.segments), kind
  end
  return self, kind
end

return multipart
