-- cmake.lua: projects that build this library by CMake, in a folder of their own, and what comes of them.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local cmake = {}

function cmake.sh(command, ...)
  local result = program.run({ "sh", "-c", command:format(...) }, { merge = true, seconds = 600 })
  assert(result.code == 0, result.out)
  return result.out
end

local sh = cmake.sh

cmake.quiet = "-Wno-dev -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0"

local Place = {}
Place.__index = Place

-- A folder for builds, to be closed.
function cmake.place()
  return setmetatable({ folder = tempdir.new(), root = sh("pwd -P"):gsub("\n", "") }, Place)
end

function Place:close()
  self.folder:close()
end

-- A project of this name with examples/embed/get.c in it. -> its folder
function Place:project(name, find)
  local path = self.folder:file(name)
  sh("mkdir -p '%s' && cp examples/embed/get.c '%s'", path, path)
  self.folder:write(name .. "/CMakeLists.txt", ([[
cmake_minimum_required(VERSION 3.16)
project(host LANGUAGES C)
%s
add_executable(get get.c)
target_link_libraries(get PRIVATE httpclient::httpclient)
]]):format(find))
  return path
end

-- Builds and installs the library, and a project that finds it. -> its program
function Place:install(options)
  local build, prefix = self.folder:file("build"), self.folder:file("prefix")
  sh("cmake -S '%s' -B '%s' %s -DCMAKE_INSTALL_PREFIX='%s' -DCMAKE_UNITY_BUILD=ON %s", self.root,
    build, cmake.quiet, prefix, options)
  sh("cmake --build '%s' --target install -j 2", build)
  local path = self:project("finds", "find_package(httpclient 0.1 REQUIRED)")
  sh("cmake -S '%s' -B '%s/build' -Dhttpclient_DIR=\"$(dirname \"$(find '%s' -name "
    .. "httpclient-config.cmake)\")\" %s", path, path, prefix, cmake.quiet)
  sh("cmake --build '%s/build'", path)
  return path .. "/build/get"
end

-- Builds it as a part of another project. -> its program
function Place:add(options)
  local path = self:project("adds", ("add_subdirectory(%q httpclient)"):format(self.root))
  sh("cmake -S '%s' -B '%s/build' %s -DCMAKE_UNITY_BUILD=ON %s", path, path, cmake.quiet, options)
  sh("cmake --build '%s/build' -j 2", path)
  return path .. "/build/get"
end

-- What a program of such a project says of a server that answers "hello".
function cmake.get(path)
  local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
    { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" }, { "close" } })
  local result = program.run({ path, "http://127.0.0.1", tostring(server:port()), "/" })
  server:stop()
  return result
end

return cmake
