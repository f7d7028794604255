-- file.lua: a jar as a text file, in the format of Netscape that curl and wget share: one line for a
-- cookie, of seven fields with tabs between. #HttpOnly_ in front of a domain is no comment.
--
-- A cookie with a tab in it can't be written there, and SameSite has no field.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local is_public_suffix = require(root .. ".cookies.suffix")
local prefix_problem = require(root .. ".cookies.prefix")
local random = require(root .. ".base.random")
local texts = require(root .. ".base.text")

local Error = httpclient.Error
local HEAD = "# Netscape HTTP Cookie File\n# Written by httpclient. Edit at your own risk.\n\n"
local PAIR_MOST = 4096
-- The end of year 9999, on Windows of 3000: a time beyond is none for os.date().
local LATEST = package.config:sub(1, 1) == "\\" and 32535215999 or 253402300799
local HTTP_ONLY = "#HttpOnly_"

local file = {}

-- --- lines

local function truth(value)
  return value and "TRUE" or "FALSE"
end

-- -> a line; nil for what the format can't hold
local function line_of(cookie)
  local fields = {
    (cookie.http_only and HTTP_ONLY or "") .. (cookie.host_only and "" or ".") .. cookie.domain,
    truth(not cookie.host_only), cookie.path, truth(cookie.secure),
    ("%.0f"):format(cookie.expires or 0), cookie.name, cookie.value,
  }
  local line = table.concat(fields, "\t")
  local _, tabs = line:gsub("\t", "")
  return tabs == 6 and line or nil
end

local function split(line)
  local fields, from = {}, 1
  for index = 1, 6 do
    local tab = line:find("\t", from, true)
    if not tab then
      fields[index] = line:sub(from)
      fields[index + 1] = index == 6 and "" or nil -- an empty value may have lost its tab
      return #fields == 7 and fields or nil
    end
    fields[index], from = line:sub(from, tab - 1), tab + 1
  end
  fields[7] = line:sub(from)
  return fields
end

local function is_sound(cookie, fields)
  local text = cookie.domain .. cookie.path .. cookie.name .. cookie.value
  local is_wide = not cookie.host_only and is_public_suffix(cookie.domain)
  return cookie.domain ~= "" and cookie.path:sub(1, 1) == "/" and cookie.expires ~= nil
    and not texts.has_control(text) and #cookie.name + #cookie.value <= PAIR_MOST
    and not cookie.name:find("[;=]") and not cookie.value:find(";", 1, true) and not is_wide
    and fields[2]:find("^[TF]") ~= nil and not prefix_problem(cookie, true)
end

-- -> a cookie; nil for a comment, and for what is none
local function cookie_of(line)
  line = line:gsub("\r$", "")
  local http_only = line:sub(1, #HTTP_ONLY) == HTTP_ONLY
  if http_only then
    line = line:sub(#HTTP_ONLY + 1)
  elseif line:sub(1, 1) == "#" then
    return nil
  end
  local fields = split(line)
  if not fields then
    return nil
  end
  local cookie = {
    domain = texts.lower((fields[1]:gsub("^%.", ""))),
    host_only = fields[2] ~= "TRUE",
    path = fields[3],
    secure = fields[4] == "TRUE" or nil,
    http_only = http_only or nil,
    expires = fields[5]:find("^%-?[0-9]+$") and tonumber(fields[5]),
    name = fields[6],
    value = fields[7],
  }
  if not is_sound(cookie, fields) or cookie.name == "" and cookie.value == "" then
    return nil
  end
  if cookie.expires == 0 then
    cookie.expires = nil
  end
  return cookie
end

-- --- the file

-- Reads the cookies of the file at `path` into the store. -> how many; nil, message, Error
function file.load(path, store, now)
  if core.file_kind(path) == "directory" then
    return nil, ("can't read %s: it is a directory"):format(path), Error.ERR_FILE_CANT_OPEN
  end
  local text, message = core.OwnFile.read(path)
  if not text then
    local code = core.file_kind(path) and Error.ERR_FILE_CANT_OPEN or Error.ERR_FILE_NOT_FOUND
    return nil, ("can't read cookies: %s"):format(message), code
  end
  local count = 0
  text = text:gsub("^\239\187\191", "") -- a byte order mark, of an editor's
  for line in text:gmatch("[^\n]+") do
    local cookie = cookie_of(line)
    if cookie then
      cookie.expires = cookie.expires and math.min(cookie.expires, LATEST)
      store:put(cookie, now)
      count = count + 1
    end
  end
  return count
end

-- Not to be guessed by others who may write to the folder.
local function temporary_name(path)
  return ("%s.%s.tmp"):format(path, random.hex(8))
end

local function write_all(path, owner, cookies)
  local opened, message = core.OwnFile.open(path, owner)
  if not opened then
    return nil, message
  end
  local ok, why = opened:write(HEAD)
  for _, cookie in ipairs(cookies) do
    local line = line_of(cookie)
    if ok and line then
      ok, why = opened:write(line .. "\n")
    end
  end
  local is_closed, not_closed = opened:close()
  return ok and is_closed, why or not_closed
end

-- Writes the cookies to `path`: a new file that nobody else can read takes its place when it is
-- whole. -> true; nil, message, Error
function file.save(path, cookies)
  local temporary = temporary_name(path)
  local owner, message, code = core.create_private_file(temporary)
  if not owner then
    return nil, message, code
  end
  local ok, why = write_all(temporary, owner, cookies)
  if ok then
    ok, why = core.replace_file(temporary, path)
  end
  if not ok then
    core.remove_file(temporary)
    return nil, ("can't write %s: %s"):format(path, tostring(why)), Error.ERR_FILE_CANT_WRITE
  end
  return true
end

return file
