-- The build by CMake: as a part of another project, installed and found, and as a unity build. With another TLS
-- library, and without: spec/builds.
local cmake = require("spec.support.cmake")
local program = require("spec.support.program")

local place = cmake.place()
teardown(function() place:close() end)

local function gets_hello(path)
  local result = cmake.get(path)
  assert.same({ 0, "hello" }, { result.code, result.out })
end

describe("CMake", function()
  it("installs the library, which find_package() finds then", function()
    gets_hello(place:install(""))
  end)

  it("installs the binding, which a host with Lua links in", function()
    local path = place.folder:file("hosts")
    cmake.sh("mkdir '%s' && cp examples/embed/main.c '%s'", path, path)
    place.folder:write("hosts/CMakeLists.txt", [[
cmake_minimum_required(VERSION 3.16)
project(host LANGUAGES C)
find_package(httpclient 0.1 REQUIRED)
find_package(Lua REQUIRED)
add_executable(host main.c)
target_include_directories(host PRIVATE ${LUA_INCLUDE_DIR})
target_link_libraries(host PRIVATE httpclient::lua ${LUA_LIBRARIES} m)
]])
    local prefix = place.folder:file("prefix")
    cmake.sh("cmake -S '%s' -B '%s/build' -DCMAKE_PREFIX_PATH='%s' %s", path, path, prefix,
      cmake.quiet)
    cmake.sh("cmake --build '%s/build'", path)
    assert.same({ code = 0, err = "", out = require("httpclient")._VERSION .. "\n" },
      program.run({ path .. "/build/host", "examples/embed/script.lua" },
        { env = { LUA_PATH = "lua/?.lua;lua/?/init.lua", LUA_CPATH = "" } }))
  end)

  it("builds the module that require() loads", function()
    local out = program.run(program.lua("-e", ([[
      package.path, package.cpath = "lua/?.lua;lua/?/init.lua", %q
      print(require("httpclient")._VERSION)]]):format(place.folder:file("build") .. "/?.so")),
      { env = { LUA_PATH = "", LUA_CPATH = "" } })
    assert.same({ code = 0, err = "", out = require("httpclient")._VERSION .. "\n" }, out)
  end)

  it("builds it as a part of another project, without what is optional", function()
    local path = place:add("-DHTTPCLIENT_NGHTTP2=OFF -DHTTPCLIENT_LIBPSL=OFF")
    gets_hello(path)
    assert.equal("", cmake.sh("ldd '%s' | grep -e nghttp2 -e psl || true", path))
  end)

  it("refuses a TLS library that is none", function()
    local refused, message = pcall(place.add, place, "-DHTTPCLIENT_TLS=gnutls")
    assert.is_false(refused)
    assert.truthy(message:find("openssl, mbedtls or OFF", 1, true), message)
  end)
end)
