-- library.lua: finds the C half. It is `httpclient.core` to whoever asks for it, but where the file
-- lies depends on how a program is shipped: on package.cpath, beside these Lua files below another
-- name (`lib/httpclient/core.so`), in the folder of a LÖVE game, beside the game, or in its archive.
-- No system loads a library out of an archive, so there it is copied into the game's save
-- directory, once for each build.
local root = (...):gsub("%.library$", "")

local NAME, OPEN = "httpclient.core", "luaopen_httpclient_core"
local SUFFIX = package.config:sub(1, 1) == "\\" and ".dll" or ".so"
local OWN = root:gsub("%.", "/") .. "/core" .. SUFFIX
local COPIES = "httpclient"

local love = rawget(_G, "love")
local filesystem = type(love) == "table" and love.filesystem or nil

local function is_file(path)
  local file = io.open(path, "rb")
  -- A folder can be opened, but not read.
  local byte = file and file:read(1)
  if file then
    file:close()
  end
  return byte ~= nil
end

local function load(path)
  local open, message = package.loadlib(path, OPEN)
  if not open then
    return nil, message
  end
  package.loaded[NAME] = open(NAME) or package.loaded[NAME]
  return package.loaded[NAME]
end

-- --- on package.cpath, below the name of the Lua files

local function on_cpath()
  local name = (root:gsub("%.", "/") .. "/core"):gsub("%%", "%%%%")
  for template in package.cpath:gmatch("[^;]+") do
    local path = template:gsub("%?", name)
    if is_file(path) then
      return assert(load(path))
    end
  end
end

-- --- in a game of LÖVE

-- Which build it is: two of them seldom have the same number, and then they are compared.
local function number_of(bytes)
  local sum = #bytes
  for index = 1, #bytes do
    sum = (sum * 31 + bytes:byte(index)) % 4294967291
  end
  return ("%08x"):format(sum)
end

local function remove_others(name)
  for _, item in ipairs(filesystem.getDirectoryItems(COPIES)) do
    if item:find("^core%-%x+%.") and item:sub(1, #name) ~= name then
      filesystem.remove(COPIES .. "/" .. item) -- may be in use, on Windows: then it stays
    end
  end
end

-- Whole or not at all: another copy of the game may be starting as well.
local function write(path, bytes)
  local part = ("%s.%s"):format(path, tostring({}):match("(%x+)$"))
  local written, message = filesystem.createDirectory(COPIES), "there is no folder for it"
  if written then
    written, message = filesystem.write(part, bytes)
  end
  if not written then
    error(("httpclient: its library can't be copied to the save directory: %s (has conf.lua an "
      .. "identity?)"):format(tostring(message)), 0)
  end
  local folder = filesystem.getSaveDirectory() .. "/"
  if not os.rename(folder .. part, folder .. path) then -- not over another, on Windows
    filesystem.remove(path)
    if not os.rename(folder .. part, folder .. path) then
      -- Not in a folder with letters that the user's code page lacks, either; LÖVE can't rename.
      filesystem.write(path, bytes)
    end
    filesystem.remove(part)
  end
end

-- -> the path of the copy, for LÖVE
local function copy(path)
  local bytes = assert(filesystem.read(path))
  local name = ("core-%s%s"):format(number_of(bytes), SUFFIX)
  local copied = COPIES .. "/" .. name
  if filesystem.read(copied) ~= bytes then
    write(copied, bytes)
  end
  remove_others(name)
  return copied
end

-- LÖVE takes paths of any alphabet on Windows too, but keeps to itself what was wrong.
local function load_by_love(path)
  local before = filesystem.getCRequirePath()
  filesystem.setCRequirePath(path)
  local ok, core = pcall(require, NAME)
  filesystem.setCRequirePath(before)
  return ok and core or nil
end

local function in_game(path)
  if not filesystem.getInfo(path, "file") then
    return nil
  end
  local real = ("%s/%s"):format(filesystem.getRealDirectory(path), path)
  if not is_file(real) then
    path = copy(path)
    real = ("%s/%s"):format(filesystem.getSaveDirectory(), path)
  end
  local core, message = load(real)
  return core or load_by_love(path) or error(("httpclient: %s"):format(message), 0)
end

local function beside_game(path)
  local real = ("%s/%s"):format(filesystem.getSourceBaseDirectory(), path)
  return is_file(real) and assert(load(real)) or nil
end

-- --- one after the other

if package.loaded[NAME] or package.preload[NAME] then
  return require(NAME)
end
local own = root ~= "httpclient" and on_cpath() or nil
if own or not filesystem then
  return own or require(NAME)
end
return in_game(OWN) or in_game("httpclient/core" .. SUFFIX)
  or beside_game(OWN) or beside_game("httpclient/core" .. SUFFIX) or require(NAME)
