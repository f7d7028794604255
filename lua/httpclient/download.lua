-- download.lua: a sink that is a file. Content goes to a temporary neighbour, which takes the file's name when it is
-- complete: until then the old file stays as it was.
--
-- With resume the neighbour is FILE.part and survives a failure; FILE.part.info says of what it is the beginning: the
-- validator (RFC 9110 section 8.8) in the first line, a checksum of the URL, which may hold secrets, in the second.
--
-- Others may be able to write to the folder: a file is made anew, never through a link that waits at its name, and only
-- one of the user's own is continued. A device (/dev/null) has no neighbour, and nothing takes its place: it is written to.
local core = require("httpclient.core")
local httpclient = require("httpclient")

local Error = httpclient.Error

local Download = {}
Download.__index = Download

local serial = 0
local in_use = {} -- the .part files that are written to now

-- Not to be guessed by others who may write to the folder, nor used twice.
local function temporary_name(path)
  serial = serial + 1
  local address = tostring({}):match("0x(%x+)") or "0"
  return ("%s.%s%06x%d.tmp"):format(path, address, math.floor(httpclient.monotonic_time() * 1e6) % 0x1000000, serial)
end

-- A validator is sent as it stands here.
local function is_validator(text)
  return text ~= nil and text ~= "" and not text:find("[%z\1-\31\127]")
end

local function checksum(text)
  local a, b = 0, 0
  for at = 1, #text do
    local byte = text:byte(at)
    a, b = (a * 31 + byte) % 4294967296, (b * 65599 + byte) % 4294967296
  end
  return ("%08x%08x"):format(a, b)
end

local function read_info(path, url)
  local file = core.own_file_size(path) and io.open(path, "rb")
  if not file then
    return nil
  end
  local validator, of_url = file:read("*l"), file:read("*l")
  file:close()
  return of_url == url and is_validator(validator) and validator or nil
end

-- The file at `path`; with resume what an earlier call for the same URL left is continued.
local function new(path, resume, url)
  local self = setmetatable({ path = path, kind = core.file_kind(path), offset = 0, body = "" }, Download)
  self.resume = resume and self.kind ~= "device"
  if self.kind == "device" then
    self.temporary = path
  elseif resume then
    self.url = checksum(url)
    self.temporary, self.info = path .. ".part", path .. ".part.info"
    self.validator = read_info(self.info, self.url)
    self.offset = self.validator and core.own_file_size(self.temporary) or 0
  else
    self.temporary = temporary_name(path)
  end
  return self
end

-- The field lines that ask for the rest only (RFC 9110 sections 14.2 and 13.1.5).
function Download:range_lines()
  if self.offset == 0 then
    return {}
  end
  return { ("Range: bytes=%.0f-"):format(self.offset), "If-Range: " .. self.validator }
end

-- Forgets what an earlier call has left.
local function start_over(self)
  self.offset, self.validator = 0, nil
  if not in_use[self.temporary] then
    os.remove(self.info)
    os.remove(self.temporary)
  end
end

-- What a later If-Range may name: a strong entity tag, or a date that is older than the answer itself (RFC 9110 section
-- 13.1.5).
local function validator_of(client)
  local tag = client:get_response_header("ETag")
  if tag and tag:find('^"') then
    return tag
  end
  local modified = client:get_response_header("Last-Modified")
  if modified and modified ~= "" and modified ~= client:get_response_header("Date") then
    return modified
  end
end

-- Without it what will be written can not be continued.
local function note_validator(self, client)
  local validator = validator_of(client)
  os.remove(self.info)
  if not validator or not core.create_new_file(self.info) then
    return
  end
  local info = io.open(self.info, "wb")
  if info then
    local is_written = info:write(validator, "\n", self.url, "\n")
    self.validator = info:close() and is_written and validator or nil
  end
end

-- A server that knows no If-Range may send the rest of another version (RFC 9110 section 15.3.7.3).
local function is_other_version(self, client)
  local name = self.validator:find('^"') and "ETag" or "Last-Modified"
  local value = client:get_response_header(name)
  return value ~= nil and value ~= self.validator
end

-- Does the 206 carry on where the file ends? Sets `total`.
local function continues(self, client)
  if is_other_version(self, client) then
    return false
  end
  local value = client:get_response_header("Content-Range") or ""
  local from, total = value:match("^%s*[Bb][Yy][Tt][Ee][Ss]%s+(%d+)%-%d+/([%d*]+)%s*$")
  self.total = tonumber(total)
  return from ~= nil and tonumber(from) == self.offset
end

-- Does the answer say that there is no such rest (RFC 9110 section 15.5.17)?
function Download:is_refused(client)
  return self.offset > 0 and client:get_response_code() == 416
end

-- -> true; nil and a message
local function open_temporary(self, is_rest)
  if self.kind == "device" then
    return true
  elseif self.kind == "directory" or self.kind == "other" then
    return nil, ("%s is %s"):format(self.path, self.kind == "directory" and "a directory" or "no regular file")
  end
  if self.resume then
    if in_use[self.temporary] then
      return nil, ("another download writes to %s"):format(self.temporary)
    elseif not is_rest then
      os.remove(self.temporary)
    end
  end
  local ok, message = true, nil
  if not is_rest then
    ok, message = core.create_new_file(self.temporary)
  elseif core.own_file_size(self.temporary) ~= self.offset then
    ok, message = nil, ("%s has changed meanwhile"):format(self.temporary)
  end
  if ok then
    self.has_file, in_use[self.temporary] = true, self
  end
  return ok, message
end

-- The head of the answer is in. -> true; false when the request must be made again without range_lines(); nil, message,
-- result. is_coded: its content is decoded on the way, so that its size is not the file's.
function Download:begin(client, is_coded)
  local code = client:get_response_code()
  local is_rest = self.offset > 0 and code == 206
  if (is_rest and (is_coded or not continues(self, client))) or self:is_refused(client) then
    start_over(self)
    return false
  elseif not is_rest then
    self.offset, self.total, self.validator = 0, nil, nil
  end
  local ok, message = open_temporary(self, is_rest)
  if ok and (is_rest or is_coded) then
    self.file, message = io.open(self.temporary, is_rest and "ab" or "wb")
    ok = self.file -- else the client opens it itself, and needs no strings
  end
  if not ok then
    return nil, message, "DOWNLOAD_FILE_CANT_OPEN"
  end
  if self.resume and not is_rest then
    if is_coded or code ~= 200 then
      os.remove(self.info)
    else
      note_validator(self, client)
    end
  end
  return true
end

local function write_failed(self, message)
  return nil, ("can't write %s: %s"):format(self.temporary, tostring(message)), "DOWNLOAD_FILE_WRITE_ERROR"
end

function Download:write(bytes)
  local ok, message = self.file:write(bytes)
  if not ok then
    return write_failed(self, message)
  end
  return true
end

function Download:take(client)
  local moved, message, code = client:read_response_body_to_file(self.file or self.temporary)
  if not moved and code ~= Error.ERR_CONNECTION_ERROR and code ~= Error.ERR_TIMEOUT then
    return write_failed(self, message)
  end
  return moved, message, "CONNECTION_ERROR"
end

local function close(self)
  local file = self.file
  self.file = nil
  if file then
    return file:close()
  end
  return true
end

function Download:finish()
  local ok, message = close(self)
  if not ok then
    return write_failed(self, message)
  end
  if self.total and core.own_file_size(self.temporary) ~= self.total then
    return nil, "the server sent less than the rest of the file", "CONNECTION_ERROR"
  end
  if self.kind == "device" then
    return true
  end
  ok, message = os.rename(self.temporary, self.path)
  if not ok then
    return nil, message, "DOWNLOAD_FILE_WRITE_ERROR"
  end
  self.has_file, in_use[self.temporary] = false, nil
  if self.resume then
    os.remove(self.info)
  end
  return true
end

function Download:abort()
  close(self)
  if self.has_file then
    in_use[self.temporary] = nil
    if not self.validator then
      os.remove(self.temporary) -- nothing could continue it
    end
  end
  self.has_file = false
end

return { new = new }
