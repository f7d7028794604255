-- download.lua: a sink that is a file. Content goes to a temporary neighbour, which takes the file's name when it is
-- complete: until then the old file stays as it was.
--
-- With resume the neighbour is FILE.part and survives a failure; FILE.part.info says of what it is the beginning: the
-- validator (RFC 9110 section 8.8) in the first line, the URL in the second.
local httpclient = require("httpclient")

local Error = httpclient.Error

local Download = {}
Download.__index = Download

local serial = 0

-- Not to be guessed by others who may write to the folder, nor used twice.
local function temporary_name(path)
  serial = serial + 1
  local address = tostring({}):match("0x(%x+)") or "0"
  return ("%s.%s%06x%d.tmp"):format(path, address, math.floor(httpclient.monotonic_time() * 1e6) % 0x1000000, serial)
end

local function size_of(path)
  local file = io.open(path, "rb")
  local size = file and file:seek("end")
  if file then
    file:close()
  end
  return size or 0
end

local function read_info(path, url)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local validator, of_url = file:read("*l"), file:read("*l")
  file:close()
  return of_url == url and validator ~= "" and validator or nil
end

-- The file at `path`; with resume what an earlier call for the same URL left is continued.
local function new(path, resume, url)
  local self = setmetatable({ path = path, resume = resume, url = url, offset = 0, body = "" }, Download)
  if resume then
    self.temporary, self.info = path .. ".part", path .. ".part.info"
    self.validator = read_info(self.info, url)
    self.offset = self.validator and size_of(self.temporary) or 0
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
  os.remove(self.info)
  os.remove(self.temporary)
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

local function note_validator(self, client)
  local validator = validator_of(client)
  local info = validator and io.open(self.info, "wb")
  if info then
    info:write(validator, "\n", self.url, "\n")
    info:close()
    self.validator = validator
  else
    os.remove(self.info) -- what will be written can not be continued
  end
end

-- Does the 206 carry on where the file ends? Sets `total`.
local function continues(self, client)
  local value = client:get_response_header("Content-Range") or ""
  local from, total = value:match("^%s*[Bb][Yy][Tt][Ee][Ss]%s+(%d+)%-%d+/([%d*]+)%s*$")
  self.total = tonumber(total)
  return from ~= nil and tonumber(from) == self.offset
end

-- Does the answer say that there is no such rest (RFC 9110 section 15.5.17)?
function Download:is_refused(client)
  return self.offset > 0 and client:get_response_code() == 416
end

-- The head of the answer is in. -> true; false when the request must be made again without range_lines(); nil, message,
-- result. is_coded: its content is decoded on the way, so that its size is not the file's.
function Download:begin(client, is_coded)
  local code = client:get_response_code()
  local is_rest = self.offset > 0 and code == 206
  if (is_rest and (is_coded or not continues(self, client))) or self:is_refused(client) then
    start_over(self)
    return false
  end
  if not is_rest then
    self.offset, self.total, self.validator = 0, nil, nil
  end
  local file, message = io.open(self.temporary, is_rest and "ab" or "wb")
  if not file then
    return nil, message, "DOWNLOAD_FILE_CANT_OPEN"
  end
  self.has_file = true
  if self.resume and not is_rest then
    if is_coded or code ~= 200 then
      os.remove(self.info)
    else
      note_validator(self, client)
    end
  end
  if is_rest or is_coded then
    self.file = file
  else
    file:close() -- the client opens it itself, and needs no strings
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
  if self.total and size_of(self.temporary) ~= self.total then
    return nil, "the server sent less than the rest of the file", "CONNECTION_ERROR"
  end
  ok, message = os.rename(self.temporary, self.path)
  if not ok then
    return nil, message, "DOWNLOAD_FILE_WRITE_ERROR"
  end
  self.has_file = false
  if self.resume then
    os.remove(self.info)
  end
  return true
end

function Download:abort()
  close(self)
  if self.has_file and not self.validator then
    os.remove(self.temporary) -- nothing could continue it
  end
  self.has_file = false
end

return { new = new }
