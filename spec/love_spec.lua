-- The module in games of LÖVE, in each way that games are shipped in. Nothing is drawn here.
local love = require("spec.support.love")
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local missing = love.missing()
if missing then
  describe("In LÖVE, the module", function()
    it("is found in each way that games are shipped in", function()
      pending(missing)
    end)
  end)
  return
end

local folder = love.folder()
teardown(function() folder:close() end)

local CONF = [[
function love.conf(t)
  t.identity = "spec"
  for _, name in ipairs({ "window", "graphics", "audio", "sound", "joystick", "physics" }) do
    t.modules[name] = false
  end
end]]

-- Fetches in its frames, and says which library it has.
local MAIN = [[
local httpclient, task
function love.errorhandler(message)
  print(message)
  return function() return 1 end
end
function love.load(arguments)
  httpclient = require(%q)
  httpclient.prepare()
  task = httpclient.async(httpclient.fetch, arguments[1])
end
function love.update()
  httpclient.process(0.004)
  if task:status() == "running" then return end
  local response, message = task:result()
  print(response and response.body or message)
  for line in io.lines("/proc/self/maps") do
    local path = line:match("(/%%S*/core[^/]*%%.so)$")
    if path then
      print(path)
      break
    end
  end
  love.event.quit()
end]]

local function game(name, required, where, library)
  return love.game(folder, name, { ["conf.lua"] = CONF, ["main.lua"] = MAIN:format(required) },
    where, library)
end

local function start(argv, env)
  local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
    { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" }, { "close" } })
  argv[#argv + 1] = ("http://127.0.0.1:%d/"):format(server:port())
  local result = love.run(folder, argv, env)
  server:stop()
  return result
end

-- A program and its game say hello, with the library that the pattern finds in the folder.
local function says_hello(argv, pattern)
  local result = start(argv)
  local body, path = result.out:match("^(.-)\n(.-)\n$")
  assert.same({ 0, "hello" }, { result.code, body }, result.out)
  assert.equal(folder.path, path:sub(1, #folder.path))
  assert.truthy(path:sub(#folder.path + 2):find("^" .. pattern .. "$"), path)
  return path
end

local COPY, FUSED_COPY = "home/love/spec/httpclient/core%-%x+%.so",
  "home/spec/httpclient/core%-%x+%.so"

describe("In LÖVE, the module", function()
  for number, way in ipairs({
    { "httpclient", "httpclient" },
    { "lib.httpclient", "lib/httpclient" },
    { "libraries/http", "libraries/http" },
    { "lib.httpclient.init", "lib/httpclient" },
  }) do
    it(("is found in a folder by require(%q)"):format(way[1]), function()
      local path = game("way" .. number, way[1], way[2], way[2] .. "/core.so")
      says_hello({ "love", path }, "way" .. number .. "/" .. way[2] .. "/core%.so")
    end)
  end

  it("is found in an archive, and fused, with the library inside", function()
    local archive = love.pack(game("inside", "lib.httpclient", "lib/httpclient",
      "lib/httpclient/core.so"))
    says_hello({ "love", archive }, COPY)
    says_hello({ love.fuse(archive, folder:file("inside-game")) }, FUSED_COPY)
  end)
  it("is found with the library beside the game, fused or not", function()
    local archive = love.pack(game("outside", "lib.httpclient", "lib/httpclient"))
    love.sh("mkdir '%s/httpclient' && cp '%s' '%s/httpclient'", folder.path, love.library,
      folder.path)
    finally(function() love.sh("rm -r '%s/httpclient'", folder.path) end)
    says_hello({ "love", archive }, "httpclient/core%.so")
    says_hello({ love.fuse(archive, folder:file("outside-game")) }, "httpclient/core%.so")
  end)
end)

describe("The library's copy in the save directory", function()
  local archive, copy

  local function stat(path)
    return love.sh("stat -c '%%i %%y' '%s'", path)
  end

  setup(function()
    archive = love.pack(game("copied", "httpclient", "httpclient", "httpclient/core.so"))
    copy = says_hello({ "love", archive }, COPY)
  end)

  it("is used again, and is the only one", function()
    local before = stat(copy)
    local other = copy:gsub("core%-%x+", "core-0123abcd")
    love.sh("cp '%s' '%s'", copy, other)
    assert.equal(copy, says_hello({ "love", archive }, COPY))
    assert.equal(before, stat(copy))
    assert.equal(copy:match("[^/]+$") .. "\n", love.sh("ls \"$(dirname '%s')\"", copy))
  end)
  it("is made anew where it is damaged", function()
    love.sh("truncate -s 1000 '%s'", copy)
    assert.equal(copy, says_hello({ "love", archive }, COPY))
    assert.equal("", love.sh("cmp '%s' '%s'", copy, love.library))
  end)
  it("is made where Lua's io does not know the folder's alphabet, as on Windows", function()
    love.sh("truncate -s 1000 '%s'", copy)
    local path = game("renamed", "httpclient", "httpclient", "httpclient/core.so")
    folder:write("renamed/main.lua", "function os.rename() return nil, 'no such folder' end\n"
      .. tempdir.read(path .. "/main.lua"))
    assert.equal(copy, says_hello({ "love", love.pack(path) }, COPY))
    assert.equal("", love.sh("cmp '%s' '%s'", copy, love.library))
  end)
  it("is missed in words where it can't be made", function()
    local result = start({ "love", archive }, { XDG_DATA_HOME = "/dev/null/home" })
    assert.truthy(result.out:find("its library can't be copied to the save directory", 1, true),
      result.out)
  end)
end)

describe("In LÖVE, a library", function()
  it("that can't be loaded is reported with the system's words", function()
    local path = game("broken", "httpclient", "httpclient")
    folder:write("broken/httpclient/core.so", ("no library"):rep(100))
    local result = start({ "love", path })
    assert.truthy(result.out:find("httpclient: [^\n]*/broken/httpclient/core.so: invalid ELF header"),
      result.out)
  end)
  it("that is not there is missed by its name", function()
    local result = start({ "love", game("none", "httpclient", "httpclient") })
    assert.truthy(result.out:find("module 'httpclient.core' not found", 1, true), result.out)
  end)
  it("is found in a thread of the game's, too", function()
    local path = game("thread", "lib.httpclient", "lib/httpclient", "lib/httpclient/core.so")
    folder:write("thread/main.lua", [[
      function love.load(arguments)
        local thread = love.thread.newThread("local url, out = ...\n"
          .. "local response, message = require('lib.httpclient').fetch(url)\n"
          .. "out:push(response and response.body or message)")
        local out = love.thread.newChannel()
        thread:start(arguments[1], out)
        thread:wait()
        print(thread:getError() or out:pop())
        love.event.quit()
      end]])
    assert.equal("hello\n", start({ "love", love.pack(path) }).out)
  end)
end)

describe("A Data object of LÖVE", function()
  it("takes a body, and is one", function()
    local path = game("data", "lib.httpclient", "lib/httpclient", "lib/httpclient/core.so")
    folder:write("data/main.lua", [[
      local httpclient = require("lib.httpclient")
      local fetch = httpclient.fetch
      function love.errorhandler(message)
        print(message)
        return function() return 1 end
      end
      function love.load(arguments)
        local response = assert(fetch(arguments[1], {
          method = "PUT", body = love.data.newByteData("from LÖVE"), buffer = love.data.newByteData,
        }))
        print(response.buffered, response.buffer:getSize(), response.buffer:getString())
        local released = love.data.newByteData(5)
        released:release()
        print(pcall(fetch, arguments[1], { buffer = released }))
        love.event.quit()
      end]])
    local server = native.script({ { "accept" }, { "recv_until", "from LÖVE" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" }, { "close" } })
    local result = love.run(folder,
      { "love", path, ("http://127.0.0.1:%d/"):format(server:port()) })
    server:stop()
    assert.truthy(result.out:find("^5\t5\thello\nfalse\t[^\n]*'buffer'"), result.out)
  end)
end)

describe("Without LÖVE, the library", function()
  it("is found on package.cpath below the name of the Lua files", function()
    local place = tempdir.new()
    finally(function() place:close() end)
    love.sh("mkdir -p '%s/lib' && cp -R lua/httpclient '%s/lib' && cp '%s' '%s/lib/httpclient'",
      place.path, place.path, love.library, place.path)
    local result = program.run({ "luajit", "-e", ([[
      package.path, package.cpath = %q, %q
      print(require("lib.httpclient")._VERSION, package.loaded["httpclient.core"] ~= nil)]])
      :format(place.path .. "/?/init.lua;" .. place.path .. "/?.lua", place.path .. "/?.so") },
      { env = { LUA_PATH = "", LUA_CPATH = "" } })
    assert.same({ code = 0, err = "", out = require("httpclient")._VERSION .. "\ttrue\n" }, result)
  end)
end)
