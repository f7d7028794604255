-- The build by CMake: as a part of another project, installed and found, and as a unity build.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local folder = tempdir.new()
teardown(function() folder:close() end)

local function sh(command, ...)
  local result = program.run({ "sh", "-c", command:format(...) }, { merge = true, seconds = 600 })
  assert(result.code == 0, result.out)
  return result.out
end

local root = sh("pwd -P"):gsub("\n", "")
local quiet = "-Wno-dev -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0"

local function project(name, find)
  local path = folder:file(name)
  sh("mkdir -p '%s' && cp examples/embed/get.c '%s'", path, path)
  folder:write(name .. "/CMakeLists.txt", ([[
cmake_minimum_required(VERSION 3.16)
project(host LANGUAGES C)
%s
add_executable(get get.c)
target_link_libraries(get PRIVATE httpclient::httpclient)
]]):format(find))
  return path
end

local function gets_hello(path)
  local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
    { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" }, { "close" } })
  local result = program.run({ path, "http://127.0.0.1", tostring(server:port()), "/" })
  server:stop()
  assert.same({ 0, "hello" }, { result.code, result.out })
end

describe("CMake", function()
  it("installs the library, which find_package() finds then", function()
    local build, prefix = folder:file("build"), folder:file("prefix")
    sh("cmake -S '%s' -B '%s' %s -DCMAKE_INSTALL_PREFIX='%s' -DCMAKE_UNITY_BUILD=ON", root, build,
      quiet, prefix)
    sh("cmake --build '%s' --target install -j 2", build)
    local path = project("finds", "find_package(httpclient 0.1 REQUIRED)")
    sh("cmake -S '%s' -B '%s/build' -Dhttpclient_DIR=\"$(dirname \"$(find '%s' -name "
      .. "httpclient-config.cmake)\")\" %s", path, path, prefix, quiet)
    sh("cmake --build '%s/build'", path)
    gets_hello(path .. "/build/get")
  end)

  it("builds the module that require() loads", function()
    local out = program.run(program.lua("-e", ([[
      package.path, package.cpath = "lua/?.lua;lua/?/init.lua", %q
      print(require("httpclient")._VERSION)]]):format(folder:file("build") .. "/?.so")),
      { env = { LUA_PATH = "", LUA_CPATH = "" } })
    assert.same({ code = 0, err = "", out = require("httpclient")._VERSION .. "\n" }, out)
  end)

  it("builds it as a part of another project, without what is optional", function()
    local path = project("adds", ("add_subdirectory(%q httpclient)"):format(root))
    sh("cmake -S '%s' -B '%s/build' %s -DHTTPCLIENT_NGHTTP2=OFF -DHTTPCLIENT_LIBPSL=OFF", path,
      path,
      quiet)
    sh("cmake --build '%s/build' -j 2", path)
    gets_hello(path .. "/build/get")
    assert.equal("", sh("ldd '%s/build/get' | grep -e nghttp2 -e psl || true", path))
  end)
end)
