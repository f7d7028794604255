-- info.lua: FILE.part.info: of what FILE.part is the beginning. The validator in the first line, a
-- checksum of the URL, which may hold secrets, in the second, then the content codings and the size
-- of the whole, each line empty where there is none.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local version = require(root .. ".download.version")

local info = {}

local function checksum(text)
  local a, b = 0, 0
  for at = 1, #text do
    local byte = text:byte(at)
    a, b = (a * 31 + byte) % 4294967296, (b * 65599 + byte) % 4294967296
  end
  return ("%08x%08x"):format(a, b)
end

-- -> validator, content codings, size of the whole or nil; nothing where it is no information on this URL
function info.read(path, url)
  local size, owner = core.own_file_size(path)
  local text = size and core.OwnFile.read(path, owner)
  if not text then
    return nil
  end
  local validator, of_url, coding, total = text:match("^([^\n]*)\n([^\n]*)\n?([^\n]*)\n?([^\n]*)")
  if of_url == checksum(url) and version.is_validator(validator) then
    return validator, coding or "", tonumber(total)
  end
end

-- Notes what will be written, if it could be continued later. -> its validator; nil: it can't be
function info.write(path, url, target, client)
  local validator, total = version.validator_of(client), client:get_response_body_length()
  core.remove_file(path)
  local owner = validator and core.create_new_file(path, target)
  local file = owner and core.OwnFile.open(path, owner)
  if not file then
    return nil
  end
  local size = total >= 0 and ("%.0f"):format(total) or ""
  local is_written = file:write(table.concat({ validator, checksum(url), version.coding_of(client),
    size, "" }, "\n"))
  return file:close() and is_written and validator or nil
end

return info
