-- Games of LÖVE that a spec makes and runs, with the real program, in a home of their own.
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local love = {}

-- LÖVE has LuaJIT inside: whichever Lua runs the spec, that is the module it takes.
love.library = program.build() .. "/luajit/httpclient/core.so"

local function sh(command, ...)
  local result = program.run({ "sh", "-c", command:format(...) }, { merge = true, seconds = 600 })
  assert(result.code == 0, result.out)
  return result.out
end
love.sh = sh

local function has(...)
  for _, name in ipairs({ ... }) do
    if program.run({ "sh", "-c", "command -v " .. name }).code ~= 0 then
      return false, name
    end
  end
  return true
end

-- Why no game can be run here, or nil. More names are programs that are needed too.
function love.missing(...)
  if program.wrapper ~= "" then
    return "LÖVE does not run under what this interpreter runs under"
  end
  local there, name = has("love", "luajit", "python3", ...)
  if there and program.run({ "pkg-config", "--exists", "luajit" }).code ~= 0 then
    there, name = false, "LuaJIT with its headers"
  end
  return not there and name .. " is not there" or nil
end

-- make, for LuaJIT.
function love.make(...)
  local made = program.make("LUA_ABI=luajit", ...) -- what runs the spec is in the environment
  for index, word in ipairs(made) do
    made[index] = word:gsub("^LUA=.*", "LUA=luajit")
  end
  local result = program.run(made, { merge = true, seconds = 1200 })
  assert(result.code == 0, result.out)
end

local function build()
  local file = io.open(love.library)
  if file then
    file:close()
  else
    love.make("all")
  end
end

-- A folder for games; folder:close() takes all of it away.
function love.folder()
  build()
  local folder = tempdir.new()
  sh("mkdir '%s/home'", folder.path)
  return folder
end

-- A game in the folder; files: path -> text. The Lua files go to `where`, the library to `library`
-- (paths in the game, nil: not in there).
function love.game(folder, name, files, where, library)
  local path = folder:file(name)
  sh("mkdir -p '%s'", path)
  for file, text in pairs(files) do
    folder:write(name .. "/" .. file, text)
  end
  if where then
    sh("mkdir -p '%s/%s' && cp -R lua/httpclient/. '%s/%s'", path, where, path, where)
  end
  if library then
    sh("cp '%s' '%s/%s'", love.library, path, library)
  end
  return path
end

-- The game as an archive, and with LÖVE itself before it.
function love.pack(path)
  sh("cd '%s' && python3 -m zipfile -c '%s.love' *", path, path)
  return path .. ".love"
end

function love.fuse(archive, path)
  sh("cat \"$(readlink -f \"$(command -v love)\")\" '%s' >'%s' && chmod +x '%s'", archive, path,
    path)
  return path
end

-- -> { code =, out = }; the saves go into the folder
function love.run(folder, argv, env)
  local all = { HOME = folder:file("home"), XDG_DATA_HOME = folder:file("home"), LUA_PATH = "",
    LUA_CPATH = "", SDL_VIDEODRIVER = "dummy", SDL_AUDIODRIVER = "dummy" }
  for name, value in pairs(env or {}) do
    all[name] = value
  end
  return program.run(argv, { env = all, merge = true, seconds = 60 })
end

return love
