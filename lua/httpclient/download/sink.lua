-- sink.lua: a sink that is a file. Content goes to a temporary neighbour, which takes the file's
-- name when it is complete: until then the old file stays as it was.
--
-- With resume the neighbour is FILE.part and survives a failure; FILE.part.info says of what it is
-- the beginning. What does not fit to that is not put behind it, and what was put there in vain
-- does not stay. A device (/dev/null) has no neighbour, and nothing takes its place: it is written
-- to.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local content_range = require(root .. ".download.content_range")
local httpclient = require(root)
local info = require(root .. ".download.info")
local places = require(root .. ".download.places")
local version = require(root .. ".download.version")

local Error = httpclient.Error
local BODY = httpclient.HTTPClient.STATUS_BODY
local in_use = places.in_use

local Download = {}
Download.__index = Download

-- The file at `path`; with resume what an earlier call for the same URL left is continued.
local function new(path, resume, url)
  local self = setmetatable({ path = path, kind = core.file_kind(path), offset = 0, body = "",
    process = core.process_number() }, Download)
  self.resume = resume and self.kind ~= "device"
  if self.kind == "device" then
    self.temporary = path
  elseif resume then
    self.url = url
    self.temporary, self.info = path .. ".part", path .. ".part.info"
    self.validator, self.coding, self.total = info.read(self.info, url)
    self.offset = self.validator and core.own_file_size(self.temporary) or 0
  else
    self.temporary = places.temporary_name(path)
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

local function forget(self)
  self.offset, self.total, self.stop, self.validator = 0, nil, nil, nil
end

-- Forgets what an earlier call has left, on the disk too.
local function start_over(self)
  forget(self)
  if not in_use[self.temporary] then
    core.remove_file(self.info)
    core.remove_file(self.temporary)
  end
end

-- Does the 206 carry on where the file ends, and is it known where the whole ends? Several ranges,
-- which come without a Content-Range, do not; nor does what says itself that it has less than its
-- range. Sets `total`, and `stop`, the size that the file has when this answer is complete.
local function continues(self, client)
  if version.is_other(self.validator, client) or version.coding_of(client) ~= self.coding then
    return false
  end
  local first, last, total = content_range(client:get_response_header("Content-Range") or "")
  if first ~= self.offset or not (total or self.total)
    or (total and self.total and total ~= self.total) then
    return false
  end
  self.total, self.stop = total or self.total, last + 1
  local size = client:get_response_body_length()
  return last < self.total and (size < 0 or size >= self.stop - first)
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
    return nil, ("%s is %s"):format(self.path, self.kind == "directory" and "a directory"
      or "no regular file")
  end
  if self.resume then
    if in_use[self.temporary] then
      return nil, ("another download writes to %s"):format(self.temporary)
    elseif not is_rest then
      core.remove_file(self.temporary)
    end
  end
  local size, message
  if is_rest then
    size, self.owner = core.own_file_size(self.temporary)
    if size ~= self.offset then
      return nil, ("%s has changed meanwhile"):format(self.temporary)
    end
  else
    self.owner, message = core.create_new_file(self.temporary, self.path)
    if not self.owner then
      return nil, message
    end
  end
  self.has_file, in_use[self.temporary] = true, self
  return true
end

-- Content that nobody looks at goes there without strings.
local function open_for_content(self, client, in_strings)
  if in_strings then
    local message
    self.file, message = core.OwnFile.open(self.temporary, self.owner)
    return self.file, message
  elseif client:get_status() == BODY then
    return core.open_body_file(client, self.temporary, self.owner)
  end
  return true
end

-- There is more in the answer than in its range: which of it is right nobody can know.
local function is_too_long()
  return nil, "the server sent more than the range that it named", "CONNECTION_ERROR"
end

-- The head of the answer is in. -> true; false when the request must be made again without range_lines(); nil, message,
-- result. is_coded: its content is decoded on the way, so that its size is not the file's; is_watched: somebody looks
-- at it on the way.
function Download:begin(client, is_coded, is_watched)
  local code = client:get_response_code()
  local is_rest = self.offset > 0 and code == 206
  if (is_rest and not continues(self, client)) or self:is_refused(client) then
    start_over(self)
    return false
  elseif is_rest and client:get_response_body_length() > self.stop - self.offset then
    start_over(self)
    return is_too_long()
  elseif not is_rest then
    forget(self)
  end
  self.size, self.has_last_chunk = self.offset, is_rest and client:is_response_chunked()
  local ok, message = open_temporary(self, is_rest)
  if ok then
    ok, message = open_for_content(self, client, is_watched)
  end
  if not ok then
    return nil, message, "DOWNLOAD_FILE_CANT_OPEN"
  end
  if self.resume and not is_rest then
    if is_coded or code ~= 200 then
      core.remove_file(self.info)
    else
      self.validator = info.write(self.info, self.url, self.path, client)
    end
  end
  return true
end

local function write_failed(self, message)
  return nil, ("can't write %s: %s"):format(self.temporary, tostring(message)),
    "DOWNLOAD_FILE_WRITE_ERROR"
end

-- So many bytes were written. -> true; nil, message, result
local function count(self, size)
  self.size = self.size + size
  if self.stop and self.size > self.stop then
    self.validator = nil
    return is_too_long()
  end
  return true
end

function Download:write(bytes)
  local ok, message = self.file:write(bytes)
  if not ok then
    return write_failed(self, message)
  end
  return count(self, #bytes)
end

-- What a read can fail with that is no fault of the file.
local of_connection = { [Error.ERR_CONNECTION_ERROR] = true, [Error.ERR_TIMEOUT] = true,
  [Error.ERR_INVALID_DATA] = true }

-- -> bytes moved; nil, message, result, bytes moved before it failed
function Download:take(client)
  local moved, message, code, moved_before = client:read_response_body_to_file(self.temporary)
  local size = moved or moved_before or 0
  local ok, why, result = count(self, size)
  if not ok then
    return nil, why, result, size
  elseif not moved and not of_connection[code] then
    message, result = select(2, write_failed(self, message))
    return nil, message, result, size
  end
  return moved, message, "CONNECTION_ERROR", size
end

local function close(self)
  local file = self.file
  self.file = nil
  if file then
    return file:close()
  end
  return true
end

-- Another program that downloads the same writes to the same .part file. -> why it is not what was written here, or nil
local function why_not_ours(self)
  if not core.file_kind(self.temporary) then
    return "it is gone: another program has renamed or removed it"
  elseif self.resume and (core.own_file_size(self.temporary) or self.size) ~= self.size then
    return "it has changed meanwhile: another program writes to it"
  end
end

local function rename_failed(self, message)
  return nil, ("can't rename %s to %s: %s"):format(self.temporary, self.path, message),
    "DOWNLOAD_FILE_WRITE_ERROR"
end

function Download:finish()
  local ok, message = close(self)
  if not ok then
    return write_failed(self, message)
  elseif self.has_last_chunk and self.size < self.stop then
    self.validator = nil -- it is complete, and not what it said
    return nil, "the server sent less than the range that it named", "CONNECTION_ERROR"
  elseif self.stop and self.size < self.total then
    return nil, "the server sent less than the rest of the file", "CONNECTION_ERROR"
  elseif self.kind == "device" then
    return true
  end
  message = why_not_ours(self)
  if message then
    self.validator = nil
    return rename_failed(self, message)
  end
  core.keep_file_mode(self.temporary, self.path) -- not every file system knows it
  self.replacement = core.FileReplacement.begin(self.temporary, self.path)
  return true
end

-- The file is on its way into the place of another one, for longer than a frame may take.
function Download:is_busy()
  return self.replacement ~= nil and not self.replacement:is_done()
end

-- Comes after finish(), and waits. -> as that
function Download:settle()
  local replacement = self.replacement
  self.replacement = nil
  if not replacement then
    return true
  end
  local ok, message = replacement:await()
  if not ok then
    return rename_failed(self, message)
  end
  self.has_file, in_use[self.temporary] = false, nil
  if self.resume then
    core.remove_file(self.info)
  end
  return true
end

-- Removes what nothing could continue.
function Download:drop()
  if not self.validator then
    if self.resume then
      core.remove_file(self.info)
    end
    core.remove_file(self.temporary)
  end
end

function Download:abort()
  close(self)
  self:settle() -- its name must not go to another download before
  if self.has_file then
    in_use[self.temporary] = nil
    self:drop()
  end
  self.has_file = false
end

return { new = new }
