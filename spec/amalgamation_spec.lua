-- The library as single files (make amalgamation): compiled by what a host may have, with and
-- without Lua, and used.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local folder = tempdir.new()
teardown(function() folder:close() end)

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local function serve()
  return native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", HELLO },
    { "close" } })
end

local function sh(command)
  return program.run({ "sh", "-c", command }, { merge = true, seconds = 300 })
end

local function has(name)
  return sh("command -v " .. name).code == 0
end

-- What pkg-config says of this interpreter's headers and of the libraries.
local abi = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match("%d.%d")
local lua_flags = ("$(pkg-config --cflags %s | sed 's/-I/-isystem /g')"):format(abi)
local tls_flags = "$(pkg-config --cflags openssl zlib)"
local tls_libs = "$(pkg-config --libs openssl zlib)"
-- The project's own, as far as all compilers here know them. A local name is no static one of any file (-Wshadow).
local warnings = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual "
  .. "-Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror"
local optional = "-DHC_WITH_NGHTTP2 -DHC_WITH_BROTLI -DHC_WITH_ZSTD -DHC_WITH_LIBPSL -DHC_WITH_IDN2"

local function compile(compiler, more, out)
  return sh(("cd %s && %s %s %s %s %s -fPIC -pthread -c httpclient.c -o %s"):format(folder.path,
    compiler, warnings, tls_flags, lua_flags, more, out))
end

describe("make amalgamation", function()
  it("writes three files, the same every time", function()
    local one = program.run(program.make("amalgamation", "BUILD=" .. folder.path), { merge = true })
    assert.same({ code = 0, out = "", err = "" }, one)
    local first = tempdir.read(folder:file("amalgamation/httpclient.c"))
    program.run(program.make("amalgamation", "BUILD=" .. folder.path))
    assert.equal(first, tempdir.read(folder:file("amalgamation/httpclient.c")))
    assert.equal(0, sh(("mv %s/amalgamation/* %s"):format(folder.path, folder.path)).code)
  end)

  -- One Lua stands for all where no Lua is in it.
  local compilers = os.getenv("LUA") == "lua5.4" and { "gcc -std=c11", "clang -std=c11",
    "g++ -x c -std=gnu17" } or { "cc -std=c11" }
  for _, compiler in ipairs(compilers) do
    it("compiles with " .. compiler .. ", with and without the binding", function()
      if not has(compiler:match("%S+")) then
        return pending(compiler .. " is not there")
      end
      assert.same({ code = 0, out = "", err = "" }, compile(compiler, "-O0", "with.o"))
      assert.same({ code = 0, out = "", err = "" },
        compile(compiler, "-O0 -DHC_WITHOUT_LUA", "without.o"))
      if #compilers > 1 then
        assert.same({ code = 0, out = "", err = "" },
          compile(compiler, "-O0 " .. optional, "all.o"))
      end
    end)
  end

  if os.getenv("LUA") == "lua5.4" then
    it("needs nothing of OpenSSL without TLS", function()
      assert.same({ code = 0, out = "", err = "" },
        compile("cc -std=c11", "-O0 -DHC_WITHOUT_LUA -DHC_WITHOUT_TLS", "notls.o"))
      local wanted = sh(("nm -u %s/notls.o"):format(folder.path)).out
      assert.truthy(wanted:find(" inflate", 1, true))
      assert.is_nil(wanted:match(" U ([SERX][SVA5][LPN0]%w*_%w+)"))
    end)
  end

  it("gives a module that fetches, with all Lua files in one", function()
    local built = sh(("mkdir -p %s/httpclient && cd %s && cc -shared -o httpclient/core.so with.o %s -ldl")
      :format(folder.path, folder.path, tls_libs))
    assert.same({ code = 0, out = "", err = "" }, built)
    local server = serve()
    local result = program.run(program.lua("-e", ([[
      package.path, package.cpath = %q, %q
      local httpclient = require("httpclient")
      print(httpclient._VERSION)
      local response = assert(httpclient.fetch("http://127.0.0.1:%d/"))
      print(response.status, response.body)
      httpclient.prepare()
      print(package.loaded["httpclient.fetch"] ~= nil)]]):format(folder.path .. "/?.lua", folder.path
      .. "/?.so", server:port())), { env = { LUA_PATH = "", LUA_CPATH = "" } })
    server:stop()
    assert.same({ code = 0, err = "", out = require("httpclient")._VERSION
      .. "\n200\thello\ntrue\n" }, result)
  end)

  it("gives a C host all it needs", function()
    local built = sh(([[cd %s && mkdir -p include/httpclient && cp httpclient.h include/httpclient &&
      cc -std=c11 -Wall -Wextra -Werror -Iinclude %s/examples/embed/get.c without.o -o get \
      %s -ldl -pthread]]):format(folder.path, (sh("pwd -P").out:gsub("\n", "")), tls_libs))
    assert.same({ code = 0, out = "", err = "" }, built)
    local server = serve()
    local result = program.run({ folder:file("get"), "http://127.0.0.1", tostring(server:port()),
      "/" })
    server:stop()
    assert.same({ 0, "hello" }, { result.code, result.out })
  end)
end)
